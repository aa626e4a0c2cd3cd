package gitrepo

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

func keys(t *testing.T) map[string]crypto.Signer {
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

func signed(t *testing.T, r *Repo, key crypto.Signer, message string) Hash {
	t.Helper()
	signer, err := SSHSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, r, NewCommit{Changes: map[string][]byte{"a": []byte("1")}, Message: message, Signer: signer})
}

func allow(t *testing.T, dir string, key crypto.PublicKey) {
	t.Helper()
	line, err := AllowedSigners("lapse@acme.com", key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "allowed")
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	stock(t, dir, "config", "gpg.ssh.allowedSignersFile", path)
}

func TestStockGitVerifiesOurSignatures(t *testing.T) {
	for name, key := range keys(t) {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			r, err := Open(t.Context(), dir, Remote{URL: dir})
			if err != nil {
				t.Fatal(err)
			}
			h := signed(t, r, key, "remove grants\n\nalice-prod: expired\n")
			allow(t, dir, key.Public())
			if said := stock(t, dir, "verify-commit", h.String()); !strings.Contains(said, `Good "git" signature for lapse@acme.com`) {
				t.Errorf("git verify-commit says %q", said)
			}
			if err := r.VerifyCommit(h, []crypto.PublicKey{key.Public()}); err != nil {
				t.Errorf("ours: %v", err)
			}
			stock(t, dir, "fsck", "--strict", "--full", "--no-dangling")
			allow(t, dir, keys(t)[name].Public())
			if said, err := tryStock(dir, "", "verify-commit", h.String()); err == nil {
				t.Errorf("with another key allowed git verify-commit says %q", said)
			}
		})
	}
}

func TestWeVerifyWhatStockGitSigned(t *testing.T) {
	bare, work := newRemote(t)
	file := filepath.Join(t.TempDir(), "key")
	if out, err := tryKeygen(file); err != nil {
		t.Skipf("ssh-keygen: %v %s", err, out)
	}
	stock(t, work, "config", "gpg.format", "ssh")
	stock(t, work, "config", "user.signingKey", file)
	stock(t, work, "commit", "-q", "--allow-empty", "-S", "-m", "signed")
	stock(t, work, "push", "-q", "origin", "main")
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	h := hashOf(t, stock(t, work, "rev-parse", "HEAD"))
	r := openBare(t, bare)
	if err := r.VerifyCommit(h, []crypto.PublicKey{keys(t)["ed25519"].Public(), parsePublic(t, public)}); err != nil {
		t.Error(err)
	}
	if err := r.VerifyCommit(h, []crypto.PublicKey{keys(t)["ed25519"].Public()}); !errors.Is(err, ErrBadSignature) {
		t.Errorf("by another key: %v, want ErrBadSignature", err)
	}
}

func TestSignatureThatProvesNothingIsRefused(t *testing.T) {
	bare, _ := newRemote(t)
	r := openBare(t, bare)
	key := keys(t)["ed25519"]
	good := signed(t, r, key, "good")
	content := stock(t, bare, "cat-file", "commit", good.String()) + "\n"
	c, err := r.Commit(good)
	if err != nil {
		t.Fatal(err)
	}
	header := "gpgsig " + strings.ReplaceAll(strings.TrimSuffix(c.Signature, "\n"), "\n", "\n ") + "\n"
	if !strings.Contains(content, header) {
		t.Fatalf("commit:\n%s", content)
	}
	elsewhere := signForFiles(t, key, strings.Replace(content, header, "", 1))
	for _, test := range []struct {
		name, old, new string
		want           error
	}{
		{"as it is", "", "", nil},
		{"unsigned", header, "", ErrUnsigned},
		{"other message", "\n\ngood", "\n\nevil", ErrBadSignature},
		{"other author", "author alice", "author carol", ErrBadSignature},
		{"another header", header, header + "x y\n", ErrBadSignature},
		{"second signature", header, header + header, ErrMalformed},
		{"OpenPGP", header, "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n", ErrBadSignature},
		{"no armour", header, "gpgsig good\n", ErrBadSignature},
		{"for another namespace", header, elsewhere, ErrBadSignature},
	} {
		h, _ := raw(t, bare, "commit", strings.Replace(content, test.old, test.new, 1))
		err := r.VerifyCommit(h, []crypto.PublicKey{key.Public()})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		allow(t, bare, key.Public())
		if said, err := tryStock(bare, "", "verify-commit", h.String()); (err == nil) != (test.want == nil) && test.want != ErrMalformed {
			t.Errorf("%s: git verify-commit: %v %s", test.name, err, said)
		}
	}
	if err := r.VerifyCommit(good, nil); !errors.Is(err, ErrBadSignature) {
		t.Errorf("with no keys: %v, want ErrBadSignature", err)
	}
}

func TestKeysThatDoNotSignCommits(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{weak, p384} {
		if _, err := SSHSigner(key); err == nil {
			t.Errorf("%T signs", key)
		}
	}
	ed := keys(t)["ed25519"].Public()
	for _, principal := range []string{"", "a b", "*", "a,b", "!a", "a\nb", `a"b`, "#a"} {
		if line, err := AllowedSigners(principal, ed); err == nil {
			t.Errorf("%q: %s", principal, line)
		}
	}
}

func tryKeygen(file string) (string, error) {
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput()
	return string(out), err
}

func parsePublic(t *testing.T, authorized []byte) crypto.PublicKey {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey(authorized)
	if err != nil {
		t.Fatal(err)
	}
	return key.(ssh.CryptoPublicKey).CryptoPublicKey()
}

// signForFiles signs as ssh-keygen -Y sign does for files, and returns the header.
func signForFiles(t *testing.T, key crypto.Signer, message string) string {
	t.Helper()
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := sshsig.Sign(strings.NewReader(message), signer, sshsig.HashSHA512, "file")
	if err != nil {
		t.Fatal(err)
	}
	armoured := strings.TrimSuffix(string(sshsig.Armor(signature)), "\n")
	return "gpgsig " + strings.ReplaceAll(armoured, "\n", "\n ") + "\n"
}
