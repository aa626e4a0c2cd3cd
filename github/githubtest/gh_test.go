package githubtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

// ghClient is GitHub's own command line, which speaks nothing but TLS, and to a host that it does not know as it does to
// GitHub Enterprise Server.
type ghClient struct {
	host string
	env  []string
	dir  string
}

func ghFor(t *testing.T, s *githubtest.Server, login string) ghClient {
	t.Helper()
	if _, err := exec.LookPath("gh"); err != nil {
		t.Fatal("no gh: run make needs, which installs it (Debian package gh)")
	}
	url, authority, err := s.StartTLS()
	must(t, err)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	must(t, os.WriteFile(ca, authority, 0o600))
	host := strings.TrimPrefix(url, "https://")
	return ghClient{host, append(os.Environ(), "GH_HOST="+host, "GH_ENTERPRISE_TOKEN="+s.Token(login), "SSL_CERT_FILE="+ca, "GH_CONFIG_DIR="+dir,
		"GH_NO_UPDATE_NOTIFIER=1", "GH_PROMPT_DISABLED=1", "NO_COLOR=1", "GH_TOKEN=", "GITHUB_TOKEN=", "GH_REPO="+host+"/"+access), dir}
}

func (c ghClient) try(args ...string) (string, error) {
	cmd := exec.Command("gh", args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

func (c ghClient) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.try(args...)
	if err != nil {
		t.Fatalf("gh %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// severalPulls opens so many pull requests by alice.
func severalPulls(t *testing.T, s *githubtest.Server, n int) {
	t.Helper()
	for i := range n {
		branch := fmt.Sprintf("request-%d", i+1)
		get[string](t)(s.As("alice").PushFiles(access, branch, "main", map[string]string{"grants/" + branch + ".yaml": "user: alice\n"}, "Ask"))
		get[int](t)(s.As("alice").OpenPull(access, branch, "Ask "+branch))
	}
}

func TestStockGHAsksTheRESTAPI(t *testing.T) {
	s := acme(t, githubtest.Options{})
	severalPulls(t, s, 5)
	gh := ghFor(t, s, "bob")
	if _, err := gh.try("auth", "status", "--hostname", gh.host); err != nil {
		t.Errorf("gh auth status: %v", err)
	}
	if got := gh.run(t, "api", "user", "--jq", ".login"); got != "bob" {
		t.Errorf("gh api user: %q, want bob", got)
	}
	got := gh.run(t, "api", "repos/acme/access/pulls?per_page=2", "--paginate", "--jq", ".[].number")
	if want := "5\n4\n3\n2\n1"; got != want {
		t.Errorf("gh api --paginate: %q, want %q", got, want)
	}
	if got := gh.run(t, "api", "repos/acme/access/pulls/1/reviews", "-f", "event=APPROVE", "--jq", ".state"); got != "APPROVED" {
		t.Errorf("a review by gh api is %q", got)
	}
	out, err := gh.try("api", "repos/acme/hidden")
	if err == nil || !strings.Contains(err.Error(), "Not Found (HTTP 404)") {
		t.Errorf("gh api of a repository that is not there: %v %s", err, out)
	}
}

func TestStockGHAsksTheGraph(t *testing.T) {
	s := acme(t, githubtest.Options{})
	severalPulls(t, s, 5)
	gh := ghFor(t, s, "bob")
	if got := gh.run(t, "api", "graphql", "-f", "query={ viewer { login databaseId } }", "--jq", ".data.viewer.login"); got != "bob" {
		t.Errorf("viewer %q, want bob", got)
	}
	const pages = `query($endCursor: String, $owner: String!) { repository(owner: $owner, name: "access") {
		pullRequests(first: 2, after: $endCursor) { nodes { number ...who } pageInfo { hasNextPage endCursor } } } }
		fragment who on PullRequest { author { login ... on User { databaseId } } }`
	got := gh.run(t, "api", "graphql", "--paginate", "-F", "owner=acme", "-f", "query="+pages,
		"--jq", `.data.repository.pullRequests.nodes[] | "\(.number) \(.author.login) \(.author.databaseId)"`)
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("%d alice %d", i+1, s.UserID("alice")))
	}
	if got != strings.Join(want, "\n") {
		t.Errorf("gh api graphql --paginate: %q, want %q", got, want)
	}
	out, err := gh.try("api", "graphql", "-f", `query={ repository(owner: "acme", name: "hidden") { id } }`)
	if err == nil || !strings.Contains(err.Error(), "Could not resolve to a Repository") || !strings.Contains(out, `"type":"NOT_FOUND"`) {
		t.Errorf("a repository that is not there: %v %s", err, out)
	}
	out, err = gh.try("api", "graphql", "-f", "query={ viewer { nonsense } }")
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a field that is not there: %v %s", err, out)
	}
}

// What people type: an approver with gh at hand judges a request without a browser. (gh pr view without --json asks for
// classic projects in this version, which GitHub's own schema no longer has.)
func TestStockGHWorksOnPullRequests(t *testing.T) {
	s := acme(t, githubtest.Options{})
	get[string](t)(s.As("alice").PushFiles(access, "request", "main", map[string]string{"grants/a.yaml": "user: alice\n"}, "Ask"))
	alice, bob := ghFor(t, s, "alice"), ghFor(t, s, "bob")
	// gh pr create reads the host from a git remote, without its port: the mutation that it would send is sent by hand.
	id := alice.run(t, "api", "graphql", "-f", `query={ repository(owner: "acme", name: "access") { id } }`, "--jq", ".data.repository.id")
	url := alice.run(t, "api", "graphql", "-f", "repo="+id, "-f", `query=mutation($repo: ID!) { createPullRequest(input: {repositoryId: $repo,
		headRefName: "request", baseRefName: "main", title: "Ask for access", body: "Slow query"}) { pullRequest { url } } }`,
		"--jq", ".data.createPullRequest.pullRequest.url")
	if !strings.HasSuffix(url, "/acme/access/pull/1") {
		t.Errorf("createPullRequest answers %q", url)
	}
	if got := bob.run(t, "pr", "list"); !strings.HasPrefix(got, "1\tAsk for access\trequest\tOPEN") {
		t.Errorf("gh pr list says %q", got)
	}
	bob.run(t, "pr", "review", "1", "--approve", "--body", "fine")
	var v struct {
		Number      int
		State       string
		HeadRefName string
		Mergeable   string
		Author      struct{ Login string }
		Reviews     []struct {
			Author struct{ Login string }
			State  string
		}
		Files []struct{ Path string }
	}
	alice.run(t, "pr", "view", "1", "--json", "mergeable") // UNKNOWN until somebody has asked
	text := alice.run(t, "pr", "view", "1", "--json", "number,state,headRefName,author,reviews,files,mergeable")
	must(t, json.Unmarshal([]byte(text), &v))
	if v.Number != 1 || v.State != "OPEN" || v.HeadRefName != "request" || v.Author.Login != "alice" || v.Mergeable != "MERGEABLE" ||
		len(v.Reviews) != 1 || v.Reviews[0].Author.Login != "bob" || v.Reviews[0].State != "APPROVED" || len(v.Files) != 1 {
		t.Errorf("gh pr view --json says %s", text)
	}
	if _, err := alice.try("pr", "review", "1", "--approve"); err == nil || !strings.Contains(err.Error(), "Can not approve your own pull request") {
		t.Errorf("alice approves her own: %v", err)
	}
}

func TestStockGitClonesOverTLS(t *testing.T) {
	s := acme(t, githubtest.Options{})
	gh := ghFor(t, s, "bob")
	url := "https://x-access-token:" + s.Token("bob") + "@" + gh.host + "/" + access + ".git"
	clone := func(authority, into string) error {
		cmd := exec.Command("git", "clone", "-q", url, into)
		cmd.Dir, cmd.Env = gh.dir, append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_SSL_CAINFO="+authority)
		return cmd.Run()
	}
	must(t, clone(filepath.Join(gh.dir, "ca.pem"), "work"))
	if got := mustGit(t, filepath.Join(gh.dir, "work"), "rev-parse", "HEAD"); got != s.Branch(access, "main") {
		t.Errorf("cloned %s, want %s", got, s.Branch(access, "main"))
	}
	_, other, err := s.StartTLS()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(gh.dir, "other.pem"), other, 0o600))
	if err := clone(filepath.Join(gh.dir, "other.pem"), "again"); err == nil {
		t.Error("the certificate of one authority passed for another's")
	}
}
