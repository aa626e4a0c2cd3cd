package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// verify is what an auditor is told who clones the repository now.
func (th *theatre) verify() ending {
	th.t.Helper()
	dir := filepath.Join(th.t.TempDir(), "clone")
	if out, err := exec.Command("git", "clone", "-q", filepath.Join(th.dir, stage.Repo+".git"), dir).CombinedOutput(); err != nil {
		th.t.Fatalf("%v: %s", err, out)
	}
	return th.lapse("verify", "--dir", dir)
}

// rewrittenWhole is main with each of its commits made again by somebody else: nothing of its history is what it was.
func (th *theatre) rewrittenWhole() string {
	th.t.Helper()
	out := th.git("fast-export", "--signed-tags=strip", "refs/heads/main")
	var in strings.Builder
	for line := range strings.SplitAfterSeq(out, "\n") {
		switch before, _, is := strings.Cut(line, " refs/heads/main"); {
		case is && (before == "commit" || before == "reset"):
			line = before + " refs/heads/rewritten\n"
		case strings.HasPrefix(line, "committer "):
			_, rest, _ := strings.Cut(line, " <")
			line = "committer Other <" + rest
		}
		in.WriteString(line)
	}
	cmd := exec.Command("git", "--git-dir", filepath.Join(th.dir, stage.Repo+".git"), "fast-import", "--quiet", "--force")
	cmd.Stdin = strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		th.t.Fatalf("%v: %s", err, out)
	}
	return th.tip("rewritten")
}

// What main lost and what came in its place a person accepted, both: an auditor is told by whom, and it is no finding any more. What
// main loses after that is one again, though it was approved before that person looked.
func TestA32WhatSomebodyAcceptedIsToldAndWhatMainLosesAfterThatIsFound(t *testing.T) {
	th := newTheatre(t, nil)
	th.grant("alice", "alice-prod")
	th.Advance(5 * time.Hour)
	th.want("reconcile")
	seen := th.tip("main")
	must(t, th.As("mallory").ForcePush(stage.Repo, "main", th.rewrittenWhole()))
	th.expect(exitRefused, "main was at "+seen[:12])
	if a := th.verify(); a.code != exitRefused || !strings.Contains(a.out, "main was rewritten") {
		t.Errorf("before anybody accepted it: %s", a)
	}
	th.acceptAll(1)
	th.want("reconcile")
	th.grant("bob", "bob-prod")
	if a := th.verify(); a.code != exitFine || !strings.Contains(a.out, "accepted by dan: "+because) || !strings.Contains(a.out, "the ledger of repository 1005") {
		t.Errorf("after that: %s", a)
	}
	th.behind("main", th.commitOn("", "README.md", "Nothing to see"))
	a := th.verify()
	for _, w := range []string{"0000000001-approved", "0000000002-approved"} {
		if _, found, _ := strings.Cut(a.out, "Findings"); a.code != exitRefused || !strings.Contains(found, w) || strings.Contains(found, "Accepted by a person\n  off-main") {
			t.Errorf("lost again: %s", a)
		}
	}
}

// A push of several files is accepted as a whole.
func TestARefusedCommitIsAcceptedWithAllThatItBrought(t *testing.T) {
	th := newTheatre(t, nil)
	_, err := th.As("mallory").PushFiles(stage.Repo, "main", "", map[string]string{
		"grants/notes.txt": "Nothing to see", "grants/mallory.yaml": grantFile("mallory", "prod-db-read", "1h", "Slow checkout query, INC-4211"),
	}, "Push")
	must(t, err)
	th.expect(exitRefused, "grants/mallory.yaml")
	if a := th.verify(); a.code != exitRefused || !strings.Contains(a.out, "grants/notes.txt") {
		t.Errorf("%s", a)
	}
	th.acceptAs("dan", "--because", because, "--yes", "commit:"+th.tip("main"))
	if a := th.verify(); a.code != exitFine || !strings.Contains(a.out, "grants/notes.txt") {
		t.Errorf("accepted: %s", a)
	}
}
