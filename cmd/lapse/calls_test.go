package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// called is what the API was asked since the last look: git's own requests are none of its.
func (th *theatre) called() (all []githubtest.Request, counted int) {
	for _, r := range th.Requests() {
		if strings.Contains(r.Path, ".git/") {
			continue
		}
		all = append(all, r)
		if r.Counted {
			counted++
		}
	}
	th.ForgetRequests()
	return all, counted
}

func spelled(rs []githubtest.Request) string {
	var b strings.Builder
	for _, r := range rs {
		fmt.Fprintf(&b, "  %s %s?%s %d counted=%v\n", r.Method, r.Path, r.Query, r.Status, r.Counted)
	}
	return b.String()
}

const production = "user: alice\nrole: prod-db-read\nduration: 4h\nreason: Slow checkout query, INC-4211\n"

func TestACheckAsksTheForgeLittle(t *testing.T) {
	th := newTheatre(t, nil)
	n := th.ask("alice", "calls", plain("grants/alice-prod.yaml", production))
	if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "fine"); err != nil {
		t.Fatal(err)
	}
	th.vars["XDG_CACHE_HOME"] = t.TempDir()
	pull := fmt.Sprint(n)
	for _, run := range []struct {
		name                string
		args                []string
		calls, mostCounting int
	}{
		{"cold", []string{"check", "--pull", pull}, 13, 13},
		{"when GitHub has computed whether it can be merged", []string{"check", "--pull", pull}, 9, 1},
		{"warm", []string{"check", "--pull", pull}, 9, 0},
		{"published for the first time", []string{"check", "--publish", "--pull", pull}, 30, 30},
	} {
		th.ForgetRequests()
		if a := th.lapse(run.args...); a.code == exitFailed {
			t.Fatal(a)
		}
		all, counted := th.called()
		t.Logf("%s: %d calls, %d count against the limit\n%s", run.name, len(all), counted, spelled(all))
		if len(all) > run.calls || counted > run.mostCounting {
			t.Errorf("%s: %d calls, of which %d count; want at most %d and %d", run.name, len(all), counted, run.calls, run.mostCounting)
		}
	}
}
