package reconciler

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// Lister is the half of a target that cannot write. A dry run is given nothing more.
type Lister interface {
	List(ctx context.Context, e grants.Entitlement) ([]Holding, error)
}

// Opener connects to one target of the configuration. It is called when a grant needs the target, and never before. What it
// returns for a Reconciler is a [Target]; a dry run is given what can only list.
type Opener func(ctx context.Context, c grants.TargetConfig) (Lister, error)

// Pulls is what a removal by pull request needs of the forge.
type Pulls interface {
	// EnsurePull opens a pull request from head to base unless one is open, and returns its number.
	EnsurePull(ctx context.Context, head, base, title, body string) (int, error)
}

// GitReader is the half of a repository that moves nothing but the local mirror's own notes.
type GitReader interface {
	Fetch(ctx context.Context, specs ...string) error
	Ref(name string) (gitrepo.Hash, bool, error)
	SetRef(name string, h gitrepo.Hash) error
	FS(commit gitrepo.Hash) (fs.FS, error)
	FetchHash(ctx context.Context, h gitrepo.Hash) error
	IsAncestor(a, b gitrepo.Hash) (bool, error)
	FirstParents(tip, stop gitrepo.Hash, limit int) ([]gitrepo.Hash, error)
	Between(base, head gitrepo.Hash, limit int) ([]gitrepo.Hash, error)
	Commit(h gitrepo.Hash) (gitrepo.Commit, error)
	VerifyCommit(h gitrepo.Hash, keys []crypto.PublicKey) error
}

// GitWriter makes commits and moves branches of the forge, by compare-and-swap alone.
type GitWriter interface {
	Write(ctx context.Context, c gitrepo.NewCommit) (gitrepo.Hash, error)
	Push(ctx context.Context, ref string, old, new gitrepo.Hash) error
	Replace(ctx context.Context, ref string, old, new gitrepo.Hash) error
	Clear(ctx context.Context, ref string) error
	RemoteRef(ctx context.Context, ref string) (gitrepo.Hash, bool, error)
	FetchHash(ctx context.Context, h gitrepo.Hash) error
	Diff(a, b gitrepo.Hash) ([]gitrepo.Change, error)
}

// Observer looks: it reads main, the ledger and the targets, judges and plans. It holds nothing that can write to any of them,
// so a dry run is an Observer alone.
type Observer struct {
	Requests *requests.Gatherer
	Git      GitReader
	Trust    ledger.Trust // what is trusted from the first, our own signer in it; At is set by the observer itself
	// OnMainsWord says that the roots are what main names: for who is not Lapse, and reads. What the ledger says it began with is trusted
	// beside them, where main has that commit: what signed then may be named no more.
	OnMainsWord bool
	Open        Opener
	// OpenAnchor reaches the anchor; nil: none is read, and what only it knows is not noticed.
	OpenAnchor AnchorOpener
	Branch     string
	Skew       func() (time.Duration, bool) // how far the forge's clock is ahead of ours, once it has answered; nil: never known
	Log        *slog.Logger
	Clock      func() time.Time // how long reading and judging may take, and when the targets had been read back: an overrun is measured, not assumed

	targets map[string]opened
}

// Reconciler is an Observer that may act. Runs may not overlap in one process; two processes at once are safe, because the
// ledger moves by compare-and-swap alone.
type Reconciler struct {
	*Observer
	Write   GitWriter
	Signers []Signer            // what may sign receipts and commits, the likeliest first
	Pulls   Pulls               // nil where removal is by push
	Author  gitrepo.Signature   // of commits; When is set by the run
	Scrub   func(string) string // takes the secrets of this machine out of what errors say, before that is pushed

	signing ledger.Signer // of Signers, what this run signs with
}

// Options are what a person asks of one run.
type Options struct {
	Now              time.Time // UTC, read once
	Init             bool      // begin a ledger: accept the configuration at the tip of main as it is
	At               string    // with Init: the commit that main must be at; "": whichever
	AllowRevocations int       // takes that are no expiry allowed in this run, where more than the configuration's limit
}

// errMoved says that somebody else moved the ledger or main in between: read again, decide again.
var errMoved = errors.New("somebody else was faster")

// Run is one whole reconcile: look, intend, take, give, read back, record, remove. The report is never nil.
//
// A lost race is most often another reconciler's progress. Whoever may push can lose us every race, though: the last attempt takes
// what is due whether it can be written or not.
func (r *Reconciler) Run(ctx context.Context, o Options) (*Report, error) {
	const attempts = 5
	for i := 1; ; i++ {
		out, err := r.Look(ctx, o)
		if err != nil {
			return &Report{Now: o.Now}, err
		}
		out.last = i == attempts
		r.choose(out)
		err = r.execute(ctx, out)
		if err == nil {
			r.beat(ctx, out)
		}
		if err == nil || !errors.Is(err, errMoved) || i == attempts {
			return out.Report(), err
		}
		r.Log.Info("the ledger moved; deciding again", "attempt", i)
	}
}

// execute does what the outlook says, in the order that leaves nothing unknown behind if it is stopped anywhere.
func (r *Reconciler) execute(ctx context.Context, out *Outlook) error {
	intended, err := r.intend(ctx, out)
	if err != nil {
		return err
	}
	results := r.apply(ctx, out.Plan.Takes())
	if intended && r.mooredFor(ctx, out) {
		results = append(results, r.apply(ctx, out.Plan.Gives())...)
	}
	results = r.readBack(ctx, out.approved.Configuration, results)
	out.results = results
	if err := r.record(ctx, out); err != nil {
		return err
	}
	r.remove(ctx, out)
	r.settle(ctx, out)
	return nil
}

// intend puts on the ledger what was decided and what is about to be done. Where that cannot be written nothing is given, and
// what is to be taken is taken all the same: it is on the ledger as given, so the next run finds it either way.
func (r *Reconciler) intend(ctx context.Context, out *Outlook) (bool, error) {
	receipts := append([]ledger.Receipt{}, out.decided...)
	for _, c := range out.Plan.Confirm {
		receipts = append(receipts, confirmed(c))
	}
	for _, s := range out.Plan.Steps {
		receipts = append(receipts, intention(s))
	}
	out.due = len(out.Plan.Takes()) > 0
	err := r.append(ctx, out.dated, out, receipts)
	out.due = false
	switch {
	case errors.Is(err, errMoved) && !out.last:
		return false, err
	case err != nil:
		out.fail("write to the ledger: %v; nothing is given, what is due is taken", err)
		return false, nil
	}
	return true, nil
}

func confirmed(c Confirm) ledger.Receipt {
	h := c.Holding
	return ledger.Receipt{Kind: c.Kind, Holding: &h, Grants: c.Grants, Until: c.Until, Due: c.Due, Reasons: c.why()}
}

func intention(s Step) ledger.Receipt {
	h := s.Holding()
	return ledger.Receipt{Kind: ledger.Intended, Action: string(s.Action), Holding: &h, Grants: s.Grants, Until: s.Until, Reasons: s.why()}
}

// record puts on the ledger what the targets showed when they were read back.
func (r *Reconciler) record(ctx context.Context, out *Outlook) error {
	var receipts []ledger.Receipt
	now := r.clock(out)
	for i := range out.results {
		res := &out.results[i]
		if out.unproven && res.Done {
			res.Done, res.Err = false, errors.New("the target is one that nobody approved, so that what it shows proves nothing")
		}
		if !res.Done {
			continue
		}
		h := res.Step.Holding()
		rec := ledger.Receipt{Kind: ledger.Given, Holding: &h, Grants: res.Step.Grants, Until: res.Step.Until, Reasons: res.Step.why()}
		if res.Step.Action == Take {
			rec.Kind, rec.Until, rec.Due = ledger.Taken, time.Time{}, res.Step.Due
			res.Overrun = max(0, now.Sub(res.Step.Due))
		}
		receipts = append(receipts, rec)
	}
	err := r.append(ctx, now, out, receipts)
	if err != nil && (out.last || !errors.Is(err, errMoved)) {
		out.fail("write to the ledger: %v; the next run reads the targets and writes it", err)
		return nil
	}
	if err != nil || len(receipts) == 0 {
		return err
	}
	if err := r.moor(ctx, out, out.Main, now); err != nil {
		out.fail("%v", err)
	}
	return nil
}

// append writes receipts to the ledger branch in one commit. What could not be written stays to be written with the next.
func (r *Reconciler) append(ctx context.Context, now time.Time, out *Outlook, receipts []ledger.Receipt) error {
	all := append(out.unwritten, receipts...)
	if len(all) == 0 {
		return nil
	}
	out.unwritten = all
	if out.detached != "" {
		return errors.New(out.detached)
	}
	book := *out.Book // Append replaces what it changes, so the book as it was stays good until the push is through
	main, push := out.walked()
	for i := range all {
		all[i].Push = push
	}
	files, err := r.signFor(ctx, out, &book, now, main, all)
	if err != nil {
		return err
	}
	tip, err := r.commitTo(ctx, ledgerRef, out.LedgerTip, NewChange{Files: files, Message: ledgerMessage(all), When: now})
	if err != nil {
		return err
	}
	out.Book, out.LedgerTip, out.unwritten = &book, tip, nil
	if len(out.lost) > 0 {
		return nil // what was seen before must not be forgotten
	}
	return r.saw(tip)
}

// NewChange is a commit to be made on a branch.
type NewChange struct {
	Files   map[string][]byte // nil deletes
	Message string
	When    time.Time
}

func (r *Reconciler) commitTo(ctx context.Context, ref string, old gitrepo.Hash, c NewChange) (gitrepo.Hash, error) {
	var parents []gitrepo.Hash
	if !old.IsZero() {
		parents = []gitrepo.Hash{old}
	}
	tip, err := r.write(ctx, c.When, gitrepo.NewCommit{Parents: parents, Changes: c.Files, Message: c.Message})
	if err != nil {
		return old, err
	}
	err = r.Write.Push(ctx, ref, old, tip)
	if errors.Is(err, gitrepo.ErrMoved) {
		return old, fmt.Errorf("%s: %w", ref, errMoved)
	}
	if err != nil {
		return old, err
	}
	return tip, nil
}

// write makes a commit of Lapse's own, signed.
func (r *Reconciler) write(ctx context.Context, when time.Time, c gitrepo.NewCommit) (gitrepo.Hash, error) {
	key, err := r.signing.Commits(ctx)
	if err != nil {
		return gitrepo.Hash{}, fmt.Errorf("sign a commit: %w", err)
	}
	if c.Signer, err = gitrepo.SSHSigner(key); err != nil {
		return gitrepo.Hash{}, err
	}
	c.Author = r.Author
	c.Author.When = when
	c.Committer = c.Author
	return r.Write.Write(ctx, c)
}

func ledgerMessage(rs []ledger.Receipt) string {
	n := map[ledger.Kind]int{}
	for _, r := range rs {
		n[r.Kind]++
	}
	msg := "ledger:"
	for i, k := range sortedKeys(n) {
		if i > 0 {
			msg += ","
		}
		msg += fmt.Sprintf(" %d %s", n[k], k)
	}
	return msg + "\n"
}
