package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

// ErrBranchExists means that there is a branch of that name already. Nothing was made.
var ErrBranchExists = errors.New("the branch exists already")

const hintWrite = "the token needs `contents: write`, and its owner write access to the repository"

// NewBranch is a branch with one commit on top of a known one.
type NewBranch struct {
	Name    string
	Parent  string            // SHA of the commit that it builds on
	Tree    string            // SHA of that commit's tree
	Files   map[string]string // path → what it is to hold; "": the path goes
	Message string
}

// MakeBranch writes the commit and then, in one step, the branch that names it: until then nobody sees anything, and nothing is
// left of an attempt that failed. It returns the commit. A branch of that name is ErrBranchExists, and stays as it was.
//
// Who the commit is by, GitHub takes from the token; what signs it is GitHub's own.
func (c *Client) MakeBranch(ctx context.Context, r Repo, b NewBranch) (string, error) {
	if err := b.check(r); err != nil {
		return "", err
	}
	tree, err := c.makeTree(ctx, r, b)
	if err != nil {
		return "", err
	}
	sha, err := c.makeCommit(ctx, r, b, tree)
	if err != nil {
		return "", err
	}
	return sha, c.makeRef(ctx, r, b.Name, sha)
}

func (b NewBranch) check(r Repo) error {
	if err := checkBranches(r, b.Name); err != nil {
		return err
	}
	if err := errors.Join(names.SHA(b.Parent), names.SHA(b.Tree)); err != nil {
		return err
	}
	if len(b.Files) == 0 {
		return errors.New("make a branch: no files")
	}
	return nil
}

func (c *Client) makeTree(ctx context.Context, r Repo, b NewBranch) (string, error) {
	var entries []*gh.TreeEntry
	for _, path := range slices.Sorted(maps.Keys(b.Files)) {
		e := &gh.TreeEntry{Path: &path, Mode: gh.String("100644"), Type: gh.String("blob")}
		if text := b.Files[path]; text != "" {
			e.Content = &text
		}
		entries = append(entries, e)
	}
	ctx = once(ctx, "repos", r.Owner, r.Name, "git", "trees")
	callOf(ctx).repeat = true // the same tree twice is the same tree
	t, _, err := c.api.Git.CreateTree(ctx, r.Owner, r.Name, b.Tree, entries)
	if err != nil {
		return "", c.explain(err, hintWrite, "write the files for branch %s of %s", b.Name, r)
	}
	return madeSHA(t.GetSHA(), "write the files for branch %s of %s", b.Name, r)
}

func (c *Client) makeCommit(ctx context.Context, r Repo, b NewBranch, tree string) (string, error) {
	ctx = once(ctx, "repos", r.Owner, r.Name, "git", "commits")
	callOf(ctx).repeat = true // a second commit that no branch names does no harm
	made, _, err := c.api.Git.CreateCommit(ctx, r.Owner, r.Name, &gh.Commit{
		Message: &b.Message, Tree: &gh.Tree{SHA: &tree}, Parents: []*gh.Commit{{SHA: &b.Parent}},
	}, nil)
	if err != nil {
		return "", c.explain(err, hintWrite, "write the commit for branch %s of %s", b.Name, r)
	}
	return madeSHA(made.GetSHA(), "write the commit for branch %s of %s", b.Name, r)
}

func madeSHA(sha, what string, args ...any) (string, error) {
	if err := names.SHA(sha); err != nil {
		return "", fmt.Errorf(what+": the answer names none: %w", append(args, err)...)
	}
	return sha, nil
}

// makeRef lets the branch name the commit. An answer that was lost is looked up: the branch names this very commit or it was not us.
func (c *Client) makeRef(ctx context.Context, r Repo, name, sha string) error {
	ref := "refs/heads/" + name
	_, _, err := c.api.Git.CreateRef(once(ctx, "repos", r.Owner, r.Name, "git", "refs"), r.Owner, r.Name,
		&gh.Reference{Ref: &ref, Object: &gh.GitObject{SHA: &sha}})
	if err == nil {
		return nil
	}
	err = c.explain(err, hintWrite, "make branch %s in %s", name, r)
	if errors.Is(err, ErrRateLimited) || ctx.Err() != nil {
		return err
	}
	now, found, lookErr := c.BranchTip(ctx, r, name)
	switch {
	case lookErr != nil || !found:
		return err
	case now == sha:
		return nil
	}
	return fmt.Errorf("%w: %w", ErrBranchExists, err)
}

func refSegments(r Repo, kind, name string) []string {
	return append([]string{"repos", r.Owner, r.Name, "git", kind, "heads"}, strings.Split(name, "/")...)
}

// BranchTip is the commit that a branch names; false: there is no such branch.
func (c *Client) BranchTip(ctx context.Context, r Repo, name string) (string, bool, error) {
	if err := checkBranches(r, name); err != nil {
		return "", false, err
	}
	ref, _, err := c.api.Git.GetRef(meant(ctx, http.MethodGet, refSegments(r, "ref", name)...), r.Owner, r.Name, "heads/"+name)
	if err = c.explain(err, hintRepo, "read branch %s of %s", name, r); IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if ref.GetRef() != "refs/heads/"+name {
		return "", false, fmt.Errorf("read branch %s of %s: the answer is about another one", name, r)
	}
	return ref.GetObject().GetSHA(), true, nil
}

// DeleteBranch takes a branch away. One that is gone already is a success.
func (c *Client) DeleteBranch(ctx context.Context, r Repo, name string) error {
	if err := checkBranches(r, name); err != nil {
		return err
	}
	_, err := c.api.Git.DeleteRef(meant(ctx, http.MethodDelete, refSegments(r, "refs", name)...), r.Owner, r.Name, "heads/"+name)
	err = c.explain(err, hintWrite, "delete branch %s of %s", name, r)
	if err == nil {
		return nil
	}
	if _, found, lookErr := c.BranchTip(ctx, r, name); lookErr == nil && !found {
		return nil
	}
	return err
}
