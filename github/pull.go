package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

// Pull is a pull request. All times are GitHub's, in UTC.
type Pull struct {
	Number        int
	Title         string
	Author        Account
	State         string // open or closed; a merged one is closed
	Draft         bool
	Merged        bool
	MergedAt      time.Time // zero unless merged
	MergedBy      Account
	MergeCommit   string // SHA; "" unless merged
	BaseRef       string // branch
	BaseSHA       string
	HeadRef       string // branch
	HeadSHA       string
	HeadRepo      string // "owner/name"; "" if it was deleted
	Fork          bool   // the head is in another repository, or in one that is gone
	Labels        []string
	CreatedAt     time.Time
	DefaultBranch string // of the base repository
	Commits       int
	Asked         []string // logins of those whose review is asked for and still awaited
	AskedTeams    []string // slugs, likewise
}

// Pull reads one pull request.
func (c *Client) Pull(ctx context.Context, r Repo, number int) (Pull, error) {
	if err := checkPull(r, number); err != nil {
		return Pull{}, err
	}
	p, _, err := c.api.PullRequests.Get(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "pulls", strconv.Itoa(number)), r.Owner, r.Name, number)
	if err != nil {
		return Pull{}, c.explain(err, hintRepo, "read pull request %s#%d", r, number)
	}
	pull, err := pullOf(p, number)
	if err != nil {
		return Pull{}, fmt.Errorf("read pull request %s#%d: %w", r, number, err)
	}
	return pull, nil
}

const hintRepo = "does it exist, and may the token read it?"

func checkPull(r Repo, number int) error {
	if err := r.check(); err != nil {
		return err
	}
	if number <= 0 {
		return fmt.Errorf("%s: a pull request's number is positive, not %d", r, number)
	}
	return nil
}

func pullOf(p *gh.PullRequest, number int) (Pull, error) {
	pull := Pull{
		Number: p.GetNumber(), Title: p.GetTitle(), Author: account(p.User), State: p.GetState(), Draft: p.GetDraft(),
		Merged: p.GetMerged(), BaseRef: p.GetBase().GetRef(), BaseSHA: p.GetBase().GetSHA(),
		HeadRef: p.GetHead().GetRef(), HeadSHA: p.GetHead().GetSHA(), CreatedAt: p.GetCreatedAt().UTC(), Commits: p.GetCommits(),
	}
	if pull.Number != number {
		return Pull{}, fmt.Errorf("the answer is about number %d", pull.Number)
	}
	if names.SHA(pull.BaseSHA) != nil || names.SHA(pull.HeadSHA) != nil || pull.BaseRef == "" || pull.HeadRef == "" || pull.CreatedAt.IsZero() {
		return Pull{}, fmt.Errorf("the answer lacks its branches, commits or time")
	}
	if pull.DefaultBranch = p.GetBase().GetRepo().GetDefaultBranch(); pull.DefaultBranch == "" {
		return Pull{}, fmt.Errorf("the answer names no default branch")
	}
	if pull.State != "open" && pull.State != "closed" {
		return Pull{}, fmt.Errorf("the answer has the state %q", plain(pull.State, 20))
	}
	// A branch of the base repository cannot outlive it, so a head repository that is gone was a fork.
	head, base := p.GetHead().GetRepo(), p.GetBase().GetRepo()
	pull.HeadRepo = head.GetFullName()
	pull.Fork = head.GetID() == 0 || head.GetID() != base.GetID()
	if pull.Merged {
		pull.MergedAt, pull.MergedBy, pull.MergeCommit = p.GetMergedAt().UTC(), account(p.MergedBy), p.GetMergeCommitSHA()
		if p.MergedAt == nil || names.SHA(pull.MergeCommit) != nil {
			return Pull{}, fmt.Errorf("the answer says merged, but not when and as which commit")
		}
	}
	for _, l := range p.Labels {
		pull.Labels = append(pull.Labels, l.GetName())
	}
	slices.Sort(pull.Labels)
	for _, u := range p.RequestedReviewers {
		pull.Asked = append(pull.Asked, u.GetLogin())
	}
	for _, t := range p.RequestedTeams {
		pull.AskedTeams = append(pull.AskedTeams, t.GetSlug())
	}
	return pull, nil
}

// MergeMethods are those of merge, squash and rebase that a repository allows; none if the token may not see it.
func (c *Client) MergeMethods(ctx context.Context, r Repo) ([]string, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	repo, _, err := c.api.Repositories.Get(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name), r.Owner, r.Name)
	if err != nil {
		return nil, c.explain(err, hintRepo, "read repository %s", r)
	}
	var out []string
	for _, m := range []struct {
		name    string
		allowed bool
	}{{"merge", repo.GetAllowMergeCommit()}, {"squash", repo.GetAllowSquashMerge()}, {"rebase", repo.GetAllowRebaseMerge()}} {
		if m.allowed {
			out = append(out, m.name)
		}
	}
	return out, nil
}

// Review is one review. A review that is still being written (PENDING) is not told of.
type Review struct {
	ID     int64
	By     Account
	State  string // APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED
	Commit string // SHA it was given on, which GitHub may move later; "" when GitHub no longer knows
	At     time.Time
}

// Reviews reads all reviews of a pull request, in the order in which they were submitted.
func (c *Client) Reviews(ctx context.Context, r Repo, number int) ([]Review, error) {
	if err := checkPull(r, number); err != nil {
		return nil, err
	}
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "pulls", strconv.Itoa(number), "reviews")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.PullRequestReview, *gh.Response, error) {
		return c.api.PullRequests.ListReviews(ctx, r.Owner, r.Name, number, &o)
	})
	if err != nil {
		return nil, c.explain(err, hintRepo, "read the reviews of %s#%d", r, number)
	}
	var out []Review
	for _, v := range list {
		if v.GetState() == "PENDING" {
			continue
		}
		if v.GetID() <= 0 || v.GetState() == "" || v.SubmittedAt == nil {
			return nil, fmt.Errorf("read the reviews of %s#%d: one has no id, state or time", r, number)
		}
		out = append(out, Review{ID: v.GetID(), By: account(v.User), State: v.GetState(), Commit: v.GetCommitID(), At: v.GetSubmittedAt().UTC()})
	}
	return out, nil
}

// PullsOf finds the pull requests that brought a commit to the default branch, or have it on their branch.
func (c *Client) PullsOf(ctx context.Context, r Repo, sha string) ([]int, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := names.SHA(sha); err != nil {
		return nil, err
	}
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "commits", sha, "pulls")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.PullRequest, *gh.Response, error) {
		return c.api.PullRequests.ListPullRequestsWithCommit(ctx, r.Owner, r.Name, sha, &o)
	})
	if err != nil {
		return nil, c.explain(err, hintRepo, "find the pull requests of commit %s in %s", sha, r)
	}
	var out []int
	for _, p := range list {
		if p.GetNumber() <= 0 {
			return nil, fmt.Errorf("find the pull requests of commit %s in %s: one has no number", sha, r)
		}
		out = append(out, p.GetNumber())
	}
	return out, nil
}
