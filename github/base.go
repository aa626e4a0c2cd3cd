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

// BaseMoves tells when a pull request, opened at that time, last had other changes than its commits alone explain, oldest first: when
// it was pointed at another branch, and when the branch that it goes to was rewound or made anew. GitHub shows a pull request as the
// difference to its base as that is at the moment, so whoever looked before may have been shown less.
func (c *Client) BaseMoves(ctx context.Context, r Repo, number int, base string, opened time.Time) ([]time.Time, error) {
	moves, err := c.baseEvents(ctx, r, number)
	if err != nil {
		return nil, err
	}
	pushes, err := c.rewinds(ctx, r, base, opened)
	if err != nil {
		return nil, err
	}
	for _, p := range pushes {
		if !p.At.Before(opened) {
			moves = append(moves, p.At)
		}
	}
	slices.SortFunc(moves, time.Time.Compare)
	return moves, nil
}

// rewinds are the pushes to a branch since a time that did not move it forward. Mostly the newest page of its record reaches back that
// far; of a busier branch the two kinds are asked for.
func (c *Client) rewinds(ctx context.Context, r Repo, branch string, since time.Time) ([]Push, error) {
	newest, all, err := c.NewestPushes(ctx, r, branch)
	if err != nil {
		return nil, err
	}
	if all || len(newest) > 0 && newest[0].At.Before(since) {
		return slices.DeleteFunc(newest, func(p Push) bool { return !slices.Contains(rewindKinds, p.Kind) }), nil
	}
	var out []Push
	for _, kind := range rewindKinds {
		pushes, err := c.pushes(ctx, r, branch, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, pushes...)
	}
	return out, nil
}

var rewindKinds = []string{"force_push", "branch_creation"}

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
