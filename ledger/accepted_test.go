package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/grants"
)

func TestWhatLostReceiptsSaidIsHeldIsKnownAfterItWasAccepted(t *testing.T) {
	lost := HoldingState{Holding: *holdingOf("r", "dan"), Kind: Given, Grants: []string{"dan-prod"}, Until: monday.Add(4 * time.Hour), Since: monday}
	known := lost
	known.Holding = *holdingOf("r", "alice")
	s := mustFold(t, newState(), 1, held(Kept, "", "r", "alice"))
	s = mustFold(t, s, 2, accepted(Acceptance{What: LossOfLedger, Was: commitA, Now: commitB, Holdings: []HoldingState{lost, known}}))
	if got := s.Holdings[lost.Key()]; got.Kind != Given || !got.Until.Equal(lost.Until) {
		t.Errorf("what only lost receipts knew is %+v", got)
	}
	if got := s.Holdings[known.Key()]; got.Kind != Kept {
		t.Errorf("what the ledger knows better became %+v", got)
	}
	for i, r := range []Receipt{held(Given, "", "r", "bob", "b"), held(Taken, "", "r", "bob", "b")} {
		s = mustFold(t, s, 3+i, r)
	}
	given := lost
	given.Holding = *holdingOf("r", "bob")
	s = mustFold(t, s, 5, accepted(Acceptance{What: LossOfLedger, Was: commitA, Now: commitB, Holdings: []HoldingState{given}}))
	if got := s.Holdings[given.Key()]; got.Kind != Given {
		t.Errorf("what was taken before, and given by lost receipts, is %+v", got)
	}
	if !s.Doubt.IsZero() {
		t.Error("there is doubt, though all could be read")
	}
	s = mustFold(t, s, 6, accepted(Acceptance{What: LossOfLedger, Was: commitA, Now: commitB, Gone: true}))
	if s.Doubt.IsZero() {
		t.Error("there is no doubt, though nobody could read what was lost")
	}
}

func TestTheStateSaysWhereACheckpointIsKept(t *testing.T) {
	s := mustFold(t, newState(), 1, anchored("file:/a"))
	if s.Anchor == nil || s.Anchor.Place != "file:/a" || s.Anchor.Commit != commitA {
		t.Fatalf("anchor %+v", s.Anchor)
	}
	s = mustFold(t, s, 2, accepted(Acceptance{What: LossOfAnchor, Was: Unreadable, Place: "file:/a"}))
	if s.Anchor == nil || s.Anchor.Accepted != Unreadable || s.Anchor.Commit != commitA {
		t.Errorf("accepted as lost: %+v", s.Anchor)
	}
	if s = mustFold(t, s, 3, anchored("file:/b")); s.Anchor.Place != "file:/b" || s.Anchor.Accepted != "" {
		t.Errorf("another: %+v", s.Anchor)
	}
	if s = mustFold(t, s, 4, Receipt{Kind: Anchored, Anchor: &Anchor{}}); s.Anchor != nil {
		t.Errorf("none any more: %+v", s.Anchor)
	}
}

func TestAnAcceptanceSaysWhoAndWhatAndNothingElse(t *testing.T) {
	good := accepted(Acceptance{What: LossOfMain, Was: commitA, Now: commitB})
	if err := checkFact(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *Receipt, a *Acceptance){
		"nobody":              func(_ *Receipt, a *Acceptance) { a.By.Login = "" },
		"a login alone":       func(_ *Receipt, a *Acceptance) { a.By.ID = 0 },
		"no reason":           func(_ *Receipt, a *Acceptance) { a.Because = " " },
		"a reason of lines":   func(_ *Receipt, a *Acceptance) { a.Because = "a\nb" },
		"a short commit":      func(_ *Receipt, a *Acceptance) { a.Was = "1111111" },
		"main of nothing":     func(_ *Receipt, a *Acceptance) { a.Now = "" },
		"main with receipts":  func(_ *Receipt, a *Acceptance) { a.Last = 3 },
		"main with a place":   func(_ *Receipt, a *Acceptance) { a.Place = "file:/a" },
		"something else":      func(_ *Receipt, a *Acceptance) { a.What = "roles" },
		"a grant beside it":   func(r *Receipt, _ *Acceptance) { r.Grant = grantOf("a", "", monday) },
		"a holding beside it": func(r *Receipt, _ *Acceptance) { r.Holding = holdingOf("r", "alice") },
		"an anchor beside it": func(r *Receipt, _ *Acceptance) { r.Anchor = &Anchor{} },
		"another kind":        func(r *Receipt, _ *Acceptance) { r.Kind = Anchored },
		"receipts backwards":  func(_ *Receipt, a *Acceptance) { a.What, a.First, a.Last = LossOfLedger, 5, 3 },
		"held though gone": func(_ *Receipt, a *Acceptance) {
			a.What, a.Gone, a.Holdings = LossOfLedger, true, []HoldingState{{Holding: *holdingOf("r", "dan"), Kind: Given}}
		},
		"held by nobody": func(_ *Receipt, a *Acceptance) {
			a.What, a.Holdings = LossOfLedger, []HoldingState{{Holding: *holdingOf("r", ""), Kind: Given}}
		},
		"an anchor nowhere": func(_ *Receipt, a *Acceptance) { a.What, a.Was, a.Now = LossOfAnchor, NoneThere, "" },
		"an anchor of anything": func(_ *Receipt, a *Acceptance) {
			a.What, a.Was, a.Now, a.Place = LossOfAnchor, "anything", "", "file:/a"
		},
	} {
		r := good
		a := *good.Accepted
		r.Accepted = &a
		if change(&r, &a); checkFact(r) == nil {
			t.Errorf("%s: passes", name)
		}
	}
}

func aCheckpoint() Checkpoint {
	return Checkpoint{Repository: repository, Main: commitA, Ledger: commitB, Sequence: 7, Last: grants.Digest([]byte("7")), Time: monday}
}

func TestACheckpointIsReadAsItWasSealed(t *testing.T) {
	for _, k := range []*Key{newTestKey(t), ecKey(t)} {
		sealed, err := SealCheckpoint(t.Context(), k, aCheckpoint())
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenCheckpoint(sealed, Trust{Roots: verifiers(t, k)})
		want := aCheckpoint()
		want.Version = checkpointVersion
		if err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestA60WhatIsNoCheckpointOfLapsePassesForNone(t *testing.T) {
	k, other := newTestKey(t), newTestKey(t)
	sealed, err := SealCheckpoint(t.Context(), k, aCheckpoint())
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := k.Seal(placed(anchored("file:/a")))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := append([]byte{}, sealed...)
		changed[i] ^= 1
		if c, err := OpenCheckpoint(changed, Trust{Roots: verifiers(t, k)}); err == nil {
			t.Fatalf("byte %d changed: read as %+v", i, c)
		}
	}
	if _, err := OpenCheckpoint(sealed, Trust{Roots: verifiers(t, other)}); err == nil || !strings.Contains(err.Error(), "may not sign") {
		t.Errorf("of another key: %v", err)
	}
	if _, err := OpenCheckpoint(receipt, Trust{Roots: verifiers(t, k)}); err == nil {
		t.Error("a receipt passes for a checkpoint")
	}
	if _, err := Unseal(sealed, verifiers(t, k)); err == nil {
		t.Error("a checkpoint passes for a receipt")
	}
	for name, payload := range map[string]string{
		"nothing":         `{}`,
		"a later version": `{"version":2,"repository":731,"main":"` + commitA + `","ledger":"` + commitB + `","sequence":7,"last":"` + grants.Digest(nil) + `","time":"2026-11-23T08:00:00Z"}`,
		"a key twice":     `{"version":1,"version":1,"repository":731,"main":"` + commitA + `","ledger":"` + commitB + `","sequence":7,"last":"` + grants.Digest(nil) + `","time":"2026-11-23T08:00:00Z"}`,
		"no ledger":       `{"version":1,"repository":731,"main":"` + commitA + `","ledger":"","sequence":7,"last":"` + grants.Digest(nil) + `","time":"2026-11-23T08:00:00Z"}`,
	} {
		if c, err := OpenCheckpoint(signed(t, k, CheckpointType, payload), Trust{Roots: verifiers(t, k)}); err == nil {
			t.Errorf("%s: read as %+v", name, c)
		}
	}
	if _, err := OpenCheckpoint(make([]byte, MaxCheckpoint+1), Trust{Roots: verifiers(t, k)}); err == nil {
		t.Error("one without end is read")
	}
}
