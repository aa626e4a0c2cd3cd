package main

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// secretsOf are the secrets of a stage in the forms in which something may leave them behind.
func (th *theatre) secretsOf() map[string]string {
	token := th.vars["LAPSE_TOKEN"]
	forms := map[string]string{
		"the token":                 token,
		"the token in base64":       base64.StdEncoding.EncodeToString([]byte(token)),
		"the token as git sends it": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token)), "="),
		"the key in base64":         base64.StdEncoding.EncodeToString([]byte(th.vars["LAPSE_SIGNING_KEY"])),
	}
	for i, line := range strings.Split(th.vars["LAPSE_SIGNING_KEY"], "\n") {
		if len(line) > 20 && !strings.HasPrefix(line, "-----") {
			forms[fmt.Sprintf("line %d of the key", i+1)] = line
		}
	}
	return forms
}

// leaks looks for the secrets of the stage in a text.
func leaks(t *testing.T, th *theatre, where, text string) {
	t.Helper()
	for name, form := range th.secretsOf() {
		if strings.Contains(text, form) {
			t.Errorf("%s holds %s", where, name)
		}
	}
}

// leaksAnywhere looks in everything that outlives a run: what GitHub shows, every git object that was pushed, the local copy with its
// cached answers, the runner's files and the targets.
func (th *theatre) leaksAnywhere(t *testing.T) {
	t.Helper()
	objects := th.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
	for line := range strings.Lines(objects) {
		id, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		leaks(t, th, kind+" "+id, th.git("cat-file", kind, id))
	}
	for _, n := range th.Pulls(stage.Repo) {
		pull := th.Pull(stage.Repo, n)
		leaks(t, th, fmt.Sprintf("pull request %d", n), fmt.Sprintf("%+v %+v %+v", pull, th.Statuses(stage.Repo, pull.Head), th.CheckRuns(stage.Repo, pull.Head)))
	}
	found := 0
	err := filepath.WalkDir(th.vars["XDG_CACHE_HOME"], func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found++
		leaks(t, th, path, string(b))
		return err
	})
	if err != nil || found == 0 {
		t.Errorf("read the local copy: %v, %d files", err, found)
	}
	leaks(t, th, "the target", th.holders())
	leaks(t, th, "the runner's files", th.file("GITHUB_STEP_SUMMARY")+th.file("GITHUB_OUTPUT"))
}

// echo is a fault whose answer repeats what was sent to authenticate.
func (th *theatre) echo(path string, status int) githubtest.Failure {
	token := th.vars["LAPSE_TOKEN"]
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	return githubtest.Failure{Path: path, Status: status, Times: -1, Header: map[string]string{"X-Echo": token},
		Body: fmt.Sprintf(`{"message":"bad token %s","errors":[{"message":"Authorization: Basic %s"}],"documentation_url":"https://x:%s@evil.example/"}`, token, basic, token)}
}

func TestA64NothingThatIsLeftBehindHoldsASecret(t *testing.T) {
	t.Parallel()
	th := showing(t)
	all := ""
	say := func(args ...string) {
		a := th.lapse(append(args, "--verbose")...)
		all += a.out + a.err
	}
	n := th.ask("alice", "one", plain("grants/one.yaml", honest))
	paths := []string{
		"/user", "/users/.*", "/orgs/.*", "/repos/acme/access/pulls/1", "/repos/acme/access/pulls/1/.*", "/repos/acme/access/activity", "/repos/acme/access/commits/.*",
		"/repos/acme/access/statuses/.*", "/repos/acme/access/issues/.*", "/repos/acme/access/check-runs", "/acme/access.git/.*", "/acme/access.git/git-receive-pack",
	}
	for _, path := range paths {
		for _, status := range []int{401, 403, 422, 302} {
			fix := th.Fail(th.echo(path, status))
			say("check", "--publish", "--pull", strconv.Itoa(n))
			say("reconcile")
			fix()
		}
	}
	say("check", "--publish", "--json", "--pull", strconv.Itoa(n))
	if !th.Pull(stage.Repo, n).Merged {
		th.force(n)
	}
	say("reconcile", "--dry-run", "--json")
	say("reconcile", "--json")
	if !strings.Contains(th.holders(), "alice") {
		t.Fatalf("the targets show %s", th.holders())
	}
	th.Advance(61 * time.Minute)
	fix := th.Fail(th.echo("/acme/access.git/git-receive-pack", 403))
	say("reconcile")
	fix()
	say("reconcile")
	if strings.Contains(th.holders(), "alice") || !strings.Contains(th.git("log", "-1", "--format=%B", "main"), "one") {
		t.Errorf("the targets show %s", th.holders())
	}
	leaks(t, th, "the log", all)
	th.leaksAnywhere(t)
	if !strings.Contains(all, "bad token") {
		t.Error("no answer that repeats the token was told of, so nothing was hidden")
	}
}

// What a target's error says is not ours: here it holds a secret of the environment, the folder of the vault. Each way of printing a
// run must hide it.
func TestA64AnErrorOfATargetHidesTheSecretsInIt(t *testing.T) {
	t.Parallel()
	secret := regexp.MustCompile(`/vault[-]secret[^ "]*`)
	for _, args := range [][]string{{"reconcile"}, {"reconcile", "--json"}, {"reconcile", "--dry-run"}, {"reconcile", "--dry-run", "--json"}} {
		th := showing(t)
		th.force(th.ask("alice", "one", plain("grants/one.yaml", honest)))
		if a := th.lapse("reconcile"); a.code != exitFine {
			t.Fatal(a)
		}
		th.vars["LAPSE_APP_PRIVATE_KEY"] = th.Vault // an error about the file names it
		if err := os.WriteFile(th.Vault, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		th.Advance(61 * time.Minute)
		a := th.lapse(args...)
		text := a.out + a.err + th.file("GITHUB_STEP_SUMMARY")
		if a.code != exitFailed || strings.Contains(text, th.Vault) || secret.MatchString(text) {
			t.Errorf("%v: %s\n%s", args, a, th.file("GITHUB_STEP_SUMMARY"))
		}
		if len(args) != 2 || args[1] != "--dry-run" { // which prints the plan alone
			if !strings.Contains(text, "***") {
				t.Errorf("%v does not tell of the error: %s", args, a)
			}
		}
	}
}
