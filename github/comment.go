package github

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	gh "github.com/google/go-github/v60/github"
)

// publishComment keeps one comment of our own up to date. Ours is the newest that begins with our marker and was written by
// the token's own account: anybody can write a marker, and anybody's comment stays theirs.
func (c *Client) publishComment(ctx context.Context, r Repo, p Publication) error {
	if p.Comment == "" {
		return nil
	}
	first := "<!-- lapse: " + p.Marker + " -->\n"
	body := first + p.Comment
	if n := utf8.RuneCountInString(body); n > maxComment {
		return fmt.Errorf("comment on %s#%d: %d characters are too many for GitHub, which takes %d", r, p.Number, n, maxComment)
	}
	ours, err := c.ownComment(ctx, r, p.Number, strings.TrimSpace(first))
	if err != nil {
		return err
	}
	const hint = "the token needs `pull_requests: write`"
	if ours == nil {
		_, _, err := c.api.Issues.CreateComment(once(ctx, "repos", r.Owner, r.Name, "issues", strconv.Itoa(p.Number), "comments"),
			r.Owner, r.Name, p.Number, &gh.IssueComment{Body: &body})
		return c.explain(err, hint, "comment on %s#%d", r, p.Number)
	}
	if sameText(ours.GetBody(), body) {
		return nil
	}
	edit := once(ctx, "repos", r.Owner, r.Name, "issues", "comments", strconv.FormatInt(ours.GetID(), 10))
	callOf(edit).repeat = true // the same text twice is the same text
	_, _, err = c.api.Issues.EditComment(edit, r.Owner, r.Name, ours.GetID(), &gh.IssueComment{Body: &body})
	return c.explain(err, hint, "edit our comment on %s#%d", r, p.Number)
}

func (c *Client) ownComment(ctx context.Context, r Repo, number int, marker string) (*gh.IssueComment, error) {
	me, err := c.Self(ctx)
	if err != nil {
		return nil, fmt.Errorf("comment on %s#%d: %w", r, number, err)
	}
	listing := meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "issues", strconv.Itoa(number), "comments")
	list, err := pages(listing, func(ctx context.Context, o gh.ListOptions) ([]*gh.IssueComment, *gh.Response, error) {
		return c.api.Issues.ListComments(ctx, r.Owner, r.Name, number, &gh.IssueListCommentsOptions{ListOptions: o})
	})
	if err != nil {
		return nil, c.explain(err, hintRepo, "read the comments of %s#%d", r, number)
	}
	var ours *gh.IssueComment
	for _, comment := range list {
		if comment.GetUser().GetID() == me.ID && strings.HasPrefix(comment.GetBody(), marker) && comment.GetID() > ours.GetID() {
			ours = comment
		}
	}
	return ours, nil
}

// sameText compares as GitHub keeps texts: it may change line ends and drop white space at the end.
func sameText(a, b string) bool {
	norm := func(s string) string { return strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), " \t\n") }
	return norm(a) == norm(b)
}
