package githubtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/github/githubtest"
)

func client(t *testing.T, s *githubtest.Server, token string) *github.Client {
	t.Helper()
	c, err := github.NewClient(nil).WithAuthToken(token).WithEnterpriseURLs(s.URL(), s.URL())
	must(t, err)
	return c
}

func TestGoGithubReadsTheServer(t *testing.T) {
	ctx := context.Background()
	s := acme(t, githubtest.Options{})
	s.AddTeam("acme", "platform", "", "bob", "carol")
	n := opened(t, s)
	get[int64](t)(s.As("bob").Review(access, n, "APPROVE", "fine"))
	c := client(t, s, s.Token("bob"))
	_, _, err := c.PullRequests.Get(ctx, "acme", "access", n) // mergeable is null until somebody has asked
	must(t, err)
	p, _, err := c.PullRequests.Get(ctx, "acme", "access", n)
	must(t, err)
	if p.GetUser().GetLogin() != "alice" || !p.GetMergeable() || p.GetHead().GetSHA() != s.Branch(access, "request") || p.GetMergeCommitSHA() == "" {
		t.Errorf("pull request %v", p)
	}
	reviews, _, err := c.PullRequests.ListReviews(ctx, "acme", "access", n, nil)
	must(t, err)
	if len(reviews) != 1 || reviews[0].GetState() != "APPROVED" || reviews[0].GetUser().GetID() != s.UserID("bob") || reviews[0].GetCommitID() != p.GetHead().GetSHA() {
		t.Errorf("reviews %v", reviews)
	}
	members, _, err := c.Teams.ListTeamMembersBySlug(ctx, "acme", "platform", nil)
	must(t, err)
	if len(members) != 2 || members[0].GetID() != s.UserID("bob") {
		t.Errorf("members %v", members)
	}
	result, _, err := c.PullRequests.Merge(ctx, "acme", "access", n, "", &github.PullRequestOptions{SHA: p.GetHead().GetSHA(), MergeMethod: "squash"})
	must(t, err)
	p, _, err = c.PullRequests.Get(ctx, "acme", "access", n)
	must(t, err)
	if !p.GetMerged() || p.GetMergedBy().GetLogin() != "bob" || p.GetMergeCommitSHA() != result.GetSHA() || p.GetMergedAt().IsZero() {
		t.Errorf("merged pull request %v", p)
	}
}

func TestPagesAreLinked(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	for i := range 7 {
		get[int64](t)(s.As("bob").Comment(access, n, "comment "+strconv.Itoa(i)))
	}
	var bodies []string
	next := "/repos/acme/access/issues/1/comments?per_page=3"
	for next != "" {
		got := wantStatus(t, call(t, s, s.Token("alice"), "GET", next, ""), 200)
		for _, c := range got.list(t) {
			bodies = append(bodies, c["body"].(string))
		}
		next = nextPage(s, got.header.Get("Link"))
	}
	if len(bodies) != 7 || bodies[6] != "comment 6" {
		t.Errorf("comments %v", bodies)
	}
	if got := call(t, s, s.Token("alice"), "GET", "/repos/acme/access/issues/1/comments?per_page=3&page=9", "").list(t); len(got) != 0 {
		t.Errorf("a page past the end has %d comments", len(got))
	}
}

func TestActivityIsPagedByCursorAndFiltered(t *testing.T) {
	s := acme(t, githubtest.Options{})
	for i := range 5 {
		get[string](t)(s.As("alice").PushFiles(access, "topic", "", map[string]string{"n": strconv.Itoa(i)}, "Push"))
	}
	get[string](t)(s.As("bob").PushFiles(access, "other", "", map[string]string{"n": "1"}, "Push"))
	var ids []any
	next, pages := "/repos/acme/access/activity?ref=topic&per_page=2", 0
	for ; next != ""; pages++ {
		got := wantStatus(t, call(t, s, s.Token("alice"), "GET", next, ""), 200)
		for _, a := range got.list(t) {
			ids = append(ids, a["id"])
		}
		next = nextPage(s, got.header.Get("Link"))
	}
	if len(ids) != 5 || pages != 3 {
		t.Errorf("%d entries on %d pages, want 5 on 3", len(ids), pages)
	}
	for i := 1; i < len(ids); i++ {
		if ids[i].(float64) >= ids[i-1].(float64) {
			t.Errorf("not newest first: %v", ids)
		}
	}
	for query, want := range map[string]int{"actor=bob": 1, "activity_type=branch_creation&ref=refs/heads/topic": 1, "activity_type=force_push": 0, "time_period=day": 7} {
		if got := call(t, s, s.Token("alice"), "GET", "/repos/acme/access/activity?"+query, "").list(t); len(got) != want {
			t.Errorf("%s: %d entries, want %d", query, len(got), want)
		}
	}
	wantStatus(t, call(t, s, s.Token("alice"), "GET", "/repos/acme/access/activity?after=nonsense", ""), 422)
}

func TestAConditionalRequestIsFreeUntilSomethingChanges(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	token, path := s.Token("bob"), "/repos/acme/access/pulls/1/reviews"
	first := wantStatus(t, call(t, s, token, "GET", path, ""), 200)
	tag, left := first.header.Get("ETag"), first.header.Get("X-RateLimit-Remaining")
	again := wantStatus(t, call(t, s, token, "GET", path, "", "If-None-Match", tag), 304)
	if len(again.body) != 0 || again.header.Get("X-RateLimit-Remaining") != left {
		t.Errorf("304 with %d bytes, %s requests left, was %s", len(again.body), again.header.Get("X-RateLimit-Remaining"), left)
	}
	get[int64](t)(s.As("carol").Review(access, n, "APPROVE", ""))
	wantStatus(t, call(t, s, token, "GET", path, "", "If-None-Match", tag), 200)
}

func TestABudgetIsSpentAndComesBack(t *testing.T) {
	now := start
	s := acme(t, githubtest.Options{Now: func() time.Time { return now }, Budget: 3})
	token := s.Token("bob")
	for range 3 {
		wantStatus(t, call(t, s, token, "GET", "/user", ""), 200)
	}
	got := wantStatus(t, call(t, s, token, "GET", "/user", ""), 403)
	if got.header.Get("X-RateLimit-Remaining") != "0" || got.header.Get("X-RateLimit-Reset") == "" {
		t.Errorf("headers %v", got.header)
	}
	_, _, err := client(t, s, token).Users.Get(context.Background(), "alice")
	var limited *github.RateLimitError
	if !errors.As(err, &limited) {
		t.Errorf("go-github says %v, want a RateLimitError", err)
	}
	wantStatus(t, call(t, s, token, "GET", "/rate_limit", ""), 200)
	wantStatus(t, call(t, s, s.Token("alice"), "GET", "/user", ""), 200)
	now = s.Clock().Add(61 * time.Minute)
	wantStatus(t, call(t, s, token, "GET", "/user", ""), 200)
	s.SetRemaining(token, 0)
	wantStatus(t, call(t, s, token, "GET", "/user", ""), 403)
}

func TestAFaultIsShownAsScriptedAndThenGone(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	token := s.Token("bob")
	s.Fail(githubtest.Failure{Method: "GET", Path: "/user", Skip: 1, Times: 2, Status: 502})
	for _, want := range []int{200, 502, 502, 200} {
		wantStatus(t, call(t, s, token, "GET", "/user", ""), want)
	}
	s.Fail(githubtest.SecondaryLimit("/users/.*", 7))
	_, _, err := client(t, s, token).Users.Get(context.Background(), "alice")
	var abuse *github.AbuseRateLimitError
	if !errors.As(err, &abuse) || abuse.GetRetryAfter() != 7*time.Second {
		t.Errorf("go-github says %v, want a secondary limit of 7 seconds", err)
	}
	comments := fmt.Sprintf("/repos/acme/access/issues/%d/comments", n)
	s.Fail(githubtest.Failure{Method: "POST", Path: comments, Cut: true, After: true})
	r, err := http.NewRequest("POST", s.APIURL()+comments[1:], strings.NewReader(`{"body":"lost"}`))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		t.Error("the answer was not lost")
	}
	if got := s.Comments(access, n); len(got) != 1 || got[0].Body != "lost" {
		t.Errorf("comments %+v, want the one whose answer was lost", got)
	}
	s.Fail(githubtest.Failure{Path: "/user", Cut: true})
	if _, _, err := client(t, s, token).Users.Get(context.Background(), ""); err == nil {
		t.Error("a cut connection was not noticed")
	}
	remove := s.Fail(githubtest.Failure{Path: "/user", Times: -1, Keep: 10})
	if _, _, err := client(t, s, token).Users.Get(context.Background(), ""); err == nil {
		t.Error("half an answer was taken for a whole one")
	}
	remove()
	wantStatus(t, call(t, s, token, "GET", "/user", ""), 200)
	log := s.Requests()
	last := log[len(log)-1]
	if last.Who != "bob" || last.Status != 200 || !last.Counted || last.Failed || log[len(log)-2].Failed != true {
		t.Errorf("log ends with %+v", log[len(log)-2:])
	}
}

func TestEveryChangeIsLaterThanTheOneBefore(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	get[int64](t)(s.As("bob").Review(access, n, "APPROVE", ""))
	get[int64](t)(s.As("carol").Review(access, n, "APPROVE", ""))
	p := s.Pull(access, n)
	log := s.Activity(access)
	if !p.Reviews[0].Submitted.After(log[len(log)-1].At) || !p.Reviews[1].Submitted.After(p.Reviews[0].Submitted) {
		t.Errorf("push %v, reviews %v", log[len(log)-1].At, p.Reviews)
	}
	if s.Clock().Before(p.Reviews[1].Submitted) {
		t.Error("the clock is behind the last change")
	}
	date := call(t, s, s.Token("bob"), "GET", "/user", "").header.Get("Date")
	if date != s.Clock().Format(http.TimeFormat) {
		t.Errorf("Date is %s, the clock %s", date, s.Clock().Format(http.TimeFormat))
	}
}

func TestGraphQLTellsWhoATokenIs(t *testing.T) {
	s := acme(t, githubtest.Options{})
	got := wantStatus(t, call(t, s, s.WorkflowToken(access, nil), "POST", "/api/graphql", `{"query":"query { viewer { login databaseId } }"}`), 200)
	if got.field(t, "data.viewer.login") != "github-actions[bot]" || got.field(t, "data.viewer.databaseId") != 41898282.0 {
		t.Errorf("viewer %s", got.body)
	}
	got = wantStatus(t, call(t, s, s.Token("bob"), "POST", "/api/graphql", `{"query":"query { repository { id } }"}`), 200)
	if got.field(t, "errors") == nil {
		t.Errorf("answer %s, want errors", got.body)
	}
	wantStatus(t, call(t, s, "", "POST", "/api/graphql", `{"query":"query { viewer { login } }"}`), 401)
}
