package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// rank orders what happened at one instant as it can only have happened.
var rank = map[EventKind]int{
	Requested: 0, Approved: 1, Merged: 2, Judged: 3, Refused: 3, Kept: 4, Given: 5, Ended: 6, Taken: 7, Removed: 8,
}

// Lives tells what became of every grant that the filter picks, the latest first. Receipts are in their order, steps oldest first.
func Lives(receipts []ledger.Receipt, steps []Step, now time.Time, f Filter) ([]Life, error) {
	t := teller{lives: map[string][]*Life{}}
	for _, r := range receipts {
		if err := t.receipt(r); err != nil {
			return nil, fmt.Errorf("receipt %d: %w", r.Sequence, err)
		}
	}
	t.removals(steps)
	var out []Life
	for _, l := range t.order {
		l.finish(now)
		if f.picks(l) {
			out = append(out, *l)
		}
	}
	slices.SortStableFunc(out, func(a, b Life) int {
		return cmp.Or(b.Events[0].Time.Compare(a.Events[0].Time), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// teller goes through the receipts.
type teller struct {
	lives map[string][]*Life // by id, oldest first
	order []*Life
}

func (t *teller) last(id string) *Life {
	if ls := t.lives[id]; len(ls) > 0 {
		return ls[len(ls)-1]
	}
	return nil
}

// life is the one that goes on, or a new one: what is over or was refused does not come back.
func (t *teller) life(id string) *Life {
	if l := t.last(id); l != nil && l.Stage != StageOver && l.Stage != StageRefused {
		return l
	}
	l := &Life{ID: id}
	t.lives[id] = append(t.lives[id], l)
	t.order = append(t.order, l)
	return l
}

func (t *teller) receipt(r ledger.Receipt) error {
	switch {
	case r.Grant != nil && r.Kind == ledger.Ended:
		if l := t.last(r.Grant.ID); l != nil {
			l.Stage = StageOver
			l.add(Event{Time: r.Time, Kind: Ended, Reasons: r.Reasons, Receipt: r.Sequence})
		}
	case r.Grant != nil:
		return t.life(r.Grant.ID).judged(r)
	case r.Holding != nil:
		for _, id := range r.Grants {
			if l := t.about(id, r); l != nil {
				l.held(r)
			}
		}
	}
	return nil
}

// about is the life that a receipt about a holding belongs to. What was taken late is of the one that held it, though the id was asked
// for again meanwhile.
func (t *teller) about(id string, r ledger.Receipt) *Life {
	holds := func(l *Life) bool {
		return slices.ContainsFunc(l.Held, func(h ledger.Holding) bool { return h.Key() == r.Holding.Key() })
	}
	held := func(l *Life) bool {
		return slices.ContainsFunc(l.Events, func(e Event) bool { return e.Holding != nil && e.Holding.Key() == r.Holding.Key() })
	}
	for _, mine := range []func(*Life) bool{holds, held} {
		for _, l := range slices.Backward(t.lives[id]) {
			if r.Kind == ledger.Taken && mine(l) {
				return l
			}
		}
	}
	return t.last(id)
}

func (l *Life) add(e Event) { l.Events = append(l.Events, e) }

// judged takes a version that reached main: what its evidence tells, and what became of it. A version that was refused changes
// nothing of the one that stands.
func (l *Life) judged(r ledger.Receipt) error {
	var ev requests.Evidence
	if len(r.Judgement) > 0 {
		if err := json.Unmarshal(r.Judgement, &ev); err != nil {
			return fmt.Errorf("the evidence: %w", err)
		}
	}
	l.asked(ev)
	l.versions = append(l.versions, r.Commit)
	g := r.Grant
	if r.Kind == ledger.Approved || l.Stage == "" {
		l.User, l.UserID, l.Role, l.Reason, l.Ticket, l.Pull = g.User, g.UserID, g.Role, g.Reason, g.Ticket, g.Pull
		l.Interval, l.Entitlements = g.Interval, sorted(g.Entitlements)
	}
	e := Event{Time: r.Time, Kind: Judged, Pull: g.Pull, Commit: r.Commit, Until: g.Interval.End, Receipt: r.Sequence}
	switch {
	case r.Kind == ledger.Approved:
		l.Stage = StageLive
	case l.Stage == "":
		l.Stage = StageRefused
		fallthrough
	default:
		e.Kind, e.Until, e.Reasons = Refused, time.Time{}, r.Reasons
	}
	l.add(e)
	return nil
}

// asked tells of the pull request and of the reviews that counted.
func (l *Life) asked(ev requests.Evidence) {
	p := ev.Pull
	if p == nil {
		return
	}
	l.add(Event{Time: p.CreatedAt, Kind: Requested, By: p.Author.Login, Pull: p.Number})
	for _, a := range approvals(ev.Verdict) {
		l.add(Event{Time: a.at, Kind: Approved, By: a.Login, Pull: p.Number, Commit: a.Commit})
	}
	if m := p.Merge; m != nil {
		l.add(Event{Time: m.At, Kind: Merged, By: m.By.Login, Pull: p.Number, Commit: m.Commit})
	}
}

type approval struct {
	checks.Approval
	at time.Time
}

// approvals are those of all needs, each review once.
func approvals(v checks.Verdict) []approval {
	var out []approval
	for _, n := range v.Needs {
		for _, a := range n.Have {
			at, err := time.Parse(time.RFC3339, a.At)
			if err != nil || slices.ContainsFunc(out, func(o approval) bool { return o.Review == a.Review }) {
				continue
			}
			out = append(out, approval{a, at})
		}
	}
	return out
}

// held takes a receipt about a holding. What was merely intended is not told: it becomes given or taken.
func (l *Life) held(r ledger.Receipt) {
	e := Event{Time: r.Time, Holding: r.Holding, Until: r.Until, Receipt: r.Sequence}
	same := func(h ledger.Holding) bool { return h.Key() == r.Holding.Key() }
	switch r.Kind {
	case ledger.Given:
		e.Kind = Given
		if !slices.ContainsFunc(l.Held, same) {
			l.Held = append(l.Held, *r.Holding)
		}
	case ledger.Taken:
		e.Kind, e.Reasons = Taken, r.Reasons
		e.Overrun, _ = time.ParseDuration(r.Overrun) // "": it was not due
		l.Overrun = max(l.Overrun, e.Overrun)
		l.Held = slices.DeleteFunc(l.Held, same)
	case ledger.Kept:
		e.Kind = Kept
	default:
		return
	}
	l.add(e)
}

// removals gives each removal to the life whose file it was: the last that came to main before it.
func (t *teller) removals(steps []Step) {
	at := map[string]int{}
	for i, s := range steps {
		at[s.Commit] = i
	}
	for i, s := range steps {
		for _, id := range s.Removed {
			if l := t.before(id, at, i); l != nil {
				l.add(Event{Time: s.At, Kind: Removed, By: s.By, Commit: s.Commit})
			}
		}
	}
}

func (t *teller) before(id string, at map[string]int, i int) *Life {
	var found *Life
	for _, l := range t.lives[id] {
		if len(l.versions) == 0 {
			continue
		}
		if came, known := at[l.versions[0]]; !known || came < i {
			found = l
		}
	}
	return found
}

func (l *Life) finish(now time.Time) {
	if l.Stage == StageLive && now.Before(l.Interval.Start) {
		l.Stage = StageComing
	}
	slices.SortStableFunc(l.Events, func(a, b Event) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(rank[a.Kind], rank[b.Kind]))
	})
	// A version that was judged twice, or edited, tells of one review and one pull request once.
	l.Events = slices.CompactFunc(l.Events, func(a, b Event) bool {
		return a.Kind == b.Kind && a.Time.Equal(b.Time) && a.By == b.By && a.Pull == b.Pull && a.Receipt == 0 && b.Receipt == 0
	})
}
