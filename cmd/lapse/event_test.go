package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// during lets the command find itself in a workflow that an event started.
func (th *theatre) during(event string) {
	th.t.Helper()
	path := filepath.Join(th.t.TempDir(), "event.json")
	if err := os.WriteFile(path, []byte(event), 0o600); err != nil {
		th.t.Fatal(err)
	}
	th.vars["GITHUB_ACTIONS"], th.vars["GITHUB_EVENT_PATH"] = "true", path
}

func grantEntry(id, text string) map[string]githubtest.Entry {
	return map[string]githubtest.Entry{"grants/" + id + ".yaml": {Mode: "100644", Data: text}}
}

const oneHour = "user: alice\nrole: prod-db-read\nduration: 1h\nreason: Slow checkout query, INC-4211\n"

// What an untrusted workflow says of itself is not believed: the pull request is found by the commit that GitHub says it ran on.
func TestAWorkflowRunIsAboutTheHeadThatGitHubNames(t *testing.T) {
	th := newTheatre(t, nil)
	n := th.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour))
	other := th.ask("bob", "bob-prod", grantEntry("bob-prod", strings.Replace(oneHour, "alice", "bob", 1)))
	head := th.Pull(stage.Repo, n).Head
	th.during(fmt.Sprintf(`{"workflow_run": {"head_sha": %q, "pull_requests": [{"number": %d}], "display_title": "pull request #%d"}}`, head, other, other))
	if a := th.lapse("check", "--publish"); a.code != exitRefused || !strings.Contains(a.out, "alice would hold") {
		t.Fatalf("check: %s", a)
	}
	if c := th.Pull(stage.Repo, n).Comments; len(c) != 1 {
		t.Errorf("pull request %d has %d comments, want 1", n, len(c))
	}
	if c := th.Pull(stage.Repo, other).Comments; len(c) != 0 {
		t.Errorf("pull request %d, which the run only claims, has %d comments", other, len(c))
	}
}

// A second pull request from the same commit must not stand in front of the first.
func TestEveryPullRequestOfAHeadIsJudged(t *testing.T) {
	th := newTheatre(t, nil)
	n := th.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour))
	head := th.Pull(stage.Repo, n).Head
	if err := th.As("mallory").Do("POST", "/repos/"+stage.Repo+"/git/refs", map[string]any{"ref": "refs/heads/shadow", "sha": head}, nil); err != nil {
		t.Fatal(err)
	}
	second, err := th.As("mallory").OpenPull(stage.Repo, "shadow", "Shadow")
	if err != nil {
		t.Fatal(err)
	}
	th.during(fmt.Sprintf(`{"workflow_run": {"head_sha": %q}}`, head))
	if a := th.lapse("check", "--publish"); a.code != exitRefused {
		t.Fatalf("check: %s", a)
	}
	for _, n := range []int{n, second} {
		if c := th.Pull(stage.Repo, n).Comments; len(c) != 1 {
			t.Errorf("pull request %d has %d comments, want 1", n, len(c))
		}
	}
}

// What moved on since is judged by the event of its own push.
func TestARunOnAnOldHeadIsAboutNothing(t *testing.T) {
	th := newTheatre(t, nil)
	n := th.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour))
	old := th.Pull(stage.Repo, n).Head
	if _, err := th.As("alice").PushFiles(stage.Repo, "alice-prod", "", map[string]string{"grants/alice-prod.yaml": oneHour + "ticket: INC-4211\n"}, "Ticket"); err != nil {
		t.Fatal(err)
	}
	th.during(fmt.Sprintf(`{"workflow_run": {"head_sha": %q}}`, old))
	if a := th.lapse("check", "--publish"); a.code != exitFine || !strings.Contains(a.err, "nothing to judge") {
		t.Errorf("check: %s", a)
	}
	if c := th.Pull(stage.Repo, n).Comments; len(c) != 0 {
		t.Errorf("%d comments for a head that is gone", len(c))
	}
}

// What a workflow's own token merges starts no workflow; so check starts reconcile by name, and with that very token, so that
// Lapse's own identity needs no power over workflows.
func TestAMergeByCheckStartsReconcile(t *testing.T) {
	th := newTheatre(t, nil)
	n := th.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour))
	th.during(fmt.Sprintf(`{"pull_request": {"number": %d}}`, n))
	th.vars["GITHUB_TOKEN"] = th.WorkflowToken(stage.Repo, map[string]string{"actions": "write"})
	args := []string{"check", "--publish", "--dispatch", "lapse-reconcile.yml"}
	if a := th.lapse(args...); a.code != exitRefused {
		t.Fatalf("before the approval: %s", a)
	}
	if d := th.Dispatches(stage.Repo); len(d) != 0 {
		t.Fatalf("started without a merge: %+v", d)
	}
	if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "Fine"); err != nil {
		t.Fatal(err)
	}
	if a := th.lapse(args...); a.code != exitFine || !strings.Contains(a.err, "started lapse-reconcile.yml") {
		t.Fatalf("after the approval: %s", a)
	}
	d := th.Dispatches(stage.Repo)
	if len(d) != 1 || d[0].Workflow != "lapse-reconcile.yml" || d[0].Ref != "main" || d[0].Who != "github-actions[bot]" {
		t.Errorf("dispatches %+v, want one of lapse-reconcile.yml on main by github-actions[bot]", d)
	}
}

// A merge that nothing reconciles until the next schedule is said loudly.
func TestAMergeWithoutReconcileFails(t *testing.T) {
	th := newTheatre(t, nil)
	n := th.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour))
	th.during(fmt.Sprintf(`{"pull_request": {"number": %d}}`, n))
	th.vars["GITHUB_TOKEN"] = th.WorkflowToken(stage.Repo, map[string]string{"contents": "read"})
	if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "Fine"); err != nil {
		t.Fatal(err)
	}
	a := th.lapse("check", "--publish", "--dispatch", "lapse-reconcile.yml")
	if a.code != exitFailed || !strings.Contains(a.err, "it is merged, but reconcile was not started") || !strings.Contains(a.err, "actions: write") {
		t.Errorf("check: %s", a)
	}
}
