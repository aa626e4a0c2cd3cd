package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/example"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/names"
)

// initOptions are the flags of lapse init.
type initOptions struct {
	connection
	dir     string
	org     string
	owners  []string
	signing string // "key" or "keyless"
	issuer  string
	key     string
}

func newInit(env *environment) *cobra.Command {
	o := &initOptions{}
	c := &cobra.Command{
		Use:   "init",
		Short: "Write an access repository to start from, and say what to do next",
		Long: `Init writes roles, people, policies with their tests, configuration, workflows, an issue form and a README into a folder, which may be
an existing repository: it never changes a file that is there, and says which it left alone. It prints the next steps, each with the
commands to run.

Receipts and commits are signed without a key, by the identity of the workflow that reconciles, which .lapse/trust/ names. So there is no
key to keep, but the names of the organization, the repository, the workflow and its branch, and commits of main, are put into a public log
of certificates, for good, of a private repository too; nothing of a grant is. With --signing key, and on a GitHub Enterprise Server
unless told otherwise, it makes a key, outside of the folder, and publishes its public half for Lapse (.lapse/trust/) and for git
(.lapse/allowed_signers).

The owners approve at first, and may ask; two are needed, for nobody approves their own. With a token in LAPSE_TOKEN, GH_TOKEN or
GITHUB_TOKEN their numeric ids are looked up; without one write them as LOGIN:ID. Your own: export GH_TOKEN=$(gh auth token)`,
		Example: `  lapse init --org acme --owner carol --owner dan
  lapse init --org acme --owner carol --owner dan --signing key
  lapse init --org acme --owner carol:583233 --owner dan:583234 --repo acme/access --dir access`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runInit(c.Context(), env, *o) },
	}
	o.placeFlags(c.Flags())
	f := c.Flags()
	f.Lookup("repository").Usage = "access repository, `owner/name`; also --repo (default ORG/access)"
	f.StringVar(&o.dir, "dir", ".", "write into this `folder`")
	f.StringVar(&o.org, "org", "", "the `organization` on GitHub")
	f.StringArrayVar(&o.owners, "owner", nil, "a `login`, or login:id, of who approves at first; repeat it")
	f.StringVar(&o.signing, "signing", "", "what signs: `keyless`, the identity of the workflow, or key (default keyless on github.com, key elsewhere)")
	f.StringVar(&o.issuer, "issuer", "", "with --signing keyless: `URL` of who issues the tokens of workflows, where an enterprise has its own")
	f.StringVar(&o.key, "key", "", "with --signing key: `file` of the signing key, made where it is not there (default in the user's configuration folder)")
	return c
}

func runInit(ctx context.Context, env *environment, o initOptions) error {
	if err := o.complete(ctx, env); err != nil {
		return err
	}
	repo, err := github.ParseRepo(or(o.repository, o.org+"/access"))
	if err != nil {
		return usagef("--repo: %w", err)
	}
	if !strings.EqualFold(repo.Owner, o.org) { // the App is installed there, and gives that organization's teams
		return usagef("--repo %s: want a repository of the organization, like %s/%s", repo, o.org, repo.Name)
	}
	owners, err := o.people(ctx, env)
	if err != nil {
		return err
	}
	signs, err := o.signs(ctx, env, repo)
	if err != nil {
		return err
	}
	files, err := example.For(example.Choices{Org: o.org, Branch: o.branch, Owners: owners, Action: ownCommit(), Keys: signs.files, Keyless: signs.keyless})
	if err != nil {
		return err
	}
	if err := writeAccess(env, o.dir, files); err != nil {
		return err
	}
	if len(owners) < 2 {
		fmt.Fprintln(env.err, "lapse: with one owner nobody can approve what that owner asks for: add another to people.yaml")
	}
	if signs.keyless && onGitHubCom(o.server(env)) {
		fmt.Fprintf(env.err, "lapse: signing without a key puts %s; --signing key keeps them out\n", published)
	}
	return printSteps(env.out, begin{
		repo: repo, server: o.server(env), branch: o.branch, dir: o.dir, signs: signs, files: slices.Sorted(maps.Keys(files)),
		cloned: exists(filepath.Join(o.dir, ".git")), api: or(o.apiURL, env.getenv("GITHUB_API_URL")),
	})
}

// complete asks for what is missing, where somebody can be asked.
func (o *initOptions) complete(ctx context.Context, env *environment) error {
	if env.asks {
		a := env.asker()
		if o.org == "" {
			org, err := a.ask(ctx, question{text: "The organization on GitHub?", check: names.Organization})
			if err != nil {
				return err
			}
			o.org = org
		}
		if len(o.owners) == 0 {
			logins, err := a.ask(ctx, question{text: "Who approves at first? Two logins or more, with spaces between:", check: func(s string) error {
				if len(strings.Fields(s)) == 0 {
					return errors.New("want a login")
				}
				return nil
			}})
			if err != nil {
				return err
			}
			o.owners = strings.Fields(logins)
		}
	}
	if o.org == "" {
		return usagef("which organization? use --org, and --owner LOGIN for each who approves at first, twice or more")
	}
	if err := names.Organization(o.org); err != nil {
		return usagef("--org: %w", err)
	}
	if err := names.Branch(o.branch); err != nil {
		return usagef("--branch: %w", err)
	}
	if len(o.owners) == 0 {
		return usagef("who approves at first? use --owner LOGIN, twice or more")
	}
	return o.chooseSigning(ctx, env)
}

// people are the owners with their ids, looked up where they are not given.
func (o *initOptions) people(ctx context.Context, env *environment) ([]example.Owner, error) {
	var out []example.Owner
	for _, text := range o.owners {
		login, id, given := strings.Cut(text, ":")
		login = strings.TrimPrefix(login, "@")
		if err := names.Login(login); err != nil {
			return nil, usagef("--owner %q: %w", text, err)
		}
		owner := example.Owner{Login: login}
		var err error
		if given {
			if owner.ID, err = strconv.ParseInt(id, 10, 64); err != nil || owner.ID <= 0 {
				return nil, usagef("--owner %q: want LOGIN:ID with the number that `gh api users/%s --jq .id` tells", text, login)
			}
		} else if owner, err = o.lookUp(ctx, env, login); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(other example.Owner) bool {
			return strings.EqualFold(other.Login, owner.Login) || other.ID == owner.ID
		}) {
			return nil, usagef("--owner %q: named twice", text)
		}
		out = append(out, owner)
	}
	return out, nil
}

func (o *initOptions) lookUp(ctx context.Context, env *environment, login string) (example.Owner, error) {
	token := env.token()
	if token == "" {
		return example.Owner{}, usagef("--owner %s: which number has that account? write --owner %s:ID, or %s", login, login, tokenHint)
	}
	forge, err := o.forgeWith(env, token, env.logger(o.verbose))
	if err != nil {
		return example.Owner{}, err
	}
	account, found, err := forge.User(ctx, login)
	if err != nil {
		return example.Owner{}, err
	}
	if !found || account.Bot {
		return example.Owner{}, usagef("--owner %s: GitHub knows no such person", login)
	}
	return example.Owner{Login: account.Login, ID: account.ID}, nil
}

// ownCommit is the commit that this program was built from, for the workflows to name; "" if it is not known to be a whole commit.
func ownCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["vcs.modified"] != "false" || names.SHA(settings["vcs.revision"]) != nil {
		return ""
	}
	return settings["vcs.revision"]
}

// writeAccess writes the files that are not there. The folder's own links lead nowhere outside of it.
func writeAccess(env *environment, dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer root.Close()
	wrote := 0
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		f, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			fmt.Fprintf(env.err, "lapse: left alone what is there: %s\n", path)
			continue
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		_, err = f.WriteString(files[path])
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		wrote++
	}
	fmt.Fprintf(env.err, "lapse: wrote %d files into %s\n", wrote, dir)
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
