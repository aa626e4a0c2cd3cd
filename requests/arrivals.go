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

// Arrival is one step of the main branch: what came with one pull request, or with a commit that no pull request brought.
type Arrival struct {
	Base, Tip gitrepo.Hash
	Pull      *github.Pull // nil: none, or more than one
	Method    string       // merge, squash or rebase, told from the commits
	Reasons   []checks.Reason
	Change    []gitrepo.Change
}

// Grants says whether the arrival adds or changes grants, and so needs a pull request behind it.
func (a Arrival) Grants() bool {
	return a.any(func(c gitrepo.Change) bool { return c.After != nil && grants.UnderGrants(c.Path) })
}

// Configuration says whether the arrival changes the configuration.
func (a Arrival) Configuration() bool { return changesConfiguration(a.Change) }

// Ends says whether the arrival removes grants.
func (a Arrival) Ends() bool {
	return a.any(func(c gitrepo.Change) bool { return c.After == nil && grants.UnderGrants(c.Path) })
}

func (a Arrival) any(f func(gitrepo.Change) bool) bool {
	for _, c := range a.Change {
		if f(c) {
			return true
		}
	}
	return false
}

// ErrRewritten says that main no longer descends from the commit that was last seen.
var ErrRewritten = errors.New("the main branch no longer descends from the commit last seen")

// Arrivals walks main's first parents from the commit last seen to the tip, oldest first. Steps that change neither grants nor
// configuration are left out. A history in which `seen` is an ancestor of the tip but not by first parents (a merge with its
// parents swapped) is one arrival that no pull request brought.
func (g *Gatherer) Arrivals(ctx context.Context, seen, tip gitrepo.Hash) ([]Arrival, error) {
	if seen == tip {
		return nil, nil
	}
	ok, err := g.Git.IsAncestor(seen, tip)
	if errors.Is(err, gitrepo.ErrNoObject) || (err == nil && !ok) {
		return nil, fmt.Errorf("%w: %s is not behind %s", ErrRewritten, seen, tip)
	}
	if err != nil {
		return nil, err
	}
	steps, err := g.Git.FirstParents(tip, seen, 0)
	if errors.Is(err, gitrepo.ErrNotAncestor) {
		return g.swapped(seen, tip)
	}
	if err != nil {
		return nil, err
	}
	return g.walk(ctx, seen, steps)
}

func (g *Gatherer) swapped(seen, tip gitrepo.Hash) ([]Arrival, error) {
	change, err := g.Git.Diff(seen, tip)
	return []Arrival{{Base: seen, Tip: tip, Change: change, Reasons: []checks.Reason{{
		Text: fmt.Sprintf("main reached %.12s without passing %.12s by first parents: a merge with its parents swapped was pushed", tip, seen),
	}}}}, err
}

// walk turns steps (newest first) into arrivals. A rebase merge is several steps, which are judged as the one change they are.
func (g *Gatherer) walk(ctx context.Context, seen gitrepo.Hash, steps []gitrepo.Hash) ([]Arrival, error) {
	at := map[gitrepo.Hash]int{} // place in steps
	for i, h := range steps {
		at[h] = i
	}
	var out []Arrival
	base := seen
	for i := len(steps) - 1; i >= 0; i-- {
		a, err := g.arrival(base, steps[i])
		if err != nil {
			return nil, err
		}
		if !a.Grants() && !a.Configuration() && !a.Ends() {
			base = steps[i]
			continue
		}
		if a.Grants() || a.Configuration() {
			last, err := g.broughtBy(ctx, &a, steps, at, i)
			if err != nil {
				return nil, err
			}
			i = last
		}
		out = append(out, a)
		base = a.Tip
	}
	return out, nil
}

func (g *Gatherer) arrival(base, tip gitrepo.Hash) (Arrival, error) {
	change, err := g.Git.Diff(base, tip)
	if err != nil {
		return Arrival{}, fmt.Errorf("what commit %s changed: %w", tip, err)
	}
	return Arrival{Base: base, Tip: tip, Change: change}, nil
}

// broughtBy finds the one merged pull request that brought steps[i], extends the arrival to all its steps, and returns the place
// of its last one. None or several leave Pull nil, with the reason.
func (g *Gatherer) broughtBy(ctx context.Context, a *Arrival, steps []gitrepo.Hash, at map[gitrepo.Hash]int, i int) (int, error) {
	numbers, err := g.Forge.PullsOf(ctx, g.Repo, steps[i].String())
	if err != nil {
		return i, err
	}
	var found []github.Pull
	for _, n := range numbers {
		p, err := g.Forge.Pull(ctx, g.Repo, n)
		if err != nil {
			return i, err
		}
		j, onMain := at[gitrepo.NewHash(p.MergeCommit)]
		// steps run newest first: the merge commit must be this step or a later one, at most as many as the pull request has.
		if p.Merged && onMain && j <= i && i-j < max(1, p.Commits) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return i, nil
	case 1:
		return g.extend(a, &found[0], steps, at[gitrepo.NewHash(found[0].MergeCommit)])
	}
	a.Reasons = append(a.Reasons, checks.Reason{
		Text: fmt.Sprintf("commit %.12s belongs to %d pull requests, so whose approval counts is ambiguous", a.Tip, len(found)), Hint: "remove it, and ask again",
	})
	return i, nil
}

func (g *Gatherer) extend(a *Arrival, p *github.Pull, steps []gitrepo.Hash, last int) (int, error) {
	merge, err := g.Git.Commit(steps[last])
	if err != nil {
		return last, err
	}
	method := "squash"
	switch {
	case len(merge.Parents) > 1:
		method = "merge"
	case steps[last] != a.Tip:
		method = "rebase"
	}
	whole, err := g.arrival(a.Base, steps[last])
	if err != nil {
		return last, err
	}
	whole.Pull, whole.Method = p, method
	*a = whole
	return last, nil
}

// Merged gathers the facts of an arrival: as for an open pull request, but against main as it was just before, at the
// time of the merge, and with the proof that what was merged is what the branch held.
func (g *Gatherer) Merged(ctx context.Context, a Arrival, live LiveOf, unfit []checks.Reason) (checks.Facts, *Snapshot, error) {
	snap, err := g.Snapshot(a.Base)
	if err != nil {
		return checks.Facts{}, nil, err
	}
	f := checks.Facts{
		Configuration: snap.Configuration, Repository: g.Repo.String(), Guards: snap.guards(g.Repo.String()),
		Unjudgeable: append(append([]checks.Reason{}, unfit...), a.Reasons...),
	}
	if a.Pull == nil {
		return f, snap, g.request(&f, snap, a.Change)
	}
	f.Pull = pullFacts(*a.Pull)
	f.Now = a.Pull.MergedAt
	f.Pull.Merge.Method = a.Method
	head, err := g.fetchHead(ctx, *a.Pull)
	if err != nil {
		return f, snap, err
	}
	evil, err := g.evil(a, head)
	if err != nil {
		return f, snap, err
	}
	f.Unjudgeable = append(f.Unjudgeable, evil...)
	if err := g.proposedConfiguration(&f, snap, a.Tip, a.Change); err != nil {
		return f, snap, err
	}
	return f, snap, g.complete(ctx, &f, snap, *a.Pull, head, a.Change, live)
}

// evil finds what makes the merge another than the one that was reviewed: what check would say of the branch on this base, and
// every change of main that is none of the branch's own. That the branch holds the same bytes is not enough: a file that it
// merely kept, from a main that was older, was not shown to its reviewers.
func (g *Gatherer) evil(a Arrival, head gitrepo.Hash) ([]checks.Reason, error) {
	own, out, err := g.proposed(a.Base, head)
	if err != nil {
		return nil, err
	}
	for _, c := range a.Change {
		if !slices.ContainsFunc(own, func(o gitrepo.Change) bool { return o.Path == c.Path && sameEntry(o.After, c.After) }) {
			out = append(out, checks.Reason{
				Pos: grants.Pos{File: c.Path}, Text: fmt.Sprintf("the merge %.12s brought a change that is none of the branch's at %.12s", a.Tip, head),
				Hint: "remove it, and ask again",
			})
		}
	}
	return out, nil
}
