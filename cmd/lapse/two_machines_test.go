package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/grants"
)

// everywhere reconciles on so many machines at once, each with a local copy of its own, as often as it takes for all of them to come to
// their end, and says how each ended.
func (th *theatre) everywhere(caches []string) []ending {
	endings := make([]ending, len(caches))
	var wg sync.WaitGroup
	for i, cache := range caches {
		machine := th.on(cache)
		wg.Go(func() { endings[i] = machine.lapse("reconcile") })
	}
	wg.Wait()
	return endings
}

// Two and three machines reconcile at once, round after round, while grants come, join, are deleted and end. What is held after each
// round is what one of them alone would have left, and the ledger is sound.
func TestA51ReconcilersOnTwoMachinesLeaveWhatOneWould(t *testing.T) {
	t.Parallel()
	for _, machines := range []int{2, 3} {
		th := newTheatre(t, nil)
		var caches []string
		for range machines {
			caches = append(caches, t.TempDir())
		}
		round := func(what string, want bool) {
			t.Helper()
			for i, a := range th.everywhere(caches) {
				if a.code != exitFine {
					t.Errorf("%s, machine %d of %d: %s", what, i+1, machines, a)
				}
			}
			if team, vault := th.holds(); team != want || vault != want {
				t.Errorf("%s, %d machines: team %v, vault %v, want %v", what, machines, team, vault, want)
			}
			if a := th.lapse("reconcile"); a.code != exitFine || !strings.Contains(a.out, "Nothing to do") {
				t.Errorf("%s, %d machines, and afterwards one more: %s", what, machines, a)
			}
			if err := th.known(); err != nil {
				t.Error(err)
			}
		}
		th.approved("first")
		round("a grant came", true)
		th.approved("second")
		round("another joined", true)
		_, err := th.As("dan").PushFiles(stage.Repo, "main", "", map[string]string{grants.PathOf("second"): ""}, "End")
		must(t, err)
		round("it was deleted", true)
		th.Advance(time.Hour)
		round("the first ended", false)
		th.AddMember(stage.Org, "prod-oncall", "alice", "active")
		reported := 0
		for _, a := range th.everywhere(caches) {
			if a.code == exitRefused {
				reported++
			} else if a.code != exitFine {
				t.Errorf("given back by hand: %s", a)
			}
		}
		if team, _ := th.holds(); team || reported == 0 {
			t.Errorf("given back by hand: still held %v, reported by %d", team, reported)
		}
		if _, there := th.File(stage.Repo, "main", grants.PathOf("first")); there {
			t.Error("the file of the first is still on main")
		}
	}
}
