package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

const (
	ledgerRef  = "refs/heads/" + ledger.Branch
	ledgerHere = "refs/lapse/ledger" // what the last fetch brought
	ledgerSeen = "refs/lapse/seen"   // the last tip that was read and found to descend from the one before
)

// ErrNoLedger says that the ledger branch is not there.
var ErrNoLedger = errors.New("no ledger")

// Outlook is what a run sees and what it means to do. Making one writes nothing anywhere but in the local mirror.
type Outlook struct {
	Now       time.Time
	Main      gitrepo.Hash
	LedgerTip gitrepo.Hash
	Book      *ledger.Book
	Arrivals  []Judged
	Ended     []Ending
	Notes     []Note
	Frozen    []string // why nothing is given
	Findings  []string // what somebody must look at
	Failures  []string // what could not be done
	Plan      Plan

	approved  *requests.Snapshot
	unproven  bool // approved is not what was approved
	tip       *requests.Snapshot
	stuckAt   string           // main commit before the first arrival that could not be judged
	decided   []ledger.Receipt // of this run's judgements, not yet written
	state     ledger.State     // with decided folded in
	unwritten []ledger.Receipt // handed to the ledger and not on it yet
	results   []Result
	removable []string // ids of ended grants whose files are still on main

	Removed       []string
	RemovalCommit string
	RemovalPull   int
}

func (o *Outlook) fail(format string, args ...any) {
	o.Failures = append(o.Failures, fmt.Sprintf(format, args...))
}

func (o *Outlook) freeze(format string, args ...any) {
	o.Frozen = append(o.Frozen, fmt.Sprintf(format, args...))
}

// walked is the main commit up to which everything was judged. Where giving is frozen it stays where it was.
func (o *Outlook) walked() string {
	if o.stuckAt != "" {
		return o.stuckAt
	}
	if len(o.Frozen) > 0 && o.Book.State().Main != "" {
		return o.Book.State().Main
	}
	return o.Main.String()
}

// Look reads main, the ledger and the targets, judges what arrived, and plans. It writes nothing.
func (r *Observer) Look(ctx context.Context, o Options) (*Outlook, error) {
	out := &Outlook{Now: o.Now}
	if err := r.lookAtMain(ctx, out); err != nil {
		return nil, err
	}
	if err := r.lookAtLedger(ctx, o, out); err != nil {
		return nil, err
	}
	if b := out.approved.Configuration.Config.Branch; out.approved.Configuration.Usable && b != r.Branch {
		return nil, fmt.Errorf("lapse.yaml says the main branch is %s, and this run was told %s", b, r.Branch)
	}
	if err := r.lookAtArrivals(ctx, out); err != nil {
		return nil, err
	}
	if err := r.lookAtLive(ctx, out); err != nil {
		return nil, err
	}
	return out, r.plan(ctx, o, out)
}

// lookAtMain fetches the main branch. Where the forge does not answer, what was fetched before must do: it can only take.
func (r *Observer) lookAtMain(ctx context.Context, out *Outlook) error {
	tip, err := r.Requests.FetchMain(ctx, r.Branch)
	if err == nil {
		out.Main = tip
		return nil
	}
	last, ok, refErr := r.Requests.LastMain()
	if refErr != nil || !ok {
		return err
	}
	out.Main = last
	out.freeze("%v", err)
	out.fail("%v", err)
	return nil
}

// lookAtLedger reads and verifies the whole ledger. What is wrong with it stops giving, never taking.
func (r *Observer) lookAtLedger(ctx context.Context, o Options, out *Outlook) error {
	tip, err := r.fetchLedger(ctx, out)
	if err != nil {
		return err
	}
	out.LedgerTip = tip
	if tip.IsZero() {
		return r.begin(o, out)
	}
	files, err := r.Git.FS(tip)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	out.Book, err = r.readBook(ctx, files)
	if err != nil {
		return err
	}
	for _, f := range out.Book.Findings {
		out.freeze("the ledger does not verify: %s", f)
	}
	if err := r.checkSeen(tip, out); err != nil {
		return err
	}
	out.state = out.Book.State()
	if out.state.Configuration == nil && len(r.Trust) == 0 {
		return fmt.Errorf("there is no key to verify the ledger at %s with: %s on main holds none", tip, ledger.TrustDir)
	}
	if out.state.Configuration == nil {
		return fmt.Errorf("the ledger at %s approves no configuration: it is damaged or not a ledger", tip)
	}
	return r.readApproved(ctx, out)
}

func (r *Observer) fetchLedger(ctx context.Context, out *Outlook) (gitrepo.Hash, error) {
	err := r.Git.Fetch(ctx, "+"+ledgerRef+":"+ledgerHere)
	if errors.Is(err, gitrepo.ErrNoRef) {
		if _, seen, refErr := r.Git.Ref(ledgerSeen); refErr != nil || seen {
			out.freeze("the branch %s is gone from the forge", ledger.Branch)
			return r.lastSeen(refErr)
		}
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

func (r *Observer) lastSeen(err error) (gitrepo.Hash, error) {
	if err != nil {
		return gitrepo.Hash{}, err
	}
	h, _, err := r.Git.Ref(ledgerSeen)
	return h, err
}

// readBook verifies with the keys trusted from the first, and those of each approved configuration.
func (r *Observer) readBook(ctx context.Context, files fs.FS) (*ledger.Book, error) {
	return ledger.Read(files, r.Trust, func(commit string) (ledger.Verifiers, error) {
		if err := r.Requests.Bring(ctx, commit); err != nil {
			return nil, err
		}
		return r.Requests.TrustAt(commit)
	})
}

// KeyNames are the settings that may name the key which signs receipts: that of the configuration which was approved last, by the
// ledger's own word, then that of main, which may have come without approval. No signature was checked: a name is all that
// may be taken from it.
func (r *Observer) KeyNames(ctx context.Context) []string {
	var commits []gitrepo.Hash
	if tip, err := r.fetchLedger(ctx, &Outlook{}); err == nil && !tip.IsZero() {
		if files, err := r.Git.FS(tip); err == nil {
			if s, err := ledger.ReadState(files); err == nil && s.Configuration != nil && r.Requests.Bring(ctx, s.Configuration.Commit) == nil {
				commits = append(commits, gitrepo.NewHash(s.Configuration.Commit))
			}
		}
	}
	if main, err := r.Requests.FetchMain(ctx, r.Branch); err == nil {
		commits = append(commits, main)
	}
	var names []string
	for _, c := range commits {
		snap, err := r.Requests.Snapshot(c)
		if err == nil && snap.Configuration.Usable && snap.Configuration.Config.SigningKey != "" {
			names = append(names, snap.Configuration.Config.SigningKey)
		}
	}
	return names
}

// checkSeen freezes giving where the ledger does not descend from the one this mirror saw last (A60).
func (r *Observer) checkSeen(tip gitrepo.Hash, out *Outlook) error {
	seen, ok, err := r.Git.Ref(ledgerSeen)
	if err != nil {
		return err
	}
	if ok {
		behind, err := r.Git.IsAncestor(seen, tip)
		if err != nil && !errors.Is(err, gitrepo.ErrNoObject) {
			return err
		}
		if !behind {
			out.freeze("the ledger was rewritten: %.12s does not descend from %.12s", tip, seen)
			return nil
		}
	}
	return r.saw(tip)
}

func (r *Observer) saw(tip gitrepo.Hash) error { return r.Git.SetRef(ledgerSeen, tip) }

// begin starts a ledger, which must be asked for: a ledger that is merely gone must not look like a first run.
func (r *Observer) begin(o Options, out *Outlook) error {
	if !o.Init {
		return fmt.Errorf("%w: branch %s is not there; if this repository has never been reconciled, begin with `lapse reconcile --init`, otherwise find out who deleted it", ErrNoLedger, ledger.Branch)
	}
	snap, err := r.Requests.Snapshot(out.Main)
	if err != nil {
		return err
	}
	if ps := snap.Problems(); len(ps) > 0 {
		return fmt.Errorf("the configuration at %.12s is not fit to begin with: %w", out.Main, errors.Join(problemErrors(ps)...))
	}
	out.Book = ledger.NewBook(r.Trust...)
	out.approved = snap
	rec := ledger.Receipt{Kind: ledger.Approved, Commit: out.Main.String(), Configuration: &ledger.Configuration{
		Commit: out.Main.String(), Digest: snap.Digest, First: true,
	}}
	return out.decide(rec)
}

func problemErrors(ps []grants.Problem) []error {
	var out []error
	for _, p := range ps {
		out = append(out, p)
	}
	return out
}

// readApproved reads the approved configuration, which main may have lost. If the forge has lost it too, main's must do to take what
// is to be taken; but whoever took main away may have put other targets in it, so that nothing it shows is proof.
func (r *Observer) readApproved(ctx context.Context, out *Outlook) error {
	commit := out.state.Configuration.Commit
	fetchErr := r.Requests.Bring(ctx, commit)
	snap, err := r.Requests.Snapshot(gitrepo.NewHash(commit))
	if errors.Is(err, gitrepo.ErrNoObject) {
		out.freeze("the approved configuration %.12s is no longer in the history of main", commit)
		out.fail("fetch the approved configuration: %v; what is taken is taken where main says, and counts for nothing until it is found", fetchErr)
		snap, err = r.Requests.Snapshot(out.Main)
		out.unproven = true
	}
	out.approved = snap
	return err
}

// decide adds a receipt of this run and folds it into the working state, so that the next judgement sees it.
func (o *Outlook) decide(rec ledger.Receipt) error {
	rec.Time, rec.Main = o.Now, o.Main.String()
	s, err := ledger.Fold(o.state, rec)
	if err != nil {
		return err
	}
	o.state = s
	o.decided = append(o.decided, rec)
	return nil
}

// liveOf tells a user's live and coming grants by the working state.
func (o *Outlook) liveOf(user string) []checks.LiveGrant {
	var out []checks.LiveGrant
	for _, id := range sortedKeys(o.state.Grants) {
		g := o.state.Grants[id]
		if g.User == user && o.Now.Before(g.Interval.End) {
			out = append(out, checks.LiveGrant{ID: id, Role: g.Role, Interval: g.Interval})
		}
	}
	return out
}
