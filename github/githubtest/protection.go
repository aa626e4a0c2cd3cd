package githubtest

import (
	"fmt"
	"slices"
	"strings"
)

// Protection is what a branch protection rule demands of one branch
// (https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository).
type Protection struct {
	RequirePull      bool // changes only through pull requests
	RequiredReviews  int  // approvals by people who can write; more than 0 implies RequirePull
	DismissStale     bool // a push dismisses approvals
	RequiredChecks   []RequiredCheck
	Strict           bool // the head must hold all of the base
	EnforceAdmins    bool // otherwise admins are not bound
	AllowForcePushes bool
	AllowDeletions   bool
	Bypass           []string // logins of people and Apps that are not bound
}

// RequiredCheck is a status or check run that must have succeeded; App 0 takes it from anybody.
type RequiredCheck struct {
	Context string
	App     int64
}

func (p *Protection) requiresPull() bool { return p.RequirePull || p.RequiredReviews > 0 }

// Protect sets the protection of a branch; nil takes it away.
func (s *Server) Protect(fullName, branch string, p *Protection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	r := s.mustRepo(fullName)
	if p == nil {
		delete(r.protections, branch)
		return
	}
	rules := *p
	r.protections[branch] = &rules
}

// bypasses says whether the rules do not bind the caller.
func (s *Server) bypasses(c caller, r *repo, p *Protection) bool {
	if !p.EnforceAdmins && c.app == nil && s.roleIn(c, r) == adminRole {
		return true
	}
	return c.account != nil && slices.ContainsFunc(p.Bypass, func(login string) bool {
		return strings.EqualFold(login, c.account.login) || (c.app != nil && strings.EqualFold(login, c.app.slug))
	})
}

// missingChecks tells of the first required check that a commit lacks; "" when it has all.
func (s *Server) missingChecks(r *repo, p *Protection, sha string) string {
	for _, c := range p.RequiredChecks {
		if !r.checkSucceeded(sha, c) {
			return fmt.Sprintf("Required status check %q is expected.", c.Context)
		}
	}
	return ""
}

// checkSucceeded looks at the latest status and the latest check run of that name; skipped and neutral count as success.
func (r *repo) checkSucceeded(sha string, want RequiredCheck) bool {
	for _, st := range r.latestStatuses(sha) {
		if st.context == want.Context && (want.App == 0 || st.app == want.App) {
			return st.state == "success"
		}
	}
	for _, c := range slices.Backward(r.checks[sha]) {
		if c.name == want.Context && (want.App == 0 || c.app.id == want.App) {
			return slices.Contains([]string{"success", "neutral", "skipped"}, c.conclusion)
		}
	}
	return false
}

// blockedBy says what the rules still ask of a pull request; "" when nothing.
func (x *exchange) blockedBy(p *pull, rules *Protection) string {
	approvals, against := 0, false
	for _, v := range x.decisive(p) {
		switch v.state {
		case "APPROVED":
			approvals++
		case "CHANGES_REQUESTED":
			against = true
		}
	}
	switch {
	case rules.RequiredReviews > 0 && against:
		return "Changes were requested by reviewers with write access."
	case approvals < rules.RequiredReviews:
		noun := "reviews are"
		if rules.RequiredReviews == 1 {
			noun = "review is"
		}
		return fmt.Sprintf("At least %d approving %s required by reviewers with write access.", rules.RequiredReviews, noun)
	}
	if rules.Strict {
		current, err := x.git(p.repo).isAncestor(p.repo.branch(p.baseRef), p.head)
		if err != nil || !current {
			return "The head branch is out of date with the base branch."
		}
	}
	return x.missingChecks(p.repo, rules, p.head)
}

// decisive is the latest review that decides, of everybody who can write.
func (s *Server) decisive(p *pull) []*review {
	latest := map[*account]*review{}
	for _, v := range p.reviews {
		if v.state != "PENDING" && v.state != "COMMENTED" && s.roleOf(v.author, p.repo) >= writeRole {
			latest[v.author] = v
		}
	}
	var list []*review
	for _, v := range latest {
		list = append(list, v)
	}
	return list
}

type protectionAsk struct {
	Checks *struct {
		Strict   bool
		Contexts []string
		Checks   []struct {
			Context string
			AppID   *int64 `json:"app_id"`
		}
	} `json:"required_status_checks"`
	EnforceAdmins *bool `json:"enforce_admins"`
	Reviews       *struct {
		DismissStale bool `json:"dismiss_stale_reviews"`
		Count        *int `json:"required_approving_review_count"`
		Bypass       *struct {
			Users, Apps []string
		} `json:"bypass_pull_request_allowances"`
	} `json:"required_pull_request_reviews"`
	AllowForcePushes *bool `json:"allow_force_pushes"`
	AllowDeletions   *bool `json:"allow_deletions"`
}

// rules are the protection that the request describes, where it speaks of what the server keeps.
func (ask protectionAsk) rules() *Protection {
	p := &Protection{EnforceAdmins: isTrue(ask.EnforceAdmins), AllowForcePushes: isTrue(ask.AllowForcePushes), AllowDeletions: isTrue(ask.AllowDeletions)}
	if c := ask.Checks; c != nil {
		p.Strict = c.Strict
		for _, context := range c.Contexts {
			p.RequiredChecks = append(p.RequiredChecks, RequiredCheck{Context: context})
		}
		for _, check := range c.Checks {
			required := RequiredCheck{Context: check.Context}
			if check.AppID != nil && *check.AppID > 0 {
				required.App = *check.AppID
			}
			p.RequiredChecks = append(p.RequiredChecks, required)
		}
	}
	if v := ask.Reviews; v != nil {
		p.RequirePull, p.RequiredReviews, p.DismissStale = true, 1, v.DismissStale
		if v.Count != nil {
			p.RequiredReviews = *v.Count
		}
		if v.Bypass != nil {
			p.Bypass = append(v.Bypass.Users, v.Bypass.Apps...)
		}
	}
	return p
}

func isTrue(b *bool) bool { return b != nil && *b }

const protectionDoc = "branches/branch-protection"

func (x *exchange) protectedBranchFor(level string) (*repo, string, error) {
	r, err := x.repoFor("administration", level, adminRole)
	if err != nil {
		return nil, "", err
	}
	if r.branch(x.path("branch")) == "" {
		return nil, "", &apiError{status: 404, message: "Branch not found", doc: protectionDoc}
	}
	return r, x.path("branch"), nil
}

func (x *exchange) putProtection() (reply, error) {
	r, branch, err := x.protectedBranchFor("write")
	if err != nil {
		return reply{}, err
	}
	var ask protectionAsk
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	x.tick()
	r.protections[branch] = ask.rules()
	return ok(x.protectionJSON(r, branch, r.protections[branch]))
}

func (x *exchange) getProtection() (reply, error) {
	r, branch, err := x.protectedBranchFor("read")
	if err != nil {
		return reply{}, err
	}
	if r.protections[branch] == nil {
		return reply{}, &apiError{status: 404, message: "Branch not protected", doc: protectionDoc}
	}
	return ok(x.protectionJSON(r, branch, r.protections[branch]))
}

func (x *exchange) deleteProtection() (reply, error) {
	r, branch, err := x.protectedBranchFor("write")
	if err != nil {
		return reply{}, err
	}
	if r.protections[branch] == nil {
		return reply{}, &apiError{status: 404, message: "Branch not protected", doc: protectionDoc}
	}
	x.tick()
	delete(r.protections, branch)
	return noContent()
}
