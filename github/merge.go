package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

// Merge merges a pull request if its head is still headSHA, and returns the SHA of the merge. method is merge, squash, rebase,
// or "" for GitHub's default; title is the merge commit's, "" for GitHub's default. A pull request that was merged already
// at that head is a success.
func (c *Client) Merge(ctx context.Context, r Repo, number int, headSHA, method, title string) (string, error) {
	if err := checkPull(r, number); err != nil {
		return "", err
	}
	if err := names.SHA(headSHA); err != nil {
		return "", err
	}
	if !slices.Contains([]string{"", "merge", "squash", "rebase"}, method) {
		return "", fmt.Errorf("merge %s#%d: unknown method %q (want merge, squash or rebase)", r, number, method)
	}
	// Repeated after a lost answer, a merge that was done is refused: the look below tells.
	res, _, err := c.api.PullRequests.Merge(once(ctx, "repos", r.Owner, r.Name, "pulls", strconv.Itoa(number), "merge"),
		r.Owner, r.Name, number, "", &gh.PullRequestOptions{SHA: headSHA, MergeMethod: method, CommitTitle: title})
	if err == nil && res.GetMerged() && names.SHA(res.GetSHA()) == nil {
		return res.GetSHA(), nil
	}
	if err == nil {
		err = errors.New("the answer does not say that it is merged")
	}
	err = c.explain(err, "the token needs `contents: write` and `pull_requests: write`", "merge %s#%d", r, number)
	if errors.Is(err, ErrRateLimited) || ctx.Err() != nil {
		return "", err
	}
	if p, e := c.Pull(ctx, r, number); e == nil && p.Merged && p.HeadSHA == headSHA {
		return p.MergeCommit, nil
	}
	switch status(err) {
	case http.StatusConflict:
		return "", fmt.Errorf("%w: %w", ErrHeadMoved, err)
	case http.StatusMethodNotAllowed:
		return "", fmt.Errorf("%w: %w", ErrNotMergeable, err)
	}
	return "", err
}

// OpenPull opens a pull request from a branch of the same repository. One that is open already for these branches is the
// answer.
func (c *Client) OpenPull(ctx context.Context, r Repo, head, base, title, body string) (int, error) {
	if err := checkBranches(r, head, base); err != nil {
		return 0, err
	}
	p, _, err := c.api.PullRequests.Create(once(ctx, "repos", r.Owner, r.Name, "pulls"), r.Owner, r.Name,
		&gh.NewPullRequest{Title: &title, Head: &head, Base: &base, Body: &body})
	if err == nil && p.GetNumber() > 0 {
		return p.GetNumber(), nil
	}
	if err == nil {
		err = errors.New("the answer has no number")
	}
	err = c.explain(err, "the token needs `pull_requests: write`, and the organization may forbid workflows to open pull requests", "open a pull request from %s to %s in %s", head, base, r)
	if errors.Is(err, ErrRateLimited) || ctx.Err() != nil {
		return 0, err
	}
	if number, open, e := c.FindPull(ctx, r, head, base); e == nil && open {
		return number, nil
	}
	return 0, err
}

// FindPull finds the pull request from a branch of the same repository to a base: the open one, else the newest closed one; 0 if
// there never was one.
func (c *Client) FindPull(ctx context.Context, r Repo, headBranch, base string) (number int, open bool, err error) {
	if err := checkBranches(r, headBranch, base); err != nil {
		return 0, false, err
	}
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "pulls")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.PullRequest, *gh.Response, error) {
		return c.api.PullRequests.List(ctx, r.Owner, r.Name,
			&gh.PullRequestListOptions{State: "all", Head: r.Owner + ":" + headBranch, Base: base, ListOptions: o})
	})
	if err != nil {
		return 0, false, c.explain(err, hintRepo, "find the pull request from %s to %s in %s", headBranch, base, r)
	}
	for _, p := range list {
		// A filter that GitHub does not understand is a filter that it ignores.
		if p.GetHead().GetRef() != headBranch || p.GetBase().GetRef() != base || p.GetHead().GetRepo().GetID() != p.GetBase().GetRepo().GetID() {
			continue
		}
		isOpen := p.GetState() == "open"
		if n := p.GetNumber(); isOpen && !open || isOpen == open && n > number {
			number, open = n, isOpen
		}
	}
	return number, open, nil
}

func checkBranches(r Repo, branches ...string) error {
	if err := r.check(); err != nil {
		return err
	}
	for _, b := range branches {
		if err := names.Branch(b); err != nil {
			return err
		}
	}
	return nil
}

var workflowFile = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*\.ya?ml$`)

// Dispatch starts a workflow ("reconcile.yml") on a branch.
func (c *Client) Dispatch(ctx context.Context, r Repo, file, ref string) error {
	if err := checkBranches(r, ref); err != nil {
		return err
	}
	if !workflowFile.MatchString(file) {
		return fmt.Errorf("start a workflow of %s: %q is not the name of a workflow file (want letters, digits and ._- before .yml)", r, plain(file, 100))
	}
	_, err := c.api.Actions.CreateWorkflowDispatchEventByFileName(once(ctx, "repos", r.Owner, r.Name, "actions", "workflows", file, "dispatches"),
		r.Owner, r.Name, file, gh.CreateWorkflowDispatchEventRequest{Ref: ref})
	return c.explain(err, "the token needs `actions: write`, and the workflow the trigger workflow_dispatch", "start %s of %s", file, r)
}
