package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/ledger/keyless"
	"github.com/lapse-access/lapse/names"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
)

// connection says which access repository to work on, and as whom. The defaults are those of a workflow.
type connection struct {
	repository string
	apiURL     string
	serverURL  string
	branch     string
	cache      string
	appID      int64
	verbose    bool
	structure  time.Duration // as in github.Options
	backoff    time.Duration // as in github.Options
}

func (c *connection) flags(f *pflag.FlagSet) {
	c.placeFlags(f)
	f.StringVar(&c.cache, "cache", "", "`folder` of the local copy and of cached answers (default in the user's cache folder)")
	f.Var((*appFlag)(&c.appID), "app-id", "`id` of a GitHub App to act as, with its key in $LAPSE_APP_PRIVATE_KEY")
}

// appFlag is the number of a GitHub App.
type appFlag int64

func (a *appFlag) String() string {
	if *a == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*a), 10)
}

func (a *appFlag) Set(s string) error {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id <= 0 {
		return errors.New("want the number of an App, as its settings show it: App ID")
	}
	*a = appFlag(id)
	return nil
}

func (a *appFlag) Type() string { return "id" }

// placeFlags say where the access repository is, or will be.
func (c *connection) placeFlags(f *pflag.FlagSet) {
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "repo" {
			name = "repository"
		}
		return pflag.NormalizedName(name)
	})
	f.StringVar(&c.repository, "repository", "", "access repository, `owner/name`; also --repo (default $GITHUB_REPOSITORY, or git's remote origin here)")
	f.StringVar(&c.apiURL, "api-url", "", "`URL` of GitHub's API (default $GITHUB_API_URL, or github.com's)")
	f.StringVar(&c.serverURL, "server-url", "", "`URL` of GitHub, for git (default $GITHUB_SERVER_URL, or github.com's)")
	f.StringVar(&c.branch, "branch", "main", "main `branch` of the access repository")
	f.BoolVar(&c.verbose, "verbose", false, "say what is asked of whom")
}

// connected is a connection that was made: the parts that the commands share.
type connected struct {
	repo     github.Repo
	forge    *github.Client
	git      *gitrepo.Repo
	gatherer *requests.Gatherer
	log      *slog.Logger
	branch   string
	dir      string // of what is kept between runs
	sigstore keyless.Instance
	keyless  ledger.Keyless
	clock    func() time.Time
}

const tokenHint = "set LAPSE_TOKEN, GH_TOKEN or GITHUB_TOKEN; for your own: export GH_TOKEN=$(gh auth token)"

// token is that of whoever runs the command.
func (env *environment) token() string {
	return or(env.getenv("LAPSE_TOKEN"), env.getenv("GH_TOKEN"), env.getenv("GITHUB_TOKEN"))
}

// server is the URL of GitHub as people and git see it.
func (c connection) server(env *environment) string {
	return or(c.serverURL, env.getenv("GITHUB_SERVER_URL"), "https://github.com")
}

// oneGitHub wants both addresses or none to be github.com's: else one server would be sent the token that is for the other, and what
// somebody has there under the repository's name would be believed.
func (c connection) oneGitHub(env *environment) error {
	api, err := url.Parse(or(c.apiURL, env.getenv("GITHUB_API_URL"), "https://api.github.com"))
	if err != nil {
		return nil // as whoever uses it says
	}
	server, err := url.Parse(c.server(env))
	if err != nil || strings.EqualFold(server.Host, "github.com") == strings.EqualFold(api.Host, "api.github.com") {
		return nil
	}
	return usagef("GitHub is at %s and its API at %s: give --server-url and --api-url of one server, like https://ghe.acme.com and https://ghe.acme.com/api/v3", server.Host, api.Host)
}

func (c connection) open(ctx context.Context, env *environment) (*connected, error) {
	log := env.logger(c.verbose)
	repo, err := c.accessRepository(ctx, env)
	if err != nil {
		return nil, err
	}
	if err := names.Branch(c.branch); err != nil {
		return nil, usagef("--branch: %w", err)
	}
	if err := c.oneGitHub(env); err != nil {
		return nil, err
	}
	dir, err := c.cacheFolder(env, repo)
	if err != nil {
		return nil, err
	}
	forge, err := c.forge(env, repo, dir, log)
	if err != nil {
		return nil, err
	}
	remote, err := c.gitURL(env, repo)
	if err != nil {
		return nil, err
	}
	git, err := gitrepo.Open(ctx, filepath.Join(dir, "git"), gitrepo.Remote{URL: remote, Username: "x-access-token", NewToken: env.tokens(forge)})
	if err != nil {
		return nil, err
	}
	sigstore := findSigstore(env, c.cacheRoot(env))
	return &connected{
		repo: repo, forge: forge, git: git, log: log, branch: c.branch, dir: dir, sigstore: sigstore, keyless: sigstore.Verifier(ctx), clock: env.now,
		gatherer: &requests.Gatherer{Git: git, Forge: forge, Repo: repo, Types: targetTypes()},
	}, nil
}

func (c connection) forge(env *environment, repo github.Repo, dir string, log *slog.Logger) (*github.Client, error) {
	o := github.Options{
		BaseURL: or(c.apiURL, env.getenv("GITHUB_API_URL")), HTTP: env.http, Log: log, Now: env.now,
		Cache: github.DirCache(filepath.Join(dir, "answers")), Structure: c.structure, Backoff: c.backoff,
	}
	if c.appID != 0 {
		key := env.getenv("LAPSE_APP_PRIVATE_KEY")
		if key == "" {
			return nil, usagef("--app-id %d: no key of the App: set LAPSE_APP_PRIVATE_KEY to the text of its private key", c.appID)
		}
		o.App = &github.App{ID: c.appID, PrivateKeyPEM: []byte(key), InstallationRepo: repo.String()}
	} else if o.Token = env.token(); o.Token == "" {
		return nil, usagef("no token: %s", tokenHint)
	}
	client, err := github.New(o)
	if err != nil {
		return nil, usage{err} // all it looks at is what it was given
	}
	return client, nil
}

// forgeWith is a client that acts by another token than the command does, and keeps no answers.
func (c connection) forgeWith(env *environment, token string, log *slog.Logger) (*github.Client, error) {
	return github.New(github.Options{BaseURL: or(c.apiURL, env.getenv("GITHUB_API_URL")), Token: token, HTTP: env.http, Log: log, Now: env.now})
}

// gitURL is where the repository is cloned from. The token goes beside it, never into it.
func (c connection) gitURL(env *environment, repo github.Repo) (string, error) {
	u, err := url.Parse(c.server(env))
	if err != nil || u.Host == "" || u.User != nil {
		return "", usagef("--server-url must look like https://github.com, without a user")
	}
	return u.JoinPath(repo.Owner, repo.Name+".git").String(), nil
}

// tokens gives git the token that is good now, and keeps each out of every text.
func (env *environment) tokens(forge *github.Client) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		token, err := forge.GitToken(ctx)
		if err == nil {
			env.uses(token)
		}
		return token, err
	}
}

// cacheFolder is one folder for each server and repository.
func (c connection) cacheFolder(env *environment, repo github.Repo) (string, error) {
	root := c.cacheRoot(env)
	if root == "" {
		return "", usagef("no place for the local copy: use --cache")
	}
	dir := filepath.Join(root, url.PathEscape(c.server(env)), repo.Owner, repo.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	return dir, nil
}

// cacheRoot is the folder of what is kept; "": there is no place.
func (c connection) cacheRoot(env *environment) string {
	switch {
	case c.cache != "":
		return c.cache
	case env.getenv("XDG_CACHE_HOME") != "":
		return filepath.Join(env.getenv("XDG_CACHE_HOME"), "lapse")
	case env.getenv("HOME") != "":
		return filepath.Join(env.getenv("HOME"), ".cache", "lapse")
	}
	return ""
}

// reader looks at the repository by what main names, for who is not Lapse.
func (c *connected) reader(main string) (*reconciler.Observer, error) {
	trust, err := c.gatherer.TrustAt(main)
	if err != nil {
		return nil, err
	}
	o := c.observer(trust, nil)
	o.OnMainsWord = true
	return o, nil
}

// observer looks at the repository with what is given trusted from the first.
func (c *connected) observer(trust ledger.Verifiers, open reconciler.Opener) *reconciler.Observer {
	return &reconciler.Observer{Requests: c.gatherer, Git: c.git, Trust: ledger.Trust{Roots: trust, Keyless: c.keyless}, Open: open, Branch: c.branch, Log: c.log, Skew: c.forge.Skew, Clock: c.clock}
}

func or(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// expand resolves a setting of the form "${NAME}", which is a whole value, and remembers it as a secret.
func (env *environment) expand(setting string) (string, error) {
	name, ok := strings.CutPrefix(setting, "${")
	if !ok {
		return setting, nil
	}
	name = strings.TrimSuffix(name, "}")
	v := env.getenv(name)
	if v == "" {
		return "", fmt.Errorf("the variable %s, which lapse.yaml names, is not set", name)
	}
	env.uses(v)
	return v, nil
}

// uses remembers a secret, so that no text that leaves the program holds it.
func (env *environment) uses(secret string) {
	if secret != "" && !slices.Contains(env.used, secret) {
		env.used = append(env.used, secret)
	}
}

// number reads a pull request's number.
func number(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "#"))
	if err != nil || n <= 0 {
		return 0, errors.New("not the number of a pull request")
	}
	return n, nil
}
