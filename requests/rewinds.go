package requests

import (
	"context"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/gitrepo"
)

// Rewinds are where a branch was, by the forge's own record, before somebody moved it other than forward or deleted it; oldest first.
func (g *Gatherer) Rewinds(ctx context.Context, branch string) ([]gitrepo.Hash, error) {
	pushes, err := g.Forge.Rewinds(ctx, g.Repo, branch)
	var out []gitrepo.Hash
	for _, p := range pushes {
		out = append(out, gitrepo.NewHash(p.Before))
	}
	return out, err
}

// Push is one movement of a branch, by the forge's own record. A zero commit is none: the branch was made or deleted.
type Push struct {
	ID            int64
	Before, After gitrepo.Hash
}

// Tips are the commits that the branch was at. The one before is that of the push before it, unless the record has a gap.
func (p Push) Tips(before bool) []gitrepo.Hash {
	var tips []gitrepo.Hash
	if before && !p.Before.IsZero() {
		tips = append(tips, p.Before)
	}
	if !p.After.IsZero() {
		tips = append(tips, p.After)
	}
	return tips
}

// PushesSince are the movements of a branch after the push with that id, oldest first; with 0 all that there ever were.
func (g *Gatherer) PushesSince(ctx context.Context, branch string, id int64) ([]Push, error) {
	list, err := g.Forge.PushesSince(ctx, g.Repo, branch, id)
	return pushes(list), err
}

// NewestPushes are the last movements of a branch, oldest first.
func (g *Gatherer) NewestPushes(ctx context.Context, branch string) ([]Push, error) {
	list, _, err := g.Forge.NewestPushes(ctx, g.Repo, branch)
	return pushes(list), err
}

func pushes(list []github.Push) []Push {
	var out []Push
	for _, p := range list {
		out = append(out, Push{ID: p.ID, Before: gitrepo.NewHash(p.Before), After: gitrepo.NewHash(p.After)})
	}
	return out
}

// Lost is what a commit that main was at has otherwise than main, as if it came after it. One that no reader will ever take has that
// in Unknown.
func (g *Gatherer) Lost(ctx context.Context, main, tip gitrepo.Hash) (Arrival, error) {
	if err := g.Git.FetchHash(ctx, tip); err != nil {
		return Arrival{}, err
	}
	a, err := g.arrival(main, tip)
	if err == nil {
		_, err = g.Snapshot(tip)
	}
	if err != nil && unreadable(err) {
		return Arrival{Base: main, Tip: tip, Unknown: err}, nil
	}
	return a, err
}
