package main

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/ledger/keyless/keylesstest"
)

// begunBy runs the workflow that somebody started to begin the ledger, once it was started: while the shell of the newcomer waits for it.
func (n *newcomer) begunBy(ctx context.Context, sigstore *keylesstest.Sigstore, over <-chan error) githubtest.Dispatch {
	n.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var repo struct{ ID int64 }
	for {
		if n.As("carol").Do("GET", "/repos/"+stage.Repo, nil, &repo) == nil && len(n.Dispatches(stage.Repo)) > 0 {
			break
		}
		select {
		case <-tick.C:
		case err := <-over:
			n.t.Fatalf("the steps are over before the ledger was begun: %v", err)
		case <-ctx.Done():
			n.t.Fatal("nobody began the ledger")
		}
	}
	maps.Copy(n.run.env, sigstore.Environment(keylesstest.Workflow{
		Repository: stage.Repo, RepositoryID: repo.ID, File: "lapse-reconcile.yml", Ref: "refs/heads/main", Server: n.url,
	}))
	n.run.env["GITHUB_ACTOR_ID"] = "583233"
	d := n.Dispatches(stage.Repo)[0]
	if _, ok := n.run.run(job{rev: "main", workflow: "lapse-reconcile.yml", event: "workflow_dispatch", payload: map[string]any{"inputs": d.Inputs},
		secrets: n.Secrets(stage.Repo, "lapse"), actor: d.Who, token: n.WorkflowToken(stage.Repo, map[string]string{})}); !ok {
		n.t.Fatal("the workflow began no ledger")
	}
	return d
}

// The first ten minutes without a key: what init says to do is done as it says, the ledger is begun in the workflow, and what was
// approved is given, over, and verifies for whoever reads it by the identity that main names. No key is anywhere.
func TestInitsOwnStepsReachAFirstGrantWithoutAKey(t *testing.T) {
	n := newNewcomer(t)
	sigstore, err := keylesstest.Start(t.Context(), filepath.Dir(tool(t, "fulcio-v1.8.8")), t.TempDir())
	must(t, err)
	t.Cleanup(sigstore.Close)
	n.run.env["LAPSE_TRUSTED_ROOT"] = sigstore.TrustedRoot
	vars := map[string]string{"HOME": n.home, "GITHUB_API_URL": n.APIURL(), "LAPSE_TOKEN": n.Token("carol")}
	a := runHere(vars, "init", "--org", "acme", "--owner", "carol", "--owner", "dan", "--dir", t.TempDir())
	if !strings.Contains(a.err, "in a public log of certificates, for good") {
		t.Errorf("init does not say what becomes public: %s", a)
	}

	appKey := filepath.Join(n.home, "app.pem")
	must(t, os.WriteFile(appKey, []byte(addApp(t, n.Server)), 0o600))
	dir := t.TempDir()
	said := n.shell(dir, "lapse init --org acme --owner carol --owner dan --signing keyless --issuer "+sigstore.Issuer.URL, "")
	var done strings.Builder
	steps, over := n.command(dir, printed(said), "4711\n"+appKey+"\n"), make(chan error, 1)
	steps.Stdout, steps.Stderr = &done, &done
	must(t, steps.Start())
	go func() { over <- steps.Wait() }()
	d := n.begunBy(t.Context(), sigstore, over)
	err = <-over
	t.Logf("%s\n%s", said, done.String())
	if err != nil || !strings.Contains(done.String(), "Nothing is missing in the settings of acme/access") {
		t.Fatalf("after its own steps doctor still finds something: %v", err)
	}
	if d.Who != "carol" || d.Inputs["begin"] != strings.TrimSpace(n.shell(dir, "git rev-parse HEAD", "")) {
		t.Errorf("began %+v", d)
	}
	n.firstGrant()
	if found, _ := filepath.Glob(filepath.Join(n.home, ".config", "lapse", "*")); len(found) > 0 || n.Secrets(stage.Repo, "lapse")["LAPSE_SIGNING_KEY"] != "" {
		t.Errorf("there is a signing key: %v", found)
	}
	verified := n.shell(dir, "git fetch -q origin && git merge -q --ff-only origin/main && lapse verify --offline --key .lapse/trust/lapse.identity.yaml", "")
	t.Log(verified)

	// The same again begins none.
	began := n.shell(dir, "git ls-remote origin lapse-ledger", "")
	again := job{rev: "main", workflow: "lapse-reconcile.yml", event: "workflow_dispatch", payload: map[string]any{"inputs": d.Inputs},
		secrets: n.Secrets(stage.Repo, "lapse"), actor: "carol", token: n.WorkflowToken(stage.Repo, map[string]string{})}
	if out, ok := n.run.run(again); !ok || !strings.Contains(out, "--init began none") || n.shell(dir, "git ls-remote origin lapse-ledger", "") != began {
		t.Error("a ledger was begun twice")
	}
	inReadme(t, "init", "$ lapse init --org acme --owner carol --owner dan\n"+regexp.MustCompile(`(?m)^ +cd .*\n`).ReplaceAllString(a.out, ""))
}

// What init writes without a key is without a fault, has no word of a key, and is not changed by a second time or another wish.
func TestInitWithoutAKeyWritesNoWordOfOne(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	vars := map[string]string{"HOME": home}
	args := []string{"init", "--org", "acme", "--owner", "carol:583233", "--owner", "dan:583234", "--dir", dir}
	a := runHere(vars, args...)
	if a.code != exitFine || strings.Contains(a.out, "SIGNING_KEY") || !strings.Contains(a.out, "repository: \\(.id)") {
		t.Fatal(a)
	}
	must(t, os.MkdirAll(filepath.Join(dir, ".lapse/trust"), 0o700))
	id := reconcileIdentity("", "https://github.com", github.Repo{Owner: "acme", Name: "access"}, 731, "main")
	must(t, os.WriteFile(filepath.Join(dir, identityPath), id.File(), 0o600))
	if a := runHere(vars, "check", "--dir", dir); a.code != exitFine || !strings.Contains(a.err, "nothing wrong") {
		t.Error(a)
	}
	workflow, err := os.ReadFile(filepath.Join(dir, ".github/workflows/lapse-reconcile.yml"))
	must(t, err)
	if !tokenAsked.Match(workflow) || strings.Contains(string(workflow), "SIGNING_KEY") {
		t.Errorf("%s", workflow)
	}
	if out, err := exec.Command(tool(t, actionlint), filepath.Join(dir, ".github/workflows/lapse-reconcile.yml")).CombinedOutput(); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
	if a := runHere(vars, args...); a.code != exitFine || !strings.Contains(a.err, "wrote 0 files") || strings.Contains(a.out, ".id)") {
		t.Errorf("a second time: %s", a)
	}
	if a := runHere(vars, append(args, "--signing", "key")...); a.code != exitUsage || !strings.Contains(a.err, "lapse.yaml says that the workflow") || exists(filepath.Join(home, ".config")) {
		t.Errorf("with a key after all: %s", a)
	}
}

// Without a word of it a key signs where GitHub's workflows have no Sigstore, and where there is one already.
func TestInitChoosesWhatSigns(t *testing.T) {
	for name, c := range map[string]struct {
		server string
		args   []string
		code   int
		key    bool
	}{
		"on github.com":                  {"", nil, exitFine, false},
		"on an Enterprise server":        {"https://ghe.acme.com", nil, exitFine, true},
		"there, by its own Sigstore":     {"https://ghe.acme.com", []string{"--signing", "keyless"}, exitFine, false},
		"by a key":                       {"", []string{"--signing", "key"}, exitFine, true},
		"by the key of a file":           {"", []string{"--key", "KEY"}, exitFine, true},
		"by a key, and without":          {"", []string{"--key", "KEY", "--signing", "keyless"}, exitUsage, false},
		"by what there is not":           {"", []string{"--signing", "kms"}, exitUsage, false},
		"by a key, with an issuer":       {"", []string{"--signing", "key", "--issuer", "https://token.acme.com"}, exitUsage, false},
		"with what is no address of one": {"", []string{"--signing", "keyless", "--issuer", "token\nrepository: 7"}, exitUsage, false},
	} {
		t.Run(name, func(t *testing.T) {
			home, dir := t.TempDir(), filepath.Join(t.TempDir(), "access")
			for i := range c.args {
				c.args[i] = strings.Replace(c.args[i], "KEY", filepath.Join(home, "key.pem"), 1)
			}
			vars := map[string]string{"HOME": home, "XDG_CONFIG_HOME": home, "GITHUB_SERVER_URL": c.server}
			a := runHere(vars, append([]string{"init", "--org", "acme", "--owner", "carol:583233", "--owner", "dan:583234", "--dir", dir}, c.args...)...)
			keys, _ := filepath.Glob(filepath.Join(home, "*", "*.pem"))
			own, _ := filepath.Glob(filepath.Join(home, "*.pem"))
			if a.code != c.code || c.key != (len(keys)+len(own) > 0) {
				t.Errorf("exit %d, keys %v %v: %s", a.code, keys, own, a)
			}
			if a.code == exitFine && c.key == strings.Contains(a.out, "gh workflow run") {
				t.Errorf("the steps: %s", a.out)
			}
		})
	}
}

// On a terminal init asks before anything becomes public.
func TestInitAsksBeforeItSignsWithoutAKey(t *testing.T) {
	for answer, key := range map[string]bool{"n": true, "y": false} {
		home := t.TempDir()
		var out, talk bytes.Buffer
		env := &environment{args: []string{"init", "--org", "acme", "--owner", "carol:583233", "--dir", t.TempDir()}, in: strings.NewReader(answer + "\n"), out: &out, err: &talk,
			getenv: func(name string) string { return map[string]string{"HOME": home}[name] }, now: curtain, http: http.DefaultTransport, asks: true}
		if code := run(t.Context(), env); code != exitFine || !strings.Contains(talk.String(), "for good") || exists(filepath.Join(home, ".config/lapse/acme-access.pem")) != key {
			t.Errorf("%s: exit %d\n%s", answer, code, talk.String())
		}
	}
}
