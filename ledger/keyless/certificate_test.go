package keyless

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/ledger/keyless/keylesstest"
)

// Whoever may push has workflows, and gets certificates for them from the same authority.
func TestCertificatesOfOthersAreRefused(t *testing.T) {
	s := sigstore(t)
	mine := s.Issuer.Identity(reconcile())
	for name, change := range map[string]func(w *keylesstest.Workflow){
		"another workflow":                    func(w *keylesstest.Workflow) { w.File = "evil.yml" },
		"another repository":                  func(w *keylesstest.Workflow) { w.Repository, w.RepositoryID = "mallory/access", 732 },
		"the same name, after it was deleted": func(w *keylesstest.Workflow) { w.RepositoryID = 732 },
		"a branch":                            func(w *keylesstest.Workflow) { w.Ref = "refs/heads/evil" },
		"a tag named as the branch":           func(w *keylesstest.Workflow) { w.Ref = "refs/tags/main" },
		"a branch that calls main's workflow": func(w *keylesstest.Workflow) { w.Ref, w.FileAt = "refs/heads/evil", "refs/heads/main" },
		"a pull request that calls it":        func(w *keylesstest.Workflow) { w.Ref, w.FileAt = "refs/pull/1/merge", "refs/heads/main" },
		"another server":                      func(w *keylesstest.Workflow) { w.Server = "https://github.example" },
	} {
		t.Run(name, func(t *testing.T) {
			w := reconcile()
			change(&w)
			tr := written(t, signer(t, s, w, time.Now), s)
			wantFindings(t, tr, trust(t, s, mine), 0, "may not sign receipts")
			if theirs := s.Issuer.Identity(w); theirs.Check() == nil {
				if b := read(t, tr, trust(t, s, theirs)); len(b.Findings) > 0 {
					t.Errorf("it is not sound for who trusts that one: %v", b.Findings)
				}
			}
		})
	}
	t.Run("another issuer", func(t *testing.T) {
		tr := written(t, signer(t, s, reconcile(), time.Now), s)
		github := mine
		github.Issuer = "https://token.actions.githubusercontent.com"
		wantFindings(t, tr, trust(t, s, github), 0, "may not sign receipts")
	})
	t.Run("an identity that says nothing trusts nobody", func(t *testing.T) {
		tr := written(t, signer(t, s, reconcile(), time.Now), s)
		for _, id := range []grants.Identity{
			{Issuer: mine.Issuer, Subject: mine.Subject, Ref: mine.Ref}, {Issuer: mine.Issuer, Subject: mine.Subject, Repository: mine.Repository},
		} {
			wantFindings(t, tr, trust(t, s, id), 0, "may not sign receipts")
		}
	})
	t.Run("an identity at another time", func(t *testing.T) {
		tr := written(t, signer(t, s, reconcile(), time.Now), s)
		for _, change := range []func(*grants.Identity){
			func(id *grants.Identity) { id.Until = time.Now().Add(-time.Hour) },
			func(id *grants.Identity) { id.From = time.Now().Add(time.Hour) },
		} {
			id := mine
			change(&id)
			wantFindings(t, tr, trust(t, s, id), 0, "may not sign receipts at that time")
		}
	})
}

// mixed is the signing configuration of s with another authority in place of one of its own.
func mixed(t *testing.T, s *keylesstest.Sigstore, own, theirs string) string {
	t.Helper()
	text, err := os.ReadFile(s.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "signing_config.json")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), own, theirs)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Anybody can run a Sigstore, which certifies what he likes.
func TestOtherAuthoritiesAreRefused(t *testing.T) {
	s, theirs := sigstore(t), another(t)
	t.Run("for certificates", func(t *testing.T) {
		by := signer(t, theirs, reconcile(), time.Now)
		by.Instance.SigningConfig = mixed(t, theirs, theirs.Timestamps, s.Timestamps)
		tr := written(t, by, s)
		wantFindings(t, tr, trust(t, s, theirs.Issuer.Identity(reconcile())), 0, "no authority that is trusted issued it")
	})
	t.Run("for timestamps", func(t *testing.T) {
		by := signer(t, s, reconcile(), time.Now)
		by.Instance.SigningConfig = mixed(t, s, s.Timestamps, theirs.Timestamps)
		tr := written(t, by, theirs)
		tu := trust(t, s, s.Issuer.Identity(reconcile()))
		wantFindings(t, tr, tu, 0, "")
		wantFinding(t, read(t, tr, tu), tr.receipts()[2], "by an authority that is trusted")
	})
}

// theirs is an authority whose certificates last as long as the test likes, beside the timestamps of s.
func theirs(t *testing.T, s *keylesstest.Sigstore, from, until time.Time) (root.TrustedMaterial, *session) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: from.Add(-time.Hour), NotAfter: until.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	id := s.Issuer.Identity(reconcile())
	san, err := url.Parse(id.Subject)
	if err != nil {
		t.Fatal(err)
	}
	text := func(oid asn1.ObjectIdentifier, value string) pkix.Extension {
		der, err := asn1.MarshalWithParams(value, "utf8")
		if err != nil {
			t.Fatal(err)
		}
		return pkix.Extension{Id: oid, Value: der}
	}
	run := &session{since: time.Now(), identity: id, stamps: s.Timestamps + "/api/v1/timestamp"}
	if run.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: until, URIs: []*url.URL{san},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{
			text(certificate.OIDIssuerV2, id.Issuer), text(certificate.OIDSourceRepositoryRef, id.Ref),
			text(certificate.OIDSourceRepositoryIdentifier, strconv.FormatInt(id.Repository, 10)),
		},
	}, ca, run.key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	if run.cert, err = parseCertificate(leaf); err != nil {
		t.Fatal(err)
	}
	stamps, err := instance(s).Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{&root.FulcioCertificateAuthority{Root: ca}}, nil, stamps.TimestampingAuthorities(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return trusted, run
}

// A run's key that somebody kept, or stole, signs nothing that is believed once its certificate is over: no authority stamps yesterday.
func TestACertificateMustBeGoodWhenTheTimestampWasMade(t *testing.T) {
	s := sigstore(t)
	now := time.Now()
	for name, c := range map[string]struct {
		from, until time.Time
		good        bool
	}{
		"good":        {now.Add(-time.Minute), now.Add(9 * time.Minute), true},
		"over":        {now.Add(-time.Hour), now.Add(-50 * time.Minute), false},
		"not yet":     {now.Add(time.Hour), now.Add(70 * time.Minute), false},
		"just over":   {now.Add(-10 * time.Minute), now.Add(-2 * time.Second), false},
		"for a month": {now.Add(-time.Minute), now.Add(30 * 24 * time.Hour), true},
	} {
		t.Run(name, func(t *testing.T) {
			trusted, run := theirs(t, s, c.from, c.until)
			v := NewVerifier(func() (root.TrustedMaterial, error) { return trusted, nil })
			by := signer(t, s, reconcile(), func() time.Time { return run.since })
			by.run = run
			tr := tree{}
			tr.append(t, ledger.NewBook(repository, ledger.Trust{Keyless: lax{v}}), anyone{by}, refused("a"), refused("b"))
			tu := ledger.Trust{Roots: ledger.Verifiers{ledger.VerifierOfIdentity(run.identity)}, Keyless: v}
			if c.good {
				if b := read(t, tr, tu); len(b.Findings) > 0 {
					t.Errorf("findings: %v", b.Findings)
				}
				return
			}
			wantFindings(t, tr.alone(), tu, 0, "the certificate was not good at")
		})
	}
}
