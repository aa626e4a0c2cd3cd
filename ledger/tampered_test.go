package ledger

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
