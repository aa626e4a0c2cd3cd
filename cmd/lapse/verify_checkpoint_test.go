package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

// Main and the ledger cut off together look like younger ones: nothing in a clone tells. What was kept outside the forge does.
func TestA60AnAuditorWithACheckpointFindsWhatWasCutOff(t *testing.T) {
	t.Parallel()
	a := fileAnchor(t)
	th := anchoredTheatre(t, a)
	main, tip := th.tip("main"), th.tip(ledger.Branch)
	early := filepath.Join(t.TempDir(), "early.json")
	must(t, os.WriteFile(early, []byte(a.shows()), 0o600))
	th.grant("alice", "alice-prod")
	lastMain, lastTip := th.tip("main"), th.tip(ledger.Branch)

	verify := func(code int, words string, args ...string) {
		t.Helper()
		got := th.lapse(append([]string{"verify", "--offline", "--dir", th.cloned()}, args...)...)
		if got.code != code || !strings.Contains(got.out+got.err, words) {
			t.Errorf("verify %v: want exit %d and %q\n%s", args, code, words, got)
		}
	}
	verify(exitFine, "nothing is wrong", "--checkpoint", a.file, "--checkpoint", early)

	th.behind("main", main)
	th.behind(ledger.Branch, tip)
	verify(exitFine, "nothing is wrong", "--checkpoint", early)
	verify(exitRefused, "with receipt ", "--checkpoint", a.file)
	verify(exitRefused, "anchor, commit "+lastTip[:12], "--checkpoint", a.file)
	verify(exitRefused, "anchor, commit "+lastMain[:12], "--checkpoint", a.file)

	th.behind("main", lastMain)
	th.behind(ledger.Branch, lastTip)
	th.Advance(5 * time.Hour)
	th.want("reconcile")
	verify(exitFine, "nothing is wrong", "--checkpoint", a.file)

	// What is none is no checkpoint, and nothing is said in its name.
	changed := filepath.Join(t.TempDir(), "changed.json")
	must(t, os.WriteFile(changed, []byte(strings.Replace(a.shows(), `"sig":"`, `"sig":"AA`, 1)), 0o600))
	verify(exitFailed, "checkpoint "+changed, "--checkpoint", changed)
	must(t, os.WriteFile(changed, make([]byte, ledger.MaxCheckpoint+1), 0o600))
	verify(exitFailed, "longer than", "--checkpoint", changed)
	verify(exitUsage, "nowhere.json", "--checkpoint", "nowhere.json")
}
