package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// begin starts a ledger, which must be asked for: a ledger that is merely gone must not look like a first run.
func (r *Observer) begin(o Options, out *Outlook) error {
	if !o.Init {
		return fmt.Errorf("%w: branch %s is not there; if this repository has never been reconciled, begin with `lapse reconcile --init`, otherwise find out who deleted it%s", ErrNoLedger, ledger.Branch, out.hint)
	}
	if len(out.Frozen) > 0 { // nothing was judged yet: main, the repository's number or the forge's record could not be asked for
		return fmt.Errorf("no ledger is begun while something cannot be seen: %s", out.Frozen[0])
	}
	if o.At != "" && out.Main.String() != o.At {
		return fmt.Errorf("main is at %s by now, and not at %s, with which to begin: read what changed, and begin with that", out.Main, o.At)
	}
	snap, err := r.fitToBegin(out)
	if err != nil {
		return err
	}
	if err := r.namedToBegin(snap); err != nil {
		return err
	}
	out.Book, out.began = ledger.NewBook(out.repository, r.Trust), true
	out.approved = snap
	if a := snap.Configuration.Config.Anchor; a != nil {
		out.moored = out.mooring(a.Place())
	}
	rec := ledger.Receipt{Kind: ledger.Approved, Commit: out.Main.String(), Configuration: &ledger.Configuration{
		Commit: out.Main.String(), Digest: snap.Digest, First: true,
	}}
	return out.decide(rec)
}

// fitToBegin is the configuration on main, if a ledger can begin with it.
func (r *Observer) fitToBegin(out *Outlook) (*requests.Snapshot, error) {
	snap, err := r.Requests.Snapshot(out.Main)
	if err != nil {
		return nil, err
	}
	if ps := snap.Problems(); len(ps) > 0 {
		return nil, fmt.Errorf("the configuration at %.12s is not fit to begin with: %w", out.Main, grants.Join(ps))
	}
	return snap, nil
}

// namedToBegin wants what signs to be named by the configuration that the ledger begins with: nobody else could verify a word of it.
func (r *Observer) namedToBegin(snap *requests.Snapshot) error {
	named, problems := ledger.LoadVerifiers(snap.Files)
	if len(problems) > 0 {
		return fmt.Errorf("not fit to begin with: %w", grants.Join(problems))
	}
	var own []string
	for _, v := range r.Trust.Roots {
		if _, there := named.ByID(v.ID); there {
			return nil
		}
		own = append(own, v.ID)
	}
	return fmt.Errorf("%s at %.12s does not name what would sign here: %s; bring that there first", ledger.TrustDir, snap.Commit, strings.Join(own, ", "))
}

// lostUnread finds, where no ledger is there and none of Lapse's own is known to be lost, what the forge's record says was there: a ledger
// of this repository by its own word, whoever signed it, or what nobody has any more and may have been one. None begins in its place
// unless somebody accepts that it is gone; else whoever deletes a ledger and everything that knew it could have another begun.
func (r *Observer) lostUnread(ctx context.Context, out *Outlook, rewinds []gitrepo.Hash) {
	for _, h := range slices.Backward(rewinds) {
		if r.accepted(ctx, out, ledger.LossOfLedger, h) {
			continue
		}
		if err := r.Git.FetchHash(ctx, h); err == nil && !r.holdsLedger(h, out.repository) {
			continue
		}
		l := Loss{What: ledger.LossOfLedger, Was: h.String(), By: byForge, Gone: true}
		out.lost = append(out.lost, lostBook{at: h, by: byForge})
		out.Losses = append(out.Losses, l)
		out.freeze("there was a ledger: by %s it was at %s; lost: %s; put it back from a copy that has it, or see `lapse accept`", byForge, h, l.Words())
		return // one keeps a ledger from beginning
	}
}

// holdsLedger says whether any commit up to h says that it is a ledger of the repository. What cannot be read may be one.
func (r *Observer) holdsLedger(h gitrepo.Hash, repository int64) bool {
	history, err := r.Git.Between(gitrepo.Hash{}, h, 0)
	return err != nil || slices.ContainsFunc(history, func(c gitrepo.Hash) bool { return r.isOf(c, repository) })
}
