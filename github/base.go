package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// Events by which a pull request comes to another base.
// https://docs.github.com/en/rest/using-the-rest-api/issue-event-types
const (
	baseChanged  = "base_ref_changed"
	baseReplaced = "automatic_base_change_succeeded" // its base was merged and deleted
)

// BaseMoves tells when a pull request last had other changes than its commits alone explain, oldest first: when it was pointed at
// another branch, and when the branch that it goes to was rewound or made anew. GitHub shows a pull request as the difference to
// its base as that is at the moment, so whoever looked before may have been shown less.
func (c *Client) BaseMoves(ctx context.Context, r Repo, number int, base string) ([]time.Time, error) {
	moves, err := c.baseEvents(ctx, r, number)
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{"force_push", "branch_creation"} {
		pushes, err := c.pushes(ctx, r, base, kind)
		if err != nil {
			return nil, err
		}
		for _, p := range pushes {
			moves = append(moves, p.At)
		}
	}
	slices.SortFunc(moves, time.Time.Compare)
	return moves, nil
}

func (c *Client) baseEvents(ctx context.Context, r Repo, number int) ([]time.Time, error) {
	if err := checkPull(r, number); err != nil {
		return nil, err
	}
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "issues", strconv.Itoa(number), "events")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.IssueEvent, *gh.Response, error) {
		return c.api.Issues.ListIssueEvents(ctx, r.Owner, r.Name, number, &o)
	})
	if err != nil {
		return nil, c.explain(err, hintRepo, "read the events of %s#%d", r, number)
	}
	var out []time.Time
	for _, e := range list {
		if e.GetEvent() == "" || e.CreatedAt == nil {
			return nil, fmt.Errorf("read the events of %s#%d: one has no kind or time", r, number)
		}
		if e.GetEvent() == baseChanged || e.GetEvent() == baseReplaced {
			out = append(out, e.GetCreatedAt().UTC())
		}
	}
	return out, nil
}
