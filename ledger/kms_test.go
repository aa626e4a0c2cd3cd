package ledger

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/fake"
	"golang.org/x/crypto/ssh"

	"github.com/lapse-access/lapse/grants"
)

// kmsKeys are a key of each kind.
func kmsKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"ed25519": ed, "ecdsa": ec}
}

// fileKMS builds the program that keeps keys in files, puts it in PATH, and returns the address of a key.
func fileKMS(t *testing.T, key crypto.Signer) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "sigstore-kms-filekms"), "./testdata/filekms").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := cryptoutils.MarshalPrivateKeyToPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return "filekms://" + file
}

func TestAKeyInAKMSSignsReceiptsAndCommits(t *testing.T) {
	for kind, key := range kmsKeys(t) {
		t.Run(kind+" within the process", func(t *testing.T) {
			wantSigns(t, context.WithValue(t.Context(), fake.KmsCtxKey{}, key), "fakekms://key", key.Public())
		})
		t.Run(kind+" through a program", func(t *testing.T) {
			wantSigns(t, t.Context(), fileKMS(t, key), key.Public())
		})
	}
}

func wantSigns(t *testing.T, ctx context.Context, address string, public crypto.PublicKey) {
	t.Helper()
	k, err := LoadKMS(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	v, err := VerifierOf(public)
	if err != nil {
		t.Fatal(err)
	}
	tr, b := tree{}, NewBook(repository, Trust{Roots: Verifiers{v}})
	files, err := b.Append(ctx, k, monday, commitA, life()...)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range files {
		tr[path] = data
	}
	read := mustRead(t, tr, Verifiers{v}, nil)
	wantSound(t, read)
	if len(read.Receipts()) != len(life()) {
		t.Errorf("%d receipts, want %d", len(read.Receipts()), len(life()))
	}
	commits, err := k.Commits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(commits)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := sshsig.Sign(strings.NewReader("tree …"), signer, sshsig.HashSHA512, "git")
	if err != nil {
		t.Fatal(err)
	}
	want, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := sshsig.Verify(strings.NewReader("tree …"), signed, want, sshsig.HashSHA512, "git"); err != nil {
		t.Errorf("a commit's signature: %v", err)
	}
}

// prehashing is a service that hashes what it is to sign with an Ed25519 key, as some do.
type prehashing struct{ kms.SignerVerifier }

func (p prehashing) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(message); err != nil {
		return nil, err
	}
	return p.SignerVerifier.SignMessage(strings.NewReader(grants.Digest(b.Bytes())), opts...)
}

func TestWhatIsNoSignatureByTheKMSsOwnKeyIsNotUsed(t *testing.T) {
	ctx := context.WithValue(t.Context(), fake.KmsCtxKey{}, crypto.PrivateKey(kmsKeys(t)["ed25519"]))
	k, err := LoadKMS(ctx, "fakekms://key")
	if err != nil {
		t.Fatal(err)
	}
	k.service = prehashing{k.service}
	if _, err := k.Sign(ctx, PayloadType, []byte("{}"), false); !errors.Is(err, errNotItsOwn) {
		t.Errorf("an envelope: %v", err)
	}
	commits, err := k.Commits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := commits.Sign(rand.Reader, []byte("tree …"), crypto.Hash(0)); !errors.Is(err, errNotItsOwn) {
		t.Errorf("a commit: %v", err)
	}
}

func TestAddressesOfNoKMSAreRefused(t *testing.T) {
	for address, want := range map[string]string{
		"":                         "not the address",
		"awskms":                   "not the address",
		"awskms://":                "not the address",
		"../../tmp/evil://key":     "not the address",
		"-x://key":                 "not the address",
		"awskms://two words":       "not the address",
		"nosuchkms://projects/p/k": "no program sigstore-kms-nosuchkms in PATH",
	} {
		if _, err := LoadKMS(t.Context(), address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), fake.KmsCtxKey{}, crypto.PrivateKey(p384))
	if _, err := LoadKMS(ctx, "fakekms://key"); err == nil || !strings.Contains(err.Error(), "P-256") {
		t.Errorf("a key of another kind: %v", err)
	}
	if _, err := LoadKMS(t.Context(), fileKMS(t, p384)+".gone"); err == nil || !strings.Contains(err.Error(), "there is no such key") {
		t.Errorf("a key that is not there: %v", err)
	}
}
