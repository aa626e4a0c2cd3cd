package audit

import (
	"encoding/json"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

var t0 = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func at(minute int) time.Time { return t0.Add(time.Duration(minute) * time.Minute) }

func reader() grants.Entitlement {
	return grants.Entitlement{Target: "vault", Values: map[string]string{"name": "orders"}}
}

func grantOf(id string, from, to int) *ledger.Grant {
	return &ledger.Grant{
		ID: id, Digest: "sha256:aa", User: "alice", UserID: 1, Role: "read", Pull: 7, Reason: "because",
		Interval: grants.Interval{Start: at(from), End: at(to)}, Entitlements: []grants.Entitlement{reader()},
	}
}

func evidence(t *testing.T, merged int) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(requests.Evidence{
		Pull: &checks.Pull{Number: 7, Author: checks.Account{Login: "alice"}, CreatedAt: at(merged - 4),
			Merge: &checks.Merge{Commit: "c1", At: at(merged), By: checks.Account{Login: "lapse-bot"}}},
		Verdict: checks.Verdict{Needs: []checks.Need{
			{Have: []checks.Approval{{Review: 1, Login: "carol", At: at(merged - 1).Format(time.RFC3339)}}},
			{Have: []checks.Approval{{Review: 1, Login: "carol", At: at(merged - 1).Format(time.RFC3339)}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// life is what the ledger tells of one grant from minute 5 to minute 65, ten minutes late.
func life(t *testing.T, id string) []ledger.Receipt {
	holding := &ledger.Holding{Entitlement: reader(), Account: "alice"}
	return []ledger.Receipt{
		{Sequence: 1, Kind: ledger.Approved, Time: at(6), Commit: "c1", Grant: grantOf(id, 5, 65), Judgement: evidence(t, 5)},
		{Sequence: 2, Kind: ledger.Intended, Action: "give", Time: at(6), Holding: holding, Grants: []string{id}},
		{Sequence: 3, Kind: ledger.Given, Time: at(6), Holding: holding, Grants: []string{id}, Until: at(65)},
		{Sequence: 4, Kind: ledger.Ended, Time: at(75), Grant: grantOf(id, 5, 65), Reasons: []string{"it ended"}},
		{Sequence: 5, Kind: ledger.Intended, Action: "take", Time: at(75), Holding: holding},
		{Sequence: 6, Kind: ledger.Taken, Time: at(75), Holding: holding, Grants: []string{id}, Due: at(65), Overrun: "10m0s"},
	}
}

func kinds(l Life) []EventKind {
	var out []EventKind
	for _, e := range l.Events {
		out = append(out, e.Kind)
	}
	return out
}

func lives(t *testing.T, rs []ledger.Receipt, steps []Step, f Filter) []Life {
	t.Helper()
	out, err := Lives(rs, steps, at(100), f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestALifeIsToldFromRequestToRemoval(t *testing.T) {
	steps := []Step{{Commit: "c1", At: at(5)}, {Commit: "c2", At: at(75), By: "Lapse", Removed: []string{"a", "other"}}}
	got := lives(t, life(t, "a"), steps, Filter{})
	if len(got) != 1 {
		t.Fatalf("%d lives", len(got))
	}
	want := []EventKind{Requested, Approved, Merged, Judged, Given, Ended, Taken, Removed}
	if diff := cmp.Diff(want, kinds(got[0])); diff != "" {
		t.Error(diff)
	}
	if l := got[0]; l.Stage != StageOver || l.Overrun != 10*time.Minute || len(l.Held) != 0 || l.Events[1].By != "carol" {
		t.Errorf("%+v", l)
	}
}

func TestAnIDThatWasUsedAgainHasALifeForEachUse(t *testing.T) {
	again := grantOf("a", 80, 140)
	rs := append(life(t, "a"), ledger.Receipt{Sequence: 7, Kind: ledger.Approved, Time: at(81), Commit: "c3", Grant: again, Judgement: evidence(t, 80)})
	steps := []Step{{Commit: "c1"}, {Commit: "c2", At: at(76), Removed: []string{"a"}}, {Commit: "c3"}}
	got := lives(t, rs, steps, Filter{})
	if len(got) != 2 || got[0].Stage != StageLive || got[1].Stage != StageOver {
		t.Fatalf("%+v", got)
	}
	if last := got[1].Events[len(got[1].Events)-1]; last.Kind != Removed {
		t.Errorf("the first life ends with %s", last.Kind)
	}
	for _, e := range got[0].Events {
		if e.Kind == Removed {
			t.Error("the second life has the first one's removal")
		}
	}
}

func TestARefusedVersionChangesNothingOfTheOneThatStands(t *testing.T) {
	longer := grantOf("a", 20, 600)
	rs := append(life(t, "a")[:3], ledger.Receipt{Sequence: 4, Kind: ledger.Refused, Time: at(21), Commit: "c9", Grant: longer, Reasons: []string{"nobody approved"}})
	got := lives(t, rs, nil, Filter{})
	if len(got) != 1 || got[0].Stage != StageLive || !got[0].Interval.End.Equal(at(65)) || len(got[0].Held) != 1 {
		t.Fatalf("%+v", got)
	}
	if k := kinds(got[0]); k[len(k)-1] != Refused {
		t.Errorf("events %v", k)
	}
	only := lives(t, rs[3:], nil, Filter{})
	if len(only) != 1 || only[0].Stage != StageRefused || only[0].User != "alice" {
		t.Errorf("what never was approved: %+v", only)
	}
}

func TestTheFilterPicks(t *testing.T) {
	for _, c := range []struct {
		f    Filter
		want int
	}{
		{Filter{}, 1}, {Filter{ID: "a"}, 1}, {Filter{ID: "b"}, 0}, {Filter{User: "ALICE"}, 1}, {Filter{User: "bob"}, 0},
		{Filter{Role: "read"}, 1}, {Filter{Role: "Read"}, 0}, {Filter{Since: at(75)}, 1}, {Filter{Since: at(76)}, 0},
	} {
		if got := lives(t, life(t, "a"), nil, c.f); len(got) != c.want {
			t.Errorf("%+v picks %d, want %d", c.f, len(got), c.want)
		}
	}
}

func TestEvidenceThatCannotBeReadIsAnError(t *testing.T) {
	rs := life(t, "a")
	rs[0].Judgement = json.RawMessage(`{"pull": 7}`)
	if _, err := Lives(rs, nil, at(100), Filter{}); err == nil {
		t.Error("read all the same")
	}
}

func TestAnIDWithAHistoryIsNotTakenAgain(t *testing.T) {
	rs := append(life(t, "alice-read"), life(t, "alice-read-2")...)
	onMain := func(id string) (bool, error) { return id == "alice-read-3", nil }
	if got, err := FreeID("alice-read", rs, onMain); got != "alice-read-4" || err != nil {
		t.Errorf("FreeID = %s, %v", got, err)
	}
	if got, err := FreeID("bob-read", rs, onMain); got != "bob-read" || err != nil {
		t.Errorf("FreeID = %s, %v", got, err)
	}
	broken := func(string) (bool, error) { return true, fs.ErrPermission }
	if _, err := FreeID("bob-read", rs, broken); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a tree that cannot be read: %v", err)
	}
}
