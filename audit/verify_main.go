package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

// line is main's first parents, by place: the commit with which the ledger began is 0.
type line map[string]int

func lineOf(h History) line {
	l := line{}
	if !h.Adrift && h.Before == 0 {
		l[h.Begin] = 0
	}
	for i, s := range h.Main {
		l[s.Hash] = i + 1
	}
	return l
}

func (l line) has(commit string) bool { return l.place(commit) >= 0 }

// place is -1 for a commit that is not on the line.
func (l line) place(commit string) int {
	if at, ok := l[commit]; ok {
		return at
	}
	return -1
}

// stretch is the steps of main after one place, up to another.
type stretch struct{ after, upTo int }

func (s stretch) has(place int) bool { return s.after < place && place <= s.upTo }

// coverage is which steps of main have their receipt. What came with one pull request may be several steps; its receipt names the last.
type coverage struct {
	grants        map[string][]stretch
	configuration []stretch
	approved      map[string]int // the last place that an approved version of the grant came at
}

func (c *coverage) add(l line, r Sealed) {
	to := l.place(r.Commit)
	if to < 0 {
		return
	}
	s := stretch{to - 1, to}
	if r.Judged != nil {
		if base := l.place(r.Judged.Base); base >= 0 && base < to {
			s.after = base
		}
	}
	if r.Configuration != nil {
		c.configuration = append(c.configuration, s)
		return
	}
	if c.grants == nil {
		c.grants, c.approved = map[string][]stretch{}, map[string]int{}
	}
	c.grants[r.Grant.ID] = append(c.grants[r.Grant.ID], s)
	if r.Kind == ledger.Approved {
		c.approved[r.Grant.ID] = max(to, c.approved[r.Grant.ID])
	}
}

func covers(list []stretch, place int) bool {
	for _, s := range list {
		if s.has(place) {
			return true
		}
	}
	return false
}

// main holds each step of main to what may bring it there.
func (v *verifier) main() {
	if v.Adrift && len(v.Receipts) > 0 {
		v.at = v.Receipts[0]
		v.lost(fmt.Sprintf("main does not pass commit %.12s, with which the ledger began: it was rewritten", v.Begin))
	}
	walked := v.walked()
	force := v.inForce()
	for i, s := range v.Main {
		place := i + 1
		if place <= v.Before {
			continue // what became of it another ledger told, which a person accepted to be lost
		}
		if s.Err != nil {
			v.step(s, place <= walked, "cannot be read: "+s.Err.Error())
			continue
		}
		if s.Own {
			v.removal(s, place)
			continue
		}
		for _, f := range s.Files {
			v.file(s, f, place, place <= walked)
		}
		if s.Configuration != "" && s.Configuration != force[i] && !covers(v.covered.configuration, place) {
			v.step(s, place <= walked, "it changes the configuration")
		}
	}
	for _, id := range sortedKeys(v.state.Grants) {
		if by := v.endedBy(id, walked); by != "" {
			v.find(RuleEnd, "", by, fmt.Sprintf("it ended grant %s on main, and the ledger has it live", id))
		}
	}
}

// walked is the place on main up to which a reconcile has looked, by the ledger.
func (v *verifier) walked() int {
	if len(v.Receipts) == 0 {
		return 0
	}
	if at := v.line.place(v.state.Main); at >= 0 {
		return at
	}
	v.at = v.Receipts[len(v.Receipts)-1]
	if v.at.Commit != v.state.Main || !slices.ContainsFunc(v.out.Findings, func(f Finding) bool { return f.Rule == RuleOffMain && f.Commit == v.at.Commit }) {
		v.lost(fmt.Sprintf("the last that a reconcile saw of main, %.12s, is not on its line of first parents", v.state.Main))
	}
	last := 0
	for _, r := range v.Receipts {
		last = max(last, v.line.place(r.Commit))
	}
	return last
}

// inForce is the digest of the configuration that was approved last before each step: whoever puts that back needs no approval.
func (v *verifier) inForce() []string {
	at := map[int]string{}
	for _, r := range v.Receipts {
		if r.Kind == ledger.Approved && r.Configuration != nil {
			at[v.line.place(r.Commit)] = r.Configuration.Digest
		}
	}
	out, now := make([]string, len(v.Main)), at[0]
	for i := range v.Main {
		out[i] = now
		if d, ok := at[i+1]; ok {
			now = d
		}
	}
	return out
}

// file is one path under grants/. What only ends a grant needs nobody.
func (v *verifier) file(s MainStep, f FileStep, place int, looked bool) {
	switch {
	case f.After == nil:
	case f.ID == "":
		if looked {
			v.report(Finding{Rule: RuleUnasked, Commit: s.Hash, Reason: fmt.Sprintf("it put %s on main, which is no grant and gives nothing", f.Path)}, ledger.Unapproved)
		}
	case covers(v.covered.grants[f.ID], place):
	case v.covered.approved[f.ID] > place: // a later version was judged first, and stands
	default:
		v.step(s, looked, "it adds or changes grant "+f.ID)
	}
}

// patience is how long a step of main may wait for a reconcile.
const patience = 24 * time.Hour

// step is about a step without a receipt. looked: a reconcile says that it has looked at it.
func (v *verifier) step(s MainStep, looked bool, what string) {
	switch waits := v.Now.Sub(s.At); {
	case looked:
		v.report(Finding{Rule: RuleUnjudged, Commit: s.Hash, Reason: what + ", and no receipt tells of it"}, ledger.Unapproved)
	case waits < -skew:
		v.report(Finding{Rule: RuleUnjudged, Commit: s.Hash, Reason: fmt.Sprintf("%s, and says that it is of %s, which is yet to come: nobody can tell how long it waits to be judged", what, s.At.UTC().Format(time.RFC3339))}, ledger.Unapproved)
	case waits > patience:
		v.report(Finding{Rule: RuleUnjudged, Commit: s.Hash, Reason: fmt.Sprintf("%s, on %s, and no reconcile has judged it since", what, s.At.UTC().Format(time.RFC3339))}, ledger.Unapproved)
	default:
		v.out.Notes = append(v.out.Notes, fmt.Sprintf("commit %.12s is yet to be judged: %s", s.Hash, what))
	}
}

// removal is a commit on main that Lapse made.
func (v *verifier) removal(s MainStep, place int) {
	bad := func(reason string) { v.find(RuleRemoval, "", s.Hash, reason) }
	if s.Others > 0 {
		bad("Lapse signed it, and it changes other things than grants")
	}
	for _, f := range s.Files {
		switch {
		case f.After != nil:
			bad("Lapse signed it, and it adds or changes " + f.Path)
		case f.ID == "":
			bad("Lapse signed it, and it removes " + f.Path + ", which is no grant")
		case !v.lives.overBefore(f.ID, v.line, place):
			bad("Lapse signed it, and it removes grant " + f.ID + ", of which the ledger does not say that it has ended")
		}
	}
}

// endedBy is the commit with which main ended the version of a grant that is live by the ledger, up to a place; "": none did.
func (v *verifier) endedBy(id string, upTo int) string {
	last, ok := v.lives.last(id)
	if !ok {
		return ""
	}
	came := v.line.place(last.commit)
	if v.ends == nil {
		v.ends = map[string][]int{}
		for i, s := range v.Main {
			for _, f := range s.Files {
				if f.ID != "" && f.Ends() {
					v.ends[f.ID] = append(v.ends[f.ID], i+1)
				}
			}
		}
	}
	for _, place := range v.ends[id] {
		if came >= 0 && (stretch{came, upTo}).has(place) {
			return v.Main[place-1].Hash
		}
	}
	return ""
}
