// Independent verifies one receipt of a ledger with sigstore's own library, and with nothing of Lapse's.
//
//	go run ./cmd/lapse/testdata/independent lapse.pub receipt.json
//
// It prints the statement that was signed. Whatever is not a statement in an envelope signed by that key leaves with 1.
package main

import (
	"bytes"
	"crypto"
	"fmt"
	"os"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: independent KEY.pub RECEIPT.json")
		os.Exit(2)
	}
	statement, err := verify(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = os.Stdout.Write(statement)
}

func verify(key, receipt string) ([]byte, error) {
	verifier, err := signature.LoadVerifierFromPEMFile(key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	envelope, err := os.ReadFile(receipt)
	if err != nil {
		return nil, err
	}
	var statement []byte
	// Without the expected type a payload of any type would do.
	v := dsse.WrapVerifier(verifier, dsse.WithExpectedPayloadType("application/vnd.in-toto+json"), dsse.WithDecodedPayload(&statement))
	if err := v.VerifySignature(bytes.NewReader(envelope), nil); err != nil {
		return nil, err
	}
	return statement, nil
}
