package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// Every workflow is read by actionlint, and every script by shellcheck.
func TestWorkflowsAndScriptsAreSound(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	files := glob(t, root, ".github/workflows/*.yml", "example/.github/workflows/*.yml")
	if out, err := exec.Command(tool(t, actionlint), files...).CombinedOutput(); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Fatalf("%v: run make needs, which installs it", err)
	}
	scripts := glob(t, root, "action/*.sh", ".ci/*", "cmd/lapse/testdata/gh/gh")
	if out, err := exec.Command("shellcheck", scripts...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}

// glob finds files, and no folders. A pattern that finds none is a mistake.
func glob(t *testing.T, root string, patterns ...string) []string {
	t.Helper()
	var files []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(root, p))
		found = slices.DeleteFunc(found, func(f string) bool { info, err := os.Stat(f); return err == nil && info.IsDir() })
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", p, len(found), err)
		}
		files = append(files, found...)
	}
	return files
}

// A tag can be moved to other code, and text that others write becomes a script where an expression stands in one.
func TestActionsArePinnedAndNoExpressionIsPartOfAScript(t *testing.T) {
	found := 0
	pinned := regexp.MustCompile(`^[0-9a-f]{40}$`)
	files := glob(t, "../..", "action.yml", ".github/workflows/*.yml", "example/.github/workflows/*.yml")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range uses.FindAllStringSubmatch(string(text), -1) {
			if !pinned.MatchString(m[4]) {
				t.Errorf("%s: %s is used by %s, want a full commit", f, m[1], m[4])
			}
		}
		var tree yaml.Node
		if err := yaml.Unmarshal(text, &tree); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		scripts := scriptsOf(&tree)
		for _, s := range scripts {
			if strings.Contains(s, "${{") {
				t.Errorf("%s: an expression is part of a script:\n%s", f, s)
			}
		}
		found += len(scripts)
		if strings.Contains(f, "example") && !strings.Contains(string(text), "\npermissions: {}\n") {
			t.Errorf("%s: permissions are not taken away from all jobs", f)
		}
	}
	if found < 6 {
		t.Errorf("only %d scripts were looked at", found)
	}
}

// scriptsOf are all that stands below a key run, or as one.
func scriptsOf(n *yaml.Node) []string {
	var all []string
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "run" && c.Kind == yaml.ScalarNode {
			all = append(all, c.Value)
		}
		all = append(all, scriptsOf(c)...)
	}
	return all
}

// workflows is a stage whose workflows run, by the clock of the machine, as the App lapse.
type workflows struct {
	*theatre
	run     *runner
	secrets map[string]string
}

const lapseApp = 4711

func newWorkflows(t *testing.T, files map[string]string) *workflows {
	t.Helper()
	th := newTheatreAt(t, time.Now, files)
	w := &workflows{theatre: th, run: newRunner(t, t.TempDir(), th.APIURL(), th.URL(), stage.Repo, th.RepoDir(stage.Repo))}
	w.secrets = map[string]string{"LAPSE_APP_ID": fmt.Sprint(lapseApp), "LAPSE_APP_PRIVATE_KEY": addApp(t, th.Server, stage.Repo), "LAPSE_SIGNING_KEY": string(th.Key)}
	return w
}

// addApp registers the App that Lapse acts as and installs it, as people do in the browser. It answers its private key.
func addApp(t *testing.T, s *githubtest.Server, repos ...string) string {
	t.Helper()
	return addAppThatMay(t, s, map[string]string{
		"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write", "statuses": "write", "members": "write",
	}, repos...)
}

func addAppThatMay(t *testing.T, s *githubtest.Server, permissions map[string]string, repos ...string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s.AddApp(lapseApp, "lapse", stage.Org, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), permissions, repos...)
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// caughtUp waits until it is as late as the forge says that it is: it puts every change into a second of its own.
func (w *workflows) caughtUp() { w.waitFor(w.Clock()) }

func (w *workflows) waitFor(at time.Time) { time.Sleep(time.Until(at)) }

// check lets the event of a pull request reach the workflow that checks.
func (w *workflows) check(event string, payload map[string]any) (string, bool) {
	w.t.Helper()
	w.caughtUp()
	return w.run.run(job{rev: "main", workflow: "lapse-check.yml", event: event, payload: payload, secrets: w.secrets,
		token: w.WorkflowToken(stage.Repo, map[string]string{"actions": "write"})})
}

// reconcile lets the workflow that reconciles run.
func (w *workflows) reconcile(event string) (string, bool) {
	w.t.Helper()
	w.caughtUp()
	return w.run.run(job{rev: "main", workflow: "lapse-reconcile.yml", event: event, secrets: w.secrets,
		payload: map[string]any{"ref": "refs/heads/main"}, token: w.WorkflowToken(stage.Repo, map[string]string{})})
}

// pullEvent is what GitHub sends of a pull request.
func (w *workflows) pullEvent(n int) map[string]any {
	p := w.Pull(stage.Repo, n)
	return map[string]any{"action": "opened", "number": n, "pull_request": map[string]any{"number": n,
		"head": map[string]any{"sha": p.Head, "ref": p.HeadRef}, "base": map[string]any{"ref": p.BaseRef}}}
}

// reviewed lets the review of a pull request go its way: through the untrusted workflow, as the branch has it, to the trusted one.
func (w *workflows) reviewed(n int) (string, bool) {
	w.t.Helper()
	head := w.Pull(stage.Repo, n).Head
	out, ok := w.run.run(job{rev: head, workflow: "lapse-review.yml", event: "pull_request_review", payload: w.pullEvent(n),
		token: w.WorkflowToken(stage.Repo, map[string]string{})})
	if !ok {
		return out, ok
	}
	return w.check("workflow_run", map[string]any{"action": "completed", "workflow_run": map[string]any{
		"head_sha": head, "event": "pull_request_review", "name": "lapse review", "pull_requests": []any{}}})
}

func (w *workflows) holds(login string) bool {
	return slices.Contains(w.Members(stage.Org, "prod-oncall"), login)
}

// With the program as the action builds it from its source, the workflows of the example do all that a grant needs, with the permissions that they ask for and the secrets that they name.
func TestWorkflowsTakeAGrantFromItsRequestToItsRemoval(t *testing.T) {
	w := newWorkflows(t, nil)
	w.vars["LAPSE_TOKEN"] = w.Token("alice")
	if a := w.lapse("request", "prod-db-read", "--for", "40s", "--reason", "Slow checkout query, INC-4211"); a.code != exitFine {
		t.Fatal(a)
	}
	const n = 1

	out, ok := w.check("pull_request_target", w.pullEvent(n))
	if !ok || w.Pull(stage.Repo, n).Merged || !strings.Contains(out, "Waiting for 1 approval") {
		t.Fatal("a request that waits was not shown as waiting, or failed its workflow")
	}
	if _, err := w.As("carol").Review(stage.Repo, n, "APPROVE", "Fine"); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.reviewed(n); !ok || !w.Pull(stage.Repo, n).Merged {
		t.Fatal("what was approved is not merged")
	}
	d := w.Dispatches(stage.Repo)
	if len(d) != 1 || d[0].Workflow != "lapse-reconcile.yml" || d[0].Who != "github-actions[bot]" {
		t.Fatalf("dispatches %+v, want one of lapse-reconcile.yml", d)
	}
	if _, ok := w.reconcile("workflow_dispatch"); !ok || !w.holds("alice") {
		t.Fatal("what was approved is not given")
	}
	w.waitFor(w.Pull(stage.Repo, n).MergedAt.Add(40 * time.Second))
	if _, ok := w.reconcile("schedule"); !ok || w.holds("alice") {
		t.Fatal("what is over is not taken back")
	}
	if files := w.git("ls-tree", "-r", "--name-only", "main", "grants/"); strings.Contains(files, "alice") {
		t.Errorf("the grant is over and still on main: %s", files)
	}
}

// outputs is a workflow that shows what the action puts out.
const outputs = `
name: outputs
on: workflow_dispatch
permissions: {}
jobs:
  outputs:
    runs-on: ubuntu-latest
    steps:
      - id: lapse
        continue-on-error: true
        uses: lapse-access/lapse@521ac06fde51cb8208c746ab973aeebac7d37922
        with: {command: "COMMAND", app-id: "${{ secrets.LAPSE_APP_ID }}", private-key: "${{ secrets.LAPSE_APP_PRIVATE_KEY }}"}
      - env: {OUTPUTS: "${{ toJSON(steps.lapse.outputs) }}"}
        run: echo "outputs=$(tr -d '\n' <<<"$OUTPUTS")"
`

// A workflow that goes on with what the action says finds it in its outputs, whatever the end.
func TestTheActionPutsOutWhatItDid(t *testing.T) {
	over := map[string]string{}
	for _, command := range []string{"check", "plan", "destroy; echo harm"} {
		over[".github/workflows/"+command[:4]+".yml"] = strings.Replace(outputs, "COMMAND", command, 1)
	}
	w := newWorkflows(t, over)
	w.run.prebuilt()
	n := w.ask("alice", "alice-prod", grantEntry("alice-prod", oneHour))
	for _, c := range []struct{ workflow, want string }{
		{"chec.yml", `"exit-code":\s*"3",\s*"merged":\s*"",\s*"plan":\s*"",\s*"verdict":\s*"waiting"`},
		{"plan.yml", `"exit-code":\s*"0",\s*"merged":\s*"",\s*"plan":\s*"\{.*\}",\s*"verdict":\s*""`},
		{"dest.yml", `"exit-code":\s*"2",\s*"merged":\s*"",\s*"plan":\s*"",\s*"verdict":\s*""`},
	} {
		w.caughtUp()
		out, _ := w.run.run(job{rev: "main", workflow: c.workflow, event: "workflow_dispatch", secrets: w.secrets,
			payload: w.pullEvent(n), token: w.WorkflowToken(stage.Repo, map[string]string{})})
		if !regexp.MustCompile(`outputs=.*` + c.want).MatchString(out) {
			t.Errorf("%s: want %s", c.workflow, c.want)
		}
	}
}

// The issue form and the command that reads it agree, and the workflow between them answers.
func TestAnIssueIsAnsweredWithItsRequest(t *testing.T) {
	form, err := os.ReadFile("../../example/.github/ISSUE_TEMPLATE/access.yml")
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	labels := regexp.MustCompile(`(?m)^ +label: (.*)$`).FindAllStringSubmatch(string(form), -1)
	answers := map[string]string{"Role": "prod-db-read", "How long": "1h", "Why": "Slow checkout query, INC-4211", "Ticket": "_No response_"}
	for _, l := range labels {
		fmt.Fprintf(&body, "### %s\n\n%s\n\n", l[1], answers[l[1]])
	}
	w := newWorkflows(t, nil)
	w.run.prebuilt()
	var made struct{ Number int }
	if err := w.As("alice").Do("POST", "/repos/"+stage.Repo+"/issues", map[string]string{"title": "Access: production", "body": body.String()}, &made); err != nil {
		t.Fatal(err)
	}
	w.caughtUp()
	_, ok := w.run.run(job{rev: "main", workflow: "lapse-request.yml", event: "issues", secrets: w.secrets, token: w.WorkflowToken(stage.Repo, map[string]string{}),
		payload: map[string]any{"action": "opened", "issue": map[string]any{"number": made.Number, "title": "Access: production"}}})
	var comments []struct{ Body string }
	if err := w.As("alice").Do("GET", fmt.Sprintf("/repos/%s/issues/%d/comments", stage.Repo, made.Number), nil, &comments); err != nil {
		t.Fatal(err)
	}
	if !ok || len(comments) != 1 || !strings.Contains(comments[0].Body, "/new/main?filename=grants%2Falice-prod-db-read.yaml") {
		t.Errorf("the workflow succeeded: %v; comments %+v", ok, comments)
	}

	// Workflows of any branch can read what is cached: what GitHub says of teams is not there, and what was seen of main is.
	kept := map[string]int{}
	if err := filepath.WalkDir(w.run.store, func(_ string, d os.DirEntry, err error) error {
		kept[d.Name()]++
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if kept["answers"] > 0 || kept["git"] == 0 {
		t.Errorf("the cache keeps %d folders of answers and %d local copies", kept["answers"], kept["git"])
	}
}
