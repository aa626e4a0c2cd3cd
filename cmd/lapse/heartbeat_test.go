package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// An approver is told how long ago a reconcile ran, by a word that nobody else can speak.
func TestApproversAreToldWhenTheReconcilerLastRan(t *testing.T) {
	th := newTheatre(t, nil)
	n := fmt.Sprint(th.ask("alice", "beat", plain("grants/alice-prod.yaml", production)))
	says := func(want string) {
		t.Helper()
		if a := th.lapse("check", "--pull", n); !strings.Contains(a.out, want) {
			t.Errorf("check does not say %q: %s", want, a)
		}
	}
	th.Advance(7 * time.Minute)
	says("The reconciler last ran 7 minutes ago.")
	th.Advance(3 * time.Hour)
	says("warning: The reconciler last ran 3 hours ago, at 2026-03-02 09:00:")
	if _, code := th.reconcile(); code != exitFine {
		t.Fatal("reconcile failed")
	}
	says("The reconciler last ran less than a minute ago.")
	before := strings.TrimSpace(th.git("rev-parse", "refs/lapse/heartbeat"))
	th.Advance(time.Minute)
	th.reconcile()
	if after := strings.TrimSpace(th.git("rev-parse", "refs/lapse/heartbeat")); after == before || strings.TrimSpace(th.git("rev-list", "--count", "refs/lapse/heartbeat")) != "1" {
		t.Errorf("the heartbeat is at %s after %s, with a history", after, before)
	}

	// mallory, who may push anything, says that it runs.
	dir := filepath.Join(th.dir, stage.Repo+".git")
	out, err := exec.Command("git", "--git-dir", dir, "-c", "user.name=Lapse", "-c", "user.email="+requests.CommitEmail,
		"commit-tree", "-m", "Lapse ran", strings.TrimSpace(th.git("rev-parse", "main^{tree}"))).Output()
	must(t, err)
	th.git("update-ref", "refs/lapse/heartbeat", strings.TrimSpace(string(out)))
	says("warning: The reconciler has never said that it ran.")

	// Nor is every commit of Lapse's own a word that a run came to its end.
	th.git("update-ref", "refs/lapse/heartbeat", strings.TrimSpace(th.git("rev-parse", "lapse-ledger")))
	says("warning: The reconciler has never said that it ran.")

	// Where she takes it away, and puts others in its place, they are not even fetched.
	th.git("update-ref", "refs/lapse/heartbeat", before)
	says("The reconciler last ran")
	th.git("update-ref", "-d", "refs/lapse/heartbeat")
	th.git("update-ref", "refs/lapse/heartbeat/x", strings.TrimSpace(th.git("rev-parse", "main")))
	says("The reconciler last ran")
	if a := th.lapse("who"); a.code != exitFine {
		t.Errorf("who: %s", a)
	}

	// Nor do they keep Lapse from saying that it ran.
	th.want("reconcile")
	says("The reconciler last ran less than a minute ago.")
}

// What stops giving the run alone can see: it says so in its heartbeat, and check on the pull request.
func TestApproversAreToldThatGivingIsStopped(t *testing.T) {
	th := anchoredTheatre(t, fileAnchor(t))
	th.grant("alice", "alice-prod")
	seen := th.tip("main")
	th.force(th.ask("alice", "more", plain("grants/more.yaml", honest)))
	lost := th.tip("main")
	must(t, th.As("mallory").ForcePush(stage.Repo, "main", seen))
	th.expect(exitRefused, "main was at "+lost[:12])
	n := fmt.Sprint(th.ask("bob", "bob-prod", plain("grants/bob-prod.yaml", strings.Replace(production, "alice", "bob", 1))))
	a := th.lapse("check", "--pull", n)
	if !strings.Contains(a.out, "Nothing is given, whatever is approved, until whoever runs Lapse has looked at this: main was at "+lost[:12]) {
		t.Errorf("check does not tell approvers: %s", a)
	}
	must(t, th.As("mallory").ForcePush(stage.Repo, "main", lost))
	th.want("reconcile")
	if a := th.lapse("check", "--pull", n); strings.Contains(a.out, "Nothing is given") {
		t.Errorf("put right, check warns still: %s", a)
	}
}

// anotherID answers as if the repository were another one of the same name.
type anotherID struct{ from, to string }

func (a anotherID) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || !strings.HasSuffix(req.URL.Path, "/repos/"+stage.Repo) || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	body = bytes.ReplaceAll(body, []byte(a.from), []byte(a.to))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, err
}

// Two repositories may share a key. Neither takes the other's word that Lapse runs, nor its ledger.
func TestAnotherRepositorysHeartbeatAndLedgerAreNotOurs(t *testing.T) {
	th := newTheatre(t, nil)
	n := fmt.Sprint(th.ask("alice", "beat", plain("grants/alice-prod.yaml", production)))
	if a := th.lapse("check", "--pull", n); !strings.Contains(a.out, "The reconciler last ran less than a minute ago.") {
		t.Fatalf("check: %s", a)
	}
	var head ledger.Head
	must(t, json.Unmarshal([]byte(th.git("show", "lapse-ledger:state.json")), &head))
	id := fmt.Sprint(head.Repository)
	say := func(repository string) {
		t.Helper()
		repo, err := gitrepo.Open(t.Context(), t.TempDir(), gitrepo.Remote{URL: filepath.Join(th.dir, stage.Repo+".git")})
		must(t, err)
		key, err := ledger.LoadKey(th.Key, nil)
		must(t, err)
		signer := commitSigner(t, key)
		who := lapseAuthor()
		who.When = th.Now()
		old, _, err := repo.RemoteRef(t.Context(), "refs/lapse/heartbeat")
		must(t, err)
		var none gitrepo.Hash
		at, err := repo.Write(t.Context(), gitrepo.NewCommit{BaseTree: &none, Message: "Lapse ran\n\nRepository: " + repository + "\n", Author: who, Committer: who, Signer: signer})
		must(t, err)
		must(t, repo.Replace(t.Context(), "refs/lapse/heartbeat", old, at))
	}
	say("4711")
	if a := th.lapse("check", "--pull", n); !strings.Contains(a.out, "The reconciler has never said that it ran.") {
		t.Errorf("another's heartbeat passes for ours: %s", a)
	}
	say(id)
	if a := th.lapse("check", "--pull", n); !strings.Contains(a.out, "The reconciler last ran less than a minute ago.") {
		t.Errorf("our heartbeat does not: %s", a)
	}
	th.fresh()
	a := th.lapseOver(anotherID{`"id":` + id, `"id":4711`}, "check", "--pull", n)
	if !strings.Contains(a.err, "is a receipt of repository "+id) {
		t.Errorf("another's ledger passes for ours: %s", a)
	}
}
