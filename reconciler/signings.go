package reconciler

import (
	"context"
	"slices"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Signer is one way to sign, and the setting that names it.
type Signer struct {
	ledger.Signer
	Setting grants.Signing
}

// choose takes what is to sign in this run: what the approved configuration names, where there is that.
func (r *Reconciler) choose(out *Outlook) {
	approved := out.approved.Configuration.Config.Signing
	slices.SortStableFunc(r.Signers, func(a, b Signer) int {
		switch {
		case a.Setting == b.Setting || a.Setting != approved && b.Setting != approved:
			return 0
		case a.Setting == approved:
			return -1
		}
		return 1
	})
	r.signing = r.Signers[0].Signer
}

// signingTime is how long what is due waits for who signs that it is about to be taken: a KMS, or a timestamp authority, that does not
// answer delays no end. It is taken then, as where the ledger cannot be written, and what was not written is with what comes of it.
const signingTime = 30 * time.Second

func (r *Reconciler) signFor(ctx context.Context, out *Outlook, book *ledger.Book, now time.Time, main string, rs []ledger.Receipt) (map[string][]byte, error) {
	if out.due {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, signingTime)
		defer cancel()
	}
	return r.sign(ctx, book, now, main, rs)
}

// sign appends receipts to the book. With what signed last the run goes on.
func (r *Reconciler) sign(ctx context.Context, book *ledger.Book, now time.Time, main string, rs []ledger.Receipt) (map[string][]byte, error) {
	signers := make([]ledger.Signer, len(r.Signers))
	for i, s := range r.Signers {
		signers[i] = s.Signer
	}
	files, last, err := book.AppendBy(ctx, signers, now, main, rs...)
	if last != nil {
		r.signing = last
	}
	return files, err
}

// Signings are the settings that may say what signs receipts: that of the configuration which was approved last, by the ledger's own
// word, then that of main, which may have come without approval. No signature was checked: the name of a variable, or that there is
// none, is all that may be taken from it.
func (r *Observer) Signings(ctx context.Context) []grants.Signing {
	var commits []gitrepo.Hash
	tip, err := r.fetchLedger(ctx, &Outlook{})
	if err == nil && tip.IsZero() {
		tip, _, err = r.Git.Ref(ledgerSeen)
	}
	if err == nil && !tip.IsZero() {
		commits = r.configurationSaid(ctx, tip)
	}
	if main, err := r.Requests.FetchMain(ctx, r.Branch); err == nil {
		commits = append(commits, main)
	}
	var named []grants.Signing
	for _, c := range commits {
		snap, err := r.Requests.Snapshot(c)
		if err != nil {
			continue
		}
		if s := snap.Configuration; s.Usable && !slices.Contains(named, s.Config.Signing) {
			named = append(named, s.Config.Signing)
		}
	}
	return named
}

// configurationSaid is the commit of the approved configuration by the word of the ledger's state; none where it says none.
func (r *Observer) configurationSaid(ctx context.Context, tip gitrepo.Hash) []gitrepo.Hash {
	files, err := r.Git.FS(tip)
	if err != nil {
		return nil
	}
	s, err := ledger.ReadState(files)
	if err != nil || s.Configuration == nil || r.Requests.Bring(ctx, s.Configuration.Commit) != nil {
		return nil
	}
	return []gitrepo.Hash{gitrepo.NewHash(s.Configuration.Commit)}
}
