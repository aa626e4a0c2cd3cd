package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
)

// holding holds a receipt about a holding to what the ledger said before it.
func (v *verifier) holding() {
	r := v.at
	key := r.Holding.Key()
	before, known := v.state.Holdings[key]
	ours := known && (before.Kind == ledger.Given || before.Kind == ledger.Intended)
	switch {
	case r.Kind == ledger.Intended && r.Action == string(reconciler.Give):
		v.give()
	case r.Kind == ledger.Given && (before.Action != string(reconciler.Give) || !sameIDs(before.Grants, r.Grants) || !before.Until.Equal(r.Until)):
		v.wrong(RuleIntent, "it was given, and no intent to give it like that came before")
	case r.Kind == ledger.Taken && !known:
		v.wrong(RuleIntent, "it was taken, and the ledger knows of nobody who held it")
	case r.Kind == ledger.Kept && ours:
		v.wrong(RuleIntent, "it is said to have been there before Lapse, which gave it itself")
	}
	if r.Kind == ledger.Taken && ours {
		v.took(before)
	}
	if v.lastWord == nil {
		v.lastWord = map[string]Sealed{}
	}
	v.lastWord[key] = r
}

// give: the grants that an intent names are approved and live, each gives this very holding, and none of them for longer.
func (v *verifier) give() {
	r := v.at
	c := v.state.Configuration
	if c == nil || v.Configurations[c.Commit] == nil {
		v.wrong(RuleGive, "the approved configuration, which says whose account it is, cannot be read")
		return
	}
	named := map[string]ledger.Grant{}
	for _, id := range r.Grants {
		g, live := v.state.Grants[id]
		if !live {
			v.wrong(RuleGive, fmt.Sprintf("it is given by grant %s, which is not approved, or over", id))
			return
		}
		if by := v.endedBy(id, v.line.place(r.Main)); by != "" {
			v.wrong(RuleEnd, fmt.Sprintf("it is given by grant %s, which commit %.12s had ended on main", id, by))
		}
		named[id] = g
	}
	approved := v.Configurations[c.Commit]
	wanted, notes := reconciler.Want(r.Time, named, approved, approved)
	at := slices.IndexFunc(wanted, func(w reconciler.Wanted) bool { return w.Holding.Key() == r.Holding.Key() })
	switch {
	case at < 0:
		why := "none of its grants gives that to that account at that time"
		if len(notes) > 0 {
			why = notes[0].Text
		}
		v.wrong(RuleGive, why)
	case !sameIDs(wanted[at].Grants, r.Grants):
		v.wrong(RuleGive, fmt.Sprintf("of grants %s only %s gives it", strings.Join(r.Grants, ", "), strings.Join(wanted[at].Grants, ", ")))
	case !wanted[at].Until.Equal(r.Until):
		v.wrong(RuleGive, fmt.Sprintf("it is given until %s, and its grants end at %s", r.Until.Format(time.RFC3339), wanted[at].Until.Format(time.RFC3339)))
	}
}

func sameIDs(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// took measures how long a holding outlived its grants.
func (v *verifier) took(before ledger.HoldingState) {
	due := v.due(before, v.at.Time)
	v.given = append(v.given, Overrun{
		Grants: before.Grants, Holding: before.Holding, Due: due, Taken: v.at.Time, Overrun: max(0, v.at.Time.Sub(due)), Receipt: v.at.Path,
	})
}

// due is when the last of the grants that a holding was given for was over, by the ledger; now, while one is not.
func (v *verifier) due(h ledger.HoldingState, now time.Time) time.Time {
	var last time.Time
	for _, id := range h.Grants {
		if end, known := v.lives.over(id, h.Holding.Entitlement.Key(), now); known && end.After(last) {
			last = end
		}
	}
	if last.IsZero() {
		last = h.Until // of grants that only a lost part of the ledger knew
	}
	return last
}

// held finds what is still held past its end.
func (v *verifier) held() {
	for _, key := range sortedKeys(v.state.Holdings) {
		h := v.state.Holdings[key]
		if h.Kind != ledger.Given && h.Kind != ledger.Intended {
			continue
		}
		v.out.Verified.Held++
		due := v.due(h, v.Now)
		if v.Now.Before(due) {
			continue
		}
		word := v.lastWord[key]
		v.find(RuleHeld, word.Path, word.In, fmt.Sprintf("%s holds %s, which was due to be taken at %s and is not proven taken, %s later",
			h.Account, h.Entitlement.Key(), due.Format(time.RFC3339), v.Now.Sub(due).Round(time.Second)))
	}
}

// version is one approved version of a grant.
type version struct {
	ledger.Grant
	commit   string
	sequence int
	came     time.Time
	ended    time.Time // zero: it has not
}

// versions are those of each grant, in the order of their receipts.
type versions map[string][]version

func (vs *versions) approve(r Sealed) {
	if *vs == nil {
		*vs = versions{}
	}
	(*vs)[r.Grant.ID] = append((*vs)[r.Grant.ID], version{Grant: *r.Grant, commit: r.Commit, sequence: r.Sequence, came: r.Time})
}

func (vs versions) end(r Sealed) {
	list := vs[r.Grant.ID]
	for i := range list {
		if list[i].Digest == r.Grant.Digest && list[i].ended.IsZero() {
			list[i].ended = r.Time
		}
	}
}

func (vs versions) last(id string) (version, bool) {
	list := vs[id]
	if len(list) == 0 {
		return version{}, false
	}
	return list[len(list)-1], true
}

// over is when a grant stopped giving an entitlement, as of now: its end, or when it was ended before that, or when a version came that
// does not give it.
func (vs versions) over(id, entitlement string, now time.Time) (time.Time, bool) {
	last, ok := vs.last(id)
	if !ok {
		return time.Time{}, false
	}
	gives := slices.ContainsFunc(last.Entitlements, func(e grants.Entitlement) bool { return e.Key() == entitlement })
	switch {
	case !gives || last.Interval.Start.After(now):
		return last.came, true
	case !last.ended.IsZero() && last.ended.Before(last.Interval.End):
		return last.ended, true
	}
	return last.Interval.End, true
}

// overBefore says whether the last version of a grant that came before a place on main has ended, by the ledger.
func (vs versions) overBefore(id string, l line, place int) bool {
	list := vs[id]
	for i := len(list) - 1; i >= 0; i-- {
		if at := l.place(list[i].commit); at < place {
			return !list[i].ended.IsZero()
		}
	}
	return false
}
