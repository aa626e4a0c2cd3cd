package githubtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// role is what somebody may do with a repository; each holds the ones before it.
type role int

const (
	noRole role = iota
	readRole
	triageRole
	writeRole
	maintainRole
	adminRole
)

var roleNames = map[role]string{noRole: "none", readRole: "read", triageRole: "triage", writeRole: "write", maintainRole: "maintain", adminRole: "admin"}

// parseRole takes both of GitHub's spellings (pull and read, push and write).
func parseRole(name string) (role, bool) {
	switch name {
	case "pull", "read":
		return readRole, true
	case "triage":
		return triageRole, true
	case "push", "write":
		return writeRole, true
	case "maintain":
		return maintainRole, true
	case "admin":
		return adminRole, true
	}
	return noRole, false
}

// token is what a request shows to say who makes it.
type token struct {
	secret      string
	account     *account
	app         *app
	permissions map[string]string // nil: all that the account may
	repos       map[int64]bool    // nil: all
	installed   *account          // whose repositories an installation's token reaches
	expires     time.Time         // zero: never
	budget      string            // key of the budget that its requests count against
	limit       int
}

// caller is who makes a request. The zero value is anonymous.
type caller struct {
	*token
	account *account
	app     *app
	asApp   bool // with the app's own JSON web token, not an installation's
}

func (c caller) anonymous() bool { return c.account == nil && !c.asApp }

func (c caller) name() string {
	switch {
	case c.account != nil:
		return c.account.login
	case c.asApp:
		return "app/" + c.app.slug
	}
	return ""
}

// TokenOptions narrows a token.
type TokenOptions struct {
	// Permissions as a fine-grained token or an App has them ("contents": "write"); nil: all that the account may.
	Permissions map[string]string
	Repos       []string  // owner/name; nil: all
	Expires     time.Time // zero: never
	Budget      int       // requests an hour; 0: Options.Budget
}

// Token is the account's personal token: always the same one, with everything the account may do.
func (s *Server) Token(login string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.personalToken(s.mustAccount(login)).secret
}

func (s *Server) personalToken(a *account) *token {
	secret := "ghp_" + digest("personal", a.id)
	if s.tokens[secret] == nil {
		s.tokens[secret] = &token{secret: secret, account: a, budget: fmt.Sprintf("user/%d", a.id), limit: s.opt.Budget}
	}
	return s.tokens[secret]
}

// TokenWith makes a fine-grained personal token.
func (s *Server) TokenWith(login string, o TokenOptions) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.mustAccount(login)
	secret := "github_pat_" + digest("fine-grained", s.newID())
	t := &token{secret: secret, account: a, permissions: maps.Clone(o.Permissions), expires: o.Expires, budget: secret, limit: o.Budget}
	if t.limit == 0 {
		t.limit = s.opt.Budget
	}
	if o.Repos != nil {
		t.repos = map[int64]bool{}
		for _, name := range o.Repos {
			t.repos[s.mustRepo(name).id] = true
		}
	}
	s.tokens[secret] = t
	return secret
}

// WorkflowToken is what a workflow of the repository finds in GITHUB_TOKEN: it acts as github-actions[bot], on that
// repository alone, cannot read teams, and has 1000 requests an hour. Permissions nil means contents, pull-requests, issues,
// statuses, checks and actions: write.
func (s *Server) WorkflowToken(fullName string, permissions map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	if permissions == nil {
		permissions = map[string]string{"contents": "write", "pull_requests": "write", "issues": "write",
			"statuses": "write", "checks": "write", "actions": "write"}
	}
	granted := maps.Clone(permissions)
	granted["metadata"] = "read"
	secret := "ghs_" + digest("workflow", s.newID())
	s.tokens[secret] = &token{secret: secret, account: s.accounts[actionsBotID], app: s.apps[ActionsAppID], permissions: granted,
		repos: map[int64]bool{r.id: true}, budget: fmt.Sprintf("workflow/%d", r.id), limit: 1000}
	return secret
}

// RevokeToken makes a token stop working.
func (s *Server) RevokeToken(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, secret)
}

func digest(kind string, n int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "githubtest %s %d", kind, n))
	return hex.EncodeToString(sum[:])[:36]
}

// authenticate tells who makes a request. A secret that is shown but not known is refused, never anonymous.
func (s *Server) authenticate(r *http.Request) (caller, error) {
	secret, shown := credential(r)
	if !shown {
		return caller{}, nil
	}
	if strings.Count(secret, ".") == 2 {
		return s.authenticateApp(secret)
	}
	t := s.tokens[secret]
	if t == nil || (!t.expires.IsZero() && !s.now().Before(t.expires)) {
		return caller{}, badCredentials()
	}
	if t.account.suspended != nil {
		return caller{}, &apiError{status: http.StatusForbidden, message: "Sorry. Your account was suspended."}
	}
	return caller{token: t, account: t.account, app: t.app}, nil
}

// credential reads the secret of "Authorization: Bearer", "token" or Basic (any user name, the secret as password).
func credential(r *http.Request) (string, bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", false
	}
	if user, password, isBasic := r.BasicAuth(); isBasic {
		if password == "" || password == "x-oauth-basic" {
			return user, true
		}
		return password, true
	}
	scheme, secret, _ := strings.Cut(header, " ")
	if strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token") {
		return strings.TrimSpace(secret), true
	}
	return header, true
}

// permitted says whether the token itself allows something; what its account may do is another question.
func (c caller) permitted(permission, level string) bool {
	if c.token == nil || c.token.permissions == nil {
		return true
	}
	have := c.token.permissions[permission]
	return have == "admin" || have == "write" || (have == "read" && level == "read")
}

// roleIn is what the caller may do with a repository.
func (s *Server) roleIn(c caller, r *repo) role {
	public := noRole
	if !r.private {
		public = readRole
	}
	if c.anonymous() || c.asApp || (c.token.repos != nil && !c.token.repos[r.id]) {
		return public
	}
	if c.app != nil {
		if c.token.installed != nil && c.token.installed != r.owner {
			return public
		}
		return max(public, s.installedRole(c, r))
	}
	return max(public, s.roleOf(c.account, r))
}

// installedRole is an installation's: administration is an admin's, anything writable a writer's.
func (s *Server) installedRole(c caller, r *repo) role {
	if c.token.permissions["administration"] == "write" {
		return adminRole
	}
	if c.permitted("contents", "write") {
		return writeRole
	}
	return readRole
}

// roleOf is the highest of what ownership, direct collaboration, teams and the organization give an account.
func (s *Server) roleOf(a *account, r *repo) role {
	if a == nil || a.deleted {
		return noRole
	}
	have := noRole
	if !r.private {
		have = readRole
	}
	if r.owner == a {
		return adminRole
	}
	have = max(have, r.collaborators[a.id])
	o := s.orgs[r.owner.id]
	if o == nil {
		return have
	}
	m := o.members[a.id]
	if m == nil || m.state != active {
		return have
	}
	if m.role == "admin" {
		return adminRole
	}
	have = max(have, o.base)
	for _, t := range o.teams {
		if g := r.teams[t.id]; g > have && o.inTeam(t, a.id, active) {
			have = g
		}
	}
	return have
}

// need answers an error unless the caller's token has the permission and the caller the role. What the caller may not
// see is 404, as if it were not there.
func (x *exchange) need(r *repo, permission, level string, min role) error {
	have := x.roleIn(x.who, r)
	if have < readRole {
		return notFound("")
	}
	if level == "write" && x.who.anonymous() {
		return requiresAuthentication()
	}
	if !x.who.permitted(permission, level) {
		return notAccessible(x.who)
	}
	if x.who.token != nil && x.who.app != nil && x.who.token.permissions != nil {
		return nil // an installation's rights are its permissions
	}
	if have < min {
		if min == adminRole {
			return forbidden("Must have admin rights to Repository.", "")
		}
		return forbidden("Must have push access to repository.", "")
	}
	return nil
}

func notAccessible(c caller) error {
	if c.app != nil {
		return forbidden("Resource not accessible by integration", "")
	}
	return forbidden("Resource not accessible by personal access token", "")
}
