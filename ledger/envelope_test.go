package ledger

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// placed is the receipt as the second of a ledger.
func placed(r Receipt) Receipt {
	r.Sequence, r.Previous, r.Time, r.Main, r.Repository = 2, digest(nil), monday.Add(5*time.Hour), commitA, repository
	r.Overrun = overrun(r)
	return r
}

func ecKey(t testing.TB) *Key {
	t.Helper()
	k, err := newKey(p256(t))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signed is an envelope around any payload, of any type, in the right form.
func signed(t testing.TB, k *Key, payloadType, payload string) []byte {
	t.Helper()
	sig, err := k.signer.SignMessage(bytes.NewReader(dsse.PAE(payloadType, []byte(payload))))
	if err != nil {
		t.Fatal(err)
	}
	data, err := encodeEnvelope(&dsse.Envelope{
		PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString([]byte(payload)),
		Signatures: []dsse.Signature{{KeyID: k.ID(), Sig: base64.StdEncoding.EncodeToString(sig)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEveryKindIsUnsealedAsItWasSealed(t *testing.T) {
	for _, k := range []*Key{newTestKey(t), ecKey(t)} {
		for _, r := range life() {
			r = placed(r)
			sealed, err := k.Seal(r)
			if err != nil {
				t.Errorf("%s: %v", r.Kind, err)
				continue
			}
			got, err := Unseal(sealed, verifiers(t, newTestKey(t), k))
			if err != nil {
				t.Errorf("%s: %v", r.Kind, err)
			}
			if r.Grant != nil && len(r.Grant.Entitlements) > 0 { // where it was written is not stored
				g := *r.Grant
				g.Entitlements = []grants.Entitlement{g.Entitlements[0]}
				g.Entitlements[0].At = grants.Pos{}
				r.Grant = &g
			}
			if diff := cmp.Diff(r, got); diff != "" {
				t.Errorf("%s (-sealed +unsealed):\n%s", r.Kind, diff)
			}
		}
	}
}

func TestSealingTwiceGivesTheSameBytes(t *testing.T) {
	k := newTestKey(t)
	first, err := k.Seal(placed(life()[1]))
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.Seal(placed(life()[1]))
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two envelopes of one receipt, %v", err)
	}
}

// An auditor needs nothing of Lapse or sigstore to verify a receipt: the standard library and the DSSE protocol do.
// Source: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
func TestAReceiptCanBeVerifiedWithoutLapse(t *testing.T) {
	for _, k := range []*Key{newTestKey(t), ecKey(t)} {
		sealed, err := k.Seal(placed(life()[1]))
		if err != nil {
			t.Fatal(err)
		}
		var env struct {
			PayloadType string
			Payload     []byte
			Signatures  []struct {
				KeyID string
				Sig   []byte
			}
		}
		if err := json.Unmarshal(sealed, &env); err != nil {
			t.Fatal(err)
		}
		pae := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len("application/vnd.in-toto+json"), "application/vnd.in-toto+json", len(env.Payload), env.Payload)
		var ok bool
		switch public := k.Public().(type) {
		case ed25519.PublicKey:
			ok = ed25519.Verify(public, pae, env.Signatures[0].Sig)
		case *ecdsa.PublicKey:
			sum := sha256.Sum256(pae)
			ok = ecdsa.VerifyASN1(public, sum[:], env.Signatures[0].Sig)
		}
		if !ok || env.PayloadType != "application/vnd.in-toto+json" {
			t.Errorf("%T: does not verify", k.Public())
		}
		var s struct {
			Type    string `json:"_type"`
			Subject []struct {
				Name   string
				Digest map[string]string
			}
			PredicateType string
			Predicate     struct{ Kind, Previous string }
		}
		if err := json.Unmarshal(env.Payload, &s); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte("alice-prod"))
		if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://lapse-access.github.io/receipt/v1" ||
			len(s.Subject) != 1 || s.Subject[0].Name != "grants/alice-prod.yaml" ||
			s.Subject[0].Digest["sha256"] != fmt.Sprintf("%x", sum) || s.Predicate.Kind != "approved" {
			t.Errorf("statement: %+v", s)
		}
	}
}

func TestSubjectsNameWhatTheReceiptIsAbout(t *testing.T) {
	unnamed := placed(refusedGrant("evil"))
	unnamed.Grant.Digest = ""
	for name, tc := range map[string]struct {
		r    Receipt
		want Subject
	}{
		"grant":         {approvedGrant("a/b", ""), Subject{"grants/a/b.yaml", sha256Set(digest([]byte("a/b")))}},
		"configuration": {approvedConfiguration(commitA), Subject{"configuration", sha256Set(digest([]byte(commitA)))}},
		"holding": {held(Given, "", "r w", "alice"),
			Subject{"holding prod-db?role=r+w alice", sha256Set(digest([]byte("prod-db?role=r+w alice")))}},
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

func TestWhatVerifiesAndIsNoReceiptIsRefused(t *testing.T) {
	k := newTestKey(t)
	payload, err := encodeStatement(placed(life()[1]))
	if err != nil {
		t.Fatal(err)
	}
	good := string(payload)
	change := func(old, new string) []byte {
		if !strings.Contains(good, old) {
			t.Fatalf("the statement has no %s", old)
		}
		return signed(t, k, PayloadType, strings.Replace(good, old, new, 1))
	}
	for name, tc := range map[string]struct {
		envelope []byte
		want     string
	}{
		"another payload type":    {signed(t, k, "application/json", good), "payload type"},
		"another predicate type":  {change("receipt/v1", "receipt/v2"), "predicate type"},
		"another statement type":  {change("Statement/v1", "Statement/v0.1"), "statement type"},
		"another subject":         {change(`"name":"grants/alice-prod.yaml"`, `"name":"grants/bob-prod.yaml"`), "subject"},
		"another digest":          {change(`"sha256":"`, `"sha512":"`), "subject"},
		"two subjects":            {change(`"subject":[`, `"subject":[{"name":"x","digest":{}},`), "subject"},
		"no subject":              {change(`"subject":[`, `"subject":[],"x":[`), "unknown field"},
		"unknown field":           {change(`"kind":`, `"more":1,"kind":`), "unknown field"},
		"a key in another case":   {change(`"kind":`, `"Kind":`), "not in the form"},
		"a key twice":             {change(`"kind":`, `"kind":"refused","kind":`), "twice"},
		"a key twice, in cases":   {change(`"kind":`, `"Kind":"refused","kind":`), "not in the form"},
		"a key twice, deep":       {change(`"outcome":"approved"`, `"outcome":"denied","o\u0075tcome":"approved"`), "twice"},
		"white space":             {change(`"kind":`, `"kind": `), "not in the form"},
		"a time in another zone":  {change(`T13:00:00Z`, `T13:00:00+00:00`), "want UTC"},
		"text behind":             {signed(t, k, PayloadType, good+"{}"), "text after"},
		"no JSON":                 {signed(t, k, PayloadType, "hello"), "invalid character"},
		"nothing":                 {signed(t, k, PayloadType, ""), "EOF"},
		"null":                    {signed(t, k, PayloadType, "null"), "statement type"},
		"a kind of its own":       {change(`"kind":"approved"`, `"kind":"blessed"`), "unknown kind"},
		"a holding on a grant":    {change(`"grant":`, `"action":"give","grant":`), "says something of a holding"},
		"no place in the chain":   {change(`"sequence":2`, `"sequence":0`), "sequence"},
		"no digest before it":     {change(`"previous":"sha256:`, `"previous":"md5:`), "previous"},
		"an empty interval":       {change(`"end":"2026-11-23T12`, `"end":"2026-11-23T08`), "interval"},
		"nobody's grant":          {change(`"user_id":583231`, `"user_id":0`), "user"},
		"bytes that are no UTF-8": {change(`"outcome":"approved"`, "\"outcome\":\"\xff\""), "UTF-8"},
	} {
		r, err := Unseal(tc.envelope, verifiers(t, k))
		if err == nil {
			t.Errorf("%s: accepted as %+v", name, r)
		} else if !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q in it", name, err, tc.want)
		}
	}
}

func TestEnvelopesOfAnotherFormAreRefused(t *testing.T) {
	k, other := newTestKey(t), newTestKey(t)
	sealed, err := k.Seal(placed(life()[1]))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := other.Seal(placed(life()[1]))
	if err != nil {
		t.Fatal(err)
	}
	good := string(sealed)
	signature := good[strings.Index(good, `"signatures":[`)+len(`"signatures":[`) : len(good)-len("]}\n")]
	payload := good[strings.Index(good, `"payload":"`)+len(`"payload":"`) : strings.Index(good, `","signatures"`)]
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, tc := range map[string]struct{ envelope, want string }{
		"another key":             {string(theirs), "may not sign"},
		"another key's name":      {strings.Replace(string(theirs), other.ID(), k.ID(), 1), "does not verify"},
		"no key's name":           {replace(k.ID(), ""), "may not sign"},
		"no signature":            {replace(signature, ""), "0 signatures"},
		"the signature twice":     {replace(signature, signature+","+signature), "2 signatures"},
		"another one beside it":   {replace(signature, signature+`,{"keyid":"","sig":""}`), "2 signatures"},
		"an unknown field":        {replace(`{"payloadType"`, `{"x":1,"payloadType"`), "unknown field"},
		"a field twice":           {replace(`{"payloadType"`, `{"payloadType":"x","payloadType"`), "not in the form"},
		"a field in another case": {replace(`"payloadType"`, `"payloadtype"`), "not in the form"},
		"no line end":             {strings.TrimSpace(good), "not in the form"},
		"spaces":                  {replace(`{"payloadType"`, `{ "payloadType"`), "not in the form"},
		"text behind":             {good + "{}", "text after"},
		"a line in the base64":    {replace(payload, payload[:8]+`\n`+payload[8:]), "standard base64"},
		"base64 for addresses":    {replace(payload, strings.NewReplacer("+", "-", "/", "_").Replace(payload[:len(payload)-4])+payload[len(payload)-4:]), ""},
		"too long":                {good + strings.Repeat(" ", maxEnvelope), "longer than"},
		"nothing":                 {"", "EOF"},
		"a list":                  {"[]", "cannot unmarshal"},
	} {
		if tc.envelope == good {
			continue // the payload happens to be the same in both alphabets
		}
		r, err := Unseal([]byte(tc.envelope), verifiers(t, k))
		if err == nil {
			t.Errorf("%s: accepted as %+v", name, r)
		} else if !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q in it", name, err, tc.want)
		}
	}
	if _, err := Unseal(sealed, nil); err == nil {
		t.Error("accepted without any verifier")
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

func FuzzUnseal(f *testing.F) {
	k := newTestKey(f)
	vs := verifiers(f, k)
	for _, r := range life() {
		payload, err := encodeStatement(placed(r))
		if err != nil {
			f.Fatal(err)
		}
		sealed, err := k.Seal(placed(r))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed, payload)
	}
	f.Fuzz(func(t *testing.T, envelope, payload []byte) {
		if r, err := Unseal(envelope, vs); err == nil {
			wantSameEnvelope(t, k, r, envelope)
		}
		// Behind the signature, too.
		env := signed(t, k, PayloadType, string(payload))
		if r, err := Unseal(env, vs); err == nil {
			wantSameEnvelope(t, k, r, env)
			if _, err := Fold(newState(), r); err != nil {
				t.Errorf("a receipt that cannot be folded: %v", err)
			}
		}
	})
}

func wantSameEnvelope(t *testing.T, k *Key, r Receipt, envelope []byte) {
	t.Helper()
	again, err := k.Seal(r)
	if err != nil || !bytes.Equal(again, envelope) {
		t.Errorf("a receipt with two forms: %v\n%s\n%s", err, envelope, again)
	}
}
