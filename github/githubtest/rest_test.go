package githubtest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) field(t *testing.T, path string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	for _, key := range strings.Split(path, ".") {
		o, isObject := v.(map[string]any)
		if !isObject {
			t.Fatalf("no %s in %s", path, a.body)
		}
		v = o[key]
	}
	return v
}

func (a answer) list(t *testing.T) []map[string]any {
	t.Helper()
	var list []map[string]any
	if err := json.Unmarshal(a.body, &list); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return list
}

// call makes one request with nothing but net/http.
func call(t *testing.T, s *githubtest.Server, token, method, path, body string, header ...string) answer {
	t.Helper()
	if path != "/api/graphql" {
		path = "/api/v3" + path
	}
	r, err := http.NewRequest(method, s.URL()+path, bytes.NewReader([]byte(body)))
	must(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return answer{resp.StatusCode, resp.Header, b}
}

func wantStatus(t *testing.T, a answer, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// TestEveryEndpointAnswers walks through a life of the repository; each line is one request and the status it must have.
func TestEveryEndpointAnswers(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.AddUser("erin", githubtest.User{})
	s.AddUser("frank", githubtest.User{Suspended: true})
	s.AddTeam("acme", "Data Platform", "", "bob", "root")
	s.AddTeam("acme", "oncall", "data-platform", "carol:maintainer")
	number := opened(t, s)
	if number != 1 {
		t.Fatalf("first pull request is #%d", number)
	}
	head := s.Pull(access, 1).Head
	main := s.Branch(access, "main")
	workflow := s.WorkflowToken(access, nil)
	tokens := map[string]string{"": "", "workflow": workflow}
	for _, login := range []string{"root", "alice", "bob", "carol", "dan", "erin"} {
		tokens[login] = s.Token(login)
	}
	repo := "/repos/" + access
	for _, c := range []struct {
		who, method, path, body string
		status                  int
	}{
		{"", "GET", "/meta", "", 200},
		{"alice", "GET", "/rate_limit", "", 200},
		{"alice", "GET", "/user", "", 200},
		{"", "GET", "/user", "", 401},
		{"alice", "GET", "/users/bob", "", 200},
		{"alice", "GET", "/users/frank", "", 200},
		{"alice", "GET", "/users/nobody", "", 404},
		{"alice", "GET", "/user/41898282", "", 200},
		{"alice", "GET", "/user/1", "", 404},
		{"alice", "GET", "/orgs/acme", "", 200},
		{"alice", "GET", "/orgs/acme/members?role=admin", "", 200},
		{"alice", "GET", "/orgs/acme/members/bob", "", 204},
		{"alice", "GET", "/orgs/acme/members/erin", "", 404},
		{"alice", "GET", "/orgs/acme/memberships/bob", "", 200},
		{"alice", "GET", "/orgs/acme/teams", "", 200},
		{"alice", "GET", "/orgs/acme/teams/data-platform", "", 200},
		{"alice", "GET", "/orgs/acme/teams/oncall", "", 200},
		{"alice", "GET", "/orgs/acme/teams/nothing", "", 404},
		{"erin", "GET", "/orgs/acme/teams/oncall", "", 404},
		{"workflow", "GET", "/orgs/acme/teams/oncall/members", "", 403},
		{"alice", "GET", "/orgs/acme/teams/data-platform/teams", "", 200},
		{"alice", "GET", "/orgs/acme/teams/data-platform/members", "", 200},
		{"alice", "GET", "/orgs/acme/teams/data-platform/memberships/carol", "", 200},
		{"alice", "PUT", "/orgs/acme/teams/oncall/memberships/alice", "", 403},
		{"carol", "PUT", "/orgs/acme/teams/oncall/memberships/alice", `{"role":"member"}`, 200},
		{"root", "PUT", "/orgs/acme/teams/oncall/memberships/erin", "", 200},
		{"root", "GET", "/orgs/acme/teams/oncall/memberships/erin", "", 200},
		{"root", "GET", "/orgs/acme/teams/oncall/invitations", "", 200},
		{"root", "GET", "/orgs/acme/invitations", "", 200},
		{"root", "DELETE", "/orgs/acme/teams/oncall/memberships/alice", "", 204},
		{"root", "DELETE", "/orgs/acme/teams/oncall/memberships/alice", "", 404},
		{"erin", "PATCH", "/user/memberships/orgs/acme", `{"state":"active"}`, 200},
		{"root", "PUT", "/orgs/acme/memberships/frank", `{"role":"member"}`, 200},
		{"root", "DELETE", "/orgs/acme/members/erin", "", 204},

		{"alice", "GET", repo, "", 200},
		{"", "GET", repo, "", 404},
		{"alice", "GET", repo + "/branches", "", 200},
		{"alice", "GET", repo + "/branches/main", "", 200},
		{"alice", "GET", repo + "/branches/nothing", "", 404},
		{"alice", "GET", repo + "/git/ref/heads/main", "", 200},
		{"alice", "GET", repo + "/git/ref/heads/nothing", "", 404},
		{"alice", "GET", repo + "/git/matching-refs/heads", "", 200},
		{"alice", "POST", repo + "/git/refs", `{"ref":"refs/heads/copy","sha":"` + main + `"}`, 201},
		{"alice", "PATCH", repo + "/git/refs/heads/copy", `{"sha":"` + head + `"}`, 200},
		{"alice", "PATCH", repo + "/git/refs/heads/copy", `{"sha":"` + main + `"}`, 422},
		{"alice", "DELETE", repo + "/git/refs/heads/copy", "", 204},
		{"dan", "POST", repo + "/git/refs", `{"ref":"refs/heads/copy","sha":"` + main + `"}`, 403},
		{"alice", "GET", repo + "/activity", "", 200},
		{"alice", "GET", repo + "/activity?time_period=never", "", 422},
		{"alice", "GET", repo + "/commits", "", 200},
		{"alice", "GET", repo + "/commits/" + head, "", 200},
		{"alice", "GET", repo + "/commits/nothing", "", 422},
		{"alice", "GET", repo + "/commits/" + head + "/pulls", "", 200},
		{"alice", "GET", repo + "/compare/main...request", "", 200},
		{"alice", "GET", repo + "/contents/README.md", "", 200},
		{"alice", "GET", repo + "/contents/", "", 200},
		{"alice", "GET", repo + "/contents/none", "", 404},
		{"alice", "GET", repo + "/collaborators", "", 200},
		{"alice", "GET", repo + "/collaborators?affiliation=direct", "", 200},
		{"alice", "GET", repo + "/collaborators/bob/permission", "", 200},
		{"alice", "GET", repo + "/collaborators/bob", "", 204},
		{"alice", "PUT", repo + "/collaborators/erin", `{"permission":"triage"}`, 403},
		{"root", "PUT", repo + "/collaborators/erin", `{"permission":"triage"}`, 201},
		{"root", "PUT", repo + "/collaborators/dan", `{"permission":"triage"}`, 204},
		{"root", "GET", repo + "/invitations", "", 200},
		{"root", "DELETE", repo + "/collaborators/dan", "", 204},

		{"alice", "GET", repo + "/pulls", "", 200},
		{"alice", "GET", repo + "/pulls/1", "", 200},
		{"alice", "GET", repo + "/pulls/9", "", 404},
		{"alice", "POST", repo + "/pulls", `{"title":"Again","head":"request","base":"main"}`, 422},
		{"alice", "POST", repo + "/pulls", `{"title":"Nothing","head":"nothing","base":"main"}`, 422},
		{"alice", "POST", repo + "/pulls", `{"title":"Empty","head":"main","base":"main"}`, 422},
		{"alice", "PATCH", repo + "/pulls/1", `{"body":"Please"}`, 200},
		{"alice", "GET", repo + "/pulls/1/commits", "", 200},
		{"alice", "GET", repo + "/pulls/1/files", "", 200},
		{"alice", "POST", repo + "/pulls/1/requested_reviewers", `{"reviewers":["bob"],"team_reviewers":["oncall"]}`, 201},
		{"alice", "POST", repo + "/pulls/1/requested_reviewers", `{"reviewers":["alice"]}`, 422},
		{"alice", "GET", repo + "/pulls/1/requested_reviewers", "", 200},
		{"alice", "DELETE", repo + "/pulls/1/requested_reviewers", `{"reviewers":[],"team_reviewers":["oncall"]}`, 200},
		{"bob", "POST", repo + "/pulls/1/reviews", `{"event":"COMMENT"}`, 422},
		{"bob", "POST", repo + "/pulls/1/reviews", `{"event":"APPROVE","body":"Fine"}`, 200},
		{"alice", "POST", repo + "/pulls/1/reviews", `{"event":"APPROVE"}`, 422},
		{"bob", "GET", repo + "/pulls/1/reviews", "", 200},
		{"alice", "GET", repo + "/issues/1", "", 200},
		{"alice", "GET", repo + "/issues", "", 200},
		{"alice", "POST", repo + "/issues", `{"title":"Trouble","labels":["help"]}`, 201},
		{"alice", "PATCH", repo + "/issues/2", `{"state":"closed"}`, 200},
		{"alice", "POST", repo + "/issues/1/comments", `{"body":"Hello"}`, 201},
		{"alice", "POST", repo + "/issues/1/comments", `{"body":""}`, 422},
		{"alice", "GET", repo + "/issues/1/comments", "", 200},
		{"alice", "POST", repo + "/issues/1/labels", `{"labels":["lapse"]}`, 200},
		{"alice", "GET", repo + "/issues/1/labels", "", 200},
		{"alice", "GET", repo + "/labels", "", 200},
		{"alice", "POST", repo + "/labels", `{"name":"urgent","color":"ff0000"}`, 201},
		{"alice", "DELETE", repo + "/issues/1/labels/lapse", "", 200},

		{"alice", "POST", repo + "/statuses/" + head, `{"state":"success","context":"lapse"}`, 201},
		{"dan", "POST", repo + "/statuses/" + head, `{"state":"success"}`, 403},
		{"alice", "POST", repo + "/statuses/" + head, `{"state":"fine"}`, 422},
		{"alice", "GET", repo + "/commits/" + head + "/status", "", 200},
		{"alice", "GET", repo + "/commits/request/statuses", "", 200},
		{"alice", "POST", repo + "/check-runs", `{"name":"lapse","head_sha":"` + head + `"}`, 403},
		{"workflow", "POST", repo + "/check-runs", `{"name":"lapse","head_sha":"` + head + `","conclusion":"success","output":{"title":"t","summary":"s",` +
			`"annotations":[{"path":"grants/a.yaml","start_line":1,"end_line":1,"annotation_level":"notice","message":"m"}]}}`, 201},
		{"alice", "GET", repo + "/commits/" + head + "/check-runs", "", 200},
		{"alice", "POST", repo + "/actions/workflows/lapse.yml/dispatches", `{"ref":"main"}`, 204},
		{"alice", "POST", repo + "/dispatches", `{"event_type":"lapse"}`, 204},

		{"alice", "GET", repo + "/branches/main/protection", "", 403},
		{"root", "GET", repo + "/branches/main/protection", "", 404},
		{"root", "PUT", repo + "/branches/main/protection", `{"required_status_checks":{"strict":false,"contexts":["lapse"]},"enforce_admins":true,` +
			`"required_pull_request_reviews":{"required_approving_review_count":1},"restrictions":null}`, 200},
		{"root", "GET", repo + "/branches/main/protection", "", 200},
		{"alice", "GET", repo + "/branches/main", "", 200},
		{"alice", "GET", repo + "/pulls/1/merge", "", 404},
		{"bob", "PUT", repo + "/pulls/1/merge", `{"sha":"` + main + `"}`, 409},
		{"dan", "PUT", repo + "/pulls/1/merge", "", 403},
		{"bob", "PUT", repo + "/pulls/1/merge", `{"sha":"` + head + `"}`, 200},
		{"alice", "GET", repo + "/pulls/1/merge", "", 204},
		{"alice", "GET", repo + "/pulls?state=all", "", 200},
		{"alice", "GET", repo + "/pulls/1", "", 200},
		{"bob", "PUT", repo + "/pulls/1/merge", "", 405},
		{"root", "DELETE", repo + "/branches/main/protection", "", 204},
	} {
		got := call(t, s, tokens[c.who], c.method, c.path, c.body)
		if got.status != c.status {
			t.Errorf("%s %s %s %s: %d, want %d: %.300s", c.who, c.method, c.path, c.body, got.status, c.status, got.body)
		}
	}
}
