package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
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

func TestA60EveryChangedByteIsFound(t *testing.T) {
	tr, k := smallLedger(t)
	roots := verifiers(t, k)
	sound := mustRead(t, tr, roots, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	for path, data := range tr {
		for i := range data {
			changed := bytes.Clone(data)
			changed[i] ^= byte(1 + rng.IntN(255))
			forged := tr.clone()
			forged[path] = changed
			// The whole ledger is read for a part, for speed; for the rest, what it asks of the one file.
			if i%97 != 0 {
				if isStateFile(path) {
					b := *sound
					if b.checkState(forged.fs()); len(b.Findings) == 0 {
						t.Fatalf("%s: byte %d from %q to %q: not found", path, i, data[i], changed[i])
					}
				} else if r, err := Unseal(changed, roots); err == nil {
					t.Fatalf("%s: byte %d from %q to %q: accepted as %+v", path, i, data[i], changed[i], r)
				}
				continue
			}
			if b := mustRead(t, forged, roots, nil); len(b.Findings) == 0 {
				t.Fatalf("%s: byte %d from %q to %q: not found", path, i, data[i], changed[i])
			}
		}
	}
}

func TestA60DroppedReceiptsAreFound(t *testing.T) {
	tr, k := smallLedger(t)
	for _, path := range receiptPaths(tr) {
		cut := tr.clone()
		delete(cut, path)
		if b := mustRead(t, cut, verifiers(t, k), nil); len(b.Findings) == 0 {
			t.Errorf("%s was dropped: not found", path)
		}
	}
}

func TestA60ReceiptsThatChangedPlacesAreFound(t *testing.T) {
	tr, k := smallLedger(t)
	paths := receiptPaths(tr)
	for i := range paths {
		for j := range i {
			swapped := tr.clone()
			swapped[paths[i]], swapped[paths[j]] = swapped[paths[j]], swapped[paths[i]]
			b := mustRead(t, swapped, verifiers(t, k), nil)
			wantFinding(t, b, paths[i], "holds the receipt that belongs at "+paths[j])
			wantFinding(t, b, paths[j], "holds the receipt that belongs at "+paths[i])
			if len(b.Receipts()) != len(paths) {
				t.Errorf("%d receipts of %d were read", len(b.Receipts()), len(paths))
			}
		}
	}
}

// Renumbered from the dropped one on by someone without the key: the numbers in the paths fit, what is signed does not.
func TestA60ReceiptsThatMovedUpAreFound(t *testing.T) {
	tr, k := smallLedger(t)
	paths := receiptPaths(tr)
	moved := tr.clone()
	for i := 3; i < len(paths)-1; i++ {
		moved[paths[i]] = moved[paths[i+1]]
	}
	delete(moved, paths[len(paths)-1])
	if b := mustRead(t, moved, verifiers(t, k), nil); len(b.Findings) < len(paths)-4 {
		t.Errorf("findings: %v", b.Findings)
	}
}

func TestA60AReceiptOfAnotherKeyIsFoundAndNotFolded(t *testing.T) {
	tr, k := smallLedger(t)
	other := newTestKey(t)
	b := mustRead(t, tr, verifiers(t, k, other), nil)
	mustAppend(t, tr, b, other, monday.AddDate(1, 0, 0), held(Given, "", "admin", "mallory"))
	path := receiptPaths(tr)[len(life())]

	b = mustRead(t, tr, verifiers(t, k), nil)
	wantFinding(t, b, path, "may not sign receipts")
	if _, folded := b.State().Holdings[holdingOf("admin", "mallory").Key()]; folded || len(b.Receipts()) != len(life()) {
		t.Error("it was folded")
	}
}

// Two access repositories share a key. The receipts of one are nothing to the other, whole or among its own.
func TestA60TheLedgerOfAnotherRepositoryDoesNotVerify(t *testing.T) {
	tr, k := smallLedger(t)
	roots := verifiers(t, k)
	for _, path := range receiptPaths(tr) {
		b, err := ReadOf(repository+1, tr.fs(), Trust{Roots: roots})
		if err != nil {
			t.Fatal(err)
		}
		wantFinding(t, b, path, "is a receipt of repository 731, and this is the ledger of 732")
		if len(b.Receipts()) > 0 || len(b.State().Holdings) > 0 || b.State().Configuration != nil {
			t.Fatalf("it was folded: %+v", b.State())
		}
	}
	theirs, err := ReadOf(repository+1, tree{}.fs(), Trust{Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	other := tree{}
	for i, r := range append(life(), held(Given, "", "admin", "mallory")) {
		mustAppend(t, other, theirs, k, monday.Add(time.Duration(i)*7*24*time.Hour), r)
	}
	paths := receiptPaths(other)
	last := paths[len(paths)-1]
	tr[last] = other[last]
	b := mustRead(t, tr, roots, nil)
	wantFinding(t, b, last, "is a receipt of repository 732")
	if len(b.Receipts()) != len(life()) {
		t.Errorf("%d receipts, want the ledger's own %d", len(b.Receipts()), len(life()))
	}
	offline, err := Read(tr.fs(), Trust{Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	wantFinding(t, offline, last, "is a receipt of repository 732")
}

// The holder of a trusted key exchanges a receipt for another that verifies: the chain after it does not fit.
func TestA60AReceiptThatWasSignedAnewBreaksTheChain(t *testing.T) {
	tr, k := smallLedger(t)
	b := mustRead(t, tr, verifiers(t, k), nil)
	r := b.Receipts()[4]
	r.Holding = holdingOf("readonly", "mallory")
	sealed, err := k.Seal(r)
	if err != nil {
		t.Fatal(err)
	}
	paths := receiptPaths(tr)
	tr[paths[4]] = sealed
	wantFinding(t, mustRead(t, tr, verifiers(t, k), nil), paths[5], "does not follow")
}

func TestA60ASecondReceiptWithOneSequenceIsFoundAndTheChainWins(t *testing.T) {
	tr, k := smallLedger(t)
	r := mustRead(t, tr, verifiers(t, k), nil).Receipts()[5]
	taken := r
	taken.Kind, taken.Until = Taken, time.Time{}
	approved := approvedGrant("mallory-prod", "")
	approved.Sequence, approved.Previous, approved.Time, approved.Main, approved.Repository = r.Sequence, r.Previous, r.Time, r.Main, r.Repository
	// One sorts before the true one, the other after it.
	for _, forged := range []Receipt{taken, approved} {
		sealed, err := k.Seal(forged)
		if err != nil {
			t.Fatal(err)
		}
		more := tr.clone()
		more[Path(forged)] = sealed
		b := mustRead(t, more, verifiers(t, k), nil)
		wantFinding(t, b, Path(forged), "a second receipt with sequence 6")
		if diff := cmp.Diff(r, b.Receipts()[5]); diff != "" {
			t.Errorf("folded instead (-want +got):\n%s", diff)
		}
	}
}

func TestAReceiptFromBeforeTheLastIsFound(t *testing.T) {
	tr, k := smallLedger(t)
	b := mustRead(t, tr, verifiers(t, k), nil)
	b.state.Time = monday // as a writer that does not look at the clock of the last
	mustAppend(t, tr, b, k, monday, refusedGrant("b"))
	late := "receipts/2026/11/0000000/0000000018-refused.json"
	wantFinding(t, mustRead(t, tr, verifiers(t, k), nil), late, "its time is before")
}

func TestWhatDoesNotBelongInALedgerIsFound(t *testing.T) {
	tr, k := smallLedger(t)
	for _, path := range []string{
		"README.md", "receipts/2026/11/0000000/0000000099-given.json.bak", "receipts/2026/11/0000000/0000000099-unknown.json",
		"receipts/2026/13/0000000/0000000099-given.json", "receipts/2026/11/0000000/99-given.json", "receipts/2026/11/0000000/0000000000-given.json",
		".github/workflows/evil.yml", "receipts/2026/11/x/0000000099-given.json", "State.json", "receipts/2026/11/0000000099-given.json",
		"receipts/2026/11/0000001/0000000099-given.json", "receipts/2026/11/000000/0000000099-given.json", "receipts/2026/11/0000000/0000000/0000000099-given.json",
	} {
		more := tr.clone()
		more[path] = tr[receiptPaths(tr)[0]]
		wantFinding(t, mustRead(t, more, verifiers(t, k), nil), path, "does not belong")
	}
	m := tr.fs().(fstest.MapFS)
	link := receiptPaths(tr)[2]
	m[link].Mode |= fs.ModeSymlink
	b, err := Read(m, Trust{Roots: verifiers(t, k)})
	if err != nil {
		t.Fatal(err)
	}
	wantFinding(t, b, link, "not a plain file")
}

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

func TestCheckCommitAcceptsOnlyGrowth(t *testing.T) {
	plain := &grants.File{Mode: plainFile}
	path := "receipts/2026/11/0000000/0000000001-approved.json"
	for name, tc := range map[string]struct {
		change grants.FileChange
		want   bool
	}{
		"a receipt added":         {grants.FileChange{Path: path, After: plain}, true},
		"state added":             {grants.FileChange{Path: StateFile, After: plain}, true},
		"state changed":           {grants.FileChange{Path: StateFile, Before: plain, After: plain}, true},
		"a receipt changed":       {grants.FileChange{Path: path, Before: plain, After: plain}, false},
		"a receipt removed":       {grants.FileChange{Path: path, Before: plain}, false},
		"state removed":           {grants.FileChange{Path: StateFile, Before: plain}, true},
		"a part of it removed":    {grants.FileChange{Path: grantPart("alice"), Before: plain}, true},
		"what is named as a part": {grants.FileChange{Path: "state/grants/x.json", After: plain}, false},
		"an executable receipt":   {grants.FileChange{Path: path, After: &grants.File{Mode: 0o100755}}, false},
		"a link for a receipt":    {grants.FileChange{Path: path, After: &grants.File{Mode: 0o120000}}, false},
		"no bucket":               {grants.FileChange{Path: "receipts/2026/11/0000000001-approved.json", After: plain}, false},
		"another bucket":          {grants.FileChange{Path: "receipts/2026/11/0000001/0000000001-approved.json", After: plain}, false},
		"another case":            {grants.FileChange{Path: "Receipts/2026/11/0000000/0000000001-approved.json", After: plain}, false},
		"state in another case":   {grants.FileChange{Path: "state/Grants/00.json", After: plain}, false},
		"attributes for git":      {grants.FileChange{Path: ".gitattributes", After: plain}, false},
		"a folder in its place":   {grants.FileChange{Path: path + "/x", After: plain}, false},
		"a receipt made a link":   {grants.FileChange{Path: path, Before: plain, After: &grants.File{Mode: 0o120000}}, false},
		"the mode alone":          {grants.FileChange{Path: StateFile, Before: plain, After: &grants.File{Mode: 0o100755}}, false},
		"something else":          {grants.FileChange{Path: "README.md", After: plain}, false},
		"a submodule for a state": {grants.FileChange{Path: StateFile, After: &grants.File{Mode: 0o160000}}, false},
	} {
		if got := CheckCommit(false, 1, []grants.FileChange{tc.change}); (len(got) == 0) != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, tc := range []struct {
		first   bool
		parents int
		want    bool
	}{{true, 0, true}, {true, 1, false}, {true, 2, false}, {false, 0, false}, {false, 1, true}, {false, 2, false}} {
		if got := CheckCommit(tc.first, tc.parents, nil); (len(got) == 0) != tc.want {
			t.Errorf("first %v, %d parents: %v", tc.first, tc.parents, got)
		}
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
