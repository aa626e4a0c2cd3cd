package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
)

// theatre is a stage for attacks that come by the dozen: the real command against the stateful GitHub, as in the scripts, but
// within this process, so that each attempt costs little.
type theatre struct {
	*stage.Stage
	t    *testing.T
	dir  string
	vars map[string]string
}

// curtain is when every play begins. Time stands still then but for what happens, and for Advance.
func curtain() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }

// newTheatre begins as the scripts do, with a ledger. files are put over those of the example.
func newTheatre(t *testing.T, files map[string]string) *theatre {
	t.Helper()
	return newTheatreAt(t, curtain, files)
}

// newTheatreAt plays by another clock.
func newTheatreAt(t *testing.T, now func() time.Time, files map[string]string) *theatre {
	t.Helper()
	th := emptyTheatre(t, now, files)
	if a := th.lapse("reconcile", "--init"); a.code != exitFine {
		t.Fatalf("begin: %s", a)
	}
	return th
}

// newTheatreSigned is a theatre in which Lapse signs with that key from the first.
func newTheatreSigned(t *testing.T, private string) *theatre {
	t.Helper()
	key, err := ledger.LoadKey([]byte(private), nil)
	must(t, err)
	own, err := ledger.VerifierOf(key.Public())
	must(t, err)
	signers, err := requests.AllowedSigners(ledger.Verifiers{own})
	must(t, err)
	th := emptyTheatre(t, curtain, map[string]string{ledger.TrustDir + "/lapse.pub": string(key.PublicPEM()), requests.SignersFile: signers})
	th.Key, th.vars["LAPSE_SIGNING_KEY"] = []byte(private), private
	th.want("reconcile", "--init")
	return th
}

// emptyTheatre has no ledger yet.
func emptyTheatre(t *testing.T, now func() time.Time, files map[string]string) *theatre {
	t.Helper()
	th := &theatre{t: t, dir: t.TempDir()}
	s, err := stage.New(th.dir, now, nil, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	th.Stage, th.vars = s, s.Environment(filepath.Join(th.dir, "cache"))
	t.Cleanup(func() {
		if err := replayAll(context.Background(), filepath.Join(th.dir, stage.Repo+".git"), s.Key, filepath.Join(th.dir, "replay"), s.Clock()); err != nil {
			t.Error(err)
		}
	})
	return th
}

// ending is what the command left behind.
type ending struct {
	code     int
	out, err string
}

func (a ending) String() string {
	return "exit " + strconv.Itoa(a.code) + "\n" + a.out + a.err
}

func (th *theatre) lapse(args ...string) ending { return th.lapseOver(http.DefaultTransport, args...) }

// lapseOver runs the command over another way to the forge's API.
func (th *theatre) lapseOver(way http.RoundTripper, args ...string) ending {
	var out, talk bytes.Buffer
	env := th.environment(args...)
	env.out, env.err, env.http = &out, &talk, way
	code := run(context.Background(), env)
	return ending{code, out.String(), talk.String()}
}

// environment is that of a command whose output nobody reads.
func (th *theatre) environment(args ...string) *environment {
	return &environment{
		args: args, in: strings.NewReader(""), out: io.Discard, err: io.Discard,
		getenv: func(name string) string { return th.vars[name] }, now: th.Clock, http: http.DefaultTransport,
	}
}

// check is the verdict on a pull request.
func (th *theatre) check(pull int) checks.Verdict {
	th.t.Helper()
	a := th.lapse("check", "--json", "--pull", strconv.Itoa(pull))
	var v checks.Verdict
	if err := json.Unmarshal([]byte(a.out), &v); err != nil {
		th.t.Fatalf("check %d: %s", pull, a)
	}
	if (a.code == exitFine) != (v.Outcome == checks.OutcomeApproved) {
		th.t.Errorf("check %d says %s and leaves with %d", pull, v.Outcome, a.code)
	}
	return v
}

// reconcile is the report of a run, and its exit code.
func (th *theatre) reconcile() (reconciler.Report, int) {
	th.t.Helper()
	a := th.lapse("reconcile", "--json")
	var rep reconciler.Report
	if err := json.Unmarshal([]byte(a.out), &rep); err != nil {
		th.t.Fatalf("reconcile: %s", a)
	}
	return rep, a.code
}

// ask pushes a commit to a branch of its own and opens a pull request from it.
func (th *theatre) ask(who, branch string, entries map[string]githubtest.Entry) int {
	th.t.Helper()
	if _, err := th.As(who).Push(stage.Repo, branch, githubtest.Commit{Entries: entries, Message: "Request"}); err != nil {
		th.t.Fatalf("push %s: %v", branch, err)
	}
	n, err := th.As(who).OpenPull(stage.Repo, branch, "Request")
	if err != nil {
		th.t.Fatalf("open %s: %v", branch, err)
	}
	return n
}

// force merges as an admin does, whatever the check says.
func (th *theatre) force(pull int) {
	th.t.Helper()
	if _, err := th.As("mallory").Merge(stage.Repo, pull, "merge"); err != nil {
		th.t.Fatalf("merge %d: %v", pull, err)
	}
}

// holders is everything that the targets of the stage show, in words.
func (th *theatre) holders() string {
	b, err := os.ReadFile(th.Vault)
	if err != nil && !os.IsNotExist(err) {
		th.t.Fatal(err)
	}
	return string(b) + strings.Join(append(th.Members(stage.Org, "prod-oncall"), th.Invited(stage.Org, "prod-oncall")...), " ")
}

// git asks stock git about the access repository.
func (th *theatre) git(args ...string) string {
	th.t.Helper()
	out, err := exec.Command("git", append([]string{"--git-dir", filepath.Join(th.dir, stage.Repo+".git")}, args...)...).Output()
	if err != nil {
		th.t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// receipts are the file names of one kind on the ledger.
func (th *theatre) receipts(kind string) []string {
	th.t.Helper()
	var found []string
	for _, name := range strings.Fields(th.git("ls-tree", "-r", "--name-only", "lapse-ledger")) {
		if strings.HasSuffix(name, "-"+kind+".json") {
			found = append(found, name)
		}
	}
	return found
}

// commitSigner signs commits with a key, as Lapse does.
func commitSigner(t testing.TB, key *ledger.Key) gitrepo.Signer {
	t.Helper()
	signer, err := key.Commits(context.Background())
	must(t, err)
	ssh, err := gitrepo.SSHSigner(signer)
	must(t, err)
	return ssh
}
