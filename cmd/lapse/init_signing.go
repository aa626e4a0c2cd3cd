package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/settings"
)

// The ways to sign that init sets up.
const (
	signKey     = "key"
	signKeyless = "keyless"
)

// published is what whoever signs without a key tells the world, in words for a person.
const published = "the names of the organization, the repository, the workflow and its branch, and commits of main, in a public log of certificates, for good; nothing of a grant"

// chooseSigning settles how the access repository is to sign: as its folder says, as was asked for, and else without a key where GitHub's
// workflows can, which is on github.com: the public Sigstore knows no Enterprise server.
func (o *initOptions) chooseSigning(ctx context.Context, env *environment) error {
	if o.signing != "" && o.signing != signKey && o.signing != signKeyless {
		return usagef("--signing %q: want keyless or key", o.signing)
	}
	there, file := signingOf(o.dir)
	switch {
	case there != "" && o.signing != "" && there != o.signing:
		return usagef("--signing %s: %s says that %s signs; docs/signing.md says how one takes the place of another", o.signing, filepath.Join(o.dir, file), wordOf(there))
	case there != "":
		o.signing = there
	case o.signing == "" && (o.key != "" || !onGitHubCom(o.server(env))):
		o.signing = signKey
	case o.signing == "":
		if err := o.offerKeyless(ctx, env); err != nil {
			return err
		}
	}
	if o.signing == signKeyless && o.key != "" {
		return usagef("--key %s: signing without a key has none: leave it out, or use --signing key", o.key)
	}
	if o.signing != signKeyless && o.issuer != "" {
		return usagef("--issuer is of those who sign without a key: leave it out, or use --signing keyless")
	}
	return nil
}

func wordOf(signing string) string {
	if signing == signKeyless {
		return "the workflow, without a key,"
	}
	return "a key"
}

// offerKeyless asks where somebody can be asked: what becomes public stays so.
func (o *initOptions) offerKeyless(ctx context.Context, env *environment) error {
	o.signing = signKeyless
	if !env.asks {
		return nil
	}
	yes, err := env.asker().confirm(ctx, "Sign without a key, by the workflow's identity? There is none to keep then. It puts "+published+".", true)
	if err == nil && !yes {
		o.signing = signKey
	}
	return err
}

// signingOf is what the files that are there say signs, and which of them says so; "" where none does.
func signingOf(dir string) (how, file string) {
	files := os.DirFS(dir)
	if _, err := fs.Stat(files, "lapse.yaml"); err == nil {
		if grants.LoadConfiguration(files, targetTypes()).Config.Signing.Keyless {
			return signKeyless, "lapse.yaml"
		}
		return signKey, "lapse.yaml"
	}
	trust, _ := ledger.LoadVerifiers(files) // what is neither there, doctor tells of
	switch {
	case len(trust.Keys()) > 0:
		return signKey, ledger.TrustDir
	case len(trust) > 0:
		return signKeyless, ledger.TrustDir
	}
	return "", ""
}

// identityPath is where init names the workflow that signs.
const identityPath = ledger.TrustDir + "/lapse.identity.yaml"

// reconcileIdentity is the identity of the reconcile workflow on the main branch.
func reconcileIdentity(issuer, server string, repo github.Repo, id int64, branch string) grants.Identity {
	return grants.Identity{
		Issuer:     or(issuer, issuerOf(server)),
		Subject:    fmt.Sprintf("%s/%s/.github/workflows/%s@refs/heads/%s", strings.TrimSuffix(server, "/"), repo, settings.ReconcileWorkflow, branch),
		Repository: id, Ref: "refs/heads/" + branch,
	}
}

// identity is that of the workflow that is to sign. Its number is zero where the repository is not there yet, or cannot be asked about.
func (o *initOptions) identity(ctx context.Context, env *environment, repo github.Repo) (grants.Identity, error) {
	id := reconcileIdentity(o.issuer, o.server(env), repo, 0, o.branch)
	if token := env.token(); token != "" {
		forge, err := o.forgeWith(env, token, env.logger(o.verbose))
		if err != nil {
			return id, err
		}
		number, name, err := forge.Repository(ctx, repo)
		if err != nil && !github.IsNotFound(err) {
			return id, err
		}
		if err == nil {
			id = reconcileIdentity(o.issuer, o.server(env), name, number, o.branch)
		}
	}
	check := id
	check.Repository = max(check.Repository, 1)
	if err := check.Check(); err != nil {
		return id, usagef("the identity of the workflow that is to sign: %w", err)
	}
	return id, nil
}

// signs is what signs in an access repository that begins.
type signs struct {
	keyless bool
	files   map[string]string // by which it is trusted
	key     string            // file of the key, as a word of the shell
	pending *grants.Identity  // of the workflow, whose file waits for the repository's number
}

// signs makes what is to sign, and the files by which it is trusted.
func (o *initOptions) signs(ctx context.Context, env *environment, repo github.Repo) (signs, error) {
	if o.signing == signKeyless {
		return o.workflowSigns(ctx, env, repo)
	}
	path, err := o.keyFile(env, repo)
	if err != nil {
		return signs{}, err
	}
	key, err := initKey(env, path, o.dir)
	if err != nil {
		return signs{}, err
	}
	files, err := keyFiles(key, o.dir)
	return signs{files: files, key: homeWord(path, env.getenv("HOME"))}, err
}

// workflowSigns leaves alone the identity that is trusted already.
func (o *initOptions) workflowSigns(ctx context.Context, env *environment, repo github.Repo) (signs, error) {
	if trust, _ := ledger.LoadVerifiers(os.DirFS(o.dir)); len(trust) > 0 {
		return signs{keyless: true}, nil
	}
	id, err := o.identity(ctx, env, repo)
	switch {
	case err != nil:
		return signs{}, err
	case id.Repository == 0:
		return signs{keyless: true, pending: &id}, nil
	}
	return signs{keyless: true, files: map[string]string{identityPath: string(id.File())}}, nil
}
