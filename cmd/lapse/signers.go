package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
)

// usualKey is where the key is that nothing names.
var usualKey = grants.Signing{Key: "${LAPSE_SIGNING_KEY}"}

// openSigners makes a signer of each way to sign that the environment has what it takes for: of those that the approved configuration
// names, that main names, and the usual one. What somebody pushed to main must not keep a run from taking back what is due. All of them
// are trusted from the first, and what each brings: whoever set up the environment vouches for them.
func openSigners(ctx context.Context, env *environment, conn *connected) ([]reconciler.Signer, ledger.Verifiers, error) {
	named := conn.observer(nil, nil).Signings(ctx)
	if !slices.Contains(named, usualKey) {
		named = append(named, usualKey)
	}
	var signers []reconciler.Signer
	var roots ledger.Verifiers
	var errs []error
	for _, s := range named {
		signer, brings, err := openSigner(ctx, env, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		signers, roots = append(signers, reconciler.Signer{Signer: signer, Setting: s}), roots.With(brings...)
	}
	if len(signers) == 0 {
		return nil, nil, fmt.Errorf("what signs receipts: %w", errs[0])
	}
	return signers, roots, nil
}

// openSigner makes one signer. With it comes what is to be trusted for it: itself, and the keys before it.
func openSigner(ctx context.Context, env *environment, s grants.Signing) (ledger.Signer, ledger.Verifiers, error) {
	switch {
	case s.Key != "":
		return openKey(ctx, env, s.Key)
	case s.KMS != "":
		return openKMS(ctx, env, s.KMS)
	}
	return nil, nil, errors.New("signing without a key is not possible here")
}

func openKey(ctx context.Context, env *environment, name string) (ledger.Signer, ledger.Verifiers, error) {
	text, err := env.expand(name)
	if err != nil {
		return nil, nil, err
	}
	key, earlier, err := ledger.LoadSecret([]byte(text), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	own, err := key.Verifier(ctx)
	return key, ledger.Verifiers{own}.With(earlier...), err
}

func openKMS(ctx context.Context, env *environment, name string) (ledger.Signer, ledger.Verifiers, error) {
	address, err := env.expand(name)
	if err != nil {
		return nil, nil, err
	}
	key, err := ledger.LoadKMS(ctx, address)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	own, err := key.Verifier(ctx)
	return key, ledger.Verifiers{own}, err
}
