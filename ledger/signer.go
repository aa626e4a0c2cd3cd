package ledger

import (
	"context"
	"crypto"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// Signer signs for Lapse: with a key file, with a key that a KMS keeps, or without a key of its own, by the identity of the workflow.
type Signer interface {
	// Verifier is what a reader must trust to believe what is signed.
	Verifier(ctx context.Context) (Verifier, error)
	// Sign returns a payload as it is to be stored, signed. proof asks for a proof of the time, from those signers whose signatures are
	// worth nothing without; it covers all that the payload names by its digest. The last receipt of an append has one, see prove.
	Sign(ctx context.Context, payloadType string, payload []byte, proof bool) ([]byte, error)
	// Commits signs commits with the key that signs receipts, for as long as ctx.
	Commits(ctx context.Context) (crypto.Signer, error)
}

// signEnvelope makes the one stored form of a payload that a key signed.
func signEnvelope(ctx context.Context, key dsse.SignerVerifier, payloadType string, payload []byte) ([]byte, error) {
	signer, err := dsse.NewEnvelopeSigner(key)
	if err != nil {
		return nil, err
	}
	env, err := signer.SignPayload(ctx, payloadType, payload)
	if err != nil {
		return nil, err
	}
	return encodeEnvelope(env)
}
