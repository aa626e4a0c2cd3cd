package keyless

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

const (
	// patience is how long one answer of an authority may take.
	patience = 20 * time.Second
	// again is how often an authority is asked again that is not well.
	again = 2
)

// Signer signs by the identity of the workflow that it runs in: with a key of its own, that it makes, and never stores. It has one
// certificate for a run, and a new one, for a new key, when half of its time is over. Until the first signature nobody is asked.
type Signer struct {
	Instance Instance
	Workflow Workflow
	Now      func() time.Time // differences of it alone are used

	mu  sync.Mutex
	run *session
}

// session is a key with its certificate.
type session struct {
	key      *ecdsa.PrivateKey
	cert     *x509.Certificate
	since    time.Time // by our own clock
	identity grants.Identity
	stamps   string // address of the timestamp authority
}

// Verifier is the identity of the workflow.
func (s *Signer) Verifier(ctx context.Context) (ledger.Verifier, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		return ledger.VerifierOfIdentity(s.run.identity), nil
	}
	id, err := s.Workflow.Identity(ctx)
	return ledger.VerifierOfIdentity(id), err
}

// Sign makes a bundle of a payload; with proof it is timestamped.
func (s *Signer) Sign(ctx context.Context, payloadType string, payload []byte, proof bool) ([]byte, error) {
	run, err := s.session(ctx, 2)
	if err != nil {
		return nil, err
	}
	options := sign.BundleOptions{CertificateProvider: run, Context: ctx}
	if proof {
		options.TimestampAuthorities = []*sign.TimestampAuthority{sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{
			URL: run.stamps, Timeout: patience, Retries: again, Transport: during{ctx, s.Instance.HTTP},
		})}
	}
	made, err := sign.Bundle(&sign.DSSEData{Data: payload, PayloadType: payloadType}, run, options)
	if err != nil {
		return nil, fmt.Errorf("sign by the workflow's identity: %w", err)
	}
	b := fromBundle(made)
	if b.Material.Timestamps != nil {
		if b.Material.Timestamps.Signed[0].Bytes, err = plainToken(b.Material.Timestamps.Signed[0].Bytes); err != nil {
			return nil, fmt.Errorf("the timestamp authority at %s: %w", run.stamps, err)
		}
	}
	return b.encode()
}

// Commits signs commits with the key that signed last.
func (s *Signer) Commits(ctx context.Context) (crypto.Signer, error) {
	run, err := s.session(ctx, 1)
	if err != nil {
		return nil, err
	}
	return run.key, nil
}

// session is the run's key and certificate, a new one once the given part of its time is over: a half, or all of it.
func (s *Signer) session(ctx context.Context, part time.Duration) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		age, life := s.Now().Sub(s.run.since), s.run.cert.NotAfter.Sub(s.run.cert.NotBefore)
		if age >= 0 && age < life/part {
			return s.run, nil
		}
	}
	run, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	s.run = run
	return run, nil
}

// begin makes a key and has it certified.
func (s *Signer) begin(ctx context.Context) (*session, error) {
	certificates, stamps, err := s.Instance.services(ctx, s.Now())
	if err != nil {
		return nil, err
	}
	token, id, err := s.Workflow.Token(ctx)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	run := &session{key: key, since: s.Now(), identity: id, stamps: stamps}
	ca := sign.NewFulcio(&sign.FulcioOptions{BaseURL: certificates, Timeout: patience, Retries: again, Transport: during{ctx, s.Instance.HTTP}})
	der, err := ca.GetCertificate(ctx, run, &sign.CertificateProviderOptions{IDToken: token})
	if err != nil {
		return nil, fmt.Errorf("ask %s for a certificate: %w", certificates, err)
	}
	if run.cert, err = parseCertificate(der); err != nil {
		return nil, fmt.Errorf("ask %s for a certificate: %w", certificates, err)
	}
	if !key.PublicKey.Equal(run.cert.PublicKey) {
		return nil, fmt.Errorf("%s certified another key", certificates)
	}
	if err := match(run.cert, id); err != nil {
		return nil, fmt.Errorf("%s certified another identity: %w", certificates, err)
	}
	return run, nil
}

// GetCertificate gives the library the certificate of the run.
func (r *session) GetCertificate(context.Context, sign.Keypair, *sign.CertificateProviderOptions) ([]byte, error) {
	return r.cert.Raw, nil
}

// The rest of session is sign.Keypair.

func (r *session) GetHashAlgorithm() protocommon.HashAlgorithm {
	return protocommon.HashAlgorithm_SHA2_256
}

func (r *session) GetSigningAlgorithm() protocommon.PublicKeyDetails {
	return protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256
}

func (r *session) GetHint() []byte {
	der, err := x509.MarshalPKIXPublicKey(r.key.Public())
	if err != nil {
		panic("keyless: a key that was made here cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(der)
	return []byte(base64.StdEncoding.EncodeToString(sum[:]))
}

func (r *session) GetKeyAlgorithm() string        { return "ECDSA" }
func (r *session) GetPublicKey() crypto.PublicKey { return r.key.Public() }

func (r *session) GetPublicKeyPem() (string, error) {
	text, err := cryptoutils.MarshalPublicKeyToPEM(r.key.Public())
	return string(text), err
}

func (r *session) SignData(_ context.Context, data []byte) (signature, digest []byte, err error) {
	sum := sha256.Sum256(data)
	signature, err = ecdsa.SignASN1(rand.Reader, r.key, sum[:])
	return signature, sum[:], err
}
