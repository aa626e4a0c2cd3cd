package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/ledger/keyless"
	"github.com/lapse-access/lapse/reconciler"
)

// usualKey is where the key is that nothing names.
var usualKey = grants.Signing{Key: "${LAPSE_SIGNING_KEY}"}

// earlierSigners holds what signed before, where that is no private key's public half beneath the one that took its place: after a move to
// another way to sign.
const earlierSigners = "LAPSE_EARLIER_SIGNERS"

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
		signer, brings, err := openSigner(ctx, env, conn, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		signers, roots = append(signers, reconciler.Signer{Signer: signer, Setting: s}), roots.With(brings...)
	}
	earlier, err := ledger.ParseEarlier([]byte(env.getenv(earlierSigners)))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", earlierSigners, err)
	}
	roots = roots.With(earlier...)
	if len(signers) == 0 {
		return nil, nil, fmt.Errorf("what signs receipts: %w", errs[0])
	}
	return signers, roots, nil
}

// openSigner makes one signer. With it comes what is to be trusted for it: itself, and the keys before it.
func openSigner(ctx context.Context, env *environment, conn *connected, s grants.Signing) (ledger.Signer, ledger.Verifiers, error) {
	switch {
	case s.Key != "":
		return openKey(ctx, env, s.Key)
	case s.KMS != "":
		return openKMS(ctx, env, s.KMS)
	}
	return openWorkflow(ctx, env, conn)
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

// openWorkflow signs by the identity of the workflow that this runs in.
func openWorkflow(ctx context.Context, env *environment, conn *connected) (ledger.Signer, ledger.Verifiers, error) {
	signer := &keyless.Signer{Instance: conn.sigstore, Now: env.now, Workflow: keyless.Workflow{
		RequestURL: env.getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), RequestToken: env.getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
		Server: or(env.getenv("GITHUB_SERVER_URL"), "https://github.com"), HTTP: env.http, Secret: env.uses, Assumed: assumedIdentity(env),
	}}
	env.uses(signer.Workflow.RequestToken)
	own, err := signer.Verifier(ctx)
	if err != nil {
		return nil, nil, err
	}
	return signer, ledger.Verifiers{own}, nil
}

// assumedIdentity is that of the workflow by what its runner says, which is good enough to read by while no token can be had.
func assumedIdentity(env *environment) grants.Identity {
	server := or(env.getenv("GITHUB_SERVER_URL"), "https://github.com")
	id, _ := strconv.ParseInt(env.getenv("GITHUB_REPOSITORY_ID"), 10, 64)
	return grants.Identity{Issuer: issuerOf(server), Subject: server + "/" + env.getenv("GITHUB_WORKFLOW_REF"), Repository: id, Ref: env.getenv("GITHUB_REF")}
}

// issuerOf is who issues the tokens of a server's workflows, unless an enterprise has an issuer of its own.
func issuerOf(server string) string {
	if onGitHubCom(server) {
		return "https://token.actions.githubusercontent.com"
	}
	return strings.TrimSuffix(server, "/") + "/_services/token"
}

// onGitHubCom says whether a server is the one whose workflows the public good instance of Sigstore knows.
func onGitHubCom(server string) bool { return strings.TrimSuffix(server, "/") == "https://github.com" }

// findSigstore is whom to believe, and whom to ask, about signatures without a key: the public good instance, unless files say otherwise.
func findSigstore(env *environment, cache string) keyless.Instance {
	return keyless.Instance{
		TrustedRoot: env.getenv("LAPSE_TRUSTED_ROOT"), SigningConfig: env.getenv("LAPSE_SIGNING_CONFIG"), Cache: cache, HTTP: env.http,
	}
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
