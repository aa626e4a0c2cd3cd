package ledger

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// placed is the receipt as the second of a ledger.
func placed(r Receipt) Receipt {
	r.Sequence, r.Previous, r.Time, r.Main, r.Repository = 2, grants.Digest(nil), monday.Add(5*time.Hour), commitA, repository
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
