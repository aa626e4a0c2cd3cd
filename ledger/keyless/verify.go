package keyless

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Verifier verifies bundles by a trusted root: whose certificates and timestamps are believed. It may be used by several goroutines.
type Verifier struct {
	root func() (root.TrustedMaterial, error)

	mu     sync.Mutex
	certs  map[[sha256.Size]byte]*known
	proofs map[proof]error
}

// known is a certificate that was read before: a run signs many receipts with one.
type known struct {
	cert *x509.Certificate
	err  error
}

type proof struct {
	cert [sha256.Size]byte
	at   time.Time
}

// NewVerifier asks for the trusted root when the first bundle is met, and only then.
func NewVerifier(load func() (root.TrustedMaterial, error)) *Verifier {
	return &Verifier{root: sync.OnceValues(load), certs: map[[sha256.Size]byte]*known{}, proofs: map[proof]error{}}
}

// Verifier believes whom the instance's trusted root names. It is read, or fetched, when the first bundle is met, and only then.
func (i Instance) Verifier(ctx context.Context) *Verifier {
	return NewVerifier(func() (root.TrustedMaterial, error) { return i.Root(ctx) })
}

// Open is [ledger.Keyless]'s.
func (v *Verifier) Open(data []byte, payloadType string) (*ledger.Bundle, error) {
	s, err := decode(data, payloadType)
	if err != nil {
		return nil, err
	}
	cert, err := v.certificate(s.Material.Certificate.Bytes)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	trusted, err := v.root()
	if err != nil {
		return nil, err
	}
	b, err := s.bundle()
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	content, err := b.SignatureContent()
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	if err := verify.VerifySignature(content, bundle.NewCertificate(cert), trusted); err != nil {
		return nil, errors.New("the signature does not verify by the certificate beside it")
	}
	opened := &ledger.Bundle{Payload: s.Envelope.Payload, Public: cert.PublicKey, Certificate: s.Material.Certificate.Bytes}
	if s.Material.Timestamps != nil {
		stamps, err := verify.VerifySignedTimestampWithThreshold(b, trusted, 1)
		if err != nil {
			return nil, fmt.Errorf("the timestamp is not one over this signature by an authority that is trusted: %w", err)
		}
		opened.Stamped = stamps[0].Time.UTC()
	}
	return opened, nil
}

// Prove is [ledger.Keyless]'s.
func (v *Verifier) Prove(b *ledger.Bundle, at time.Time) error {
	p := proof{sha256.Sum256(b.Certificate), at.UTC()}
	v.mu.Lock()
	err, done := v.proofs[p]
	v.mu.Unlock()
	if !done {
		err = v.prove(b, at)
		v.mu.Lock()
		v.proofs[p] = err
		v.mu.Unlock()
	}
	return err
}

// prove asks whether the authority that is trusted issued the certificate, for that time; and, where certificates are logged, whether
// this one was, so that nobody can have one that nobody sees.
func (v *Verifier) prove(b *ledger.Bundle, at time.Time) error {
	cert, err := v.certificate(b.Certificate)
	if err != nil {
		return err
	}
	trusted, err := v.root()
	if err != nil {
		return err
	}
	chains, err := verify.VerifyLeafCertificate(at, cert, trusted)
	if err != nil {
		return fmt.Errorf("the certificate was not good at %s, or no authority that is trusted issued it", at.UTC().Format(time.RFC3339))
	}
	if len(trusted.CTLogs()) > 0 {
		if err := verify.VerifySignedCertificateTimestamp(chains, 1, trusted); err != nil {
			return fmt.Errorf("the certificate is not in the log of certificates: %w", err)
		}
	}
	return nil
}

// Match is [ledger.Keyless]'s. The name in the certificate, the issuer, the repository's numeric id and the ref must all be the
// identity's: names are used again, and whoever may push has workflows on other refs.
func (v *Verifier) Match(b *ledger.Bundle, id grants.Identity) error {
	if err := id.Check(); err != nil { // what is empty would not be compared
		return err
	}
	cert, err := v.certificate(b.Certificate)
	if err != nil {
		return err
	}
	return match(cert, id)
}

func match(cert *x509.Certificate, id grants.Identity) error {
	if len(cert.URIs) != 1 || len(cert.EmailAddresses)+len(cert.DNSNames)+len(cert.IPAddresses) > 0 {
		return errors.New("the certificate does not name one workflow")
	}
	summary, err := certificate.SummarizeCertificate(cert)
	if err != nil {
		return err
	}
	san, err := verify.NewSANMatcher(id.Subject, "")
	if err != nil {
		return err
	}
	issuer, err := verify.NewIssuerMatcher(id.Issuer, "")
	if err != nil {
		return err
	}
	want, err := verify.NewCertificateIdentity(san, issuer, certificate.Extensions{
		SourceRepositoryIdentifier: strconv.FormatInt(id.Repository, 10), SourceRepositoryRef: id.Ref,
	})
	if err != nil {
		return err
	}
	return want.Verify(summary)
}

func (v *Verifier) certificate(der []byte) (*x509.Certificate, error) {
	sum := sha256.Sum256(der)
	v.mu.Lock()
	defer v.mu.Unlock()
	k := v.certs[sum]
	if k == nil {
		k = new(known)
		k.cert, k.err = parseCertificate(der)
		v.certs[sum] = k
	}
	return k.cert, k.err
}
