package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

var errNotSent = errors.New("the wire was reached")

// everyCall makes every request that the client can make, with s wherever a name goes.
func everyCall(ctx context.Context, c *Client, s string) {
	r, sha := Repo{Owner: s, Name: s}, strings.Repeat("a", 40)
	okay := Repo{"acme", "access"}
	_, _ = c.Pull(ctx, r, 1)
	_, _ = c.Pull(ctx, Repo{"acme", s}, 1)
	_, _ = c.Reviews(ctx, r, 1)
	_, _ = c.Pushes(ctx, r, s)
	_, _ = c.Pushes(ctx, okay, s)
	_, _ = c.PullsOf(ctx, okay, s)
	_, _ = c.TeamMembers(ctx, s, s)
	_, _ = c.TeamMembers(ctx, "acme", s)
	_, _, _ = c.User(ctx, s)
	_, _ = c.Merge(ctx, Repo{"acme", s}, 1, sha, "", s)
	_, _ = c.OpenPull(ctx, okay, s, s, s, s)
	_, _, _ = c.FindPull(ctx, okay, s, s)
	_ = c.Dispatch(ctx, okay, s, "main")
	_ = c.Dispatch(ctx, okay, s+".yml", s)
	_ = c.Publish(ctx, okay, Publication{Number: 1, Head: sha, State: "success", Comment: s, Marker: "x", Reviewers: []string{s}, TeamReviewers: []string{s}})
	_ = c.Publish(ctx, okay, Publication{Number: 1, Head: s, State: "success"})
	_, _ = c.ChildTeams(ctx, "acme", s)
	_, _, _ = c.ParentTeam(ctx, "acme", s)
	_, _ = c.TeamInvitations(ctx, s, "data")
	_, _ = c.InvitationTeams(ctx, s, 1)
	_ = c.CancelInvitation(ctx, s, 1)
	_, _ = c.OrganizationMember(ctx, "acme", s)
	_, _ = c.OrganizationMember(ctx, s, "alice")
	_ = c.AddToTeam(ctx, "acme", "data", s)
	_ = c.RemoveFromTeam(ctx, "acme", "data", s)
	_ = c.RemoveFromTeam(ctx, "acme", s, "alice")
	_, _ = c.Collaborators(ctx, Repo{s, "access"})
	_, _ = c.RepositoryInvitations(ctx, r)
	_ = c.AddCollaborator(ctx, okay, s, "push")
	_ = c.RemoveCollaborator(ctx, okay, s)
	_ = c.DeleteRepositoryInvitation(ctx, r, 1)
}

// templates are the paths that a request may have; {} is one segment.
var templates = []string{
	"user", "users/{}", "repos/{}/{}", "repos/{}/{}/pulls", "repos/{}/{}/pulls/1", "repos/{}/{}/pulls/1/reviews", "repos/{}/{}/pulls/1/merge",
	"repos/{}/{}/pulls/1/requested_reviewers", "repos/{}/{}/activity", "repos/{}/{}/commits/{}/pulls", "repos/{}/{}/commits/{}/statuses",
	"repos/{}/{}/commits/{}/check-runs", "repos/{}/{}/check-runs", "repos/{}/{}/statuses/{}", "repos/{}/{}/issues/1/comments",
	"repos/{}/{}/actions/workflows/{}/dispatches", "repos/{}/{}/collaborators", "repos/{}/{}/collaborators/{}",
	"repos/{}/{}/invitations", "repos/{}/{}/invitations/1", "orgs/{}/teams/{}", "orgs/{}/teams/{}/members", "orgs/{}/teams/{}/teams",
	"orgs/{}/teams/{}/invitations", "orgs/{}/teams/{}/memberships/{}", "orgs/{}/memberships/{}", "orgs/{}/invitations/1", "orgs/{}/invitations/1/teams",
}

var queryKeys = map[string]bool{"page": true, "per_page": true, "ref": true, "after": true, "state": true, "head": true, "base": true,
	"affiliation": true, "check_name": true, "filter": true}

// inTemplate says what is wrong with a URL, or "".
func inTemplate(u *url.URL, s string) string {
	if u.Scheme != "https" || u.Host != "api.github.com" || u.User != nil || u.Fragment != "" {
		return "it leaves the host"
	}
	for key, values := range u.Query() {
		if !queryKeys[key] || len(values) != 1 {
			return "the query has " + key
		}
	}
	got := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	for _, tmpl := range templates {
		want := strings.Split(tmpl, "/")
		if len(want) == len(got) && fits(want, got, s) {
			return ""
		}
	}
	return "its path fits no template"
}

func fits(want, got []string, s string) bool {
	known := map[string]bool{s: true, s + ".yml": true, "acme": true, "access": true, "data": true, "alice": true, strings.Repeat("a", 40): true}
	for i := range want {
		plain, err := url.PathUnescape(got[i])
		if err != nil || want[i] != "{}" && plain != want[i] || want[i] == "{}" && !known[plain] {
			return false
		}
	}
	return true
}

func checkURLs(t *testing.T, s string) {
	t.Helper()
	c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
		if why := inTemplate(req.URL, s); why != "" {
			t.Errorf("%q makes %s: %s", s, req.URL, why)
		}
		return nil, errNotSent
	}), func(o *Options) { o.Backoff = time.Nanosecond })
	everyCall(context.Background(), c, s)
}

var hostile = []string{
	"", ".", "..", "a/b", "../x", "a/../b", "x?y=1", "x#y", "x%2fy", "%2e%2e", "x y", "x\n", "x;y", "@x", "x:y", `x\y`, "//evil.example/", "https://evil.example/",
	"x&state=open", "ünï", "x\u202e", "refs/heads/x", "a..b", "x\x00", strings.Repeat("x", 300),
}

func TestA42HostileNamesNeverLeaveTheirPlaceInTheURL(t *testing.T) {
	for _, s := range append(hostile, "alice", "a/b-c", strings.Repeat("b", 40)) {
		checkURLs(t, s)
	}
}

func FuzzURLStaysInTemplate(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("alice")
	f.Fuzz(checkURLs)
}

// The validators would let none of these pass; the transport does not rely on them.
func TestA42TheTransportRefusesAURLThatIsNotWhatWasMeant(t *testing.T) {
	for _, name := range hostile {
		c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
			// What reaches the wire all the same must be that one name, escaped.
			if want := "/users/" + url.PathEscape(name); req.URL.EscapedPath() != want && req.URL.Path != "/users/"+name || req.URL.RawQuery != "" {
				t.Errorf("%q was sent as %s", name, req.URL)
			}
			return nil, errNotSent
		}), func(o *Options) { o.Backoff = time.Nanosecond })
		_, _, err := c.user(context.Background(), name)
		if strings.ContainsAny(name, "/?#%\\") || name == "" || name == "." || name == ".." {
			if err == nil || errors.Is(err, errNotSent) {
				t.Errorf("%q was sent: %v", name, err)
			}
		}
	}
}

func TestARequestWithoutAMeaningIsNotSent(t *testing.T) {
	sent := 0
	c := testClient(t, inOrder(&sent, answers(200, alice)))
	if _, _, err := c.api.Users.Get(t.Context(), "alice"); err == nil || sent != 0 {
		t.Errorf("sent %d times, error %v", sent, err)
	}
}

func TestTheTokenGoesToTheBaseHostAlone(t *testing.T) {
	for _, tc := range []struct {
		name, location string
		hosts          int
		ok             bool
	}{
		{"renamed repository", "https://api.github.com/repositories/7/pulls/1", 2, true},
		{"another host", "https://evil.example/repos/acme/access/pulls/1", 1, false},
		{"another port", "https://api.github.com:8443/", 1, false},
		{"in the clear", "http://api.github.com/repositories/7", 1, false},
		{"with a user", "https://api.github.com@evil.example/", 1, false},
		{"a circle", "https://api.github.com/repos/acme/access", 4, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sent := 0
			c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
				sent++
				if req.URL.Host != "api.github.com" || req.URL.Scheme != "https" {
					t.Errorf("sent to %s with %q", req.URL, req.Header.Get("Authorization"))
				}
				if req.Header.Get("Authorization") != "Bearer "+testToken {
					t.Errorf("%s goes without the token", req.URL)
				}
				if sent > 1 && tc.ok {
					return reply(200, `{"default_branch":"main","full_name":"acme/new"}`), nil
				}
				return reply(301, "{}", "Location", tc.location), nil
			}))
			_, _, err := c.api.Repositories.Get(meant(t.Context(), http.MethodGet, "repos", "acme", "access"), "acme", "access")
			if (err == nil) != tc.ok || sent != tc.hosts {
				t.Errorf("sent %d times, want %d; error %v", sent, tc.hosts, err)
			}
		})
	}
	// Even where a redirect would be followed, the transport itself holds the token back.
	c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("Authorization") != "" {
			t.Errorf("the token goes to %s", req.URL)
		}
		return reply(200, "{}"), nil
	}))
	req, err := http.NewRequestWithContext(meant(t.Context(), http.MethodGet, "x"), http.MethodGet, "https://evil.example/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Response, req.Header = &http.Response{}, http.Header{"Authorization": {"Bearer " + testToken}}
	if _, err := c.tr.RoundTrip(req); err != nil {
		t.Error(err)
	}
}

func TestAChangeIsNeverRedirected(t *testing.T) {
	for _, status := range []int{301, 302, 307, 308} {
		sent := 0
		c := testClient(t, inOrder(&sent, answers(status, "{}", "Location", "https://api.github.com/repositories/7/actions/workflows/x.yml/dispatches")))
		if err := c.Dispatch(t.Context(), Repo{"acme", "access"}, "x.yml", "main"); err == nil || sent != 1 {
			t.Errorf("%d: sent %d times, error %v", status, sent, err)
		}
	}
}

func TestTheBaseURLIsCheckedBeforeATokenIsSent(t *testing.T) {
	for base, ok := range map[string]bool{
		"": true, "https://ghe.acme.com/api/v3/": true, "https://ghe.acme.com/api/v3": true, "http://127.0.0.1:80/": true, "http://localhost:1/": true,
		"http://ghe.acme.com/api/v3/": false, "ghe.acme.com": false, "https://u:p@ghe.acme.com/": false, "https://ghe.acme.com/?x": false,
		"ftp://127.0.0.1/": false, "https://": false, "https://a#b": false, "http://127.0.0.1.evil.example/": false,
	} {
		_, err := New(Options{BaseURL: base, Token: testToken})
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, token := range []string{"a b", "a\n", "a\r\nX-Evil: 1", "ä"} {
		if _, err := New(Options{Token: token}); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("token %q: %v", token, err)
		}
	}
	if _, err := New(Options{Token: "x", App: &App{}}); err == nil {
		t.Error("a token and an app together are accepted")
	}
}
