package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// before does something once, just before the n-th request to the forge is sent.
type before struct {
	n    int
	do   func()
	sent []string
}

func (b *before) RoundTrip(r *http.Request) (*http.Response, error) {
	b.sent = append(b.sent, r.Method+" "+r.URL.Path)
	if len(b.sent) == b.n {
		b.do()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// productionGrant is what carol is asked to approve.
func productionGrant(duration string) string {
	return "user: alice\nrole: prod-db-read\nduration: " + duration + "\nreason: Slow checkout query, INC-4211\n"
}

// Whenever alice pushes while the check runs and merges, what carol has not seen is not merged, nor does it get a green check.
func TestA08PushDuringTheCheckIsNotMerged(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	sawMerge := false
	for n := 1; ; n++ {
		id := "race-" + strconv.Itoa(n)
		path := "grants/" + id + ".yaml"
		pull := th.ask("alice", id, map[string]githubtest.Entry{path: {Mode: "100644", Data: productionGrant("1h")}})
		approved := th.Branch(stage.Repo, id)
		if _, err := th.As("carol").Review(stage.Repo, pull, "APPROVE", ""); err != nil {
			t.Fatal(err)
		}
		pushed := ""
		way := &before{n: n, do: func() {
			var err error
			if pushed, err = th.As("alice").PushFiles(stage.Repo, id, "", map[string]string{path: productionGrant("8h")}, "More"); err != nil {
				t.Fatal(err)
			}
		}}
		a := th.lapseOver(way, "check", "--publish", "--pull", strconv.Itoa(pull))
		if pushed == "" { // every moment has been tried
			if !strings.Contains(a.err, "merged as") {
				t.Errorf("with nobody pushing: %s", a)
			}
			break
		}
		moment := fmt.Sprintf("a push before request %d (%s)", n, way.sent[n-1])
		sawMerge = sawMerge || strings.HasPrefix(way.sent[n-1], "PUT ") && strings.HasSuffix(way.sent[n-1], "/merge")
		if p := th.Pull(stage.Repo, pull); p.Merged && p.Head != approved {
			t.Errorf("%s: merged at the commit that nobody approved\n%s", moment, a)
		}
		for _, s := range th.Statuses(stage.Repo, pushed) {
			if s.State == "success" {
				t.Errorf("%s: %q is green on the commit that nobody approved", moment, s.Context)
			}
		}
		for _, c := range th.CheckRuns(stage.Repo, pushed) {
			if c.Conclusion == "success" {
				t.Errorf("%s: the check run is green on the commit that nobody approved", moment)
			}
		}
	}
	if !sawMerge {
		t.Error("no push came just before the merge")
	}
}
