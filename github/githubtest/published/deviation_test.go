package published

import (
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

// requestOfAlice records a pull request from its opening to its merge, with a reader who may not see it.
func requestOfAlice(t *testing.T, dir string) []githubtest.Exchange {
	t.Helper()
	s, err := githubtest.New(githubtest.Options{Dir: t.TempDir(), Record: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"alice", "bob", "mallory"} {
		s.AddUser(login, githubtest.User{})
	}
	s.AddOrg("acme", "bob:admin", "alice")
	const repo = "acme/access"
	number := 0
	for _, step := range []func() error{
		func() error {
			return s.AddRepo(repo, githubtest.RepoOptions{Files: map[string]string{"README.md": "access\n"}})
		},
		func() error { s.AddCollaborator(repo, "alice", "push"); return nil },
		func() error {
			_, err := s.As("alice").PushFiles(repo, "ask", "", map[string]string{"grants/a.yaml": "user: alice\n"}, "Ask")
			return err
		},
		func() (err error) { number, err = s.As("alice").OpenPull(repo, "ask", "Ask"); return err },
		func() error { _, err := s.As("bob").Review(repo, number, "APPROVE", "fine"); return err },
		func() error {
			return s.As("bob").Do("GET", "/repos/acme/access/pulls/1/reviews?per_page=100", nil, nil)
		},
		func() error { return s.As("bob").Do("GET", "/repos/acme/access/pulls/1", nil, nil) },
		func() error {
			return s.As("bob").Do("POST", "/graphql", map[string]string{"query": `{ viewer { login } repository(owner: "acme", name: "access") {
				pullRequest(number: 1) { state author { __typename login ... on User { databaseId } } mergeCommit { oid } createdAt
					reviews(first: 5) { nodes { state submittedAt } } } } }`}, nil)
		},
		func() error { _, err := s.As("bob").Merge(repo, number, "squash"); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.As("mallory").Do("GET", "/repos/acme/access/pulls/1", nil, nil); err == nil {
		t.Fatal("mallory sees a private repository")
	}
	exchanges, _, err := githubtest.Recorded(dir)
	if err != nil {
		t.Fatal(err)
	}
	return exchanges
}

// A judge that lets anything pass would be worse than none: each kind of deviation is caught, and told.
func TestADeviationIsCaught(t *testing.T) {
	exchanges := requestOfAlice(t, t.TempDir())
	fresh := newJudge(t)
	for name, c := range map[string]struct {
		method, path string
		status       int
		change       func(*githubtest.Exchange)
		want         string
	}{
		"a property that is required is missing": {"GET", "/repos/acme/access/pulls/1/reviews", 200,
			replaceAnswer(`"author_association"`, `"association"`), `"author_association" is missing`},
		"a property that GitHub does not send": {"GET", "/repos/acme/access/pulls/1/reviews", 200,
			replaceAnswer(`"id":`, `"approved":true,"id":`), `/*/"approved" is not in the description`},
		"a property far below that GitHub does not send": {"GET", "/repos/acme/access/pulls/1", 200,
			replaceAnswer(`"sha":`, `"pushed_by":"alice","sha":`), `/base/"pushed_by" is not in the description`},
		"a number as text": {"GET", "/repos/acme/access/pulls/1", 200,
			replaceAnswer(`"number":1,`, `"number":"1",`), "/number: value must be an integer"},
		"null where GitHub never has it": {"GET", "/repos/acme/access/pulls/1", 200,
			replaceAnswer(`"draft":false,"head":{`, `"draft":false,"head":null,"x":{`), "/head: Value is not nullable"},
		"a word that is not of the list": {"GET", "/repos/acme/access/pulls/1", 200,
			replaceAnswer(`"state":"open"`, `"state":"merged"`), "/state: "},
		"a time without an offset": {"GET", "/repos/acme/access/pulls/1", 200,
			replaceAnswer(`Z","`, `","`), "date-time"},
		"an address that is none": {"GET", "/repos/acme/access/pulls/1", 200,
			replaceAnswer(`"issue_url":"http://`, `"issue_url":"`), "/issue_url: "},
		"a status that GitHub does not answer": {"PUT", "/repos/acme/access/pulls/1/merge", 200,
			func(e *githubtest.Exchange) { e.Status = 202 }, "202"},
		"a refusal without a message": {"GET", "/repos/acme/access/pulls/1", 404,
			replaceAnswer(`"message"`, `"text"`), "is not in the description"},
		"a body that is not JSON": {"GET", "/repos/acme/access/pulls/1", 200,
			func(e *githubtest.Exchange) { e.Answer = e.Answer[:100] }, "unexpected EOF"},
		"a path that GitHub does not have": {"GET", "/repos/acme/access/pulls/1", 200,
			func(e *githubtest.Exchange) { e.Path = "/repos/acme/access/requests/1" }, "not in the description"},
		"a question that GitHub does not know": {"GET", "/repos/acme/access/pulls/1/reviews", 200,
			func(e *githubtest.Exchange) { e.Query = "per_pages=100" }, `no query parameter "per_pages"`},
		"a request without what it needs": {"POST", "/repos/acme/access/pulls", 201,
			func(e *githubtest.Exchange) { e.Request = `{"title":"Ask","head":"ask"}` }, `request: /base: property "base" is missing`},
		"a request of the wrong type": {"PUT", "/repos/acme/access/pulls/1/merge", 200,
			func(e *githubtest.Exchange) { e.Request = `{"merge_method":"octopus"}` }, "request: /merge_method"},
		"a field that the graph does not have": {"POST", "/graphql", 200,
			replaceRequest("viewer { login }", "viewer { login nick }"), `Cannot query field "nick" on type "User"`},
		"a field of the graph that was not asked for": {"POST", "/graphql", 200,
			replaceAnswer(`"databaseId":`, `"number":`), "author.number: was not asked for"},
		"a field of the graph that is missing": {"POST", "/graphql", 200,
			replaceAnswer(`,"state":"OPEN"}`, `}`), "pullRequest.state: is missing"},
		"a word that the graph does not have": {"POST", "/graphql", 200,
			replaceAnswer(`"state":"OPEN"`, `"state":"open"`), "pullRequest.state: open is no PullRequestState"},
		"null where the graph never has it": {"POST", "/graphql", 200,
			replaceAnswer(`"viewer":{"login":"bob"}`, `"viewer":null`), "data.viewer: is null"},
		"a time of the graph that is none": {"POST", "/graphql", 200,
			replaceAnswer(`Z"`, `"`), "is no DateTime"},
		"an argument that is missing": {"POST", "/graphql", 200,
			replaceRequest("pullRequest(number: 1)", "pullRequest"), `argument "number" of type`},
		"a request that met a fault": {"POST", "/repos/acme/access/pulls", 201,
			func(e *githubtest.Exchange) { e.Status, e.Answer, e.Request = 0, "", `null` }, "request: /: Value is not nullable"},
	} {
		t.Run(name, func(t *testing.T) {
			e := find(t, exchanges, c.method, c.path, c.status)
			j := fresh.again()
			if j.check(e); len(j.lines()) > 0 {
				t.Fatalf("before the change: %v", j.lines())
			}
			before := e
			if c.change(&e); e == before {
				t.Fatal("nothing was changed")
			}
			if j.check(e); !strings.Contains(strings.Join(j.lines(), "\n"), c.want) {
				t.Errorf("found %q, want %q", j.lines(), c.want)
			}
		})
	}
}

func replaceRequest(from, to string) func(*githubtest.Exchange) {
	return func(e *githubtest.Exchange) { e.Request = strings.Replace(e.Request, from, to, 1) }
}

func replaceAnswer(from, to string) func(*githubtest.Exchange) {
	return func(e *githubtest.Exchange) { e.Answer = strings.Replace(e.Answer, from, to, 1) }
}

func find(t *testing.T, exchanges []githubtest.Exchange, method, path string, status int) githubtest.Exchange {
	t.Helper()
	for _, e := range exchanges {
		if e.Method == method && e.Path == path && e.Status == status {
			return e
		}
	}
	t.Fatalf("no %s %s: %d among %d exchanges", method, path, status, len(exchanges))
	return githubtest.Exchange{}
}
