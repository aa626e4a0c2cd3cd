package ledger

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"golang.org/x/crypto/ssh"
)

func pemOf(t testing.TB, kind string, der []byte) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t testing.TB, private any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func cosignPEM(t testing.TB, private any, password string) []byte {
	t.Helper()
	box, err := encrypted.Encrypt(pkcs8(t, private), []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(t, "ENCRYPTED SIGSTORE PRIVATE KEY", box)
}

func password(s string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(s), nil }
}

func TestKeysOfEveryFormAreLoadedAndSignWhatVerifies(t *testing.T) {
	ec := p256(t)
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	_, edPEM, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text     []byte
		password func() ([]byte, error)
	}{
		"Ed25519":                  {edPEM, nil},
		"P-256":                    {pemOf(t, "PRIVATE KEY", pkcs8(t, ec)), nil},
		"P-256 in SEC 1":           {pemOf(t, "EC PRIVATE KEY", sec1), nil},
		"encrypted":                {cosignPEM(t, ec, "s3cret"), password("s3cret")},
		"encrypted with nothing":   {cosignPEM(t, ec, ""), func() ([]byte, error) { return nil, nil }},
		"with blank lines":         {append([]byte("\n"), append(edPEM, "\n\n"...)...), nil},
		"no password where needed": {edPEM, func() ([]byte, error) { t.Error("asked for a password"); return nil, nil }},
	} {
		k, err := LoadKey(tc.text, tc.password)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := placed(life()[1])
		sealed, err := k.Seal(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := Unseal(sealed, verifiers(t, k)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		vs, problems := LoadVerifiers(fstest.MapFS{TrustDir + "/k.pub": {Data: k.PublicPEM()}})
		if len(problems) > 0 || len(vs) != 1 || vs[0].ID != k.ID() {
			t.Errorf("%s: its public half loads as %v, %v", name, vs, problems)
		}
		sshKey, err := ssh.NewPublicKey(k.Public())
		if err != nil || ssh.FingerprintSHA256(sshKey) != k.ID() {
			t.Errorf("%s: the ID %s is not what OpenSSH prints, %v", name, k.ID(), err)
		}
	}
}

func TestWhatIsNoSigningKeyIsRefusedWithoutItsBytes(t *testing.T) {
	ec := p256(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := pemOf(t, "PRIVATE KEY", pkcs8(t, ec))
	public, err := x509.MarshalPKIXPublicKey(ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text     []byte
		password func() ([]byte, error)
		want     string
	}{
		"nothing":           {nil, nil, "not PEM"},
		"not PEM":           {[]byte(base64.StdEncoding.EncodeToString(pkcs8(t, ec))), nil, "not PEM"},
		"literal \\n":       {bytes.ReplaceAll(good, []byte("\n"), []byte(`\n`)), nil, `\n as text`},
		"two keys":          {append(bytes.Clone(good), good...), nil, "more than one"},
		"text before":       {append([]byte("hello\n"), good...), nil, "text before"},
		"too long":          {append(bytes.Clone(good), make([]byte, maxKey)...), nil, "longer than"},
		"cut off":           {pemOf(t, "PRIVATE KEY", pkcs8(t, ec)[:40]), nil, "not a private key"},
		"unknown type":      {pemOf(t, "MY "+string(pkcs8(t, ec)[:0])+"KEY", pkcs8(t, ec)), nil, "not a private key"},
		"a public key":      {pemOf(t, "PUBLIC KEY", public), nil, "not a private key"},
		"RSA":               {pemOf(t, "PRIVATE KEY", pkcs8(t, rsaKey)), nil, "not supported"},
		"P-384":             {pemOf(t, "PRIVATE KEY", pkcs8(t, p384)), nil, "P-256"},
		"wrong password":    {cosignPEM(t, ec, "right"), password("wrong"), "password is wrong"},
		"no password":       {cosignPEM(t, ec, "right"), nil, "there is no password"},
		"password fails":    {cosignPEM(t, ec, "right"), func() ([]byte, error) { return nil, errors.New("no terminal") }, "no terminal"},
		"nil password":      {cosignPEM(t, ec, "right"), func() ([]byte, error) { return nil, nil }, "password is wrong"},
		"encrypted garbage": {pemOf(t, "ENCRYPTED COSIGN PRIVATE KEY", []byte("{}")), password("x"), "password is wrong"},
	} {
		k, err := LoadKey(tc.text, tc.password)
		if err == nil {
			t.Errorf("%s: loaded as %v", name, k)
			continue
		}
		if !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q in it", name, err, tc.want)
		}
		for line := range strings.Lines(string(tc.text)) {
			if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "---") && strings.Contains(err.Error(), line) {
				t.Errorf("%s: the error quotes the text", name)
			}
		}
	}
}

func TestA64AKeyNeverPrintsItself(t *testing.T) {
	seed := bytes.Repeat([]byte{0xa7}, ed25519.SeedSize)
	k, err := newKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "value", *k)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k, "value", *k)
	out := fmt.Sprintf("%v %+v %#v %s %x %d %v %x", k, k, k, k, k, k, *k, *k) + log.String()
	for _, leak := range []string{"167", "a7a7", "p6en", "\xa7"} {
		if strings.Contains(out, leak) {
			t.Errorf("printing the key shows %q: %s", leak, out)
		}
	}
}

func TestTheTrustFolderHoldsPublicKeysOnly(t *testing.T) {
	k := newTestKey(t)
	_, private, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	sshKey, err := ssh.NewPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ data, want string }{
		"a.pub":     {string(private), "private key"},
		"b.pub":     {string(ssh.MarshalAuthorizedKey(sshKey)), "OpenSSH"},
		"c.pub":     {string(pemOf(t, "PUBLIC KEY", rsaPublic)), "not supported"},
		"d.pub":     {string(pemOf(t, "PUBLIC KEY", []byte("junk"))), "not a public key"},
		"e.pub":     {"", "not PEM"},
		"f.pub":     {string(k.PublicPEM()) + string(k.PublicPEM()), "more than one"},
		"g.pub":     {strings.Repeat("x", maxKey+1), "longer than"},
		"README.md": {"keys", "not named *.pub"},
		"sub/h.pub": {string(k.PublicPEM()), "not a plain file"},
	} {
		vs, problems := LoadVerifiers(fstest.MapFS{
			TrustDir + "/k.pub":    {Data: k.PublicPEM()},
			TrustDir + "/same.pub": {Data: k.PublicPEM()},
			TrustDir + "/" + name:  {Data: []byte(tc.data)},
		})
		if len(vs) != 1 || vs[0].ID != k.ID() {
			t.Errorf("%s: verifiers %v, want the good key once", name, vs)
		}
		if len(problems) != 1 || !strings.Contains(problems[0].Text, tc.want) {
			t.Errorf("%s: problems %v, want one with %q", name, problems, tc.want)
		}
	}
	if vs, problems := LoadVerifiers(fstest.MapFS{}); len(vs)+len(problems) > 0 {
		t.Errorf("no folder: %v, %v", vs, problems)
	}
	for _, public := range []any{nil, (*ecdsa.PublicKey)(nil), ed25519.PublicKey{1}, rsaKey.Public()} {
		if v, err := VerifierOf(public); err == nil {
			t.Errorf("%T: a verifier %v", public, v)
		}
	}
}

func TestSecretHoldsOnePrivateKeyAndThePublicHalvesOfEarlierOnes(t *testing.T) {
	now, pem, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	before, beforePEM, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		earlier    int
		wrong      string
	}{
		{"alone", string(pem), 0, ""},
		{"with one", string(pem) + string(before.PublicPEM()), 1, ""},
		{"with two and blank lines", string(pem) + "\n" + string(before.PublicPEM()) + "\n\n" + string(now.PublicPEM()) + "\n", 2, ""},
		{"two private keys", string(pem) + string(beforePEM), 0, "public halves"},
		{"text beneath", string(pem) + "old key", 0, "public halves"},
		{"text between", string(pem) + "old key\n" + string(before.PublicPEM()), 0, "public halves"},
		{"public first", string(before.PublicPEM()) + string(pem), 0, "signing key"},
		{"no key beneath", string(pem) + "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 0, "public key 1 beneath it"},
	} {
		key, earlier, err := LoadSecret([]byte(c.text), nil)
		switch {
		case c.wrong != "":
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want %q", c.name, err, c.wrong)
			}
		case err != nil || key.ID() != now.ID() || len(earlier) != c.earlier:
			t.Errorf("%s: %v, %d earlier: %v", c.name, key, len(earlier), err)
		case c.earlier > 0 && earlier[0].ID != before.ID():
			t.Errorf("%s: earlier is %s", c.name, earlier[0].ID)
		}
	}
}
