package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
)

const (
	// maxRewinds is how often somebody may have rewound the ledger before a glance leaves reading after it to the next run.
	maxRewinds = 100
	// maxReading is how long one run reads after them. What it brought the next need not bring again, so that nobody stops giving for ever by
	// moving the branch to and fro.
	maxReading = 30 * time.Second
)

// lost finds the commits of the ledger that Lapse made and that the tip does not descend from: of what this mirror saw last, and of
// where the branch was, by the forge's own record, before somebody moved it other than forward. A new mirror has seen nothing.
func (r *Observer) lost(ctx context.Context, tip gitrepo.Hash, out *Outlook) error {
	seen, ok, err := r.Git.Ref(ledgerSeen)
	if err != nil {
		return err
	}
	if ok {
		if _, err := r.loseLedger(ctx, out, seen, byMirror, nil); err != nil {
			return err
		}
	}
	rewinds, err := r.Requests.Rewinds(ctx, ledger.Branch)
	if err != nil {
		out.freeze("ask whether the ledger was rewound: %v", err)
		out.fail("ask whether the ledger was rewound: %v", err)
		if !ok || !out.tipSound {
			// Written after a ledger that somebody rewound, receipts would stand beside others of the same number.
			out.detached = fmt.Sprintf("nobody can say whether the branch %s was rewound; the next run that GitHub answers writes it", ledger.Branch)
		}
	}
	began, known := r.Clock(), map[gitrepo.Hash]bool{}
	for i, h := range slices.Backward(rewinds) {
		if known[h] {
			continue
		}
		if known[h] = true; r.Clock().Sub(began) >= maxReading {
			out.freeze("the ledger was rewound %d times, and there was no time left to read after %d of them; the next run goes on there", len(rewinds), i+1)
			break
		}
		if _, err := r.loseLedger(ctx, out, h, byForge, nil); err != nil {
			return err
		}
	}
	if err == nil && tip.IsZero() && len(out.lost) == 0 {
		r.lostUnread(ctx, out, rewinds)
	}
	return nil
}

func rewritten(tip, own gitrepo.Hash) string {
	if tip.IsZero() {
		return fmt.Sprintf("the branch is gone from the forge, and was at %.12s", own)
	}
	return fmt.Sprintf("%.12s does not descend from %.12s", tip, own)
}

// lostAt is the last of Lapse's own commits up to h, if the tip does not descend from it; else zero. What the forge no longer has
// either is lost for good, and cannot hold anything up.
func (r *Observer) lostAt(ctx context.Context, h, tip gitrepo.Hash, repository int64) (gitrepo.Hash, error) {
	if err := r.Git.FetchHash(ctx, h); errors.Is(err, gitrepo.ErrNoObject) {
		return gitrepo.Hash{}, nil
	} else if err != nil {
		return gitrepo.Hash{}, err
	}
	return r.lastOwn(tip, h, repository)
}

// isOf says whether the ledger at a commit is that of the repository, by the head of its state. Where it is not known which repository
// this is, any may be.
func (r *Observer) isOf(commit gitrepo.Hash, repository int64) bool {
	files, err := r.Git.FS(commit)
	if err != nil {
		return false
	}
	head, err := ledger.ReadHead(files)
	return err == nil && (repository == 0 || head.Repository == repository)
}

// lastOwn is the newest commit in the history of h, and not in that of base, that one of the trusted keys signed for this repository, whatever
// somebody merged it with; zero: none. A zero base is none.
func (r *Observer) lastOwn(base, h gitrepo.Hash, repository int64) (gitrepo.Hash, error) {
	history, err := r.Git.Between(base, h, 0)
	if err != nil {
		return gitrepo.Hash{}, err
	}
	for _, c := range history {
		err := r.own(c)
		if err == nil && r.isOf(c, repository) {
			return c, nil
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, gitrepo.ErrUnsigned) && !errors.Is(err, gitrepo.ErrBadSignature) && !errors.Is(err, gitrepo.ErrMalformed) {
			return gitrepo.Hash{}, err
		}
	}
	return gitrepo.Hash{}, nil
}

// ownBelow is the ledger as Lapse itself left it last, below what somebody else has put on the tip; none if that cannot be told.
func (r *Observer) ownBelow(ctx context.Context, out *Outlook) []lostBook {
	own, err := r.lastOwn(gitrepo.Hash{}, out.LedgerTip, out.repository)
	if err != nil || own.IsZero() {
		return nil
	}
	book, err := r.readBook(ctx, out.repository, own, r.Trust.Roots)
	if err != nil {
		out.fail("%v", err)
	}
	return []lostBook{{at: own, book: book}}
}
