package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// Acceptable is what there is for a person to accept: what was lost and not put back, and the commits that were asked for. Writing one
// is [Reconciler.Accept], of exactly what was shown.
type Acceptable struct {
	Losses   []Loss             `json:"losses"`
	Approved *requests.Snapshot `json:"-"` // the configuration that says who may accept

	out *Outlook
}

// Acceptance is a person's word.
type Acceptance struct {
	Names   []string // as Loss.Name
	By      ledger.Accepter
	Because string
}

// ErrNotShown says that something else was accepted than is lost now.
var ErrNotShown = errors.New("that is not what there is to accept now: look again with `lapse accept`")

// Acceptable looks for what is lost, and for the receipts that refused the commits. It writes nothing and judges nothing.
func (r *Observer) Acceptable(ctx context.Context, o Options, commits []string) (*Acceptable, error) {
	out := &Outlook{Now: o.Now, dated: o.Now, budget: newBudget(r.Clock), again: true, anew: true}
	if err := r.lookAtMain(ctx, out); err != nil {
		return nil, err
	}
	if err := r.lookAtLedger(ctx, o, out); err != nil {
		return nil, err
	}
	out.tell(r.skew())
	r.lookAtPushes(ctx, out)
	r.lookAtWalk(ctx, out)
	a := &Acceptable{Losses: r.greatest(out.Losses), Approved: out.approved, out: out}
	for i := range a.Losses {
		if l := &a.Losses[i]; l.What == ledger.LossOfLedger && l.Now == "" {
			l.Begins = out.state.Configuration.Commit
		}
	}
	for _, c := range commits {
		l, err := refusedCommit(out.atTip, c)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(a.Losses, func(m Loss) bool { return m.Name() == l.Name() }) {
			a.Losses = append(a.Losses, l)
		}
	}
	return a, nil
}

// lookAtWalk finds that main left the commit up to which it was walked.
func (r *Observer) lookAtWalk(ctx context.Context, out *Outlook) {
	if seen := gitrepo.NewHash(out.state.Main); !seen.IsZero() && !out.Main.IsZero() && !r.within(seen, out.Main) {
		r.loseMain(out, seen, byLedger, r.Requests.Bring(ctx, out.state.Main))
	}
}

// greatest leaves out what another loss of the same branch has in its history.
func (r *Observer) greatest(all []Loss) []Loss {
	var out []Loss
	for i, l := range all {
		less := slices.ContainsFunc(all, func(m Loss) bool {
			return m.What == l.What && m.Was != l.Was && l.What != ledger.LossOfAnchor && r.within(gitrepo.NewHash(l.Was), gitrepo.NewHash(m.Was))
		})
		if !less && !slices.ContainsFunc(all[:i], func(m Loss) bool { return m.Name() == l.Name() && m.Place == l.Place }) {
			out = append(out, l)
		}
	}
	return out
}

// refusedCommit is a commit that reached main and was refused, told from the beginning of its name.
func refusedCommit(b *ledger.Book, name string) (Loss, error) {
	var l Loss
	for _, rec := range b.Receipts() {
		if a := rec.Accepted; a != nil && a.What == ledger.Unapproved && strings.HasPrefix(a.Was, name) {
			return l, fmt.Errorf("commit %.12s was accepted by %s, in receipt %d", a.Was, a.By.Login, rec.Sequence)
		}
		if rec.Kind != ledger.Refused || !strings.HasPrefix(rec.Commit, name) || len(name) < 7 {
			continue
		}
		if l.Was != "" && l.Was != rec.Commit {
			return l, fmt.Errorf("%s could be commit %.12s or %.12s", name, l.Was, rec.Commit)
		}
		l.What, l.Was = ledger.Unapproved, rec.Commit
		if rec.Grant != nil {
			l.Grants = append(l.Grants, rec.Grant.ID)
		}
	}
	if l.Was == "" {
		return l, fmt.Errorf("no receipt refuses a commit %s: give the first 7 digits of one that reached main without approval", name)
	}
	return l, nil
}

// Accept writes one receipt for each of the names, all in one commit after the ledger as it was shown. It gives nothing: what main has
// in place of what was lost is judged by the next run, from the commit on where both part, and grants whose files are gone with it end.
func (r *Reconciler) Accept(ctx context.Context, a *Acceptable, by Acceptance) (*Report, error) {
	out := a.out
	chosen, err := a.choose(by.Names)
	if err != nil {
		return nil, err
	}
	r.choose(out)
	var receipts []ledger.Receipt
	main := out.atTip.State().Main
	if out.LedgerTip.IsZero() {
		begun := *out.state.Configuration
		begun.First = true
		receipts = append(receipts, ledger.Receipt{Kind: ledger.Approved, Commit: begun.Commit, Configuration: &begun})
		if main, err = r.since(out, begun.Digest); err != nil {
			return nil, err
		}
	}
	for _, l := range chosen {
		receipts = append(receipts, accepted(l, by))
		if l.What == ledger.LossOfMain && !out.LedgerTip.IsZero() {
			main = r.parting(out)
		}
	}
	now := r.clock(out)
	book := *out.atTip
	files, err := r.sign(ctx, &book, now, main, receipts)
	if err != nil {
		return nil, err
	}
	tip, err := r.commitTo(ctx, ledgerRef, out.LedgerTip, NewChange{Files: files, Message: ledgerMessage(receipts), When: now})
	if errors.Is(err, errMoved) {
		return nil, fmt.Errorf("the ledger moved meanwhile: %w", ErrNotShown)
	}
	if err != nil {
		return nil, err
	}
	return &Report{Now: now, Main: out.Main.String(), Ledger: tip.String(), Losses: chosen}, nil
}

// choose are the losses with those names, all of them still to be accepted. Whatever is to be written goes after the ledger, so that a
// loss of it comes first.
func (a *Acceptable) choose(names []string) ([]Loss, error) {
	var chosen []Loss
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			continue
		}
		found := false
		for _, l := range a.Losses {
			if l.Name() == n {
				chosen, found = append(chosen, l), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s: %w", n, ErrNotShown)
		}
	}
	left := func(l Loss) bool { return l.What == ledger.LossOfLedger && !slices.Contains(names, l.Name()) }
	switch {
	case len(chosen) == 0:
		return nil, ErrNotShown
	case slices.ContainsFunc(a.Losses, left):
		return nil, errors.New("the ledger has lost receipts, and what is accepted is written after it: put it back first, or accept that too")
	case !a.out.tipSound && !a.out.LedgerTip.IsZero():
		return nil, errors.New("the ledger does not verify as it stands, which nobody can accept: put back what Lapse wrote last, as `lapse reconcile` says")
	}
	return chosen, nil
}

func accepted(l Loss, by Acceptance) ledger.Receipt {
	a := &ledger.Acceptance{What: l.What, Was: l.Was, Now: l.Now, Place: l.Place, By: by.By, Because: by.Because}
	if l.What == ledger.LossOfLedger {
		a.First, a.Last, a.Gone, a.Grants, a.Holdings = l.First, l.Last, l.Gone, l.Grants, l.Holdings
	}
	return ledger.Receipt{Kind: ledger.Accepted, Accepted: a}
}

// parting is the last commit of main's first parents that it shares with main as it was walked: the next run goes on from there. Where
// the histories share nothing, or nobody has the lost one any more, it is the last that a run has looked at, or else main as it is,
// of which then nothing counts as asked for.
func (r *Reconciler) parting(out *Outlook) string {
	state := out.atTip.State()
	looked := map[string]bool{}
	for _, rec := range out.atTip.Receipts() {
		looked[rec.Main] = true
	}
	chain, err := r.Git.FirstParents(out.Main, gitrepo.Hash{}, 0)
	if err != nil {
		return out.Main.String()
	}
	for _, h := range chain {
		if r.within(h, gitrepo.NewHash(state.Main)) || looked[h.String()] {
			return h.String()
		}
	}
	return out.Main.String()
}

// maxSince is how many commits a ledger that begins anew looks back.
const maxSince = 1000

// since is the commit of main's first parents from which on it has had one configuration, or main as it is where it has another: what
// came with it is judged again, because what was given for it is to be found.
func (r *Reconciler) since(out *Outlook, digest string) (string, error) {
	chain, err := r.Git.FirstParents(out.Main, gitrepo.Hash{}, 0)
	if err != nil {
		return "", err
	}
	at := ""
	for _, h := range chain[:min(len(chain), maxSince)] {
		snap, err := r.Requests.Snapshot(h)
		if err != nil || snap.Digest != digest {
			if at != "" {
				break
			}
			continue
		}
		at = h.String()
	}
	if at == "" {
		return out.Main.String(), nil
	}
	return at, nil
}

// assumed are the holdings that an approval may have given by receipts that are lost for good: as they stand now nobody can tell whether
// Lapse gave them, and what it may have given it must take back.
func assumed(out *Outlook, g ledger.Grant) []ledger.Receipt {
	if !g.Interval.Start.Before(out.state.Doubt) {
		return nil
	}
	c := out.approved.Configuration
	var receipts []ledger.Receipt
	for _, e := range g.Entitlements {
		account, ok := c.Account(c.People.People[g.User], e.Target)
		h := ledger.Holding{Entitlement: e, Account: account}
		if known, is := out.state.Holdings[h.Key()]; !ok || is && known.Kind != ledger.Taken {
			continue
		}
		receipts = append(receipts, ledger.Receipt{
			Kind: ledger.Intended, Action: string(Give), Holding: &h, Grants: []string{g.ID}, Until: g.Interval.End,
			Reasons: []string{"receipts from before " + out.state.Doubt.Format(time.RFC3339) + " are lost for good, and one of them may have given it"},
		})
	}
	return receipts
}
