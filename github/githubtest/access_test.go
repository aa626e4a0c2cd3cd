package githubtest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/github/githubtest"
)

func logins(t *testing.T, a answer) []string {
	t.Helper()
	var found []string
	for _, u := range wantStatus(t, a, 200).list(t) {
		found = append(found, u["login"].(string))
	}
	slices.Sort(found)
	return found
}

func TestTeamMembersAreActiveOnesAndThoseOfChildTeams(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.AddUser("erin", githubtest.User{})
	s.AddTeam("acme", "platform", "", "bob")
	s.AddTeam("acme", "oncall", "platform", "carol")
	s.AddMember("acme", "platform", "erin", "pending")
	token := s.Token("alice")
	if got := logins(t, call(t, s, token, "GET", "/orgs/acme/teams/platform/members", "")); !cmp.Equal(got, []string{"bob", "carol"}) {
		t.Errorf("members %v", got)
	}
	if got := logins(t, call(t, s, token, "GET", "/orgs/acme/teams/platform/invitations", "")); !cmp.Equal(got, []string{"erin"}) {
		t.Errorf("invited %v", got)
	}
	state := call(t, s, token, "GET", "/orgs/acme/teams/platform/memberships/erin", "").field(t, "state")
	if state != "pending" {
		t.Errorf("erin's membership is %v", state)
	}
	s.AcceptInvitation("acme", "erin")
	if got := s.Members("acme", "platform"); !cmp.Equal(got, []string{"bob", "carol", "erin"}) {
		t.Errorf("members after accepting %v", got)
	}
}

func TestPuttingAnOutsiderIntoATeamInvitesThemAndCancellingUndoesIt(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.AddUser("erin", githubtest.User{})
	s.AddTeam("acme", "platform", "")
	root := s.Token("root")
	path := "/orgs/acme/teams/platform/memberships/"
	if got := call(t, s, root, "PUT", path+"erin", "").field(t, "state"); got != "pending" {
		t.Errorf("an outsider's membership is %v", got)
	}
	if got := call(t, s, root, "PUT", path+"bob", "").field(t, "state"); got != "active" {
		t.Errorf("a member's membership is %v", got)
	}
	invitations := call(t, s, root, "GET", "/orgs/acme/invitations", "").list(t)
	if len(invitations) != 1 || invitations[0]["login"] != "erin" || invitations[0]["team_count"] != 1.0 {
		t.Fatalf("invitations %v", invitations)
	}
	wantStatus(t, call(t, s, root, "DELETE", fmt.Sprintf("/orgs/acme/invitations/%.0f", invitations[0]["id"]), ""), 204)
	if got := s.Invited("acme", "platform"); got != nil {
		t.Errorf("still invited: %v", got)
	}
}

func TestATokenSeesOnlyWhatItMay(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.AddTeam("acme", "platform", "", "bob")
	s.AddUser("outsider", githubtest.User{})
	narrow := s.TokenWith("alice", githubtest.TokenOptions{Permissions: map[string]string{"contents": "read", "metadata": "read"}})
	repo := "/repos/" + access
	for _, c := range []struct {
		token, method, path, body string
		status                    int
	}{
		{"", "GET", repo, "", 404},
		{s.Token("outsider"), "GET", repo, "", 404},
		{s.Token("outsider"), "GET", "/orgs/acme/teams/platform/members", "", 404},
		{s.WorkflowToken(access, nil), "GET", "/orgs/acme/teams/platform/members", "", 403},
		{s.WorkflowToken(access, nil), "GET", repo + "/pulls", "", 200},
		{s.WorkflowToken(access, map[string]string{"contents": "read"}), "GET", repo + "/pulls", "", 403},
		{narrow, "GET", repo + "/branches", "", 200},
		{narrow, "GET", repo + "/pulls", "", 403},
		{narrow, "POST", repo + "/git/refs", `{"ref":"refs/heads/x","sha":""}`, 403},
		{narrow, "GET", "/orgs/acme/teams/platform/members", "", 403},
		{"ghp_wrong", "GET", repo, "", 401},
	} {
		if got := call(t, s, c.token, c.method, c.path, c.body); got.status != c.status {
			t.Errorf("%.12s %s %s: %d, want %d: %s", c.token, c.method, c.path, got.status, c.status, got.body)
		}
	}
	s.SuspendUser("alice")
	wantStatus(t, call(t, s, s.Token("alice"), "GET", repo, ""), 403)
}

func TestGitAsksForCredentialsAndHonoursThem(t *testing.T) {
	s := acme(t, githubtest.Options{})
	must(t, s.AddRepo("acme/public", githubtest.RepoOptions{Public: true, Files: map[string]string{"a": "1"}}))
	mustGit(t, t.TempDir(), "clone", "-q", s.CloneURL("acme/public"))
	if out, ok := git(t, t.TempDir(), "clone", "-q", s.CloneURL(access)); ok {
		t.Errorf("a private repository was cloned without credentials: %s", out)
	}
	dir := clone(t, s, "dan")
	commitFile(t, dir, "x", "1")
	if out, ok := git(t, dir, "push", "origin", "HEAD:refs/heads/x"); ok || !strings.Contains(out, "403") {
		t.Errorf("a reader's push: %s", out)
	}
	mustGit(t, t.TempDir(), "-c", "http.extraHeader=Authorization: Bearer "+s.Token("dan"), "clone", "-q", s.CloneURL(access))
}

// jwt signs claims as a GitHub App does.
func jwt(t *testing.T, key *rsa.PrivateKey, app int64, issued, expires time.Time) string {
	t.Helper()
	enc := base64.RawURLEncoding.EncodeToString
	text := enc([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc(fmt.Appendf(nil, `{"iss":"%d","iat":%d,"exp":%d}`, app, issued.Unix(), expires.Unix()))
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	must(t, err)
	return text + "." + enc(sig)
}

func TestAnAppExchangesItsJSONWebTokenForOneThatExpires(t *testing.T) {
	now := start.Add(time.Hour)
	s := acme(t, githubtest.Options{Now: func() time.Time { return now }})
	s.AddTeam("acme", "platform", "", "bob")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(t, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	s.AddApp(77, "lapse", "acme", text, map[string]string{"members": "write", "contents": "write", "checks": "write", "pull_requests": "read"})
	now = s.Clock()
	good := jwt(t, key, 77, now, now.Add(9*time.Minute))
	installation := wantStatus(t, call(t, s, good, "GET", "/repos/acme/access/installation", ""), 200)
	id := itoa(int64(installation.field(t, "id").(float64)))
	granted := wantStatus(t, call(t, s, good, "POST", "/app/installations/"+id+"/access_tokens", `{"permissions":{"members":"read"}}`), 201)
	token := granted.field(t, "token").(string)
	wantStatus(t, call(t, s, token, "GET", "/orgs/acme/teams/platform/members", ""), 200)
	wantStatus(t, call(t, s, token, "PUT", "/orgs/acme/teams/platform/memberships/carol", ""), 403)
	wantStatus(t, call(t, s, good, "POST", "/app/installations/"+id+"/access_tokens", `{"permissions":{"administration":"write"}}`), 422)
	wantStatus(t, call(t, s, good, "GET", "/app", ""), 200)
	now = now.Add(61 * time.Minute)
	wantStatus(t, call(t, s, token, "GET", "/orgs/acme/teams/platform/members", ""), 401)

	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	for name, bad := range map[string]string{
		"another key":  jwt(t, other, 77, now, now.Add(9*time.Minute)),
		"another app":  jwt(t, key, 78, now, now.Add(9*time.Minute)),
		"expired":      jwt(t, key, 77, now.Add(-time.Hour), now.Add(-time.Minute)),
		"too long":     jwt(t, key, 77, now, now.Add(time.Hour)),
		"from tomorow": jwt(t, key, 77, now.Add(5*time.Minute), now.Add(9*time.Minute)),
	} {
		if got := call(t, s, bad, "GET", "/app", ""); got.status != 401 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

func TestCollaboratorsFromOutsideAreInvited(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.AddUser("erin", githubtest.User{})
	root, path := s.Token("root"), "/repos/acme/access/collaborators/erin"
	wantStatus(t, call(t, s, root, "PUT", path, `{"permission":"push"}`), 201)
	if got := s.Invitations(access); !cmp.Equal(got, map[string]string{"erin": "write"}) || s.Collaborators(access)["erin"] != "" {
		t.Errorf("invitations %v, collaborators %v", got, s.Collaborators(access))
	}
	list := wantStatus(t, call(t, s, root, "GET", "/repos/acme/access/invitations", ""), 200).list(t)
	one := fmt.Sprintf("/repos/acme/access/invitations/%.0f", list[0]["id"])
	wantStatus(t, call(t, s, root, "PATCH", one, `{"permissions":"admin"}`), 200)
	s.AcceptRepoInvitation(access, "erin")
	if got := s.Collaborators(access)["erin"]; got != "admin" || len(s.Invitations(access)) != 0 {
		t.Errorf("erin is %q, still invited %v", got, s.Invitations(access))
	}
	wantStatus(t, call(t, s, root, "PUT", path, `{"permission":"triage"}`), 204)
	if got := call(t, s, root, "GET", path+"/permission", ""); got.field(t, "role_name") != "triage" || got.field(t, "permission") != "read" {
		t.Errorf("permission %s", got.body)
	}
	wantStatus(t, call(t, s, root, "DELETE", path, ""), 204)
	wantStatus(t, call(t, s, root, "GET", path, ""), 404)
}
