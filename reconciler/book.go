package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
)

// lookAtLedger reads and verifies the whole ledger. What is wrong with it stops giving, never taking: where the branch is gone, was
// rewound or spoilt, the last that Lapse wrote there, as far as anybody still has it, says what is to be taken.
func (r *Observer) lookAtLedger(ctx context.Context, o Options, out *Outlook) error {
	r.whose(ctx, out)
	tip, err := r.fetchLedger(ctx, out)
	if err != nil {
		return err
	}
	out.LedgerTip = tip
	r.readTip(ctx, out)
	if err := r.lost(ctx, tip, out); err != nil {
		return err
	}
	if tip.IsZero() && len(out.lost) == 0 {
		if err := r.byMainsWord(ctx, o, out); err != nil {
			return err
		}
	}
	if tip.IsZero() && len(out.lost) == 0 {
		return r.begin(o, out)
	}
	if err := r.openBook(ctx, out); err != nil {
		return err
	}
	if out.state.Configuration == nil && len(r.Trust.Roots) > 0 {
		r.readByMainsWord(ctx, tip, out)
		out.state = out.Book.State()
	}
	if out.state.Configuration == nil && len(r.Trust.Roots) == 0 {
		return fmt.Errorf("there is no key to verify the ledger at %s with: %s on main holds none", tip, ledger.TrustDir)
	}
	if out.state.Configuration == nil {
		return noConfiguration(tip, out.Book)
	}
	if err := r.readApproved(ctx, out); err != nil {
		return err
	}
	if err := r.lookAtAnchors(ctx, out); err != nil {
		return err
	}
	if out.tipSound && len(out.lost) == 0 {
		return r.saw(tip)
	}
	return nil
}

// whose asks which repository this is. Where that cannot be told the ledger's own word must do, to take what is due.
func (r *Observer) whose(ctx context.Context, out *Outlook) {
	id, err := r.Requests.Forge.RepositoryID(ctx, r.Requests.Repo)
	if err != nil {
		out.freeze("ask whose ledger it must be: %v", err)
		out.fail("ask whose ledger it must be: %v", err)
		return
	}
	out.repository = id
}

// noConfiguration says why a ledger approves nothing: mostly it was begun with another key than those that are trusted.
func noConfiguration(tip gitrepo.Hash, b *ledger.Book) error {
	if len(b.Findings) == 0 {
		return fmt.Errorf("the ledger at %.12s approves no configuration: it is damaged or not a ledger", tip)
	}
	return fmt.Errorf("the ledger at %.12s does not verify: %s; run with the key that it was begun with, or find out who changed it", tip, b.Findings[0])
}

// fetchLedger is the tip of the ledger on the forge; zero: there is none.
func (r *Observer) fetchLedger(ctx context.Context, out *Outlook) (gitrepo.Hash, error) {
	err := r.Git.Fetch(ctx, "+"+ledgerRef+":"+ledgerHere)
	if errors.Is(err, gitrepo.ErrNoRef) {
		return gitrepo.Hash{}, nil
	}
	tip, ok, refErr := r.Git.Ref(ledgerHere)
	if err != nil && refErr == nil && ok {
		out.freeze("fetch the ledger: %v", err)
		out.fail("fetch the ledger: %v", err)
		return tip, nil
	}
	return tip, errors.Join(err, refErr)
}

// readTip reads the ledger as it stands on the forge.
func (r *Observer) readTip(ctx context.Context, out *Outlook) {
	tip := out.LedgerTip
	out.atTip, out.tipSound = ledger.NewBook(out.repository, r.Trust), false
	if tip.IsZero() {
		return
	}
	book, err := r.readBook(ctx, out.repository, tip, r.Trust.Roots)
	if err != nil {
		out.freeze("%v", err)
		return
	}
	for _, f := range book.Findings[:min(len(book.Findings), maxFindings)] {
		out.freeze("the ledger does not verify: %s", f)
	}
	out.atTip, out.tipSound = book, len(book.Findings) == 0
}

// openBook takes, of the ledger at the tip and of whatever Lapse wrote that it has not, the one with the most receipts: it says what is to
// be taken. Where that is not the tip, nothing can be written after it.
func (r *Observer) openBook(ctx context.Context, out *Outlook) error {
	tip := out.LedgerTip
	at := tip
	if out.Book = out.atTip; tip.IsZero() {
		out.Book = nil
	}
	others := out.lost
	if !out.tipSound && !tip.IsZero() {
		others = append(others[:len(others):len(others)], r.ownBelow(ctx, out)...)
	}
	for _, l := range others {
		if l.book != nil && (out.Book == nil || l.book.State().Sequence > out.Book.State().Sequence) {
			out.Book, at = l.book, l.at
		}
	}
	if out.Book == nil && out.anew {
		return r.anew(out)
	}
	if out.Book == nil {
		return fmt.Errorf("the branch %s is gone from the forge, and cannot be read where it was%s", ledger.Branch, out.whatIsLost())
	}
	if at != tip {
		out.detached = fmt.Sprintf("the branch %s lacks receipts; put it back with `git push --force origin %s:refs/heads/%s`, or see `lapse accept`", ledger.Branch, at, ledger.Branch)
		out.freeze("%s", out.detached)
	}
	out.state = out.Book.State()
	return nil
}

// anew reads main's configuration for that of a ledger which begins again.
func (r *Observer) anew(out *Outlook) error {
	snap, err := r.fitToBegin(out)
	if err != nil {
		return err
	}
	out.Book, out.state = out.atTip, out.atTip.State()
	out.state.Configuration = &ledger.Configuration{Commit: out.Main.String(), Digest: snap.Digest, First: true}
	return nil
}

// whatIsLost says for an error what the report would.
func (o *Outlook) whatIsLost() string {
	words := ""
	for _, l := range o.Losses {
		words += fmt.Sprintf("; by %s it was at %s; lost: %s", l.By, l.Was, l.Words())
	}
	return words
}

// readByMainsWord reads a ledger of which no trusted key signed anything, as after a key was replaced, with the keys that main names.
// Anyone who may push to main could name one, so that this says what is to be taken and nothing else.
func (r *Observer) readByMainsWord(ctx context.Context, tip gitrepo.Hash, out *Outlook) {
	if own, err := r.lastOwn(gitrepo.Hash{}, tip, out.repository); err != nil || !own.IsZero() || tip.IsZero() || out.Main.IsZero() {
		return
	}
	named, err := r.Requests.TrustAt(out.Main.String())
	if err != nil || len(named) == 0 {
		return
	}
	book, err := r.readBook(ctx, out.repository, tip, named)
	if err != nil || len(book.Findings) > 0 || book.State().Configuration == nil {
		return
	}
	out.Book = book
	out.detached = fmt.Sprintf("the ledger was begun with another key: put its public half, from %s on main, beneath the private key in the secret, or into LAPSE_EARLIER_SIGNERS", ledger.TrustDir)
	out.freeze("%s", out.detached)
}

// readBook verifies with the given roots, and what each approved configuration names.
func (r *Observer) readBook(ctx context.Context, repository int64, at gitrepo.Hash, roots ledger.Verifiers) (*ledger.Book, error) {
	files, err := r.Git.FS(at)
	if err != nil {
		return nil, fmt.Errorf("read the ledger at %.12s: %w", at, err)
	}
	trust := r.Trust
	trust.Roots = roots
	if r.OnMainsWord {
		trust.Roots = roots.With(r.beginnings(files)...)
	}
	trust.At = func(commit string) (ledger.Verifiers, error) {
		if err := r.Requests.Bring(ctx, commit); err != nil {
			return nil, err
		}
		return r.Requests.TrustAt(commit)
	}
	book, err := ledger.ReadOf(repository, files, trust)
	if err != nil {
		return nil, fmt.Errorf("read the ledger at %.12s: %w", at, err)
	}
	return book, nil
}

// beginnings is what main named when the ledger began, by the ledger's own word and main's.
func (r *Observer) beginnings(files fs.FS) ledger.Verifiers {
	begun, err := ledger.Begun(files)
	if err != nil {
		return nil
	}
	main, known, err := r.Requests.LastMain()
	if err != nil || !known {
		return nil
	}
	if behind, err := r.Git.IsAncestor(gitrepo.NewHash(begun), main); err != nil || !behind {
		return nil
	}
	named, err := r.Requests.TrustAt(begun)
	if err != nil {
		return nil
	}
	return named
}

func (r *Observer) saw(tip gitrepo.Hash) error { return r.Git.SetRef(ledgerSeen, tip) }
