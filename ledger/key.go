package ledger

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	sigdsse "github.com/sigstore/sigstore/pkg/signature/dsse"
)

// Key is a private signing key: Ed25519, or ECDSA on P-256. It prints as its ID, whatever the verb, so that it cannot
// reach a log by mistake.
type Key struct {
	signer signature.Signer
	crypto crypto.Signer
	id     string
}

// maxKey is the most bytes of a key file that are looked at.
const maxKey = 16 << 10

// LoadKey reads the one private key in a PEM text: PKCS#8, SEC 1 ("EC PRIVATE KEY"), or encrypted as cosign and sigstore
// write it. The password is asked for only if the key is encrypted, and may be nil otherwise. Errors hold nothing of the
// text.
func LoadKey(text []byte, password func() ([]byte, error)) (*Key, error) {
	block, err := oneBlock(text)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	ask, err := passwordFor(block, password)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	private, err := cryptoutils.UnmarshalPEMToPrivateKey(text, ask)
	if err != nil {
		// The library's error may quote what it could not parse.
		if ask != nil {
			return nil, errors.New("signing key: cannot be decrypted: the password is wrong or the key is damaged")
		}
		return nil, errors.New("signing key: not a private key in PKCS#8 or SEC 1 form")
	}
	return newKey(private)
}

// LoadSecret reads what a reconciler signs with: the private key, as [LoadKey] does, and beneath it, where a key was replaced, the
// public halves of those that signed before, for whose receipts whoever set the secret vouches.
func LoadSecret(text []byte, password func() ([]byte, error)) (*Key, Verifiers, error) {
	_, rest := pem.Decode(text)
	if len(bytes.TrimSpace(rest)) == 0 || len(text) > maxKey {
		key, err := LoadKey(text, password)
		return key, nil, err
	}
	key, err := LoadKey(text[:len(text)-len(rest)], password)
	if err != nil {
		return nil, nil, err
	}
	var earlier Verifiers
	for rest = bytes.TrimSpace(rest); len(rest) > 0; {
		block, more := pem.Decode(rest)
		if block == nil || block.Type != "PUBLIC KEY" || !bytes.HasPrefix(rest, []byte("-----BEGIN ")) {
			return nil, nil, errors.New("signing key: beneath the private key may stand only the public halves of earlier keys, in PEM")
		}
		public, err := cryptoutils.UnmarshalPEMToPublicKey(rest[:len(rest)-len(more)])
		if err != nil {
			return nil, nil, fmt.Errorf("signing key: public key %d beneath it: %w", len(earlier)+1, err)
		}
		v, err := VerifierOf(public)
		if err != nil {
			return nil, nil, fmt.Errorf("signing key: %d beneath it: %w", len(earlier)+1, err)
		}
		earlier, rest = append(earlier, v), bytes.TrimSpace(more)
	}
	return key, earlier, nil
}

// GenerateKey makes a new Ed25519 key and returns it with its private half as PKCS#8 PEM. Ed25519 signatures are
// deterministic and have one form only, in DSSE as in SSHSIG.
func GenerateKey() (*Key, []byte, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make a signing key: %w", err)
	}
	text, err := cryptoutils.MarshalPrivateKeyToPEM(private)
	if err != nil {
		return nil, nil, errors.New("make a signing key: it cannot be encoded")
	}
	k, err := newKey(private)
	return k, text, err
}

func newKey(private crypto.PrivateKey) (*Key, error) {
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("signing key: %T cannot sign", private)
	}
	id, err := keyID(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	s, err := signature.LoadSigner(private, crypto.SHA256)
	if err != nil {
		return nil, errors.New("signing key: cannot be used to sign")
	}
	return &Key{signer: s, crypto: signer, id: id}, nil
}

// oneBlock is the PEM block of a text that holds nothing else.
func oneBlock(text []byte) (*pem.Block, error) {
	if len(text) > maxKey {
		return nil, fmt.Errorf("longer than %d bytes", maxKey)
	}
	block, rest := pem.Decode(text)
	switch {
	case block == nil && bytes.Contains(text, []byte(`\n`)):
		return nil, errors.New(`not PEM: it holds \n as text where lines should end`)
	case block == nil:
		return nil, errors.New("not PEM")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("more than one PEM block, or text after it")
	case !bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN ")):
		return nil, errors.New("text before the PEM block")
	}
	return block, nil
}

// passwordFor is how the library is to ask for the password of the block; nil if it is not encrypted.
func passwordFor(block *pem.Block, password func() ([]byte, error)) (cryptoutils.PassFunc, error) {
	if !strings.Contains(block.Type, "ENCRYPTED") && block.Headers["DEK-Info"] == "" {
		return nil, nil
	}
	if password == nil {
		return nil, errors.New("encrypted, and there is no password")
	}
	secret, err := password()
	if err != nil {
		return nil, fmt.Errorf("ask for the password: %w", err)
	}
	if secret == nil {
		secret = []byte{} // a nil password would have the library parse the ciphertext as a key
	}
	return func(bool) ([]byte, error) { return secret, nil }, nil
}

// Public is the public half: an ed25519.PublicKey or an *ecdsa.PublicKey.
func (k *Key) Public() crypto.PublicKey { return k.crypto.Public() }

// PublicPEM is the public half as a file of .lapse/trust holds it.
func (k *Key) PublicPEM() []byte {
	text, err := cryptoutils.MarshalPublicKeyToPEM(k.Public())
	if err != nil {
		panic("ledger: a key that was checked cannot be encoded: " + err.Error())
	}
	return text
}

// ID is the fingerprint of the public half as OpenSSH prints it, "SHA256:…". It is the keyid of the DSSE envelopes, too.
func (k *Key) ID() string { return k.id }

// Verifier is what a reader must trust to believe what the key signs.
func (k *Key) Verifier(context.Context) (Verifier, error) { return VerifierOf(k.Public()) }

// Sign makes the DSSE envelope of a payload. Its signature is over the type, too. A key's word proves no time, and is believed without.
func (k *Key) Sign(ctx context.Context, payloadType string, payload []byte, _ bool) ([]byte, error) {
	return signEnvelope(ctx, &sigdsse.SignerAdapter{SignatureSigner: k.signer, Pub: k.Public(), PubKeyID: k.id}, payloadType, payload)
}

// Commits signs commits of Lapse with the same key.
func (k *Key) Commits(context.Context) (crypto.Signer, error) { return k.crypto, nil }

// Format prints the ID for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "key "+k.id) }

// keyID is the fingerprint of a public key of a kind that may sign receipts.
func keyID(public crypto.PublicKey) (string, error) {
	switch p := public.(type) {
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return "", errors.New("not an Ed25519 key: wrong length")
		}
	case *ecdsa.PublicKey:
		if p == nil || p.Curve != elliptic.P256() {
			return "", errors.New("an ECDSA key must be on the curve P-256")
		}
		if _, err := p.Bytes(); err != nil {
			return "", errors.New("not an ECDSA key: no point of the curve")
		}
	default:
		return "", fmt.Errorf("%T is not supported; use Ed25519, or ECDSA on P-256", public)
	}
	id, err := dsse.SHA256KeyID(public)
	if err != nil {
		return "", errors.New("has no fingerprint")
	}
	return id, nil
}
