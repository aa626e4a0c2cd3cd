package ledger

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/grants"
)

func TestFoldGivesEachReceiptItsMeaning(t *testing.T) {
	give := func(ids ...string) Receipt { return held(Intended, actionGive, "r", "alice", ids...) }
	given := func(ids ...string) Receipt { return held(Given, "", "r", "alice", ids...) }
	take, taken, kept := held(Intended, actionTake, "r", "alice"), held(Taken, "", "r", "alice"), held(Kept, "", "r", "alice")
	end := monday.Add(4 * time.Hour)
	// after is the state of the one holding: kind, action and grants; since counts the receipts.
	after := func(kind Kind, action string, since int, ids ...string) *HoldingState {
		return &HoldingState{
			Holding: *holdingOf("r", "alice"), Kind: kind, Action: action, Grants: append([]string{}, ids...), Until: end,
			Since: monday.Add(time.Duration(since) * time.Hour),
		}
	}
	unknownTaken := after(Kept, actionTake, 1)
	unknownTaken.Until = time.Time{}
	gone := func(since int, ids ...string) *HoldingState {
		h := after(Taken, "", since, ids...)
		h.Until = time.Time{}
		return h
	}
	again := gone(2, "a")
	again.Action = actionTake
	before := func(h *HoldingState) *HoldingState { h.Before = true; return h }
	for name, tc := range map[string]struct {
		receipts []Receipt
		want     *HoldingState
	}{
		"an intent to give": {[]Receipt{give("a")}, after(Intended, actionGive, 1, "a")},
		"the giving":        {[]Receipt{give("a"), given("b", "a", "b")}, after(Given, "", 2, "a", "b")},
		"an intent to give more leaves what is given": {[]Receipt{given("a"), give("a", "b")}, after(Given, actionGive, 1, "a", "b")},
		"giving again is since the first":             {[]Receipt{given("a"), give("b"), given("b")}, after(Given, "", 1, "b")},
		"an intent to take keeps what is given":       {[]Receipt{given("a"), take}, after(Given, actionTake, 1, "a")},
		"an intent to take keeps what was intended":   {[]Receipt{give("a"), take}, after(Intended, actionTake, 1, "a")},
		"an intent to take what was kept":             {[]Receipt{kept, take}, after(Kept, actionTake, 1)},
		"an intent to take what Lapse never knew":     {[]Receipt{take}, unknownTaken},
		"the taking":                                      {[]Receipt{given("a"), take, taken}, gone(3, "a")},
		"an intent to take again":                         {[]Receipt{given("a"), taken, take}, again},
		"the taking again":                                {[]Receipt{given("a"), taken, take, taken}, gone(4, "a")},
		"giving again what was taken":                     {[]Receipt{given("a"), taken, give("b"), given("b")}, after(Given, "", 4, "b")},
		"an intent to give what was taken":                {[]Receipt{given("a"), taken, give("b")}, before(after(Intended, actionGive, 3, "b"))},
		"an intent that came to nothing":                  {[]Receipt{given("a"), taken, give("b"), taken}, gone(4, "b")},
		"an intent that came to nothing, to be taken":     {[]Receipt{given("a"), taken, give("b"), take, taken}, gone(5, "b")},
		"what was set out to be given and was not there":  {[]Receipt{give("a"), taken}, nil},
		"taking what Lapse never gave":                    {[]Receipt{kept, take, taken}, nil},
		"taking what is not there":                        {[]Receipt{taken}, nil},
		"kept":                                            {[]Receipt{kept}, after(Kept, "", 1)},
		"what was kept and is gone may be given by Lapse": {[]Receipt{kept, give("a")}, after(Intended, actionGive, 2, "a")},
	} {
		s := newState()
		for i, r := range tc.receipts {
			s = mustFold(t, s, i+1, r)
		}
		want := map[string]HoldingState{}
		if tc.want != nil {
			want[tc.want.Key()] = *tc.want
		}
		if diff := cmp.Diff(want, s.Holdings); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What was taken is remembered for its time and no longer, whatever the receipts that follow are about, and however many hours apart
// they come: the state of a ledger does not grow with its age.
func TestA58WhatWasTakenIsForgottenInTime(t *testing.T) {
	s := newState()
	n := 0
	at := func(now time.Time, r Receipt) {
		t.Helper()
		n++
		r.Sequence, r.Time = n, now
		if n > 1 {
			r.Previous = grants.Digest(nil)
		}
		r.Overrun = overrun(r)
		var err error
		if s, err = Fold(s, r); err != nil {
			t.Fatal(err)
		}
	}
	most := 0
	for day := range 100 {
		who := fmt.Sprintf("p%d", day)
		now := monday.AddDate(0, 0, day)
		at(now, held(Given, "", "r", who, "a"))
		at(now.Add(time.Hour), held(Taken, "", "r", who, "a"))
		most = max(most, len(s.Holdings))
	}
	if want := int(Remembered / (24 * time.Hour)); most != want && most != want+1 {
		t.Errorf("%d holdings are remembered at most, want those of %d days", most, want)
	}
	last, before := s.Time, len(s.Holdings)
	at(last.Add(Remembered-time.Second), held(Kept, "", "r", "carol"))
	if _, there := s.Holdings[holdingOf("r", "p99").Key()]; !there || before < 2 {
		t.Error("a second before its time the last taking is forgotten")
	}
	at(last.Add(Remembered+time.Hour), held(Kept, "", "r", "carol"))
	if len(s.Holdings) != 1 {
		t.Errorf("an hour after its time there is still more than what is kept: %v", s.Holdings)
	}
}

func TestFoldOfGrants(t *testing.T) {
	v1, v2 := approvedGrant("a", "v1"), approvedGrant("a", "v2")
	for name, tc := range map[string]struct {
		receipts []Receipt
		want     map[string]Grant
	}{
		"approved":                             {[]Receipt{v1}, map[string]Grant{"a": *v1.Grant}},
		"approved anew":                        {[]Receipt{v1, v2}, map[string]Grant{"a": *v2.Grant}},
		"a refused edit leaves the last":       {[]Receipt{v1, refusedGrant("a")}, map[string]Grant{"a": *v1.Grant}},
		"ended":                                {[]Receipt{v1, endedGrant("a", "v1")}, map[string]Grant{}},
		"the end of the version before":        {[]Receipt{v1, v2, endedGrant("a", "v1")}, map[string]Grant{"a": *v2.Grant}},
		"the end of another":                   {[]Receipt{v1, endedGrant("b", "v1")}, map[string]Grant{"a": *v1.Grant}},
		"the same bytes again after their end": {[]Receipt{v1, endedGrant("a", "v1"), v1}, map[string]Grant{"a": *v1.Grant}},
	} {
		s := newState()
		for i, r := range tc.receipts {
			s = mustFold(t, s, i+1, r)
		}
		if diff := cmp.Diff(tc.want, s.Grants); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func mustFold(t testing.TB, s State, sequence int, r Receipt) State {
	t.Helper()
	r.Sequence, r.Time = sequence, monday.Add(time.Duration(sequence)*time.Hour)
	if sequence > 1 {
		r.Previous = grants.Digest(nil)
	}
	r.Overrun = overrun(r)
	after, err := Fold(s, r)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func TestFoldChangesNothingItWasGiven(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	s := newState()
	for i := range 300 {
		before, _ := json.Marshal(s)
		after := mustFold(t, s, i+1, randomReceipt(rng))
		if now, _ := json.Marshal(s); string(now) != string(before) {
			t.Fatalf("receipt %d changed the state before it", i+1)
		}
		s = after
	}
}

func TestFoldRefusesWhatIsNoReceipt(t *testing.T) {
	for _, r := range []Receipt{{}, {Kind: "lost", Sequence: 1, Time: monday}, {Kind: Given, Sequence: 1, Time: monday}} {
		if _, err := Fold(newState(), r); err == nil {
			t.Errorf("%+v was folded", r)
		}
	}
}
