package keyless

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/ledger/keyless/keylesstest"
)

// wantFindings fails unless each receipt from the given one on is a finding with the text, and in no book.
func wantFindings(t *testing.T, tr tree, tu ledger.Trust, from int, text string) {
	t.Helper()
	b := read(t, tr, tu)
	found := map[string]string{}
	for _, f := range b.Findings {
		found[f.Path] = f.Text
	}
	for i, path := range tr.receipts() {
		got, is := found[path]
		if is != (i >= from) || is && !strings.Contains(got, text) {
			t.Errorf("receipt %d: finding %q, want one: %v, with %q", i+1, got, i >= from, text)
		}
	}
	if len(b.Receipts()) != from {
		t.Errorf("%d receipts are believed, want %d", len(b.Receipts()), from)
	}
}

// lax believes every certificate, as whoever writes a ledger of his own does.
type lax struct{ *Verifier }

func (lax) Prove(*ledger.Bundle, time.Time) error       { return nil }
func (lax) Match(*ledger.Bundle, grants.Identity) error { return nil }

// anyone is a signer that nobody asks whether it may.
type anyone struct{ *Signer }

func (anyone) Verifier(context.Context) (ledger.Verifier, error) {
	return ledger.VerifierOfIdentity(grants.Identity{}), nil
}

// written is a ledger of three receipts in one append, by somebody who believes the authorities of s.
func written(t *testing.T, by *Signer, s *keylesstest.Sigstore) tree {
	t.Helper()
	tr := tree{}
	tr.append(t, ledger.NewBook(repository, ledger.Trust{Keyless: lax{verifier(t, s)}}), anyone{by}, refused("a"), refused("b"), refused("c"))
	return tr.alone()
}

// alone is the ledger without its state, which anyone could write anew.
func (tr tree) alone() tree {
	out := maps.Clone(tr)
	maps.DeleteFunc(out, func(path string, _ []byte) bool { return !strings.HasPrefix(path, "receipts/") })
	return out
}

func wantFinding(t *testing.T, b *ledger.Book, path, text string) {
	t.Helper()
	for _, f := range b.Findings {
		if f.Path == path && strings.Contains(f.Text, text) {
			return
		}
	}
	t.Errorf("no finding of %q about %s: %v", text, path, b.Findings)
}

// edit changes the bundle of one receipt.
func (tr tree) edit(t *testing.T, path string, change func(b *stored)) {
	t.Helper()
	b, err := decode(tr[path], ledger.PayloadType)
	if err != nil {
		t.Fatal(err)
	}
	change(&b)
	if tr[path], err = b.encode(); err != nil {
		t.Fatal(err)
	}
}

// A timestamp is worth what it is over, and without one nothing says that the certificate was good.
func TestATimestampProvesItsOwnChainAlone(t *testing.T) {
	s := sigstore(t)
	whole, tu := life(t, s, reconcile())
	sound := whole.alone()
	paths := sound.receipts()
	unstamp := func(b *stored) { b.Material.Timestamps = nil }
	t.Run("none at all", func(t *testing.T) {
		tr := maps.Clone(sound)
		tr.edit(t, paths[2], unstamp)
		tr.edit(t, paths[4], unstamp)
		wantFindings(t, tr, tu, 0, "no timestamp proves when")
	})
	t.Run("none on the last", func(t *testing.T) {
		tr := maps.Clone(sound)
		tr.edit(t, paths[4], unstamp)
		wantFindings(t, tr, tu, 3, "no timestamp proves when")
	})
	t.Run("over another signature", func(t *testing.T) {
		tr := maps.Clone(sound)
		var other *timestamps
		tr.edit(t, paths[2], func(b *stored) { other = b.Material.Timestamps })
		tr.edit(t, paths[4], func(b *stored) { b.Material.Timestamps = other })
		wantFindings(t, tr, tu, 3, "")
		wantFinding(t, read(t, tr, tu), paths[4], "not one over this signature")
	})
	t.Run("a receipt beside its chain", func(t *testing.T) {
		first := maps.Clone(sound)
		delete(first, paths[3])
		delete(first, paths[4])
		forged := tree{}
		forged.append(t, read(t, first, tu), signer(t, s, reconcile(), time.Now), refused("mallory"), refused("x"))
		tr := maps.Clone(sound)
		fourth := forged.alone()
		for path, data := range fourth {
			if strings.Contains(path, "0000000004-") {
				tr[path] = data
			}
		}
		wantFinding(t, read(t, tr, tu), paths[3], "no timestamp proves when")
		for _, r := range read(t, tr, tu).Receipts() {
			if r.Grant.ID == "mallory" {
				t.Error("what no timestamp covers is believed")
			}
		}
	})
	t.Run("swapped", func(t *testing.T) {
		tr := maps.Clone(sound)
		tr[paths[1]], tr[paths[3]] = tr[paths[3]], tr[paths[1]]
		b := read(t, tr, tu)
		wantFinding(t, b, paths[1], "no timestamp proves when")
		wantFinding(t, b, paths[3], "no timestamp proves when")
	})
	t.Run("another certificate of the same workflow", func(t *testing.T) {
		tr := maps.Clone(sound)
		other := written(t, signer(t, s, reconcile(), time.Now), s)
		var cert raw
		other.edit(t, other.receipts()[0], func(b *stored) { cert = b.Material.Certificate })
		tr.edit(t, paths[0], func(b *stored) { b.Material.Certificate = cert })
		wantFinding(t, read(t, tr, tu), paths[0], "does not verify by the certificate")
	})
}

// What was signed as something else is no receipt, and a receipt is nothing else.
func TestABundleOfAnotherTypeIsRefused(t *testing.T) {
	s := sigstore(t)
	tr, tu := life(t, s, reconcile())
	by := signer(t, s, reconcile(), time.Now)
	path := tr.receipts()[4]
	b, err := decode(tr[path], ledger.PayloadType)
	if err != nil {
		t.Fatal(err)
	}
	other, err := by.Sign(t.Context(), ledger.CheckpointType, b.Envelope.Payload, true)
	if err != nil {
		t.Fatal(err)
	}
	sound := maps.Clone(tr)
	tr[path] = other
	wantFinding(t, read(t, tr, tu), path, "payload type")
	tr[path] = []byte(strings.Replace(string(other), ledger.CheckpointType, ledger.PayloadType, 1))
	wantFinding(t, read(t, tr, tu), path, "does not verify")
	if _, err := ledger.OpenCheckpoint(sound[path], tu); err == nil || !strings.Contains(err.Error(), "payload type") {
		t.Errorf("a receipt as a checkpoint: %v", err)
	}
	tr[path] = []byte(strings.Replace(string(sound[path]), "v0.3", "v0.2", 1))
	wantFinding(t, read(t, tr, tu), path, "media type")
}

// Not a bit of what is stored may be another, whether a signature covers it or not. The ledger has no state and no next receipt, which
// would tell by their digests.
func TestAnyBitOfABundleIsMissed(t *testing.T) {
	s := sigstore(t)
	tu := trust(t, s, s.Issuer.Identity(reconcile()))
	tr := tree{}
	tr.append(t, ledger.NewBook(repository, tu), signer(t, s, reconcile(), time.Now), refused("a"))
	tr = tr.alone()
	path := tr.receipts()[0]
	sound := tr[path]
	if b := read(t, tr, tu); len(b.Findings) > 0 {
		t.Fatal(b.Findings)
	}
	for i := range sound {
		for _, bit := range []int{0, 1, 4} { // of a letter of base64, these reach every bit beneath
			changed := append([]byte{}, sound...)
			changed[i] ^= 1 << bit
			tr[path] = changed
			if b := read(t, tr, tu); len(b.Findings) == 0 || len(b.Receipts()) > 0 {
				t.Fatalf("byte %d of %d, bit %d, may be another:\n%s", i, len(sound), bit, sound[max(0, i-60):min(len(sound), i+60)])
			}
		}
	}
}
