package github

import (
	"context"
	"slices"
)

// Rewinds tells when a branch ("x" or "refs/heads/x") was moved other than forward, or deleted, oldest first. Before is where it was.
func (c *Client) Rewinds(ctx context.Context, r Repo, ref string) ([]Push, error) {
	var out []Push
	for _, kind := range []string{"force_push", "branch_deletion"} {
		pushes, err := c.pushes(ctx, r, ref, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, pushes...)
	}
	slices.SortStableFunc(out, func(a, b Push) int { return a.At.Compare(b.At) })
	return out, nil
}
