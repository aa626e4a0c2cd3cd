package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// A commit may say of itself that it is of any time, also of one that cannot be written. What is told of all grants does not break on it.
func TestACommitOfAnImpossibleTimeDoesNotSilenceTheLog(t *testing.T) {
	th := newTheatre(t, nil)
	th.force(th.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour)))
	th.reconcile()
	gitDir := filepath.Join(th.dir, stage.Repo+".git")
	commit := fmt.Sprintf("tree %s\nparent %s\nauthor mallory <m@acme.com> 999999999999 +0000\ncommitter mallory <m@acme.com> 999999999999 +0000\n\nOver\n",
		strings.TrimSpace(th.git("rev-parse", "main~1^{tree}")), strings.TrimSpace(th.git("rev-parse", "main")))
	write := exec.Command("git", "--git-dir", gitDir, "hash-object", "-t", "commit", "-w", "--literally", "--stdin")
	write.Stdin = strings.NewReader(commit)
	out, err := write.Output()
	must(t, err)
	th.git("update-ref", "refs/heads/main", strings.TrimSpace(string(out)))

	a := th.lapse("log", "--json")
	var told struct{ Grants []audit.Life }
	if err := json.Unmarshal([]byte(a.out), &told); err != nil || a.code != exitFine || len(told.Grants) != 1 {
		t.Fatalf("log: %v: %s", err, a)
	}
	if last := told.Grants[0].Events[len(told.Grants[0].Events)-1]; last.Kind != audit.Removed || last.Time.Year() != 9999 {
		t.Errorf("the removal is told as %+v", last)
	}
}

// broken is an API that fails where a path ends so.
type broken struct{ suffix string }

func (b broken) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, b.suffix) {
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
			Body: io.NopCloser(strings.NewReader(`{"message": "Resource not accessible"}`))}, nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

// What ends access is sent whatever cannot be told of the person.
func TestRevokeNeedsNothingToBeTold(t *testing.T) {
	th := newTheatre(t, nil)
	th.force(th.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour)))
	th.vars["LAPSE_TOKEN"] = th.Token("mallory")
	a := th.lapseOver(broken{"/users/alice"}, "revoke", "alice-prod")
	if a.code != exitFine || !strings.Contains(a.err, "merged as") {
		t.Errorf("revoke: %s", a)
	}
}

// The token for one server is not sent to the other because an address was left out.
func TestATokenGoesToOneGitHub(t *testing.T) {
	for name, vars := range map[string]map[string]string{
		"git at GitHub": {"GITHUB_API_URL": "https://ghe.acme.com/api/v3"},
		"API at GitHub": {"GITHUB_SERVER_URL": "https://ghe.acme.com"},
		"API said so":   {"GITHUB_SERVER_URL": "https://ghe.acme.com", "GITHUB_API_URL": "https://api.github.com/"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked nowhere
			vars["LAPSE_TOKEN"], vars["XDG_CACHE_HOME"] = "token-of-acme", t.TempDir()
			env := &environment{args: []string{"check", "--pull", "1", "--repo", "acme/access"}, in: strings.NewReader(""), out: io.Discard, err: io.Discard,
				getenv: func(name string) string { return vars[name] }, now: curtain, http: &asked}
			if code := run(t.Context(), env); code != exitUsage || asked > 0 {
				t.Errorf("exit %d after %d requests, want %d and none", code, asked, exitUsage)
			}
		})
	}
}

// nowhere counts the requests that should not have been made.
type nowhere int

func (n *nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	*n++
	return nil, io.ErrUnexpectedEOF
}

// Of the runs that wait in a group GitHub keeps the last alone. Anyone can open a pull request from a fork, with any commit as its head,
// and edit its title all day: that must not be the group of a branch of this repository.
func TestAForkDoesNotStandInLineWithTheBranches(t *testing.T) {
	text, err := os.ReadFile("../../example/.github/workflows/lapse-check.yml")
	must(t, err)
	var workflow struct{ Concurrency struct{ Group string } }
	must(t, yaml.Unmarshal(text, &workflow))
	for _, want := range []string{"pull_request.head.repo.full_name", "workflow_run.head_repository.full_name"} {
		if !strings.Contains(workflow.Concurrency.Group, want) {
			t.Errorf("the group %s does not tell %s", workflow.Concurrency.Group, want)
		}
	}
}

// Somebody else's pull request, from the branch that revoke or request would make, stands for neither.
func TestNobodySendsWhatAnotherSends(t *testing.T) {
	th := newTheatre(t, nil)
	th.force(th.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour)))
	th.ask("mallory", "lapse/revoke/alice-prod", grantEntry("mallory-prod", oneHour))
	th.ask("mallory", "lapse/request/bob-prod-db-read", grantEntry("mallory-prod", oneHour))

	th.vars["LAPSE_TOKEN"] = th.Token("bob")
	if a := th.lapse("revoke", "alice-prod"); a.code != exitFine || !strings.Contains(a.err, "merged as") {
		t.Errorf("revoke: %s", a)
	}
	if files := th.git("ls-tree", "-r", "--name-only", "main", "grants/"); strings.Contains(files, "-prod.yaml") {
		t.Errorf("on main is still %s", files)
	}
	ask := []string{"request", "prod-db-read", "--for", "1h", "--reason", "Slow checkout query, INC-4211", "--anyway", "--json"}
	if a := th.lapse(ask...); a.code != exitFine || !strings.Contains(a.out, `"branch": "lapse/request/bob-prod-db-read-2"`) {
		t.Errorf("request: %s", a)
	}
	if a := th.lapse(ask...); a.code != exitFailed || !strings.Contains(a.err, "asked for already") {
		t.Errorf("the same once more: %s", a)
	}
}
