package reconciler

import (
	"errors"
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	one   = noon.Add(time.Hour)
	team  = grants.Entitlement{Target: "github", Values: map[string]string{"team": "prod-oncall"}}
	other = grants.Entitlement{Target: "vault", Values: map[string]string{"name": "orders"}}
)

func wanted(until time.Time) Wanted {
	return Wanted{Holding: ledger.Holding{Entitlement: team, Account: "7"}, Until: until, Grants: []string{"a"}}
}

func withGrants(w Wanted, ids ...string) Wanted {
	w.Grants = ids
	return w
}

func known(kind ledger.Kind, action string, until time.Time) map[string]ledger.HoldingState {
	h := ledger.Holding{Entitlement: team, Account: "7"}
	return map[string]ledger.HoldingState{h.Key(): {Holding: h, Kind: kind, Action: action, Grants: []string{"a"}, Until: until}}
}

func shows(hs ...Holding) map[string]Listing {
	return map[string]Listing{team.Key(): {Entitlement: team, Holdings: hs}}
}

var held = Holding{Account: "7", Name: "alice"}

// summary is what the table says of a plan: actions with their cause, and confirmations.
func summary(p Plan) []string {
	out := []string{}
	for _, s := range p.Steps {
		out = append(out, string(s.Action)+" "+string(s.Cause))
	}
	for _, c := range p.Confirm {
		out = append(out, "confirm "+string(c.Kind))
	}
	for _, b := range p.Blocked {
		out = append(out, "blocked "+string(b.Action))
	}
	return out
}

func TestPlanFollowsItsTable(t *testing.T) {
	down := map[string]Listing{team.Key(): {Entitlement: team, Err: errors.New("down")}}
	tests := []struct {
		name string
		s    Situation
		want []string
	}{
		{"wanted and absent is given", Situation{Wanted: []Wanted{wanted(one)}, Listings: shows()}, []string{"give granted"}},
		{"wanted and there before Lapse is kept", Situation{Wanted: []Wanted{wanted(one)}, Listings: shows(held)}, []string{"confirm kept"}},
		{"set out to give and there is given again", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Intended, "give", one), Listings: shows(held)}, []string{"give extended"}},
		{"set out to give and absent is given", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Intended, "give", one), Listings: shows()}, []string{"give granted"}},
		{"given and there is left alone", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Given, "", one), Listings: shows(held)}, []string{}},
		{"given with another end is given again", Situation{Wanted: []Wanted{wanted(one.Add(time.Hour))}, Known: known(ledger.Given, "", one), Listings: shows(held)}, []string{"give extended"}},
		{"given for other grants is given for these", Situation{Wanted: []Wanted{withGrants(wanted(one), "a", "b")}, Known: known(ledger.Given, "", one), Listings: shows(held)}, []string{"give joined"}},
		{"so is one that another joined", Situation{Wanted: []Wanted{withGrants(wanted(one), "b")}, Known: known(ledger.Given, "", one), Listings: shows(held)}, []string{"give joined"}},
		{"frozen leaves it to those it was given for", Situation{Frozen: "why", Wanted: []Wanted{withGrants(wanted(one), "a", "b")}, Known: known(ledger.Given, "", one), Listings: shows(held)}, []string{}},
		{"kept for other grants is kept for these", Situation{Wanted: []Wanted{withGrants(wanted(one), "a", "b")}, Known: known(ledger.Kept, "", one), Listings: shows(held)}, []string{"confirm kept"}},
		{"an extension that was only intended is given again", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Given, "give", one), Listings: shows(held)}, []string{"give extended"}},
		{"given and gone while due is given again", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Given, "", one), Listings: shows()}, []string{"give missing"}},
		{"kept and there is left alone", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Kept, "", one), Listings: shows(held)}, []string{}},
		{"kept and gone is given", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Kept, "", one), Listings: shows()}, []string{"give granted"}},
		{"given and past its end is taken", Situation{Known: known(ledger.Given, "", noon), Listings: shows(held)}, []string{"take expired"}},
		{"given and ended early is taken", Situation{Limit: 1, Known: known(ledger.Given, "", one), Listings: shows(held)}, []string{"take ended"}},
		{"intended and there without a grant is taken", Situation{Known: known(ledger.Intended, "give", noon), Listings: shows(held)}, []string{"take expired"}},
		{"given and gone is confirmed taken", Situation{Known: known(ledger.Given, "", noon), Listings: shows()}, []string{"confirm taken"}},
		{"what was kept is never taken", Situation{Known: known(ledger.Kept, "", noon), Listings: shows(held)}, []string{}},
		{"what Lapse never gave is left", Situation{Listings: shows(held)}, []string{}},
		{"a target that does not answer gives nothing", Situation{Wanted: []Wanted{wanted(one)}, Listings: down}, []string{"blocked give"}},
		{"a target that does not answer is told to take all the same", Situation{Known: known(ledger.Given, "", noon), Listings: down}, []string{"take expired"}},
		{"frozen gives nothing", Situation{Frozen: "why", Wanted: []Wanted{wanted(one)}, Listings: shows()}, []string{"blocked give"}},
		{"frozen takes", Situation{Frozen: "why", Known: known(ledger.Given, "", noon), Listings: shows(held)}, []string{"take expired"}},
		{"frozen holds nothing longer than it was given", Situation{Frozen: "why", Wanted: []Wanted{wanted(one)}, Known: known(ledger.Given, "", noon), Listings: shows(held)}, []string{"take expired", "blocked give"}},
		{"frozen leaves what was given to its end", Situation{Frozen: "why", Wanted: []Wanted{wanted(one.Add(time.Hour))}, Known: known(ledger.Given, "", one), Listings: shows(held)}, []string{"blocked give"}},
		{"whoever cannot be looked up is given nothing", Situation{Unsure: map[string]string{"": "why"}, Wanted: []Wanted{wanted(one)}, Listings: shows()}, []string{"blocked give"}},
		{"held through a child team after the taking is proof enough", Situation{Known: known(ledger.Given, "take", noon), Listings: shows(Holding{Account: "7", Via: "@acme/child"})}, []string{"confirm taken"}},
		{"A58 what was taken and is held again is taken again", Situation{Limit: 1, Known: known(ledger.Taken, "", time.Time{}), Listings: shows(held)}, []string{"take returned"}},
		{"A58 so is an invitation", Situation{Limit: 1, Known: known(ledger.Taken, "", time.Time{}), Listings: shows(Holding{Account: "7", Pending: true})}, []string{"take returned"}},
		{"A58 so is what another run set out to take again", Situation{Limit: 1, Known: known(ledger.Taken, "take", time.Time{}), Listings: shows(held)}, []string{"take returned"}},
		{"A58 what another run took again is confirmed", Situation{Known: known(ledger.Taken, "take", time.Time{}), Listings: shows()}, []string{"confirm taken"}},
		{"A58 what was taken and stays gone is left", Situation{Known: known(ledger.Taken, "", time.Time{}), Listings: shows()}, []string{}},
		{"A58 what is held through something else is left", Situation{Limit: 1, Known: known(ledger.Taken, "", time.Time{}), Listings: shows(Holding{Account: "7", Via: "@acme/child"})}, []string{}},
		{"A58 what is proven gone is not taken on a guess", Situation{Limit: 1, Known: known(ledger.Taken, "", time.Time{}), Listings: down}, []string{}},
		{"A58 a new grant gives what was taken", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Taken, "", time.Time{}), Listings: shows()}, []string{"give granted"}},
		{"A58 with a new grant it is Lapse's, whoever gave it back", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Taken, "", time.Time{}), Listings: shows(held)}, []string{"give granted"}},
		{"A58 a target that does not answer is given nothing again", Situation{Wanted: []Wanted{wanted(one)}, Known: known(ledger.Taken, "", time.Time{}), Listings: down}, []string{"blocked give"}},
		{"A58 frozen takes it again", Situation{Limit: 1, Frozen: "why", Known: known(ledger.Taken, "", time.Time{}), Listings: shows(held)}, []string{"take returned"}},
		{"A58 it is within the limit", Situation{Limit: 0, Known: known(ledger.Taken, "", time.Time{}), Listings: shows(held)}, []string{"blocked take"}},
		{"A58 an exclusive role takes it once", Situation{Limit: 1, Exclusive: map[string]bool{team.Key(): true}, Known: known(ledger.Taken, "", time.Time{}), Listings: shows(held)}, []string{"take returned"}},
		{"a pending invitation is taken", Situation{Known: known(ledger.Given, "", noon), Listings: shows(Holding{Account: "7", Pending: true})}, []string{"take expired"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.s.Now = noon
			if d := cmp.Diff(test.want, summary(MakePlan(test.s))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestA59ExclusiveTakesWhoeverHasNoLiveGrant(t *testing.T) {
	s := Situation{
		Now: noon, Limit: 10, Exclusive: map[string]bool{team.Key(): true}, Wanted: []Wanted{wanted(one)}, Known: known(ledger.Given, "", one),
		Listings: shows(held, Holding{Account: "8"}, Holding{Account: "9", Via: "@acme/child"}, Holding{Account: "10"}),
		Standing: map[string]bool{ledger.Holding{Entitlement: team, Account: "10"}.Key(): true},
	}
	if d := cmp.Diff([]string{"take exclusive"}, summary(MakePlan(s))); d != "" {
		t.Error(d)
	}
}

func TestA55TheLimitHoldsBackMistakesAndNeverAnExpiry(t *testing.T) {
	s := Situation{Now: noon, Limit: 2, Known: map[string]ledger.HoldingState{}, Listings: map[string]Listing{}}
	for i, until := range []time.Time{one, one, one, noon} {
		h := ledger.Holding{Entitlement: team, Account: string(rune('a' + i))}
		s.Known[h.Key()] = ledger.HoldingState{Holding: h, Kind: ledger.Given, Grants: []string{"g"}, Until: until}
	}
	if d := cmp.Diff([]string{"take expired", "blocked take", "blocked take", "blocked take"}, summary(MakePlan(s))); d != "" {
		t.Error(d)
	}
	s.Limit = 3
	if n := len(MakePlan(s).Takes()); n != 4 {
		t.Errorf("at the limit %d are taken, want all 4", n)
	}
}

// Whoever may give by hand at a target cannot hold up what ended early by giving more than the limit there.
func TestA58WhatIsGivenBackHoldsUpNothingThatEnded(t *testing.T) {
	s := Situation{Now: noon, Limit: 2, Known: known(ledger.Given, "", one), Listings: shows(held)}
	l := s.Listings[team.Key()]
	for _, account := range []string{"8", "9"} {
		h := ledger.Holding{Entitlement: team, Account: account}
		s.Known[h.Key()] = ledger.HoldingState{Holding: h, Kind: ledger.Taken, Grants: []string{"g"}}
		l.Holdings = append(l.Holdings, Holding{Account: account})
	}
	s.Listings[team.Key()] = l
	if d := cmp.Diff([]string{"take ended", "blocked take", "blocked take"}, summary(MakePlan(s))); d != "" {
		t.Error(d)
	}
}

// The plan of a situation is the same whatever order its parts were found in, takes before gives.
func TestPlanIsSortedAndTheSameForAnyOrder(t *testing.T) {
	s := Situation{Now: noon, Limit: 10, Known: known(ledger.Given, "", noon), Listings: shows(held)}
	for i := range 8 {
		s.Wanted = append(s.Wanted, Wanted{Holding: ledger.Holding{Entitlement: other, Account: string(rune('a' + i))}, Until: one})
	}
	s.Listings[other.Key()] = Listing{Entitlement: other}
	want := MakePlan(s)
	if want.Steps[0].Action != Take {
		t.Error("gives before it takes")
	}
	for range 20 {
		rand.Shuffle(len(s.Wanted), func(i, j int) { s.Wanted[i], s.Wanted[j] = s.Wanted[j], s.Wanted[i] })
		if d := cmp.Diff(want, MakePlan(s), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	}
}
