package github

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	shaA, shaB, shaC = strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	access           = Repo{"acme", "access"}
)

// paths answers by path, with 200, and anything else with 404.
func paths(bodies map[string]string) wire {
	return func(req *http.Request) (*http.Response, error) {
		if body, ok := bodies[req.Method+" "+req.URL.Path]; ok {
			return reply(200, body), nil
		}
		return reply(404, `{"message":"Not Found"}`), nil
	}
}

func pullJSON(change ...string) map[string]string {
	body := strings.NewReplacer("A", shaA, "B", shaB, "C", shaC).Replace(`{"number":5,"state":"open","title":"x","user":` + alice +
		`,"draft":false,"merged":false,"merge_commit_sha":"C","created_at":"2026-01-02T03:04:05Z","commits":3,"labels":[{"name":"z"},{"name":"a"}],
		"base":{"ref":"main","sha":"B","repo":{"id":1,"full_name":"acme/access","default_branch":"trunk"}},"head":{"ref":"x/y","sha":"A","repo":{"id":1,"full_name":"acme/access"}}}`)
	body = strings.NewReplacer(change...).Replace(body)
	return map[string]string{
		"GET /repos/acme/access/pulls/5": body,
		"GET /repos/acme/access":         `{"default_branch":"trunk","allow_merge_commit":true,"allow_squash_merge":false,"allow_rebase_merge":true}`,
	}
}

func TestAPullRequestIsReadWhole(t *testing.T) {
	who := Account{Login: "alice", ID: 583231}
	open := Pull{
		Number: 5, Title: "x", Author: who, State: "open", BaseRef: "main", BaseSHA: shaB, HeadRef: "x/y", HeadSHA: shaA, HeadRepo: "acme/access",
		Labels: []string{"a", "z"}, CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), DefaultBranch: "trunk", Commits: 3,
	}
	with := func(f func(p *Pull)) Pull { p := open; f(&p); return p }
	for _, tc := range []struct {
		name   string
		change []string
		want   Pull
	}{
		{"open", nil, open},
		{"merged", []string{`"merged":false`, `"merged":true,"merged_at":"2026-01-02T05:00:00+01:00","merged_by":` + alice, `"state":"open"`, `"state":"closed"`},
			with(func(p *Pull) {
				p.State, p.Merged, p.MergedAt, p.MergedBy, p.MergeCommit = "closed", true, time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC), who, shaC
			})},
		{"from a fork", []string{`"A","repo":{"id":1,"full_name":"acme/access"}`, `"A","repo":{"id":2,"full_name":"mallory/access"}`, shaA + `","repo":{"id":1,"full_name":"acme/access"}`, shaA + `","repo":{"id":2,"full_name":"mallory/access"}`},
			with(func(p *Pull) { p.Fork, p.HeadRepo = true, "mallory/access" })},
		{"from a fork that is gone", []string{shaA + `","repo":{"id":1,"full_name":"acme/access"}`, shaA + `","repo":null`}, with(func(p *Pull) { p.Fork, p.HeadRepo = true, "" })},
		{"of a deleted account", []string{`"user":` + alice, `"user":null`}, with(func(p *Pull) { p.Author = Account{Deleted: true} })},
		{"of the ghost", []string{`"user":` + alice, `"user":{"login":"ghost","id":10137,"type":"User"}`}, with(func(p *Pull) { p.Author = Account{Login: "ghost", Deleted: true} })},
		{"of a bot", []string{`"type":"User"`, `"type":"Bot"`}, with(func(p *Pull) { p.Author.Bot = true })},
		{"of what is no person", []string{`,"type":"User"`, ``}, with(func(p *Pull) { p.Author.Bot = true })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := testClient(t, paths(pullJSON(tc.change...))).Pull(t.Context(), access, 5)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestAPullRequestThatIsNotWholeIsAnError(t *testing.T) {
	for name, change := range map[string][]string{
		"another number":         {`"number":5`, `"number":6`},
		"no head":                {shaA, ""},
		"no base":                {shaB, ""},
		"a short head":           {shaA, "abc"},
		"no head ref":            {`"x/y"`, `""`},
		"no default branch":      {`"default_branch":"trunk"`, `"default_branch":""`},
		"no time":                {`"2026-01-02T03:04:05Z"`, `null`},
		"an unknown state":       {`"open"`, `"merged"`},
		"merged at no time":      {`"merged":false`, `"merged":true`},
		"merged as no commit":    {`"merged":false`, `"merged":true,"merged_at":"2026-01-02T05:00:00Z"`, shaC, ""},
		"the answer is an array": {`{"number"`, `[{"number"`, `"acme/access"}}}`, `"acme/access"}}}]`},
	} {
		if got, err := testClient(t, paths(pullJSON(change...))).Pull(t.Context(), access, 5); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
	if _, err := testClient(t, paths(nil)).Pull(t.Context(), access, 5); !IsNotFound(err) {
		t.Errorf("of none: error %v", err)
	}
}

func TestTheMethodsAreThoseThatTheRepositoryAllows(t *testing.T) {
	got, err := testClient(t, paths(pullJSON())).MergeMethods(t.Context(), access)
	if diff := cmp.Diff([]string{"merge", "rebase"}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err := testClient(t, paths(nil)).MergeMethods(t.Context(), access); !IsNotFound(err) {
		t.Errorf("of none: error %v", err)
	}
}

func TestReviewsKeepWhatGitHubNoLongerKnows(t *testing.T) {
	review := func(id, user, state, commit, at string) string {
		return `{"id":` + id + `,"user":` + user + `,"state":"` + state + `","commit_id":` + commit + `,"submitted_at":` + at + `}`
	}
	at := `"2026-01-02T03:04:05Z"`
	read := func(list ...string) ([]Review, error) {
		return testClient(t, paths(map[string]string{"GET /repos/acme/access/pulls/5/reviews": "[" + strings.Join(list, ",") + "]"})).Reviews(t.Context(), access, 5)
	}
	got, err := read(review("1", alice, "APPROVED", `"`+shaA+`"`, at), review("2", "null", "APPROVED", "null", at), review("3", alice, "PENDING", "null", "null"))
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []Review{{ID: 1, By: Account{Login: "alice", ID: 583231}, State: "APPROVED", Commit: shaA, At: when}, {ID: 2, By: Account{Deleted: true}, State: "APPROVED", At: when}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{review("0", alice, "APPROVED", "null", at), review("1", alice, "", "null", at), review("1", alice, "APPROVED", "null", "null"), "null"} {
		if got, err := read(bad); err == nil {
			t.Errorf("%s is read as %+v", bad, got)
		}
	}
}

func TestPushesAreGitHubsOwnRecordOldestFirst(t *testing.T) {
	push := func(id, ref, after, at, actor string) string {
		return `{"id":` + id + `,"before":"` + shaA + `","after":"` + after + `","ref":"` + ref + `","timestamp":"` + at + `","activity_type":"push","actor":` + actor + `}`
	}
	asked := []string{}
	pagesOf := func(first, second string) *Client {
		return testClient(t, wire(func(req *http.Request) (*http.Response, error) {
			asked = append(asked, req.URL.RawQuery)
			if req.URL.Query().Get("after") == "cur=sor" {
				return reply(200, second), nil
			}
			return reply(200, first, "Link", `<https://api.github.com/repositories/1/activity?ref=x&after=cur%3Dsor>; rel="next"`), nil
		}))
	}
	ref := "refs/heads/x/y"
	c := pagesOf("["+push("3", ref, shaC, "2026-01-03T00:00:00Z", alice)+","+push("2", ref, shaB, "2026-01-02T00:00:00Z", "null")+"]", "["+push("1", ref, shaA, "2026-01-02T00:00:00Z", alice)+"]")
	got, err := c.Pushes(t.Context(), access, "x/y")
	who, day := Account{Login: "alice", ID: 583231}, func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	want := []Push{
		{ID: 1, By: who, At: day(2), Before: shaA, After: shaA, Kind: "push"},
		{ID: 2, By: Account{Deleted: true}, At: day(2), Before: shaA, After: shaB, Kind: "push"},
		{ID: 3, By: who, At: day(3), Before: shaA, After: shaC, Kind: "push"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if want := []string{"per_page=100&ref=refs%2Fheads%2Fx%2Fy", "after=cur%3Dsor&per_page=100&ref=refs%2Fheads%2Fx%2Fy"}; !cmp.Equal(want, asked) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	for name, bad := range map[string]string{
		"another branch": push("1", "refs/heads/x", shaB, "2026-01-02T00:00:00Z", alice), "no id": push("0", ref, shaB, "2026-01-02T00:00:00Z", alice),
		"no commit": push("1", ref, "", "2026-01-02T00:00:00Z", alice), "null": "null",
	} {
		if got, err := pagesOf("["+bad+"]", "[]").Pushes(t.Context(), access, ref); err == nil {
			t.Errorf("%s is read as %+v", name, got)
		}
	}
}

func TestAnAccountIsWhoWasAskedFor(t *testing.T) {
	c := testClient(t, paths(map[string]string{
		"GET /users/Alice": alice, "GET /users/bob": alice, "GET /user/583231": alice, "GET /user/7": alice, "GET /users/ghost": `{"login":"ghost","id":10137,"type":"User"}`,
	}))
	if a, found, err := c.User(t.Context(), "Alice"); !found || err != nil || a.ID != 583231 {
		t.Errorf("Alice is %+v, %v, %v", a, found, err)
	}
	if a, found, err := c.User(t.Context(), "bob"); err == nil {
		t.Errorf("bob is %+v, %v", a, found)
	}
	if a, found, err := c.UserByID(t.Context(), 583231); !found || err != nil || a.Login != "alice" {
		t.Errorf("583231 is %+v, %v, %v", a, found, err)
	}
	if a, found, err := c.UserByID(t.Context(), 7); err == nil {
		t.Errorf("7 is %+v, %v", a, found)
	}
	for _, ask := range []func() (Account, bool, error){
		func() (Account, bool, error) { return c.User(t.Context(), "nobody") },
		func() (Account, bool, error) { return c.User(t.Context(), "ghost") },
		func() (Account, bool, error) { return c.UserByID(t.Context(), 8) },
	} {
		if a, found, err := ask(); found || err != nil {
			t.Errorf("nobody is %+v, %v, %v", a, found, err)
		}
	}
}

func TestAMergeIsConditionalAndTellsWhyNot(t *testing.T) {
	merged := pullJSON(`"merged":false`, `"merged":true,"merged_at":"2026-01-02T05:00:00Z"`, `"state":"open"`, `"state":"closed"`)
	for _, tc := range []struct {
		name   string
		answer func() (*http.Response, error)
		after  map[string]string
		head   string
		want   string
		err    error
	}{
		{"merged", answers(200, `{"merged":true,"sha":"`+shaC+`"}`), pullJSON(), shaA, shaC, nil},
		{"A08 the head moved", answers(409, `{"message":"Head branch was modified"}`), pullJSON(), shaA, "", ErrHeadMoved},
		{"not mergeable", answers(405, `{"message":"Pull Request is not mergeable"}`), pullJSON(), shaA, "", ErrNotMergeable},
		{"merged already at this head", answers(405, `{"message":"Pull Request is not mergeable"}`), merged, shaA, shaC, nil},
		{"A08 merged already at another head", answers(405, `{"message":"x"}`), merged, shaB, "", ErrNotMergeable},
		{"merged, but the answer is lost", breaks("connection reset"), merged, shaA, shaC, nil},
		{"not merged, and no answer", answers(502, ""), pullJSON(), shaA, "", errors.New("502")},
		{"an answer that does not say so", answers(200, `{"merged":false}`), pullJSON(), shaA, "", errors.New("does not say that it is merged")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sent, look := 0, paths(tc.after)
			c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
				if req.Method != http.MethodPut {
					return look(req)
				}
				sent++
				return tc.answer()
			}), func(o *Options) { o.Backoff = time.Nanosecond })
			sha, err := c.Merge(t.Context(), access, 5, tc.head, "squash", "x")
			if sha != tc.want || sent != 1 || (err == nil) != (tc.err == nil) || err != nil && !errors.Is(err, tc.err) && !strings.Contains(err.Error(), tc.err.Error()) {
				t.Errorf("%q, %v after %d tries; want %q, %v", sha, err, sent, tc.want, tc.err)
			}
		})
	}
	c := testClient(t, inOrder(new(int), breaks("reached")))
	for _, head := range []string{"", "main", shaA[:39], strings.ToUpper(shaA)} {
		if _, err := c.Merge(t.Context(), access, 5, head, "", ""); err == nil || strings.Contains(err.Error(), "reached") {
			t.Errorf("head %q: %v", head, err)
		}
	}
}
