package github

import (
	"context"
	"fmt"
	"net/http"
)

// Protection is what a branch protection rule, the older form of rules, says of one branch.
// https://docs.github.com/rest/branches/branch-protection
type Protection struct {
	Pulls       bool
	Checks      []RequiredCheck
	Forced      bool // pushes that lose history are allowed
	Deleted     bool // so is deletion
	BindsAdmins bool
}

// Protection reads the protection of a branch; false if it has none.
func (c *Client) Protection(ctx context.Context, r Repo, branch string) (Protection, bool, error) {
	if err := checkBranches(r, branch); err != nil {
		return Protection{}, false, err
	}
	type enabled struct{ Enabled bool }
	var p struct {
		Admins  enabled   `json:"enforce_admins"`
		Forced  enabled   `json:"allow_force_pushes"`
		Deleted enabled   `json:"allow_deletions"`
		Reviews *struct{} `json:"required_pull_request_reviews"`
		Checks  struct {
			Checks []struct {
				Context string
				App     int64 `json:"app_id"`
			}
		} `json:"required_status_checks"`
	}
	segments := append(branchSegments(r, branch), "protection")
	_, err := c.get(meant(ctx, http.MethodGet, segments...), fmt.Sprintf("repos/%s/%s/branches/%s/protection", r.Owner, r.Name, branch), "", &p)
	if err = c.explain(err, hintSettings, "read the protection of branch %s in %s", branch, r); IsNotFound(err) {
		return Protection{}, false, nil
	} else if err != nil {
		return Protection{}, false, err
	}
	out := Protection{Pulls: p.Reviews != nil, Forced: p.Forced.Enabled, Deleted: p.Deleted.Enabled, BindsAdmins: p.Admins.Enabled}
	for _, check := range p.Checks.Checks {
		out.Checks = append(out.Checks, RequiredCheck(check))
	}
	return out, true, nil
}

// branchSegments are the segments of a branch's own URL.
func branchSegments(r Repo, branch string) []string {
	return []string{"repos", r.Owner, r.Name, "branches", branch}
}
