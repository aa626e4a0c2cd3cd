package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

// Rule is one rule that is in force for a branch, of a ruleset or of the branch's own protection.
// https://docs.github.com/rest/repos/rules
type Rule struct {
	Type    string // deletion, non_fast_forward, update, pull_request, required_status_checks, and others
	Ruleset int64  // 0: branch protection
	Checks  []RequiredCheck
}

// RequiredCheck is a status or check run without which nothing is merged. App 0 takes it from anybody who may push.
type RequiredCheck struct {
	Context string
	App     int64
}

// Bypass is somebody whom a ruleset does not bind.
type Bypass struct {
	ID   int64  // of an App, a team or a role; 0 where there is none
	Kind string // Integration, OrganizationAdmin, RepositoryRole, Team, DeployKey
}

// RulesOf are the rules of rulesets for a branch, whether it is there or not.
func (c *Client) RulesOf(ctx context.Context, r Repo, branch string) ([]Rule, error) {
	if err := checkBranches(r, branch); err != nil {
		return nil, err
	}
	type answer struct {
		Type       string `json:"type"`
		Ruleset    int64  `json:"ruleset_id"`
		Parameters struct {
			Checks []struct {
				Context string `json:"context"`
				App     int64  `json:"integration_id"`
			} `json:"required_status_checks"`
		} `json:"parameters"`
	}
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "rules", "branches", branch)
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]answer, *gh.Response, error) {
		var page []answer
		resp, err := c.get(ctx, fmt.Sprintf("repos/%s/%s/rules/branches/%s", r.Owner, r.Name, branch), fmt.Sprintf("per_page=%d&page=%d", o.PerPage, o.Page), &page)
		return page, resp, err
	})
	if err != nil {
		return nil, c.explain(err, hintRepo, "read the rules of branch %s in %s", branch, r)
	}
	var out []Rule
	for _, a := range list {
		rule := Rule{Type: a.Type, Ruleset: a.Ruleset}
		for _, check := range a.Parameters.Checks {
			rule.Checks = append(rule.Checks, RequiredCheck(check))
		}
		out = append(out, rule)
	}
	return out, nil
}

// ErrHidden means that GitHub shows something to those alone who may change it.
var ErrHidden = errors.New("GitHub shows it only to those who may change it")

// BypassOf says whom a ruleset does not bind. To whom may not change the ruleset GitHub does not say: ErrHidden.
func (c *Client) BypassOf(ctx context.Context, r Repo, ruleset int64) ([]Bypass, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	id := strconv.FormatInt(ruleset, 10)
	var answer struct {
		Actors *[]struct {
			ID   int64  `json:"actor_id"`
			Kind string `json:"actor_type"`
		} `json:"bypass_actors"`
	}
	what := "read who is free of ruleset " + id
	if _, err := c.get(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "rulesets", id), fmt.Sprintf("repos/%s/%s/rulesets/%s", r.Owner, r.Name, id), "", &answer); err != nil {
		return nil, c.explain(err, hintRepo, "%s of %s", what, r)
	}
	if answer.Actors == nil {
		return nil, fmt.Errorf("%s of %s: %w", what, r, ErrHidden)
	}
	var out []Bypass
	for _, a := range *answer.Actors {
		out = append(out, Bypass(a))
	}
	return out, nil
}

// Environment is a deployment environment. Branches are the patterns of those that may use it, and those of tags with the word tag
// before; nil means every branch.
type Environment struct {
	Branches []string
	Secrets  []string // their names
}

// protectedBranches stands for the policy "only protected branches", which names none.
const protectedBranches = "protected branches"

// Environment reads an environment; false if it is not there.
func (c *Client) Environment(ctx context.Context, r Repo, name string) (Environment, bool, error) {
	if err := errors.Join(r.check(), names.RoleName(name)); err != nil {
		return Environment{}, false, err
	}
	path := fmt.Sprintf("repos/%s/%s/environments/%s", r.Owner, r.Name, name)
	segments := []string{"repos", r.Owner, r.Name, "environments", name}
	var e struct {
		Policy *struct {
			Custom bool `json:"custom_branch_policies"`
		} `json:"deployment_branch_policy"`
	}
	_, err := c.get(meant(ctx, http.MethodGet, segments...), path, "", &e)
	if err = c.explain(err, hintRepo, "read environment %s of %s", name, r); IsNotFound(err) {
		return Environment{}, false, nil
	} else if err != nil {
		return Environment{}, false, err
	}
	out := Environment{}
	if out.Secrets, err = c.environmentList(ctx, r, name, "secrets"); err != nil {
		return out, true, err
	}
	switch {
	case e.Policy == nil:
	case e.Policy.Custom:
		out.Branches, err = c.environmentList(ctx, r, name, "deployment-branch-policies")
		out.Branches = append([]string{}, out.Branches...)
	default:
		out.Branches = []string{protectedBranches}
	}
	return out, true, err
}

// environmentList reads the names in one of an environment's lists.
func (c *Client) environmentList(ctx context.Context, r Repo, name, what string) ([]string, error) {
	type item struct{ Name, Type string }
	list, err := pages(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "environments", name, what),
		func(ctx context.Context, o gh.ListOptions) ([]item, *gh.Response, error) {
			var page struct {
				Secrets  []item `json:"secrets"`
				Policies []item `json:"branch_policies"`
			}
			resp, err := c.get(ctx, fmt.Sprintf("repos/%s/%s/environments/%s/%s", r.Owner, r.Name, name, what), fmt.Sprintf("per_page=%d&page=%d", o.PerPage, o.Page), &page)
			return append(page.Secrets, page.Policies...), resp, err
		})
	if err != nil {
		return nil, c.explain(err, "the token needs `environments: read` and `actions: read`", "read the %s of environment %s of %s", what, name, r)
	}
	var out []string
	for _, i := range list {
		if i.Type == "tag" { // which anyone who may push can make, with workflows of their own
			i.Name = "tag " + i.Name
		}
		out = append(out, i.Name)
	}
	return out, nil
}

// WorkflowState is active, disabled_manually, disabled_inactivity or another word of GitHub's; "" if there is no such file.
func (c *Client) WorkflowState(ctx context.Context, r Repo, file string) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	if !workflowFile.MatchString(file) {
		return "", fmt.Errorf("%q is not the name of a workflow file", plain(file, 100))
	}
	var w struct{ State string }
	_, err := c.get(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "actions", "workflows", file), fmt.Sprintf("repos/%s/%s/actions/workflows/%s", r.Owner, r.Name, file), "", &w)
	if err = c.explain(err, "the token needs `actions: read`", "read workflow %s of %s", file, r); IsNotFound(err) {
		return "", nil
	}
	return w.State, err
}

// DefaultBranch is the branch whose workflows run on a schedule.
func (c *Client) DefaultBranch(ctx context.Context, r Repo) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	repo, _, err := c.api.Repositories.Get(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name), r.Owner, r.Name)
	return repo.GetDefaultBranch(), c.explain(err, hintRepo, "read repository %s", r)
}

// AppPermissions are what the App that the client is may do in the repository that it was made for: from a permission's name, like
// contents, to read or write.
func (c *Client) AppPermissions(ctx context.Context) (map[string]string, error) {
	if c.tr.app == nil {
		return nil, errors.New("the client is no app")
	}
	r := c.tr.app.repo
	var in struct{ Permissions map[string]string }
	_, err := c.get(asApp(ctx, http.MethodGet, "repos", r.Owner, r.Name, "installation"), fmt.Sprintf("repos/%s/%s/installation", r.Owner, r.Name), "", &in)
	if err != nil {
		return nil, c.explain(err, "is the app installed there?", "ask what the app may do in %s", r)
	}
	return maps.Clone(in.Permissions), nil
}
