package ledger

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/grants"
)

func TestSubjectsNameWhatTheReceiptIsAbout(t *testing.T) {
	unnamed := placed(refusedGrant("evil"))
	unnamed.Grant.Digest = ""
	for name, tc := range map[string]struct {
		r    Receipt
		want Subject
	}{
		"grant":         {approvedGrant("a/b", ""), Subject{"grants/a/b.yaml", sha256Set(grants.Digest([]byte("a/b")))}},
		"configuration": {approvedConfiguration(commitA), Subject{"configuration", sha256Set(grants.Digest([]byte(commitA)))}},
		"holding": {held(Given, "", "r w", "alice"),
			Subject{"holding prod-db?role=r+w alice", sha256Set(grants.Digest([]byte("prod-db?role=r+w alice")))}},
		"no bytes": {unnamed, Subject{"grants/evil.yaml", map[string]string{"gitCommit": commitA}}},
	} {
		if diff := cmp.Diff(tc.want, subjectOf(tc.r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := newTestKey(t).Seal(unnamed); err != nil {
		t.Error(err)
	}
}

func TestWhatStatesNoFactIsNotSealed(t *testing.T) {
	k := newTestKey(t)
	for name, change := range map[string]func() Receipt{
		"nothing":                   func() Receipt { return Receipt{} },
		"approved nothing":          func() Receipt { return placed(Receipt{Kind: Approved}) },
		"approved two things":       func() Receipt { r := approvedGrant("a", ""); r.Configuration = &Configuration{}; return placed(r) },
		"approved with a reason":    func() Receipt { r := approvedGrant("a", ""); r.Reasons = []string{"?"}; return placed(r) },
		"approved with a holding":   func() Receipt { r := approvedGrant("a", ""); r.Holding = holdingOf("r", "alice"); return placed(r) },
		"approved without a digest": func() Receipt { r := approvedGrant("a", ""); r.Grant.Digest = ""; return placed(r) },
		"approved for nobody":       func() Receipt { r := approvedGrant("a", ""); r.Grant.UserID = 0; return placed(r) },
		"approved for ever":         func() Receipt { r := approvedGrant("a", ""); r.Grant.Interval.End = time.Time{}; return placed(r) },
		"ended by a commit":         func() Receipt { r := endedGrant("a", ""); r.Commit = commitA; return placed(r) },
		"given nothing":             func() Receipt { return placed(Receipt{Kind: Given}) },
		"given to nobody":           func() Receipt { return placed(held(Given, "", "r", "")) },
		"given with an action":      func() Receipt { return placed(held(Given, actionGive, "r", "alice")) },
		"intended nothing":          func() Receipt { return placed(held(Intended, "", "r", "alice")) },
		"intended something":        func() Receipt { return placed(held(Intended, "keep", "r", "alice")) },
		"an account with a line":    func() Receipt { return placed(held(Given, "", "r", "alice\nbob")) },
		"an account in no text":     func() Receipt { return placed(held(Given, "", "r", "alice\xff")) },
		"a value in no text":        func() Receipt { return placed(held(Given, "", "r\xff", "alice")) },
		"another overrun":           func() Receipt { r := placed(held(Taken, "", "r", "alice")); r.Overrun = "0s"; return r },
		"a judgement in no JSON":    func() Receipt { r := approvedGrant("a", ""); r.Judgement = []byte(`{`); return placed(r) },
		"a judgement with a key twice": func() Receipt {
			r := approvedGrant("a", "")
			r.Judgement = []byte(`{"a":{"b":1,"b":2}}`)
			return placed(r)
		},
	} {
		if sealed, err := k.Seal(change()); err == nil {
			t.Errorf("%s: sealed as %s", name, sealed)
		}
	}
}

// What a target or a file said is kept as far as it can be said, and never makes a receipt impossible.
func TestHostileTextInReasonsIsKeptAndHostileNamesCanBeRefused(t *testing.T) {
	k := newTestKey(t)
	tr := tree{}
	b := mustRead(t, tr, verifiers(t, k), nil)
	r := refusedGrant("a\n::error::\x1b[31m\xff" + strings.Repeat("x", 5000))
	r.Reasons = []string{"it said \xff\x00 <script>\u2028"}
	mustAppend(t, tr, b, k, monday, r)
	b = mustRead(t, tr, verifiers(t, k), nil)
	wantSound(t, b)
	got := b.Receipts()[0]
	if got.Reasons[0] != "it said \ufffd\x00 <script>\u2028" || !strings.HasPrefix(got.Grant.ID, `a\n::error::\x1b[31m\xffxxx`) {
		t.Errorf("%q of %.60q", got.Reasons, got.Grant.ID)
	}
}

// The envelope in testdata was written by the first version. It must verify for ever.
func TestTheFirstVersionIsStillRead(t *testing.T) {
	sealed, err := os.ReadFile("testdata/v1.json")
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Unseal(sealed, verifiers(t, k))
	if err != nil {
		t.Fatal(err)
	}
	again, err := k.Seal(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, sealed) {
		t.Error("it is written in another form now; receipts of the first version would be findings")
	}
}
