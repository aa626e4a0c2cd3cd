package main

import (
	"bytes"
	"context"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/ledger"
)

// runHere runs the command in this process, with these variables and nothing else.
func runHere(vars map[string]string, args ...string) ending {
	var out, talk bytes.Buffer
	env := &environment{args: args, in: strings.NewReader(""), out: &out, err: &talk, getenv: func(name string) string { return vars[name] },
		now: curtain, http: http.DefaultTransport}
	return ending{run(context.Background(), env), out.String(), talk.String()}
}

// What init writes is an access repository without a fault, and of nobody but its owners.
func TestInitWritesAnAccessRepositoryWithoutAFault(t *testing.T) {
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "new", "access")
	vars := map[string]string{"HOME": home}
	began := runHere(vars, "init", "--signing", "key", "--org", "zeta", "--owner", "Erin:17", "--owner", "@frank:18", "--dir", dir)
	if began.code != exitFine || !strings.Contains(began.out, "zeta/access") {
		t.Fatal(began)
	}
	if a := runHere(vars, "check", "--dir", dir); a.code != exitFine || !strings.Contains(a.err, "nothing wrong") {
		t.Error(a)
	}
	for _, path := range []string{"lapse.yaml", "people.yaml", "roles/prod-db-read.yaml", ".github/CODEOWNERS", "README.md"} {
		text, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || regexp.MustCompile(`(?i)\b(acme|alice|bob|carol|dan)\b`).Match(text) {
			t.Errorf("%s (%v) speaks of others:\n%s", path, err, text)
		}
	}
	key := filepath.Join(home, ".config/lapse/zeta-access.pem")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the signing key: %v, %v", info, err)
	}
	text, err := os.ReadFile(key)
	must(t, err)
	made, err := ledger.LoadKey(text, nil)
	must(t, err)
	if !strings.Contains(began.err, made.ID()) {
		t.Errorf("an auditor is not told that the key is %s: %s", made.ID(), began)
	}
}

// Nothing that is there is changed, by no name that leads elsewhere either, and a second time changes nothing at all.
func TestInitLeavesAloneWhatIsThere(t *testing.T) {
	home, dir, outside := t.TempDir(), t.TempDir(), t.TempDir()
	vars := map[string]string{"HOME": home}
	for path, text := range map[string]string{"README.md": "ours\n", ".github/workflows/lapse-check.yml": "on: push\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "people.yaml"), filepath.Join(dir, "people.yaml")); err != nil {
		t.Fatal(err)
	}
	args := []string{"init", "--signing", "key", "--org", "acme", "--owner", "carol:583233", "--dir", dir}
	a := runHere(vars, args...)
	if a.code != exitFine || !strings.Contains(a.err, "nobody can approve") {
		t.Fatal(a)
	}
	for _, path := range []string{"README.md", ".github/workflows/lapse-check.yml", "people.yaml"} {
		if !strings.Contains(a.err, "left alone what is there: "+path+"\n") {
			t.Errorf("init does not say that it left %s alone: %s", path, a.err)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "README.md")); string(text) != "ours\n" {
		t.Errorf("README.md was changed: %s", text)
	}
	if found, _ := os.ReadDir(outside); len(found) != 0 {
		t.Errorf("a link led outside: %v", found)
	}
	key, _ := os.ReadFile(filepath.Join(home, ".config/lapse/acme-access.pem"))
	if a := runHere(vars, args...); a.code != exitFine || !strings.Contains(a.err, "wrote 0 files") {
		t.Errorf("a second time: %s", a)
	}
	if again, _ := os.ReadFile(filepath.Join(home, ".config/lapse/acme-access.pem")); !bytes.Equal(key, again) {
		t.Error("the signing key was replaced")
	}
	if err := os.Remove(filepath.Join(dir, "people.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "grants")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "grants")); err != nil {
		t.Fatal(err)
	}
	if a := runHere(vars, args...); a.code != exitFailed {
		t.Errorf("a folder that leads outside: %s", a)
	}
	if found, _ := os.ReadDir(outside); len(found) != 0 {
		t.Errorf("a folder's link led outside: %v", found)
	}
}

// Where a folder trusts a key already, init neither makes nor takes another: what it would sign counts for nothing there.
func TestInitTakesNoKeyThatTheFolderDoesNotTrust(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	args := []string{"init", "--signing", "key", "--org", "acme", "--owner", "carol:583233", "--owner", "dan:583234", "--dir", dir}
	if a := runHere(map[string]string{"HOME": home}, args...); a.code != exitFine {
		t.Fatal(a)
	}
	if err := os.Remove(filepath.Join(dir, "lapse.yaml")); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	made := filepath.Join(elsewhere, ".config/lapse/acme-access.pem")
	if a := runHere(map[string]string{"HOME": elsewhere}, args...); a.code != exitUsage || !strings.Contains(a.err, "trusts another key") || exists(made) {
		t.Errorf("no key at hand: %s", a)
	}
	if a := runHere(map[string]string{"HOME": elsewhere}, "init", "--signing", "key", "--org", "acme", "--owner", "carol:583233", "--dir", t.TempDir()); a.code != exitFine {
		t.Fatal(a)
	}
	if a := runHere(map[string]string{"HOME": elsewhere}, args...); a.code != exitUsage || exists(filepath.Join(dir, "lapse.yaml")) {
		t.Errorf("another key at hand: %s", a)
	}
	if a := runHere(map[string]string{"HOME": home}, args...); a.code != exitFine || !strings.Contains(a.err, "wrote 1 files") {
		t.Errorf("the key that is trusted: %s", a)
	}
}

// What is not understood is refused before anything is written.
func TestInitWantsAnOrganizationAndPeople(t *testing.T) {
	for _, args := range [][]string{
		{"--owner", "carol:1"}, {"--org", "acme"}, {"--org", "acme", "--owner", "carol"}, {"--org", "acme", "--owner", "carol:x"}, {"--org", "a/b", "--owner", "carol:1"},
		{"--org", "acme", "--owner", "carol:1", "--owner", "Carol:2"}, {"--org", "acme", "--owner", "carol:1", "--repo", "x"}, {"--org", "acme", "--owner", "carol:1", "--repo", "other/access"}, {"--org", "acme", "--owner", "$(id):1"},
	} {
		dir := filepath.Join(t.TempDir(), "access")
		if a := runHere(map[string]string{"HOME": t.TempDir()}, append([]string{"init", "--dir", dir}, args...)...); a.code != exitUsage || exists(dir) {
			t.Errorf("init %v: %s", args, a)
		}
	}
}

// On a terminal init asks for what it was not told, and looks people up by the token.
func TestInitAsksOnATerminal(t *testing.T) {
	th := newTheatre(t, nil)
	dir := filepath.Join(t.TempDir(), "access")
	env := th.environment("init", "--dir", dir, "--key", filepath.Join(t.TempDir(), "key.pem"))
	env.asks, env.in = true, strings.NewReader("not an org\nacme\ncarol DAN\n")
	if code := run(context.Background(), env); code != exitFine {
		t.Fatalf("exit %d", code)
	}
	text, err := os.ReadFile(filepath.Join(dir, "people.yaml"))
	if err != nil || !strings.Contains(string(text), "  carol: {id: 583233}\n  dan: {id: 583234}\n") {
		t.Errorf("people.yaml: %v\n%s", err, text)
	}
	env = th.environment("init", "--org", "acme", "--owner", "nobody-here", "--dir", filepath.Join(t.TempDir(), "access"))
	if code := run(context.Background(), env); code != exitUsage {
		t.Errorf("an owner whom GitHub does not know: exit %d", code)
	}
}

// newcomer is somebody with an organization, gh, and nothing else yet.
type newcomer struct {
	*githubtest.Server
	t     *testing.T
	url   string // over TLS, as gh wants it
	moved *atomic.Int64
	run   *runner
	home  string
}

func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	n := &newcomer{t: t, home: t.TempDir(), moved: new(atomic.Int64)}
	dir := t.TempDir()
	s, err := githubtest.New(githubtest.Options{Dir: dir, Now: func() time.Time { return curtain().Add(time.Duration(n.moved.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	n.Server = s
	s.AddUser("carol", githubtest.User{ID: 583233})
	s.AddUser("dan", githubtest.User{ID: 583234})
	s.AddOrg(stage.Org, "carol:admin", "dan")
	s.SetBasePermission(stage.Org, "write")
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	url, authority, err := s.StartTLS()
	if err != nil {
		t.Fatal(err)
	}
	n.url = url
	n.run = newRunner(t, t.TempDir(), url+"/api/v3", url, stage.Repo, filepath.Join(dir, stage.Repo+".git"))
	n.run.authority = filepath.Join(n.home, "authority.pem")
	n.run.must(os.WriteFile(n.run.authority, authority, 0o600))
	n.run.prebuilt()
	return n
}

// shell runs a script as the newcomer does, in one shell that stops at the first error.
func (n *newcomer) shell(dir, script, input string) string {
	n.t.Helper()
	out, err := n.command(dir, script, input).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	return string(out)
}

func (n *newcomer) command(dir, script, input string) *exec.Cmd {
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	cmd.Env = []string{"PATH=" + filepath.Join(n.run.dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + n.home, "SSL_CERT_FILE=" + n.run.authority,
		"GIT_SSL_CAINFO=" + n.run.authority, "GH_ENTERPRISE_TOKEN=" + n.Token("carol"), "GH_HOST=" + strings.TrimPrefix(n.url, "https://"),
		"GH_PROMPT_DISABLED=1", "GH_NO_UPDATE_NOTIFIER=1", "GIT_CONFIG_NOSYSTEM=1", "GITHUB_SERVER_URL=" + n.url, "GITHUB_API_URL=" + n.url + "/api/v3/",
		"GIT_AUTHOR_NAME=carol", "GIT_AUTHOR_EMAIL=carol@acme.com", "GIT_COMMITTER_NAME=carol", "GIT_COMMITTER_EMAIL=carol@acme.com",
		"LAPSE_TOKEN=" + n.Token("carol"), "LAPSE_TRUSTED_ROOT=" + n.run.env["LAPSE_TRUSTED_ROOT"]}
	return cmd
}

// printed are the commands of the steps that init prints, in their order.
func printed(text string) string {
	var commands []string
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "       "); ok {
			commands = append(commands, strings.TrimSuffix(command, "\n"))
		}
	}
	return strings.Join(commands, "\n")
}

// job runs a workflow with what the environment on the server holds.
func (n *newcomer) job(rev, workflow, event string, payload map[string]any, secrets map[string]string) {
	n.t.Helper()
	if _, ok := n.run.run(job{rev: rev, workflow: workflow, event: event, payload: payload, secrets: secrets,
		token: n.WorkflowToken(stage.Repo, map[string]string{"actions": "write"})}); !ok {
		n.t.Fatalf("%s of %s failed", event, workflow)
	}
}

// The first ten minutes: what init says to do is done as it says, and nothing else, until a first grant was approved, given and over.
func TestInitsOwnStepsReachAFirstGrant(t *testing.T) {
	n := newNewcomer(t)
	appKey := filepath.Join(n.home, "app.pem")
	n.run.must(os.WriteFile(appKey, []byte(addApp(t, n.Server)), 0o600))
	dir := t.TempDir()
	said := n.shell(dir, "lapse init --org acme --owner carol --owner dan", "")
	done := n.shell(dir, printed(said), "4711\n"+appKey+"\n")
	t.Logf("%s\n%s", said, done)
	if !strings.Contains(done, "Nothing is missing in the settings of acme/access") {
		t.Fatal("after its own steps doctor still finds something")
	}
	n.firstGrant()
	inReadme(t, "log", "$ lapse log\n"+n.shell(dir, "lapse log", ""))
}

// firstGrant lets what the newcomer asked for be approved, given and over, by the workflows alone.
func (n *newcomer) firstGrant() {
	t := n.t
	t.Helper()
	secrets := n.Secrets(stage.Repo, "lapse")
	before := len(n.Dispatches(stage.Repo))
	pull := n.Pull(stage.Repo, 1)
	event := map[string]any{"action": "opened", "number": 1, "pull_request": map[string]any{"number": 1, "head": map[string]any{"sha": pull.Head}}}
	n.job("main", "lapse-check.yml", "pull_request_target", event, secrets)
	if _, err := n.As("dan").Review(stage.Repo, 1, "APPROVE", "Fine"); err != nil {
		t.Fatal(err)
	}
	n.job(pull.Head, "lapse-review.yml", "pull_request_review", event, nil)
	n.job("main", "lapse-check.yml", "workflow_run", map[string]any{"workflow_run": map[string]any{"head_sha": pull.Head, "event": "pull_request_review"}}, secrets)
	if d := n.Dispatches(stage.Repo); !n.Pull(stage.Repo, 1).Merged || len(d) != before+1 {
		t.Fatalf("not merged, or reconcile not started: %+v", d)
	}
	n.job("main", "lapse-reconcile.yml", "workflow_dispatch", map[string]any{}, secrets)
	if !slices.Contains(n.Members(stage.Org, "prod-oncall"), "carol") {
		t.Fatal("what was approved is not given")
	}
	n.moved.Add(int64(time.Hour + time.Minute))
	n.job("main", "lapse-reconcile.yml", "schedule", map[string]any{}, secrets)
	if slices.Contains(n.Members(stage.Org, "prod-oncall"), "carol") {
		t.Fatal("what is over is not taken back")
	}
}

var updateReadme = flag.Bool("update-readme", false, "write the transcripts of the README")

// changing is what differs from one performance to the next: commits, times, how late.
var changing = regexp.MustCompile(`\b[0-9a-f]{12}\b|\d{4}-\d\d-\d\d[T ][0-9:]+( UTC|Z)|\d+ seconds? late`)

// inReadme holds a transcript of the README to what the commands say.
func inReadme(t *testing.T, name, text string) {
	t.Helper()
	const path = "../../README.md"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)(<!-- " + name + "[^\n]*-->\n```console\n)(.*?)(```\n<!-- /" + name + " -->)")
	m := block.FindSubmatchIndex(readme)
	if m == nil {
		t.Fatalf("the README has no transcript %s", name)
	}
	if *updateReadme {
		readme = slices.Concat(readme[:m[4]], []byte(text), readme[m[5]:])
		if err := os.WriteFile(path, readme, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, want := changing.ReplaceAllString(string(readme[m[4]:m[5]]), "…"), changing.ReplaceAllString(text, "…"); got != want {
		t.Errorf("the README's transcript %s is\n%s\nand the commands say\n%s\nrun go test ./cmd/lapse -run InitsOwnSteps -update-readme", name, got, want)
	}
}
