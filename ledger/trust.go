package ledger

import (
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// Trust says who may sign the receipts of a ledger.
//
// Roots are trusted from the first receipt on. At each approved configuration, what its commit holds in [TrustDir] is trusted beside
// them, from the next receipt on. What an approved configuration named and a later one names no more may sign nothing after that,
// were it a root: its old receipts stay good, in their place in the chain.
type Trust struct {
	Roots Verifiers
	// At answers with the verifiers that a main commit holds in TrustDir. nil knows none.
	At func(commit string) (Verifiers, error)
	// Keyless verifies what workflows signed without a key. nil: none of that is believed.
	Keyless Keyless
}

// Keyless verifies Sigstore bundles: a signature by a key that lived for minutes, the certificate that names the workflow which had
// it, and, of some, a timestamp.
type Keyless interface {
	// Open reads a stored bundle over a payload of one type, in the one form in which Lapse writes it, and verifies its signature by the
	// key in its certificate, and its timestamp, if it has one. Whose certificate that is, and whether it was good, Open does not say.
	Open(stored []byte, payloadType string) (*Bundle, error)
	// Prove verifies that the certificate was good at a time when the signature is known to have been there already.
	Prove(b *Bundle, at time.Time) error
	// Match says what keeps the certificate from being one of the identity; nil: it is.
	Match(b *Bundle, id grants.Identity) error
}

// Bundle is a signed payload that came with a certificate.
type Bundle struct {
	Payload     []byte
	Stamped     time.Time // when the signature was there, by a timestamp authority's word; zero: it has no timestamp of its own
	Public      crypto.PublicKey
	Certificate []byte // DER
}

// unproven: nothing says when it was signed.
const unproven = "signed without a key, and no timestamp proves when"

// signedBy is who signed something stored, as far as its own bytes tell: a key that is known, or a certificate that is yet to be
// believed.
type signedBy struct {
	key    Verifier
	bundle *Bundle
}

// public is the key itself.
func (s signedBy) public() crypto.PublicKey {
	if s.bundle != nil {
		return s.bundle.Public
	}
	return s.key.Public
}

// open verifies a stored signature over a payload of one type, with the given keys or with the certificate that came with it.
func (t Trust) open(stored []byte, payloadType string, keys Verifiers) ([]byte, signedBy, error) {
	if !isBundle(stored) {
		payload, v, err := openEnvelope(stored, payloadType, keys)
		return payload, signedBy{key: v}, err
	}
	if len(stored) > maxEnvelope {
		return nil, signedBy{}, fmt.Errorf("bundle: longer than %d bytes", maxEnvelope)
	}
	if t.Keyless == nil {
		return nil, signedBy{}, fmt.Errorf("signed without a key, %w here", errUnknownKey)
	}
	b, err := t.Keyless.Open(stored, payloadType)
	if err != nil {
		return nil, signedBy{}, err
	}
	return b.Payload, signedBy{bundle: b}, nil
}

// of finds the identity among vs that a certificate is of, good at the time when its signature is known to have been there.
func (t Trust) of(b *Bundle, at time.Time, vs Verifiers) (Verifier, error) {
	if at.IsZero() {
		return Verifier{}, errors.New(unproven)
	}
	err := fmt.Errorf("signed without a key by a workflow, %w", errUnknownKey)
	for _, v := range vs {
		if v.Identity == nil {
			continue
		}
		if err = t.Keyless.Match(b, *v.Identity); err != nil {
			err = fmt.Errorf("signed by a workflow, %w: %w", errUnknownKey, err)
			continue
		}
		if !v.Identity.During(at) {
			err = fmt.Errorf("signed at %s by %s, %w at that time", at.UTC().Format(time.RFC3339), v.ID, errUnknownKey)
			continue
		}
		return v, t.Keyless.Prove(b, at)
	}
	return Verifier{}, err
}

// follow is who may sign after a configuration that names vs was approved.
func (p *pool) follow(vs Verifiers) {
	gone := Verifiers{}
	for _, v := range p.gone.With(p.named...) {
		if !vs.has(v) {
			gone = append(gone, v)
		}
	}
	p.gone, p.named = gone, vs
	p.all = nil
	for _, v := range p.roots.With(vs...) {
		if !gone.has(v) {
			p.all = append(p.all, v)
		}
	}
}

// names says whether the configuration in force names v.
func (p *pool) names(v Verifier) bool { return p.named.hasEver(v) }

// pool is who may sign the next receipt, and what that came from.
type pool struct {
	all   Verifiers // who may
	roots Verifiers
	named Verifiers // by the last approved configuration
	gone  Verifiers // named by an earlier one, and no more
}
