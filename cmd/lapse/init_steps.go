package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/settings"
)

// begin is what the next steps depend on.
type begin struct {
	repo   github.Repo
	server string // URL
	api    string // URL; "" for github.com's
	branch string
	dir    string
	signs  signs
	files  []string
	cloned bool // the folder is a working copy
}

// step is one thing to do: words, and the commands for a POSIX shell.
type step struct {
	words    string
	commands []string
}

// appPermissions are those that Lapse needs, as the page that registers an App takes them.
const appPermissions = "contents=write&pull_requests=write&issues=write&checks=write&statuses=write&members=write"

// printSteps prints what to do next. Commands are indented deeper than words, and are in the shell's own writing: they can be
// pasted, all in one shell, which keeps the variables between them.
func printSteps(w io.Writer, b begin) error {
	var out strings.Builder
	out.WriteString("Next, in one shell, with gh signed in: gh auth login --scopes admin:org,workflow\n")
	for i, s := range b.steps() {
		fmt.Fprintf(&out, "\n%d. %s\n", i+1, s.words)
		for _, c := range s.commands {
			fmt.Fprintf(&out, "       %s\n", c)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (b begin) steps() []step {
	repo, org := b.repo.String(), b.repo.Owner
	lapse := "lapse %s --repo " + repo
	setSecret := func(name, rest string) string {
		return fmt.Sprintf("gh secret set %s --env lapse --repo %s %s", name, repo, rest)
	}
	secrets := []string{setSecret("LAPSE_APP_ID", `--body "$LAPSE_APP_ID"`), setSecret("LAPSE_APP_PRIVATE_KEY", `< "$APP_KEY"`)}
	if !b.signs.keyless {
		secrets = append(secrets, setSecret("LAPSE_SIGNING_KEY", "< "+b.signs.key))
	}
	return []step{
		{"Let lapse act as you:", b.identity()},
		{"Make the repository, if it is not there:", []string{
			fmt.Sprintf("gh api repos/%s --silent 2>/dev/null || gh api orgs/%s/repos -f name=%s -F private=true --silent", repo, org, b.repo.Name)}},
		{"Push what was written:", b.push()},
		{"Make the team that the first role gives, if it is not there, without you in it:", []string{
			fmt.Sprintf("gh api orgs/%s/teams/prod-oncall --silent 2>/dev/null || {", org),
			fmt.Sprintf("  gh api orgs/%s/teams -f name=prod-oncall -f privacy=closed --silent", org),
			fmt.Sprintf("  gh api -X DELETE \"orgs/%s/teams/prod-oncall/memberships/$(gh api user --jq .login)\" --silent", org), "}"}},
		{"Register the App that Lapse acts as, install it on " + repo + " alone, and make it a private key:\n   " + b.registration(), []string{
			`printf 'App ID: '; read -r LAPSE_APP_ID; export LAPSE_APP_ID`,
			`printf 'File of its private key: '; read -r APP_KEY; LAPSE_APP_PRIVATE_KEY=$(cat "$APP_KEY"); export LAPSE_APP_PRIVATE_KEY`}},
		{"Make the environment that holds the credentials, and the rules of " + b.branch + ":", []string{fmt.Sprintf(lapse, "doctor --fix") + ` --app-id "$LAPSE_APP_ID" || true`}},
		{"Put the credentials there:", secrets},
		b.ledger(lapse),
		{"See that nothing is missing:", []string{fmt.Sprintf(lapse, "doctor") + ` --app-id "$LAPSE_APP_ID"`}},
		{"Ask for access, and let another owner approve:", []string{
			fmt.Sprintf(lapse, "request prod-db-read") + " --for 1h --reason 'Trying Lapse for the first time'"}},
	}
}

// ledger begins it: as the App here, where the key is; without a key in the workflow alone, which then says in a ref that it is done.
func (b begin) ledger(lapse string) step {
	if !b.signs.keyless {
		return step{"Begin the ledger, as the App:", []string{fmt.Sprintf(`LAPSE_SIGNING_KEY="$(cat %s)" `+lapse+` --app-id "$LAPSE_APP_ID"`, b.signs.key, "reconcile --init")}}
	}
	words := "Begin the ledger with what you pushed, as one of the owners, in the workflow, and wait until it has:"
	if onGitHubCom(b.server) {
		words = "Begin the ledger with what you pushed, as one of the owners, in the workflow, and wait until it has. From here on signing puts\n   " +
			"the names of the organization, the repository, the workflow and its branch, and commits of main, in a public log, for good:"
	}
	return step{words, []string{
		fmt.Sprintf(`gh workflow run %s --repo %s --ref %s -f begin="$(git rev-parse HEAD)"`, settings.ReconcileWorkflow, b.repo, b.branch),
		fmt.Sprintf(`n=120; until git ls-remote --exit-code origin %s >/dev/null || [ $((n -= 1)) -le 0 ]; do sleep 5; done`, reconciler.HeartbeatRef)}}
}

// trust writes the file by which the workflow is trusted, where the number of the repository was not known yet. What GitHub answers
// where it has none is no such file, and is told of by check and doctor.
func (b begin) trust() []string {
	if b.signs.pending == nil {
		return nil
	}
	template := strings.Replace(strings.TrimSuffix(string(b.signs.pending.File()), "\n"), "repository: 0", `repository: \(.id)`, 1)
	template = strings.Replace(template, "/"+b.repo.String()+"/.github/", `/\(.full_name)/.github/`, 1) // GitHub knows how it is written
	return []string{
		"mkdir -p " + ledger.TrustDir,
		fmt.Sprintf("gh api repos/%s --jq %s > %s", b.repo, shellWord(`"`+strings.ReplaceAll(template, "\n", `\n`)+`"`), identityPath)}
}

// identity are the variables by which lapse finds the server and your token.
func (b begin) identity() []string {
	host := strings.TrimPrefix(strings.TrimPrefix(b.server, "https://"), "http://")
	if host == "github.com" {
		return []string{"gh auth setup-git", "GH_TOKEN=$(gh auth token); export GH_TOKEN"}
	}
	api := b.api
	if api == "" {
		api = b.server + "/api/v3/"
	}
	return []string{
		fmt.Sprintf("GH_HOST=%s; export GH_HOST", shellWord(host)),
		`gh auth setup-git --hostname "$GH_HOST"`,
		`LAPSE_TOKEN=$(gh auth token --hostname "$GH_HOST"); export LAPSE_TOKEN`,
		fmt.Sprintf("GITHUB_SERVER_URL=%s; GITHUB_API_URL=%s; export GITHUB_SERVER_URL GITHUB_API_URL", shellWord(b.server), shellWord(api)),
	}
}

func (b begin) push() []string {
	var out []string
	if b.dir != "." {
		out = append(out, "cd "+shellWord(b.dir))
	}
	if !b.cloned {
		out = append(out, "git init -q -b "+b.branch, "git remote add origin "+shellWord(b.server+"/"+b.repo.String()+".git"))
	}
	top := map[string]bool{}
	add := "git add"
	for _, f := range b.files {
		first, _, _ := strings.Cut(f, "/")
		if !top[first] {
			add += " " + first
		}
		top[first] = true
	}
	if b.signs.pending != nil && !top[".lapse"] {
		add += " .lapse"
	}
	out = append(out, b.trust()...)
	return append(out, add, "git commit -q -m 'Access by pull request'", "git push -q origin HEAD:"+b.branch)
}

// registration is the page on which GitHub registers an App, filled in.
// https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-using-url-parameters
func (b begin) registration() string {
	return fmt.Sprintf("%s/organizations/%s/settings/apps/new?name=%s&url=%s&public=false&webhook_active=false&%s",
		b.server, b.repo.Owner, url.QueryEscape(b.repo.Owner+"-lapse"), url.QueryEscape(b.server+"/"+b.repo.String()), appPermissions)
}

// homeWord is a path as one word of a POSIX shell, by $HOME where it is below that.
func homeWord(path, home string) string {
	rest, below := strings.CutPrefix(path, home+"/")
	if home == "" || !below || shellWord(rest) != rest {
		return shellWord(path)
	}
	return `"$HOME/` + rest + `"`
}

// shellWord is a text as one word of a POSIX shell.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
