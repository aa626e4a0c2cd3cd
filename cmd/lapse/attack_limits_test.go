package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// GitHub refuses every call for an hour, in each of the ways in which it does. A run does not wait that long: it takes what is due
// elsewhere, says what it could not do and fails; when GitHub answers again the rest is taken.
func TestA53ARateLimitSkipsNoRevocation(t *testing.T) {
	t.Parallel()
	const api = "/(repos|orgs|users|user|teams).*"
	limited := map[string]string{"Retry-After": "3600"}
	for name, f := range map[string]func(th *theatre) githubtest.Failure{
		"a spent quota": func(th *theatre) githubtest.Failure {
			return githubtest.Failure{Path: api, Status: http.StatusForbidden, Header: map[string]string{
				"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(th.Clock().Add(time.Hour).Unix())}}
		},
		"too many requests": func(*theatre) githubtest.Failure {
			return githubtest.Failure{Path: api, Status: http.StatusTooManyRequests, Header: limited}
		},
		"a secondary limit":       func(*theatre) githubtest.Failure { return githubtest.SecondaryLimit(api, 3600) },
		"of the target alone":     func(*theatre) githubtest.Failure { return githubtest.SecondaryLimit(oncall+".*", 3600) },
		"of the taking alone":     func(*theatre) githubtest.Failure { return githubtest.SecondaryLimit(oncall+"memberships/.*", 3600) },
		"after the first answers": func(*theatre) githubtest.Failure { f := githubtest.SecondaryLimit(api, 3600); f.Skip = 3; return f },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := newTheatre(t, nil)
			th.over()
			fault := f(th)
			fault.Times = -1
			mend := th.Fail(fault)
			for range 2 {
				begin := time.Now()
				a := th.lapse("reconcile")
				if a.code != exitFailed || !strings.Contains(a.out, "rate limited by GitHub until ") {
					t.Errorf("%s", a)
				}
				if took := time.Since(begin); took > time.Minute {
					t.Errorf("it took %s", took)
				}
			}
			if team, vault := th.holds(); !team || vault || len(th.receipts("taken")) != 1 {
				t.Errorf("team %v, vault %v, receipts %v", team, vault, th.receipts("taken"))
			}
			mend()
			th.Advance(time.Hour)
			th.want("reconcile")
			if team, vault := th.holds(); team || vault || len(th.receipts("taken")) != 2 {
				t.Errorf("afterwards: team %v, vault %v, receipts %v", team, vault, th.receipts("taken"))
			}
		})
	}
}

// A limit that is over in a second is waited for, and the run does all that it came for.
func TestA53AShortLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	th := newTheatreAt(t, time.Now, nil) // a wait ends by the clock
	th.over()
	for _, path := range []string{oncall + "members", oncall + "memberships/.*", "/repos/acme/access"} {
		th.Fail(githubtest.SecondaryLimit(path, 1))
	}
	a := th.lapse("reconcile")
	if team, vault := th.holds(); a.code != exitFine || team || vault || len(th.receipts("taken")) != 2 {
		t.Errorf("team %v, vault %v\n%s", team, vault, a)
	}
}

// GraphQL says 200 to whom it limits: that is no answer, and nothing is done on it.
func TestA53AnErrorInA200IsAnError(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	n := th.ask("alice", "alice-prod", plain("grants/alice-prod.yaml", production))
	th.Fail(githubtest.Failure{Path: "/user", Status: http.StatusForbidden, Times: -1, // as a workflow's token is answered, which then asks GraphQL
		Body: `{"message": "Resource not accessible by integration"}`})
	th.Fail(githubtest.Failure{Path: "/(api/)?graphql", Status: http.StatusOK, Times: -1,
		Body: `{"data": null, "errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}`})
	th.ForgetRequests()
	a := th.lapse("check", "--publish", "--pull", fmt.Sprint(n))
	asked := false
	for _, r := range th.Requests() {
		asked = asked || strings.HasSuffix(r.Path, "graphql")
	}
	if !asked {
		t.Fatalf("GraphQL was not asked: %s", a)
	}
	if a.code != exitFailed || !strings.Contains(a.err, "rate limit") {
		t.Errorf("%s", a)
	}
	if comments := th.Pull(stage.Repo, n).Comments; len(comments) > 0 {
		t.Errorf("commented: %v", comments)
	}
}
