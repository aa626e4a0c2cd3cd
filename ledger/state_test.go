package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStateIsRebuiltWhereItWasThrownAwayAndFoundWhereItWasForged(t *testing.T) {
	tr, k := smallLedger(t)
	want := mustRead(t, tr, verifiers(t, k), nil).State()
	without := tr.clone()
	maps.DeleteFunc(without, func(path string, _ []byte) bool { return isStateFile(path) })
	b := mustRead(t, without, verifiers(t, k), nil)
	wantSound(t, b)
	if diff := cmp.Diff(want, b.State()); diff != "" {
		t.Error(diff)
	}
	parts := 0
	for path, data := range tr {
		if !isStateFile(path) {
			continue
		}
		parts++
		changed, gone := tr.clone(), tr.clone()
		changed[path] = append(bytes.Clone(data), ' ')
		delete(gone, path)
		for _, forged := range []tree{changed, gone} {
			b = mustRead(t, forged, verifiers(t, k), nil)
			wantFinding(t, b, path, "is not what the receipts add up to")
			if diff := cmp.Diff(want, b.State()); diff != "" {
				t.Error(diff)
			}
		}
	}
	if parts < 2 {
		t.Errorf("the state is kept in %d parts", parts)
	}
	more := tr.clone()
	more[grantPart("mallory")] = []byte("{}\n")
	wantFinding(t, mustRead(t, more, verifiers(t, k), nil), grantPart("mallory"), "is not what the receipts add up to")
}

// What is read of one person is what the whole state says of them.
func TestTheGrantsOfOneUserAreThoseOfTheState(t *testing.T) {
	k, rng := newTestKey(t), rand.New(rand.NewPCG(5, 6))
	tr := tree{}
	b := mustRead(t, tr, verifiers(t, k), nil)
	users := []string{"alice", "Alice", "bob", "carol", "dan", "mallory"}
	for i := range 60 {
		r := approvedGrant(fmt.Sprint("g", rng.IntN(30)), "")
		r.Grant.User = users[rng.IntN(len(users))]
		mustAppend(t, tr, b, k, monday.Add(time.Duration(i)*time.Hour), r)
	}
	s, err := ReadState(tr.fs())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.State(), s); diff != "" {
		t.Fatalf("what was kept (-state +kept):\n%s", diff)
	}
	for _, u := range append(users, "nobody") {
		want := b.State().Grants
		maps.DeleteFunc(want, func(_ string, g Grant) bool { return g.User != u })
		got, err := ReadGrants(tr.fs(), u)
		if err != nil || len(got) != len(want) || len(want) > 0 && cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v, %v; want %v", u, got, err, want)
		}
	}
}

func TestReadStateIsStrict(t *testing.T) {
	tr, _ := smallLedger(t)
	for name, data := range map[string]string{
		"empty": "", "null": "null", "list": "[]", "object": "{}", "two documents": string(tr[StateFile]) + "{}",
		"spaces": string(tr[StateFile]) + " ", "unknown field": `{"version":2,"more":2}`, "other version": `{"version":1}`,
	} {
		if s, err := ReadState(tree{StateFile: []byte(data)}.fs()); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestStateFoldedOnTheWayIsTheStateOfAllReceipts(t *testing.T) {
	k := newTestKey(t)
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 7))
		tr := tree{}
		b := mustRead(t, tr, verifiers(t, k), nil)
		now := monday
		for range 15 {
			now = now.Add(time.Duration(rng.IntN(5*24)-24) * time.Hour)
			rs := make([]Receipt, rng.IntN(4))
			for i := range rs {
				rs[i] = randomReceipt(rng)
			}
			mustAppend(t, tr, b, k, now, rs...)
		}
		again := mustRead(t, tr, verifiers(t, k), nil)
		wantSound(t, again)
		if diff := cmp.Diff(b.State(), again.State()); diff != "" {
			t.Fatalf("seed %d (-appended +read):\n%s", seed, diff)
		}
		kept, err := ReadState(tr.fs())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(kept, again.State()); diff != "" {
			t.Fatalf("seed %d (-kept +read):\n%s", seed, diff)
		}
		first, _ := json.Marshal(kept)
		second, _ := json.Marshal(again.State())
		if !bytes.Equal(first, second) {
			t.Fatalf("seed %d: a state has two forms", seed)
		}
	}
}
