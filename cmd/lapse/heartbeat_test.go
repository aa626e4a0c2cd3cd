package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
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
	out, err := exec.Command("git", "--git-dir", dir, "-c", "user.name=Lapse", "-c", "user.email=lapse@lapse-access.github.io",
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
}
