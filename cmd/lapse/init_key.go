package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// keyFile is where the signing key is, or will be: outside of every repository.
func (o *initOptions) keyFile(env *environment, repo github.Repo) (string, error) {
	if o.key != "" {
		return filepath.Abs(o.key)
	}
	base := env.getenv("XDG_CONFIG_HOME")
	if base == "" && env.getenv("HOME") != "" {
		base = filepath.Join(env.getenv("HOME"), ".config")
	}
	if base == "" {
		return "", usagef("no place for the signing key: use --key")
	}
	return filepath.Join(base, "lapse", repo.Owner+"-"+repo.Name+".pem"), nil
}

// initKey loads the key that is there, or makes it. A folder that trusts keys already must trust this one: what another key signs
// would count for nothing there.
func initKey(env *environment, path, dir string) (*ledger.Key, error) {
	trust, _ := ledger.LoadVerifiers(os.DirFS(dir)) // what is no key there, doctor tells of
	strange := usagef("--key %s: %s trusts another key: name the file of that one; without it, init an empty folder, and copy from there what is missing here",
		path, filepath.Join(dir, ledger.TrustDir))
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if len(trust) > 0 {
			return nil, strange
		}
		return makeKey(env, path)
	}
	if err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	env.uses(string(text))
	key, err := ledger.LoadKey(text, nil)
	if err != nil {
		return nil, fmt.Errorf("the signing key %s: %w", path, err)
	}
	if _, trusted := trust.ByID(key.ID()); !trusted && len(trust) > 0 {
		return nil, strange
	}
	fmt.Fprintf(env.err, "lapse: took the signing key that is there: %s\n", path)
	return key, nil
}

// keyFiles are the public half of the key, and the file by which stock git verifies what it and the keys that are trusted already sign.
func keyFiles(key *ledger.Key, dir string) (map[string]string, error) {
	trust, _ := ledger.LoadVerifiers(os.DirFS(dir))
	if _, there := trust.ByID(key.ID()); !there {
		own, err := ledger.VerifierOf(key.Public())
		if err != nil {
			return nil, err
		}
		trust = append(trust, own)
	}
	signers, err := requests.AllowedSigners(trust)
	return map[string]string{ledger.TrustDir + "/lapse.pub": string(key.PublicPEM()), requests.SignersFile: signers}, err
}

// makeKey makes a signing key, readable by its owner alone.
func makeKey(env *environment, path string) (*ledger.Key, error) {
	key, text, err := ledger.GenerateKey()
	if err != nil {
		return nil, err
	}
	env.uses(string(text))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	fmt.Fprintf(env.err, "lapse: made the signing key %s: keep it out of every repository\n", path)
	fmt.Fprintf(env.err, "lapse: its public half is %s, in %s/lapse.pub: give that file to whoever will audit, now\n", key.ID(), ledger.TrustDir)
	return key, nil
}
