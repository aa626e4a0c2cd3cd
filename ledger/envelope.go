package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	sigdsse "github.com/sigstore/sigstore/pkg/signature/dsse"

	"github.com/lapse-access/lapse/grants"
)

const (
	// PayloadType is the type of every envelope's payload, an in-toto statement.
	// Source: https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md
	PayloadType = "application/vnd.in-toto+json"
	// StatementType is the version of in-toto statements that is written and read.
	// Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
	StatementType = "https://in-toto.io/Statement/v1"
	// PredicateType says that a statement's predicate is a [Receipt].
	PredicateType = "https://lapse-access.github.io/receipt/v1"

	// maxEnvelope is the most bytes of one stored envelope. A judgement names all members of the teams it asked.
	maxEnvelope = 8 << 20
)

// Statement is the stored form of a receipt inside its envelope, an in-toto statement. Its JSON Schema is published in
// docs/schema/receipt.schema.json.
type Statement struct {
	Type          string    `json:"_type"`         // [StatementType]
	Subject       []Subject `json:"subject"`       // one
	PredicateType string    `json:"predicateType"` // [PredicateType]
	Predicate     Receipt   `json:"predicate"`
}

// Subject is what a receipt is about: a file, by its path and the digest of its bytes; the configuration, by the digest of all its
// files; a holding, by its key and the digest of that; or a commit.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// subjectOf is what the statement is about: the grant file; or the configuration; or, where there is no file, the
// holding, by the digest of its key.
func subjectOf(r Receipt) Subject {
	switch {
	case r.Grant != nil && r.Grant.Digest == "": // refused, and not a file with bytes
		return Subject{grants.PathOf(r.Grant.ID), map[string]string{"gitCommit": r.Commit}}
	case r.Grant != nil:
		return Subject{grants.PathOf(r.Grant.ID), sha256Set(r.Grant.Digest)}
	case r.Configuration != nil:
		return Subject{"configuration", sha256Set(r.Configuration.Digest)}
	case r.Anchor != nil:
		return Subject{"anchor", sha256Set(grants.Digest([]byte(r.Anchor.Place)))}
	case r.Accepted != nil:
		return acceptedSubject(*r.Accepted)
	default:
		key := r.Holding.Key()
		return Subject{"holding " + key, sha256Set(grants.Digest([]byte(key)))}
	}
}

// sha256Set is a digest as an in-toto digest set.
func sha256Set(digest string) map[string]string {
	return map[string]string{"sha256": digest[len("sha256:"):]}
}

// seal signs the receipt as it stands and returns what is to be stored. The same receipt and Ed25519 key always give the same bytes. A
// receipt that does not state one fact is an error. proof is as for [Signer.Sign].
func seal(ctx context.Context, s Signer, r Receipt, proof bool) ([]byte, error) {
	payload, err := encodeStatement(r)
	if err != nil {
		return nil, fmt.Errorf("seal receipt %d: %w", r.Sequence, err)
	}
	sealed, err := s.Sign(ctx, PayloadType, payload, proof)
	if err != nil {
		return nil, fmt.Errorf("seal receipt %d: sign: %w", r.Sequence, err)
	}
	if len(sealed) > maxEnvelope {
		return nil, fmt.Errorf("seal receipt %d: %d bytes, at most %d", r.Sequence, len(sealed), maxEnvelope)
	}
	return sealed, nil
}

// encodeStatement is the one form in which the receipt is signed. Whatever it returns, decodeStatement accepts.
func encodeStatement(r Receipt) ([]byte, error) {
	if err := check(r); err != nil {
		return nil, err
	}
	s := Statement{Type: StatementType, Subject: []Subject{subjectOf(r)}, PredicateType: PredicateType, Predicate: r}
	first, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	// Once around, so that text which is not UTF-8 (in reasons) has become what readers will see.
	var seen Statement
	if err := decodeStrict(first, &seen); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(seen)
	if err != nil {
		return nil, err
	}
	if _, err := decodeStatement(payload); err != nil {
		return nil, err
	}
	return payload, nil
}

// decodeStatement reads what encodeStatement wrote, and nothing else: the payload must be the very bytes that the
// receipt is encoded as.
func decodeStatement(payload []byte) (Receipt, error) {
	var s Statement
	if err := decodeStrict(payload, &s); err != nil {
		return Receipt{}, fmt.Errorf("statement: %w", err)
	}
	if s.Type != StatementType {
		return Receipt{}, fmt.Errorf("statement type %q, want %q", s.Type, StatementType)
	}
	if s.PredicateType != PredicateType {
		return Receipt{}, fmt.Errorf("predicate type %q, want %q", s.PredicateType, PredicateType)
	}
	r := s.Predicate
	if err := check(r); err != nil {
		return Receipt{}, err
	}
	if want := subjectOf(r); len(s.Subject) != 1 || s.Subject[0].Name != want.Name || !maps.Equal(s.Subject[0].Digest, want.Digest) {
		return Receipt{}, errors.New("the subject is not what the receipt is about")
	}
	if err := checkJSON(payload); err != nil {
		return Receipt{}, fmt.Errorf("statement: %w", err)
	}
	again, err := json.Marshal(s)
	if err != nil {
		return Receipt{}, fmt.Errorf("statement: %w", err)
	}
	if !bytes.Equal(again, payload) {
		return Receipt{}, errors.New("statement: not in the form in which Lapse writes it")
	}
	return r, nil
}

// openEnvelope verifies an envelope of one type and returns its payload and the key that signed.
func openEnvelope(envelope []byte, payloadType string, vs Verifiers) ([]byte, Verifier, error) {
	if id := namedKey(envelope); id != "" {
		if _, known := vs.ByID(id); !known {
			return nil, Verifier{}, notTrusted(id) // before megabytes of anybody's are decoded
		}
	}
	env, err := decodeEnvelope(envelope, payloadType)
	if err != nil {
		return nil, Verifier{}, err
	}
	v, known := vs.ByID(env.Signatures[0].KeyID)
	if !known || v.check == nil {
		return nil, Verifier{}, notTrusted(env.Signatures[0].KeyID)
	}
	var payload []byte
	dv := sigdsse.WrapVerifier(v.check, sigdsse.WithExpectedPayloadType(payloadType), sigdsse.WithDecodedPayload(&payload))
	if err := dv.VerifySignature(bytes.NewReader(envelope), nil); err != nil {
		return nil, Verifier{}, fmt.Errorf("the signature by %s does not verify", v.ID)
	}
	if !isBase64(env.Payload, payload) {
		return nil, Verifier{}, errors.New("envelope: payload is not in standard base64")
	}
	return payload, v, nil
}

// namedKey is the key that an envelope names, where its end is as Lapse writes it; else "".
func namedKey(envelope []byte) string {
	const before = `"signatures":[{"keyid":"`
	end := envelope[max(0, len(envelope)-1024):]
	at := bytes.LastIndex(end, []byte(before))
	if at < 0 {
		return ""
	}
	id, _, _ := bytes.Cut(end[at+len(before):], []byte(`"`))
	if bytes.ContainsRune(id, '\\') {
		return ""
	}
	return string(id)
}

// decodeEnvelope reads an envelope with one signature, in the form encodeEnvelope writes, without verifying it.
func decodeEnvelope(data []byte, payloadType string) (*dsse.Envelope, error) {
	if len(data) > maxEnvelope {
		return nil, fmt.Errorf("envelope: longer than %d bytes", maxEnvelope)
	}
	var env dsse.Envelope
	if err := decodeStrict(data, &env); err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	if env.PayloadType != payloadType {
		return nil, fmt.Errorf("envelope: payload type %.100q, want %q", env.PayloadType, payloadType)
	}
	if len(env.Signatures) != 1 {
		return nil, fmt.Errorf("envelope: %d signatures, want 1", len(env.Signatures))
	}
	sig, err := base64.StdEncoding.DecodeString(env.Signatures[0].Sig)
	if err != nil || !isBase64(env.Signatures[0].Sig, sig) {
		return nil, errors.New("envelope: signature is not in standard base64")
	}
	again, err := encodeEnvelope(&env)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	if !bytes.Equal(again, data) {
		return nil, errors.New("envelope: not in the form in which Lapse writes it")
	}
	return &env, nil
}

// encodeEnvelope is the one stored form of an envelope.
func encodeEnvelope(env *dsse.Envelope) ([]byte, error) {
	data, err := json.Marshal(env)
	return append(data, '\n'), err
}

// isBundle tells a Sigstore bundle, which comes with a certificate, from a plain envelope.
func isBundle(stored []byte) bool { return bytes.HasPrefix(stored, []byte(`{"mediaType":`)) }

// isBase64 says whether text is the one standard encoding of data.
func isBase64(text string, data []byte) bool { return text == base64.StdEncoding.EncodeToString(data) }
