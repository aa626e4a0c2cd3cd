package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

const (
	ledgerRef  = "refs/heads/" + ledger.Branch
	ledgerHere = "refs/lapse/ledger" // what the last fetch brought
	ledgerSeen = "refs/lapse/seen"   // the last tip that was read and found sound
)

// ErrNoLedger says that the ledger branch is not there.
var ErrNoLedger = errors.New("no ledger")

// Outlook is what a run sees and what it means to do. Making one writes nothing anywhere but in the local mirror.
type Outlook struct {
	Now       time.Time // by which it is decided what is over; see tell
	Main      gitrepo.Hash
	LedgerTip gitrepo.Hash
	Book      *ledger.Book
	Arrivals  []Judged
	Ended     []Ending
	Notes     []Note
	Frozen    []string // why nothing is given
	Findings  []string // what somebody must look at
	Failures  []string // what could not be done
	Losses    []Loss   // what main, the ledger or the anchor had and have no more
	Plan      Plan

	dated      time.Time     // of this run's receipts and commits
	shift      time.Duration // from this machine's clock to the one that dates them
	lead       time.Duration // that Now has on this machine's clock
	record     record
	mending    bool    // main is not to be written to
	budget     *budget // for judging
	repository int64   // the forge's id of the access repository; 0: it did not say
	approved   *requests.Snapshot
	began      bool   // the ledger begins with this run
	unproven   bool   // approved is not what was approved
	stale      bool   // main is as it was fetched before: the forge did not answer
	detached   string // why nothing can be written to the ledger on the forge: the book is not the one that stands there
	tip        *requests.Snapshot
	stuckAt    string                     // main commit before the first arrival that could not be judged
	waiting    map[string]bool            // grant files of such arrivals: nobody can say yet what they are
	decided    []ledger.Receipt           // of this run's judgements, not yet written
	state      ledger.State               // with decided folded in
	byUser     map[string]map[string]bool // ids that are or were in state's grants, by user; nil until somebody asks
	unwritten  []ledger.Receipt           // handed to the ledger and not on it yet
	last       bool                       // the last attempt of a run
	results    []Result
	due        bool     // something is to be taken, and waits for what is written first
	removable  []string // ids of ended grants whose files are still on main

	atTip    *ledger.Book // the ledger as it stands on the forge
	tipSound bool         // nothing is wrong with that
	lost     []lostBook
	moorings []*mooring // the anchors that were read
	moored   *mooring   // that of the approved configuration; nil: it names none
	hint     string     // what to do where there is no ledger
	again    bool       // what moves meanwhile is taken as it was found
	anew     bool       // a ledger that is gone for good may be begun again

	Waiting int // arrivals that were left to be judged by the next run, for want of time

	Removed       []string
	RemovalCommit string
	RemovalPull   int
}

func (o *Outlook) fail(format string, args ...any) {
	o.Failures = append(o.Failures, fmt.Sprintf(format, args...))
}

// freeze says once why nothing is given.
func (o *Outlook) freeze(format string, args ...any) {
	if why := fmt.Sprintf(format, args...); !slices.Contains(o.Frozen, why) {
		o.Frozen = append(o.Frozen, why)
	}
}

// walked is the main commit up to which everything was judged, and the last push of main that need not be looked at again. Where
// giving is frozen both stay where they were; and while arrivals are to be judged, what was hidden of them may still be found.
func (o *Outlook) walked() (main string, push int64) {
	was := o.Book.State()
	switch {
	case o.stuckAt != "":
		return o.stuckAt, was.Push
	case len(o.Frozen) > 0 && was.Main != "":
		return was.Main, was.Push
	}
	return o.Main.String(), o.lastPush()
}

// Look reads main, the ledger and the targets, judges what arrived, and plans. It writes nothing.
func (r *Observer) Look(ctx context.Context, o Options) (*Outlook, error) {
	const attempts = 5
	for i := 1; ; i++ {
		out, err := r.look(ctx, o, i == attempts)
		if !errors.Is(err, errMoved) || i == attempts {
			return out, err
		}
	}
}

func (r *Observer) look(ctx context.Context, o Options, last bool) (*Outlook, error) {
	out := &Outlook{Now: o.Now, dated: o.Now, budget: newBudget(r.Clock), again: last}
	if err := r.lookAtMain(ctx, out); err != nil {
		return nil, err
	}
	if err := r.lookAtLedger(ctx, o, out); err != nil {
		return nil, err
	}
	if err := r.distrustStale(out); err != nil {
		return nil, err
	}
	out.tell(r.skew())
	if b := out.approved.Configuration.Config.Branch; out.approved.Configuration.Usable && !out.unproven && b != r.Branch {
		return nil, fmt.Errorf("lapse.yaml says the main branch is %s, and this run was told %s", b, r.Branch)
	}
	r.lookAtPushes(ctx, out)
	before := out.state.Configuration
	if err := r.lookAtArrivals(ctx, out); err != nil {
		return nil, err
	}
	if now := out.state.Configuration; before != nil && now.Digest != before.Digest {
		out.unproven = false
		if err := r.readApproved(ctx, out); err != nil { // this run approved another: it is in force from now on
			return nil, err
		}
	}
	if err := r.lookAtLive(ctx, out); err != nil {
		return nil, err
	}
	return out, r.plan(ctx, o, out)
}

// lookAtMain fetches the main branch. Where the forge does not answer, or the branch is gone, what was fetched before must do, or the
// ledger alone: without main Lapse can only take.
func (r *Observer) lookAtMain(ctx context.Context, out *Outlook) error {
	tip, err := r.Requests.FetchMain(ctx, r.Branch)
	if err == nil {
		out.Main = tip
		return nil
	}
	last, _, refErr := r.Requests.LastMain()
	if refErr != nil {
		return errors.Join(err, refErr)
	}
	out.Main, out.stale = last, true // zero: none is known
	out.freeze("%v", err)
	out.fail("%v", err)
	return nil
}

// distrustStale drops a main that was fetched before and lacks what the ledger has walked: another machine saw a later one. An old copy is
// no word of what main has lost, nor of what has ended there.
func (r *Observer) distrustStale(out *Outlook) error {
	if !out.stale || out.Main.IsZero() || out.state.Main == "" {
		return nil
	}
	has, err := r.Git.IsAncestor(gitrepo.NewHash(out.state.Main), out.Main)
	if err != nil && !errors.Is(err, gitrepo.ErrNoObject) {
		return err
	}
	if !has {
		out.Main = gitrepo.Hash{}
	}
	return nil
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
	rec.Time, rec.Main = o.dated, o.Main.String()
	if err := o.state.Add(rec); err != nil {
		return err
	}
	if rec.Kind == ledger.Approved && rec.Grant != nil && o.byUser != nil {
		o.index(*rec.Grant)
	}
	o.decided = append(o.decided, rec)
	return nil
}

// liveOf is [Outlook.held] for who gathers.
func (o *Outlook) liveOf(user string) ([]checks.LiveGrant, error) { return o.held(user), nil }

// held are a user's live and coming grants by the working state.
func (o *Outlook) held(user string) []checks.LiveGrant {
	if o.byUser == nil {
		o.byUser = map[string]map[string]bool{}
		for _, g := range o.state.Grants {
			o.index(g)
		}
	}
	mine := map[string]ledger.Grant{}
	for id := range o.byUser[user] {
		if g, live := o.state.Grants[id]; live && g.User == user {
			mine[id] = g
		}
	}
	return liveAt(o.Now, mine)
}

func (o *Outlook) index(g ledger.Grant) {
	if o.byUser[g.User] == nil {
		o.byUser[g.User] = map[string]bool{}
	}
	o.byUser[g.User][g.ID] = true
}

// liveAt are those of the grants that are not over, in the order of ids.
func liveAt(now time.Time, from map[string]ledger.Grant) []checks.LiveGrant {
	var out []checks.LiveGrant
	for _, id := range sortedKeys(from) {
		if g := from[id]; now.Before(g.Interval.End) {
			out = append(out, checks.LiveGrant{ID: id, Role: g.Role, Interval: g.Interval})
		}
	}
	return out
}
