package github

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Issue is an issue of a repository, as it stands. Its text is whatever its author, or anybody who may edit it, wrote there.
type Issue struct {
	Number    int
	Author    Account
	Body      string
	Closed    bool
	Pull      bool // it is a pull request, which GitHub counts among issues
	CreatedAt time.Time
}

// Issue reads one issue.
func (c *Client) Issue(ctx context.Context, r Repo, number int) (Issue, error) {
	if err := checkPull(r, number); err != nil {
		return Issue{}, err
	}
	i, _, err := c.api.Issues.Get(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "issues", strconv.Itoa(number)), r.Owner, r.Name, number)
	if err != nil {
		return Issue{}, c.explain(err, "the token needs `issues: read`", "read issue %s#%d", r, number)
	}
	if i.GetNumber() != number {
		return Issue{}, fmt.Errorf("read issue %s#%d: the answer is about another one", r, number)
	}
	return Issue{
		Number: number, Author: account(i.User), Body: i.GetBody(), Closed: i.GetState() == "closed", Pull: i.IsPullRequest(),
		CreatedAt: i.GetCreatedAt().UTC(),
	}, nil
}

// CommentOn keeps one comment of our own on an issue or pull request up to date, told from others by the marker.
func (c *Client) CommentOn(ctx context.Context, r Repo, number int, marker, markdown string) error {
	if err := checkPull(r, number); err != nil {
		return err
	}
	return c.publishComment(ctx, r, Publication{Number: number, Marker: marker, Comment: markdown})
}
