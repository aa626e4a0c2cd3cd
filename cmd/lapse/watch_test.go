package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// What was taken costs one look at each entitlement while it is watched, however many held it, and none after that.
func TestA58WatchingReadsEachEntitlementOnce(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	for _, who := range []string{"alice", "bob"} {
		for i := range 3 {
			id := fmt.Sprintf("%s-%d", who, i)
			n := th.ask(who, id, plain("grants/"+id+".yaml", grantWith("user: "+who, "role: prod-db-read", "duration: 1h")))
			_, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "Fine")
			must(t, err)
			th.force(n)
		}
	}
	lookups := func() (n int) {
		t.Helper()
		th.ForgetRequests()
		if a := th.lapse("reconcile"); a.code != exitFine {
			t.Fatal(a)
		}
		for _, r := range th.Requests() {
			if strings.HasSuffix(r.Path, "/teams/prod-oncall/members") {
				n++
			}
		}
		return n
	}
	if lookups() == 0 || !strings.Contains(th.holders(), "alice") || !strings.Contains(th.holders(), "bob") {
		t.Fatal(th.holders())
	}
	th.Advance(time.Hour)
	lookups()
	if got := lookups(); got != 1 {
		t.Errorf("a run that watches one team asks %d times who is in it", got)
	}
	th.Advance(7 * 24 * time.Hour)
	if got := lookups(); got != 0 {
		t.Errorf("a run that watches nothing any more asks %d times who is in the team", got)
	}
}
