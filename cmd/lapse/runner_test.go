package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// The tools that read and run workflows, by the names that make needs gives them.
const (
	act        = "act-v0.2.89"
	actionlint = "actionlint-v1.7.12"
)

// tools is the folder that make needs fills.
func tools(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LAPSE_TOOLS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "lapse-tools")
}

// tool is the path of a tool that make needs installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(tools(t), name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make needs, which installs it", err)
	}
	return path
}

// runner runs the workflows of an access repository as GitHub's runner does: from the files of a commit, with an event, secrets and
// a token. It is act in host mode. The action is this module's, as its files are now; the actions that it uses are played by
// testdata/actions.
type runner struct {
	t         *testing.T
	dir       string
	store     string // what actions/cache keeps
	repo      string // bare, on disk
	env       map[string]string
	replay    []string // arguments that say where actions are
	runs      int
	authority string // file of the certificate that the server's is signed by; "" for those of the machine
}

// newRunner serves the repository owner/name, which is at repo on disk.
func newRunner(t *testing.T, store, apiURL, serverURL, name, repo string) *runner {
	t.Helper()
	r := &runner{t: t, dir: t.TempDir(), store: store, repo: repo, env: map[string]string{
		"GITHUB_REPOSITORY": name, "GITHUB_SERVER_URL": serverURL, "GITHUB_API_URL": strings.TrimSuffix(apiURL, "/"),
		"GITHUB_REPOSITORY_OWNER": strings.Split(name, "/")[0],
	}}
	for _, d := range []string{"home/.config/act", "cache"} {
		r.must(os.MkdirAll(filepath.Join(r.dir, d), 0o700))
	}
	r.must(os.WriteFile(filepath.Join(r.dir, "home/.config/act/actrc"), nil, 0o600))
	return r
}

func (r *runner) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// job is one run of a workflow.
type job struct {
	rev      string // whose files: a branch or a commit
	workflow string // file name
	event    string
	payload  any
	secrets  map[string]string
	token    string // GITHUB_TOKEN
	actor    string // login of who started it; "": nobody that anybody knows
}

// run runs the workflow, and answers what it said and whether it succeeded.
func (r *runner) run(j job) (string, bool) {
	r.t.Helper()
	r.runs++
	dir := filepath.Join(r.dir, fmt.Sprint("run", r.runs))
	tree := filepath.Join(dir, "tree")
	r.git("clone", "-q", r.repo, tree)
	r.git("-C", tree, "checkout", "-q", "--detach", j.rev)
	secrets := map[string]string{"GITHUB_TOKEN": j.token}
	maps.Copy(secrets, j.secrets)
	args := []string{j.event, "-C", tree, "-W", filepath.Join(".github", "workflows", j.workflow), "-P", "ubuntu-latest=-self-hosted",
		"--no-cache-server", "-e", r.write(dir, "event.json", j.payload), "--secret-file", r.write(dir, "secrets.yaml", secrets)}
	env := maps.Clone(r.env)
	env["GITHUB_RUN_ID"], env["GITHUB_REF"] = fmt.Sprint(r.runs), "refs/heads/main"
	for k, v := range env {
		args = append(args, "--env", k+"="+v)
	}
	if j.actor != "" {
		args = append(args, "--actor", j.actor)
	}
	cmd := exec.Command(tool(r.t, act), append(args, r.actions(tree)...)...)
	cmd.Env = r.machine()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		r.t.Fatal(err)
	}
	r.t.Logf("%s of %s: %v\n%s", j.event, j.workflow, err, out.String())
	return out.String(), err == nil
}

// machine is what the runner's machine has in its environment: a home of its own, and Go.
func (r *runner) machine() []string {
	r.t.Helper()
	out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOTOOLCHAIN").Output()
	r.must(err)
	env := map[string]string{}
	r.must(json.Unmarshal(out, &env))
	env["PATH"], env["RUNNER_STORE"] = os.Getenv("PATH"), r.store
	env["HOME"], env["XDG_CACHE_HOME"] = filepath.Join(r.dir, "home"), filepath.Join(r.dir, "cache")
	env["SSL_CERT_FILE"] = r.authority
	var list []string
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	return list
}

var uses = regexp.MustCompile(`(?m)^\s*(?:- )?uses: (([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+))[^@\s]*@(\S+)`)

// actions says where each action is that the workflows and the action use.
func (r *runner) actions(tree string) []string {
	r.t.Helper()
	if r.replay != nil {
		return r.replay
	}
	source := r.source()
	files, err := filepath.Glob(filepath.Join(tree, ".github/workflows/*.yml"))
	r.must(err)
	for _, f := range append(files, filepath.Join(source, "action.yml")) {
		text, err := os.ReadFile(f)
		r.must(err)
		for _, m := range uses.FindAllStringSubmatch(string(text), -1) {
			at := source
			if m[1] != "lapse-access/lapse" {
				at, err = filepath.Abs(filepath.Join("testdata", "actions", m[3]))
				r.must(err)
			}
			r.replay = append(r.replay, "--local-repository", m[1]+"@"+m[4]+"="+at)
		}
	}
	return r.replay
}

// prebuilt puts this test's own program where the action keeps what it built: the same command, by the clock of the forge.
func (r *runner) prebuilt() {
	r.t.Helper()
	source := r.source()
	said := filepath.Join(r.dir, "found")
	cmd := exec.Command("bash", filepath.Join(source, "action", "find.sh"))
	cmd.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+source, "GITHUB_OUTPUT="+said, "RUNNER_TEMP="+r.dir, "GITHUB_SERVER_URL=https://localhost",
		"LAPSE_VERSION=", "LAPSE_ACTION_REF=main", "LAPSE_ACTION_REPOSITORY=lapse-access/lapse")
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("find.sh: %v: %s", err, out)
	}
	text, err := os.ReadFile(said)
	r.must(err)
	state := strings.TrimPrefix(strings.TrimSpace(string(text)), "source=")
	arch := map[string]string{"amd64": "X64", "arm64": "ARM64"}[runtime.GOARCH]
	r.must(os.MkdirAll(filepath.Join(r.store, "lapse-program-Linux-"+arch+"-"+state), 0o700))
	self, err := os.Executable()
	r.must(err)
	r.must(os.Link(r.lapse(self), filepath.Join(r.store, "lapse-program-Linux-"+arch+"-"+state, "lapse")))
}

// lapse is this test's own program under the name by which it is the command.
func (r *runner) lapse(self string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, "bin", "lapse")
	r.must(os.MkdirAll(filepath.Dir(path), 0o700))
	text, err := os.ReadFile(self)
	r.must(err)
	r.must(os.WriteFile(path, text, 0o700))
	return path
}

// source is a copy of this module's files: what a checkout of it would hold, and what git does not know yet.
func (r *runner) source() string {
	r.t.Helper()
	to := filepath.Join(r.dir, "source")
	out, err := exec.Command("git", "-C", "../..", "ls-files", "-co", "--exclude-standard").Output()
	r.must(err)
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		info, err := os.Stat(filepath.Join("../..", name))
		if os.IsNotExist(err) {
			continue
		}
		r.must(err)
		text, err := os.ReadFile(filepath.Join("../..", name))
		r.must(err)
		r.must(os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755))
		r.must(os.WriteFile(filepath.Join(to, name), text, info.Mode().Perm()))
	}
	return to
}

func (r *runner) write(dir, name string, v any) string {
	r.t.Helper()
	text, err := json.Marshal(v)
	r.must(err)
	path := filepath.Join(dir, name)
	r.must(os.WriteFile(path, text, 0o600))
	return path
}

func (r *runner) git(args ...string) {
	r.t.Helper()
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		r.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
