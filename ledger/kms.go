package ledger

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	sigdsse "github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// kmsForm is the address of a key: what comes before :// becomes part of the name of a program.
var kmsForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}://[!-~]{1,1000}$`)

// kmsPatience is how long one answer of the KMS may take.
const kmsPatience = 30 * time.Second

// KMSKey is a signing key that a key management service keeps: Ed25519, or ECDSA on P-256. It is reached through the program
// sigstore-kms-<scheme> in PATH, by sigstore's protocol for such programs, so that no cloud's library is part of this one.
//
// What comes back is believed only if it verifies under the public half that was read when the key was loaded.
type KMSKey struct {
	service  kms.SignerVerifier
	verifier Verifier
}

// LoadKMS connects to the key at an address, like awskms:///alias/lapse, and asks for its public half.
func LoadKMS(ctx context.Context, address string) (*KMSKey, error) {
	if !kmsForm.MatchString(address) {
		return nil, errors.New("not the address of a key in a KMS: want one like awskms:///alias/lapse or hashivault://lapse")
	}
	// The library keeps the deadline of this context for every later call.
	service, err := kms.Get(context.WithoutCancel(ctx), address, crypto.SHA256)
	var missing *kms.ProviderNotFoundError
	if errors.As(err, &missing) {
		scheme, _, _ := strings.Cut(address, "://")
		return nil, fmt.Errorf("no program sigstore-kms-%s in PATH, through which keys of %s are reached", scheme, scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the KMS: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, kmsPatience)
	defer cancel()
	public, err := service.PublicKey(options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("ask the KMS for the public key: %w", err)
	}
	v, err := VerifierOf(public)
	if err != nil {
		return nil, fmt.Errorf("the key in the KMS: %w", err)
	}
	return &KMSKey{service, v}, nil
}

// Verifier is what a reader must trust to believe what the key signs.
func (k *KMSKey) Verifier(context.Context) (Verifier, error) { return k.verifier, nil }

// Sign makes the DSSE envelope of a payload, with one call to the KMS.
func (k *KMSKey) Sign(ctx context.Context, payloadType string, payload []byte, _ bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, kmsPatience)
	defer cancel()
	key := &sigdsse.SignerAdapter{SignatureSigner: k.service, Pub: k.verifier.Public, PubKeyID: k.verifier.ID}
	sealed, err := signEnvelope(ctx, key, payloadType, payload)
	if err != nil {
		return nil, err
	}
	if _, _, err := openEnvelope(sealed, payloadType, Verifiers{k.verifier}); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotItsOwn, err)
	}
	return sealed, nil
}

// errNotItsOwn: some services hash a message before they sign it with an Ed25519 key, which makes it another message.
var errNotItsOwn = errors.New("the KMS's answer is no signature by its own key; if the key is Ed25519, use ECDSA on P-256")

// Commits signs commits with the same key, while ctx lasts.
func (k *KMSKey) Commits(ctx context.Context) (crypto.Signer, error) { return commitKey{ctx, k}, nil }

// commitKey is a KMSKey where there is no context to pass.
type commitKey struct {
	ctx context.Context
	*KMSKey
}

func (c commitKey) Public() crypto.PublicKey { return c.verifier.Public }

// Sign signs a digest; or, with an Ed25519 key, which takes none, a message.
func (c commitKey) Sign(_ io.Reader, data []byte, opts crypto.SignerOpts) ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.ctx, kmsPatience)
	defer cancel()
	message, to := data, []signature.SignOption{options.WithContext(ctx)}
	var checked []signature.VerifyOption
	if h := opts.HashFunc(); h != 0 {
		message = nil
		to = append(to, options.WithDigest(data), options.WithCryptoSignerOpts(h))
		checked = append(checked, options.WithDigest(data), options.WithCryptoSignerOpts(h))
	}
	made, err := c.service.SignMessage(bytes.NewReader(message), to...)
	if err != nil {
		return nil, fmt.Errorf("sign with the KMS: %w", err)
	}
	if err := c.verifier.check.VerifySignature(bytes.NewReader(made), bytes.NewReader(message), checked...); err != nil {
		return nil, errNotItsOwn
	}
	return made, nil
}
