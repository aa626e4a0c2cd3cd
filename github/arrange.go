package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/lapse-access/lapse/names"
)

// Ruleset is a set of rules to be made, for one branch.
type Ruleset struct {
	Name   string
	Branch string
	Rules  []string // of deletion, non_fast_forward, update, pull_request
	Check  RequiredCheck
	App    int64 // that the rules do not bind
}

const hintSettings = "the token must be an administrator's, or have `administration: write`"

// MakeRuleset makes a set of rules.
func (c *Client) MakeRuleset(ctx context.Context, r Repo, s Ruleset) error {
	if err := checkBranches(r, s.Branch); err != nil {
		return err
	}
	type object = map[string]any
	rules := []object{}
	for _, kind := range s.Rules {
		rule := object{"type": kind}
		if kind == "pull_request" {
			rule["parameters"] = object{"required_approving_review_count": 0, "dismiss_stale_reviews_on_push": false,
				"require_code_owner_review": false, "require_last_push_approval": false, "required_review_thread_resolution": false}
		}
		rules = append(rules, rule)
	}
	if s.Check.Context != "" {
		check := object{"context": s.Check.Context}
		if s.Check.App != 0 {
			check["integration_id"] = s.Check.App
		}
		rules = append(rules, object{"type": "required_status_checks", "parameters": object{
			"strict_required_status_checks_policy": false, "required_status_checks": []object{check}}})
	}
	bypass := []object{}
	if s.App != 0 {
		bypass = append(bypass, object{"actor_id": s.App, "actor_type": "Integration", "bypass_mode": "always"})
	}
	return c.arrange(once(ctx, "repos", r.Owner, r.Name, "rulesets"), http.MethodPost, fmt.Sprintf("repos/%s/%s/rulesets", r.Owner, r.Name), object{
		"name": s.Name, "target": "branch", "enforcement": "active", "bypass_actors": bypass, "rules": rules,
		"conditions": object{"ref_name": object{"include": []string{"refs/heads/" + s.Branch}, "exclude": []string{}}},
	}, "make ruleset %q of %s", s.Name, r)
}

// MakeEnvironment makes an environment that one branch alone may use, or takes it away from all others that no pattern names.
func (c *Client) MakeEnvironment(ctx context.Context, r Repo, name, branch string) error {
	if err := errors.Join(checkBranches(r, branch), names.RoleName(name)); err != nil {
		return err
	}
	path, segments := fmt.Sprintf("repos/%s/%s/environments/%s", r.Owner, r.Name, name), []string{"repos", r.Owner, r.Name, "environments", name}
	err := c.arrange(meant(ctx, http.MethodPut, segments...), http.MethodPut, path, map[string]any{
		"deployment_branch_policy": map[string]bool{"protected_branches": false, "custom_branch_policies": true}}, "make environment %s of %s", name, r)
	if err != nil {
		return err
	}
	there, err := c.environmentList(ctx, r, name, "deployment-branch-policies")
	if err != nil || slices.Contains(there, branch) {
		return err
	}
	segments = append(segments, "deployment-branch-policies")
	return c.arrange(once(ctx, segments...), http.MethodPost, path+"/deployment-branch-policies", map[string]any{"name": branch},
		"let branch %s use environment %s of %s", branch, name, r)
}

// arrange sends a change of settings.
func (c *Client) arrange(ctx context.Context, method, path string, body any, what string, args ...any) error {
	req, err := c.api.NewRequest(method, path, body)
	if err == nil {
		_, err = c.api.Do(ctx, req, nil)
	}
	return c.explain(err, hintSettings, what, args...)
}
