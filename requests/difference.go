package requests

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
)

// maxCommits bounds the commits of a branch that are looked at; GitHub's own list of a pull request's commits ends there.
const maxCommits = 250

// proposed is what merging head would change on main: the branch's own changes, less what main holds already. A path that
// both sides changed has no bytes that anyone has reviewed, which is a reason against approval.
//
// A branch that no reader will ever take, however often it tries, is refused for that: an error would ask for another try.
func (g *Gatherer) proposed(main, head gitrepo.Hash) ([]gitrepo.Change, []checks.Reason, error) {
	change, reasons, err := g.difference(main, head)
	if err != nil && unreadable(err) {
		return nil, []checks.Reason{{
			Text: fmt.Sprintf("the branch cannot be read: %v", err), Hint: "make a new branch from main with this one change",
		}}, nil
	}
	return change, reasons, err
}

func (g *Gatherer) difference(main, head gitrepo.Hash) ([]gitrepo.Change, []checks.Reason, error) {
	change, reasons, err := g.ownChanges(main, head)
	if err != nil || len(change) == 0 && len(reasons) > 0 {
		return nil, reasons, err
	}
	foreign, err := g.foreignMerges(main, head)
	return change, append(reasons, foreign...), err
}

// ownChanges are what a branch itself changes, less what main holds already. Where that is ambiguous there are none, but a reason.
func (g *Gatherer) ownChanges(main, head gitrepo.Hash) ([]gitrepo.Change, []checks.Reason, error) {
	bases, err := g.Git.MergeBase(main, head)
	if err != nil {
		return nil, nil, fmt.Errorf("merge base of %s and %s: %w", main, head, err)
	}
	if len(bases) != 1 {
		return nil, []checks.Reason{{
			Text: fmt.Sprintf("the branch and main have %d merge bases, so what it changes is ambiguous", len(bases)),
			Hint: "make a new branch from main with this one change",
		}}, nil
	}
	own, err := g.Git.Diff(bases[0], head)
	if err != nil {
		return nil, nil, err
	}
	var change []gitrepo.Change
	var reasons []checks.Reason
	for _, c := range own {
		now, err := g.Git.Entry(main, c.Path)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case sameEntry(now, c.After): // main has it already
		case sameEntry(now, c.Before):
			change = append(change, c)
		default:
			change = append(change, gitrepo.Change{Path: c.Path, Before: now, After: c.After})
			reasons = append(reasons, checks.Reason{
				Pos: grants.Pos{File: c.Path}, Text: "main has changed this file since the branch was made",
				Hint: "update the branch, and ask for approval of the result",
			})
		}
	}
	return change, reasons, nil
}

// foreignMerges finds merges in the branch of anything but main: whoever pushed those commits elsewhere is not in the
// record of pushes to this branch.
func (g *Gatherer) foreignMerges(main, head gitrepo.Hash) ([]checks.Reason, error) {
	commits, err := g.Git.Between(main, head, maxCommits+1)
	if err != nil {
		return nil, fmt.Errorf("commits of %s that main has not: %w", head, err)
	}
	if len(commits) > maxCommits {
		return []checks.Reason{{
			Text: fmt.Sprintf("the branch has more than %d commits", maxCommits), Hint: "squash them into one",
		}}, nil
	}
	var out []checks.Reason
	for _, h := range commits {
		c, err := g.Git.Commit(h)
		if err != nil {
			return nil, err
		}
		for _, p := range c.Parents[min(1, len(c.Parents)):] {
			ok, err := g.Git.IsAncestor(p, main)
			if err != nil {
				return nil, err
			}
			if !ok {
				out = append(out, checks.Reason{
					Text: fmt.Sprintf("commit %.12s merges commits that are not on main, and who pushed those cannot be seen", h),
					Hint: "make a new branch from main with this one change",
				})
			}
		}
	}
	return out, nil
}

// request reads the changed files into the request.
func (g *Gatherer) request(f *checks.Facts, snap *Snapshot, change []gitrepo.Change) error {
	change, beyond := bounded(change)
	f.Unjudgeable = append(f.Unjudgeable, beyond...)
	files := make([]grants.FileChange, 0, len(change))
	for _, c := range change {
		before, err := g.file(c.Path, c.Before)
		if err != nil {
			return err
		}
		after, err := g.file(c.Path, c.After)
		if err != nil {
			return err
		}
		files = append(files, grants.FileChange{Path: c.Path, Before: before, After: after})
	}
	f.Request = grants.NewRequest(files)
	f.Unjudgeable = few(f.Unjudgeable)
	return g.caseClashes(f, snap)
}

// maxPaths is how many paths one request may change, unless it only ends grants. Every grant of a request has a receipt that tells the
// whole of it, so that both time and ledger grow with the square; nobody reviews more either.
const maxPaths = 200

// bounded is the change, or so much of it as is judged, with the reason why none of it can be approved. What would give access is
// never what is left out: it alone makes the request one that needs approval.
func bounded(change []gitrepo.Change) ([]gitrepo.Change, []checks.Reason) {
	gives := func(c gitrepo.Change) bool { return c.After != nil && grants.UnderGrants(c.Path) }
	if len(change) <= maxPaths || !slices.ContainsFunc(change, gives) {
		return change, nil
	}
	some := slices.DeleteFunc(slices.Clone(change), func(c gitrepo.Change) bool { return !gives(c) })
	for _, c := range change {
		if len(some) < maxPaths && !gives(c) {
			some = append(some, c)
		}
	}
	return some[:maxPaths], []checks.Reason{{
		Text: fmt.Sprintf("the request changes %d paths, more than %d", len(change), maxPaths), Hint: "ask for less at once",
	}}
}

// few is so many of the reasons as anybody reads, and how many more there are.
func few(reasons []checks.Reason) []checks.Reason {
	if more := len(reasons) - maxPaths; more > 1 {
		return append(reasons[:maxPaths:maxPaths], checks.Reason{Text: fmt.Sprintf("and %d more reasons of the kind", more)})
	}
	return reasons
}

// file reads a grant file; of any other path only that it changed matters.
func (g *Gatherer) file(path string, e *gitrepo.Entry) (*grants.File, error) {
	if e == nil {
		return nil, nil
	}
	f := &grants.File{Mode: e.Mode}
	if !grants.UnderGrants(path) || e.Mode != gitrepo.ModeFile {
		return f, nil
	}
	b, err := g.Git.Blob(e.Hash, grants.MaxFileSize+1)
	if errors.Is(err, gitrepo.ErrLimit) {
		b, err = make([]byte, grants.MaxFileSize+1), nil // any bytes of that length are refused for it
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	f.Bytes = b
	return f, nil
}

// Grant is the grant that the change leaves at its path; nil if it leaves none, or what is no grant.
func (g *Gatherer) Grant(c gitrepo.Change) (*grants.Grant, error) {
	f, err := g.file(c.Path, c.After)
	if err != nil || f == nil || f.Bytes == nil {
		return nil, err
	}
	grant, _ := grants.LoadGrant(c.Path, f.Bytes)
	return grant, nil
}

// caseClashes finds ids that differ from one on main only in case or Unicode form, which two file systems would read as one file or two.
func (g *Gatherer) caseClashes(f *checks.Facts, snap *Snapshot) error {
	for _, c := range f.Request.Changes {
		if c.Kind != grants.Add {
			continue
		}
		clash, err := g.caseClash(snap, c.ID)
		if err != nil {
			return err
		}
		if clash != "" {
			f.Request.Problems = append(f.Request.Problems, grants.Problem{
				Pos: grants.Pos{File: grants.PathOf(c.ID)}, Text: fmt.Sprintf("differs from %q only in case or Unicode form", clash), Hint: "choose another id",
			})
		}
	}
	return nil
}

// provenance gathers who reviewed and who pushed, and on which commits the bytes are the same as at the head.
func (g *Gatherer) provenance(ctx context.Context, f *checks.Facts, main gitrepo.Hash, pull github.Pull, head gitrepo.Hash, change []gitrepo.Change) error {
	if !checks.NeedsPeople(f.Request) {
		return nil // needs nobody
	}
	reviews, err := g.Forge.Reviews(ctx, g.Repo, pull.Number)
	if err != nil {
		return err
	}
	g.Reviews = reviews
	same := g.comparer(ctx, main, head, change)
	for _, r := range reviews {
		s, err := same(r.Commit)
		if err != nil {
			return err
		}
		by, err := g.reviewer(ctx, f.Configuration, r)
		if err != nil {
			return err
		}
		f.Reviews = append(f.Reviews, checks.Review{ID: r.ID, By: by, State: checks.ReviewState(r.State), Commit: r.Commit, At: r.At, SameBytes: s})
	}
	if pull.Fork {
		return nil // denied for it: pushes to a fork cannot be seen
	}
	// Any other base is denied for it; and where nobody has approved, nobody was shown too little.
	if pull.BaseRef == f.Configuration.Config.Branch && approvedByAny(reviews) {
		f.Pull.BaseMoves, err = g.Forge.BaseMoves(ctx, g.Repo, pull.Number, pull.BaseRef, pull.CreatedAt)
		if err != nil {
			return err
		}
	}
	pushes, err := g.Forge.Pushes(ctx, g.Repo, "refs/heads/"+pull.HeadRef)
	if err != nil {
		return err
	}
	for _, p := range pushes {
		s, err := same(p.After)
		if err != nil {
			return err
		}
		f.Pushes = append(f.Pushes, checks.Push{By: account(p.By), At: p.At, Before: p.Before, After: p.After, Kind: p.Kind, SameBytes: s})
	}
	return nil
}

func approvedByAny(reviews []github.Review) bool {
	return slices.ContainsFunc(reviews, func(r github.Review) bool { return checks.ReviewState(r.State) == checks.Approved })
}

// comparer tells whether a commit asks for what the head asks for: at each changed path it holds the same, and it changes no
// grants or configuration beside. Whoever approved one grant because another was to end has not approved the one alone. A commit
// that the forge no longer has, or that is malformed, does not.
func (g *Gatherer) comparer(ctx context.Context, main, head gitrepo.Hash, change []gitrepo.Change) func(sha string) (bool, error) {
	known := map[string]bool{head.String(): true}
	return func(sha string) (bool, error) {
		if s, ok := known[sha]; ok {
			return s, nil
		}
		s, err := g.sameBytes(ctx, sha, main, change)
		if err == nil {
			known[sha] = s
		}
		return s, err
	}
}

func (g *Gatherer) sameBytes(ctx context.Context, sha string, main gitrepo.Hash, change []gitrepo.Change) (bool, error) {
	h := gitrepo.NewHash(sha)
	if h.IsZero() || h.String() != sha {
		return false, nil
	}
	if err := g.Git.FetchHash(ctx, h); errors.Is(err, gitrepo.ErrNoObject) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	for _, c := range change {
		e, err := g.Git.Entry(h, c.Path)
		if errors.Is(err, gitrepo.ErrMalformed) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !sameEntry(e, c.After) {
			return false, nil
		}
	}
	return g.nothingElse(h, main, change)
}

// nothingElse says whether the commit asks for no change of grants or configuration but of the paths that the head changes.
func (g *Gatherer) nothingElse(commit, main gitrepo.Hash, change []gitrepo.Change) (bool, error) {
	own, reasons, err := g.ownChanges(main, commit)
	if err != nil && unreadable(err) {
		return false, nil
	}
	if err != nil || len(own) == 0 && len(reasons) > 0 {
		return false, err
	}
	paths := map[string]bool{}
	for _, c := range change {
		paths[c.Path] = true
	}
	return !slices.ContainsFunc(own, func(c gitrepo.Change) bool {
		return !paths[c.Path] && (grants.UnderGrants(c.Path) || grants.IsConfiguration(c.Path))
	}), nil
}

func sameEntry(a, b *gitrepo.Entry) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
