// Sigstore-kms-filekms stands for the programs through which keys in a KMS are reached: it speaks their protocol, as any of them must,
// and keeps its keys in files. filekms:///path is the key in that file; while a file named down is beside it, nothing is signed. It is
// for tests.
package main

import (
	"context"
	"crypto"
	"errors"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
	"github.com/sigstore/sigstore/pkg/signature/kms/fake"
)

func main() {
	if err := run(); err != nil {
		_ = handler.WriteErrorResponse(os.Stdout, err)
		os.Exit(1)
	}
}

func run() error {
	args, err := handler.GetPluginArgs(os.Args)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(args.InitOptions.KeyResourceID)
	if err != nil {
		return errors.New("there is no such key")
	}
	private, err := cryptoutils.UnmarshalPEMToPrivateKey(text, nil)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(args.InitOptions.KeyResourceID), "down")); err == nil && args.MethodName == common.SignMessageMethodName {
		return errors.New("out of order")
	}
	hash := args.InitOptions.HashFunc
	if hash == 0 {
		hash = crypto.SHA256
	}
	key, err := fake.LoadSignerVerifier(context.WithValue(context.Background(), fake.KmsCtxKey{}, private), hash)
	if err != nil {
		return err
	}
	_, err = handler.Dispatch(os.Stdout, os.Stdin, args, key)
	return err
}
