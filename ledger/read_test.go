package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// receiptPaths are the receipts of a tree in their order.
func receiptPaths(tr tree) []string {
	var paths []string
	for path := range tr {
		if !isStateFile(path) {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, func(a, b string) int {
		x, _ := receiptNumber(a)
		y, _ := receiptNumber(b)
		return x - y
	})
	return paths
}

func TestWhatWasAppendedIsReadBack(t *testing.T) {
	tr, k := smallLedger(t)
	b := mustRead(t, tr, verifiers(t, k), nil)
	want := life()
	if len(b.Receipts()) != len(want) || len(b.Keys()) != len(want) {
		t.Fatalf("%d receipts and %d keys, want %d", len(b.Receipts()), len(b.Keys()), len(want))
	}
	for i, r := range b.Receipts() {
		if r.Sequence != i+1 || r.Kind != want[i].Kind || b.Keys()[i] != k.ID() || r.Main != commitA {
			t.Errorf("receipt %d is %+v by %s", i+1, r, b.Keys()[i])
		}
	}
	if got := b.Receipts()[8]; got.Overrun != got.Time.Sub(got.Due).String() {
		t.Errorf("overrun %q", got.Overrun)
	}
	kept, err := ReadState(tr.fs())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.State(), kept); diff != "" {
		t.Errorf("state kept (-folded +kept):\n%s", diff)
	}
}

func TestACopyOfABookStaysAsItWas(t *testing.T) {
	tr, k := smallLedger(t)
	b := mustRead(t, tr, verifiers(t, k), nil)
	before, want := *b, b.State()
	mustAppend(t, tree{}, b, k, monday, endedGrant("bob/prod", "v1"), held(Given, "", "admin", "dan"))
	if diff := cmp.Diff(want, before.State()); diff != "" || len(before.Receipts()) != len(life()) {
		t.Errorf("%d receipts, and the state changed:\n%s", len(before.Receipts()), diff)
	}
	mustAppend(t, tr, &before, k, monday, refusedGrant("c"))
	wantSound(t, mustRead(t, tr, verifiers(t, k), nil))
}

func TestAnEmptyTreeIsAnEmptyLedger(t *testing.T) {
	b := mustRead(t, tree{}, nil, nil)
	wantSound(t, b)
	if diff := cmp.Diff(newState(), b.State()); diff != "" {
		t.Error(diff)
	}
	if _, err := ReadState(tree{}.fs()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadState: %v, want fs.ErrNotExist", err)
	}
}

// A damaged ledger still takes receipts, after all that is there, and writes over nothing.
func TestADamagedLedgerCanBeAppendedTo(t *testing.T) {
	tr, k := smallLedger(t)
	paths := receiptPaths(tr)
	last := paths[len(paths)-1]
	tr[last] = append(tr[last], ' ')
	b := mustRead(t, tr, verifiers(t, k), nil)
	wantFinding(t, b, last, "not in the form")

	mustAppend(t, tr, b, k, monday.AddDate(1, 0, 0), held(Intended, actionTake, "readonly", "carol"), held(Taken, "", "readonly", "carol"))
	b = mustRead(t, tr, verifiers(t, k), nil)
	if len(b.Findings) != 1 {
		t.Errorf("findings after the damage was followed by sound receipts: %v", b.Findings)
	}
	if got := b.Receipts()[len(b.Receipts())-1].Sequence; got != len(paths)+2 {
		t.Errorf("last sequence %d, want %d", got, len(paths)+2)
	}
	if _, holds := b.State().Holdings[holdingOf("readonly", "carol").Key()]; holds {
		t.Error("what was taken is still held")
	}
}

func TestKeysAreTrustedAfterTheConfigurationThatBringsThem(t *testing.T) {
	root, first, second := newTestKey(t), newTestKey(t), newTestKey(t)
	at := map[string]Verifiers{commitA: verifiers(t, first), "c2": verifiers(t, second)}
	trust := func(commit string) (Verifiers, error) {
		vs, ok := at[commit]
		if !ok {
			return nil, errors.New("no such commit")
		}
		return vs, nil
	}
	read := func(tr tree) *Book { return mustRead(t, tr, verifiers(t, root), trust) }

	tr := tree{}
	b := read(tr)
	if _, err := b.Append(t.Context(), first, monday, commitA, refusedGrant("a")); !errors.Is(err, ErrKeyNotTrusted) {
		t.Fatalf("a key that nothing brought: %v", err)
	}
	// Within one call, too: what follows the approval may be signed by what it brings.
	mustAppend(t, tr, b, root, monday, approvedConfiguration(commitA))
	mustAppend(t, tr, b, first, monday, refusedGrant("a"), approvedConfiguration("c2"))
	mustAppend(t, tr, b, second, monday, refusedGrant("b"))
	if _, err := b.Append(t.Context(), first, monday, commitA, refusedGrant("c")); !errors.Is(err, ErrKeyNotTrusted) {
		t.Fatalf("a key that the configuration dropped: %v", err)
	}
	mustAppend(t, tr, b, root, monday, refusedGrant("c"))
	b = read(tr)
	wantSound(t, b)
	if !b.Trusts(verifiers(t, root)[0]) || !b.Trusts(verifiers(t, second)[0]) || b.Trusts(verifiers(t, first)[0]) {
		t.Error("trust after reading is not trust after writing")
	}

	// The dropped key signs on behind Lapse's back.
	late := tr.clone()
	loose := mustRead(t, late, verifiers(t, root, first, second), nil)
	mustAppend(t, late, loose, first, monday, approvedGrant("mallory-prod", ""))
	for _, roots := range []Verifiers{verifiers(t, root), verifiers(t, root, first)} {
		b = mustRead(t, late, roots, trust)
		wantFinding(t, b, receiptPaths(late)[5], "may not sign receipts")
		if _, live := b.State().Grants["mallory-prod"]; live || len(b.Findings) != 3 { // and two parts of the state
			t.Errorf("a grant by a dropped key is live: %v; findings: %v", live, b.Findings)
		}
	}

	// Where the keys cannot be read, it is a finding, and those before stay.
	delete(at, "c2")
	b = read(tr)
	wantFinding(t, b, receiptPaths(tr)[2], "no such commit")
	if !b.Trusts(verifiers(t, first)[0]) {
		t.Error("the keys before were forgotten")
	}
}

func BenchmarkRead(b *testing.B) {
	k := newTestKey(b)
	tr := tree{}
	book := mustRead(b, tr, verifiers(b, k), nil)
	judgement := []byte(`{"facts":"` + string(bytes.Repeat([]byte("x"), 4000)) + `"}`)
	const n = 10_000
	rs := make([]Receipt, 0, n)
	for i := range n {
		r := approvedGrant(fmt.Sprint("g", i%100), "")
		r.Judgement = judgement
		rs = append(rs, r)
	}
	mustAppend(b, tr, book, k, monday, rs...)
	files := tr.fs()
	for b.Loop() {
		if got, err := Read(files, Trust{Roots: verifiers(b, k)}); err != nil || len(got.Receipts()) != n || len(got.Findings) > 0 {
			b.Fatal(err, got.Findings)
		}
	}
}
