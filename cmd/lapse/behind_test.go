package main

import (
	"os"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// on is the same theatre on another machine, with a local copy of its own.
func (th *theatre) on(cache string) *theatre {
	vars := map[string]string{}
	for k, v := range th.vars {
		vars[k] = v
	}
	vars["XDG_CACHE_HOME"] = cache
	return &theatre{Stage: th.Stage, t: th.t, dir: th.dir, vars: vars}
}

// A machine fetched main before another gave what came since, and now cannot fetch it, though it can the ledger: what it has of main is
// no word of what has ended there. Whichever of git's answers are missing, nobody loses what they hold.
func TestA53AMachineWithAnOldCopyOfMainEndsNothing(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	before := t.TempDir()
	th.on(before).want("reconcile")
	th.approved("first")
	th.on(t.TempDir()).want("reconcile")
	missed := 0
	for skip := range 8 {
		cache := t.TempDir()
		must(t, os.CopyFS(cache, os.DirFS(before)))
		mend := th.Fail(githubtest.Failure{Path: "/acme/access.git/.*", Who: stage.Bot, Status: 404, Skip: skip, Times: 2})
		a := th.on(cache).lapse("reconcile")
		mend()
		if a.code != exitFine {
			missed++
		}
		if team, vault := th.holds(); !team || !vault || strings.Contains(a.out, "is over") || strings.Contains(a.out, "no longer descends") {
			t.Fatalf("without git's answers %d and %d: team %v, vault %v: %s", skip+1, skip+2, team, vault, a)
		}
	}
	if missed == 0 {
		t.Error("no answer was missed: the test tries nothing")
	}
}

// A machine that never saw the ledger cannot ask whether it was rewound: what is due is taken, and nothing is written where it may stand
// beside other receipts of the same number.
func TestA60WhereNobodyCanSayWhetherTheLedgerWasRewoundNothingIsWritten(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	th.over()
	tip := th.Branch(stage.Repo, "lapse-ledger")
	defer th.Fail(githubtest.Failure{Path: "/repos/acme/access/activity", Who: stage.Bot, Status: 404, Times: -1})()
	a := th.on(t.TempDir()).lapse("reconcile")
	if team, vault := th.holds(); team || vault || a.code == exitFine || !strings.Contains(a.out+a.err, "nobody can say whether the branch lapse-ledger was rewound") {
		t.Fatalf("team %v, vault %v: %s", team, vault, a)
	}
	if now := th.Branch(stage.Repo, "lapse-ledger"); now != tip {
		t.Errorf("the ledger moved from %.12s to %.12s", tip, now)
	}
}
