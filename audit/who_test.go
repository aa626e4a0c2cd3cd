package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// bookOf is a ledger that tells of these facts.
func bookOf(t *testing.T, rs ...ledger.Receipt) *ledger.Book {
	t.Helper()
	key, _, err := ledger.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	b := ledger.NewBook(1, ledger.Trust{})
	for _, r := range rs {
		if _, err := b.Append(t.Context(), key, r.Time, "c1", r); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func approved(id string, from, to int) ledger.Receipt {
	g := grantOf(id, from, to)
	g.Digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	return ledger.Receipt{Kind: ledger.Approved, Time: at(6), Commit: "0123456789012345678901234567890123456789", Grant: g, Judgement: []byte("{}")}
}

func about(kind ledger.Kind, action string, minute int, ids ...string) ledger.Receipt {
	r := ledger.Receipt{Kind: kind, Action: action, Time: at(minute), Holding: &ledger.Holding{Entitlement: reader(), Account: "alice"}, Grants: ids}
	if kind != ledger.Taken && action != "take" {
		r.Until = at(65)
	}
	return r
}

func ended(id string, minute int) ledger.Receipt {
	r := approved(id, 5, 65)
	r.Kind, r.Time, r.Commit, r.Judgement, r.Reasons = ledger.Ended, at(minute), "", nil, []string{"it ended"}
	return r
}

func TestWhoTellsHowEachHoldingStands(t *testing.T) {
	give, given, take := about(ledger.Intended, "give", 6, "a"), about(ledger.Given, "", 6, "a"), about(ledger.Intended, "take", 66, "a")
	for name, c := range map[string]struct {
		facts  []ledger.Receipt
		minute int
		status Status
		state  HeldState
	}{
		"not given yet":        {[]ledger.Receipt{approved("a", 5, 65)}, 10, StatusLive, IsMissing},
		"being given":          {[]ledger.Receipt{approved("a", 5, 65), give}, 10, StatusLive, IsPending},
		"given":                {[]ledger.Receipt{approved("a", 5, 65), give, given}, 10, StatusLive, IsHeld},
		"coming":               {[]ledger.Receipt{approved("a", 5, 65)}, 4, StatusComing, IsNotYet},
		"past its end":         {[]ledger.Receipt{approved("a", 5, 65), give, given}, 65, StatusOverdue, IsHeld},
		"ended, and not taken": {[]ledger.Receipt{approved("a", 5, 65), give, given, ended("a", 66)}, 67, StatusOverdue, IsHeld},
		"being taken":          {[]ledger.Receipt{approved("a", 5, 65), give, given, ended("a", 66), take}, 67, StatusOverdue, IsTaking},
		"held before":          {[]ledger.Receipt{approved("a", 5, 65), about(ledger.Kept, "", 6, "a")}, 10, StatusLive, WasBefore},
	} {
		t.Run(name, func(t *testing.T) {
			got := Who(bookOf(t, c.facts...), "", at(c.minute))
			if len(got) != 1 || len(got[0].Holdings) != 1 {
				t.Fatalf("%+v", got)
			}
			if h := got[0]; h.Status != c.status || h.Holdings[0].State != c.state || h.User != "alice" || h.Reason != "because" {
				t.Errorf("%s, %s", h.Status, h.Holdings[0].State)
			}
		})
	}
}

func TestWhoTellsNothingOfWhatIsProvenTaken(t *testing.T) {
	taken := about(ledger.Taken, "", 66, "a")
	b := bookOf(t, approved("a", 5, 65), about(ledger.Intended, "give", 6, "a"), about(ledger.Given, "", 6, "a"), ended("a", 66), taken)
	if got := Who(b, "", at(67)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	kept := bookOf(t, approved("a", 5, 65), about(ledger.Kept, "", 6, "a"), ended("a", 66))
	if got := Who(kept, "", at(67)); len(got) != 0 {
		t.Errorf("what was there before is nobody's by a grant that is over: %+v", got)
	}
}

func TestWhoIsAskedAboutAUserARoleOrATarget(t *testing.T) {
	b := bookOf(t, approved("a", 5, 65))
	for about, want := range map[string]int{"": 1, "alice": 1, "Alice": 1, "read": 1, "vault": 1, "bob": 0, "Read": 0, "orders": 0} {
		if got := Who(b, about, at(10)); len(got) != want {
			t.Errorf("%q: %d, want %d", about, len(got), want)
		}
	}
}

func TestFreshnessTellsWhetherMainMovedOn(t *testing.T) {
	s := bookOf(t, approved("a", 5, 65)).State()
	want := Freshness{Now: at(10), Last: at(6), Receipts: 1, Main: "c1", Behind: true}
	if diff := cmp.Diff(want, Fresh(s, "c2", at(10), nil)); diff != "" {
		t.Error(diff)
	}
	if Fresh(s, "c1", at(10), nil).Behind {
		t.Error("behind a main that has not moved")
	}
}

func TestAnEntitlementIsHeldOnlyWhereEveryoneIs(t *testing.T) {
	h := Holder{Holdings: []Held{{State: IsHeld}, {State: WasBefore}}}
	if !h.Complete() {
		t.Error("held, and not complete")
	}
	h.Holdings = append(h.Holdings, Held{Entitlement: grants.Entitlement{}, State: IsPending})
	if h.Complete() {
		t.Error("complete with one that is pending")
	}
}
