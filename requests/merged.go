package requests

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
)

// Merged gathers the facts of an arrival: as for an open pull request, but against main as it was just before, at the
// time of the merge whatever at says, and with the proof that what was merged is what the branch held.
func (g *Gatherer) Merged(ctx context.Context, a Arrival, at Instant, unfit []checks.Reason) (checks.Facts, *Snapshot, error) {
	snap, err := g.Snapshot(a.Base)
	if err != nil {
		return checks.Facts{}, nil, err
	}
	f := checks.Facts{ // Now for what came without a pull request
		Now: at.Now, Configuration: snap.Configuration, Repository: g.Repo.String(), Guards: g.guards(snap, g.Repo.String(), nil),
		Unjudgeable: append(append([]checks.Reason{}, unfit...), a.Reasons...), Held: at.Held,
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
	return f, snap, g.complete(ctx, &f, snap, *a.Pull, head, a.Change, at.Live)
}

// evil finds what makes the merge another than the one that was reviewed: what check would say of the branch on this base, every
// change of main that is none of the branch's own, and every one of those that main did not get. That the branch holds the same
// bytes is not enough: a file that it merely kept, from a main that was older, was not shown to its reviewers. Nor is a part of
// what they approved: one grant may have been approved because another was to end.
func (g *Gatherer) evil(a Arrival, head gitrepo.Hash) ([]checks.Reason, error) {
	own, out, err := g.proposed(a.Base, head)
	if err != nil {
		return nil, err
	}
	for _, c := range without(a.Change, own) {
		out = append(out, checks.Reason{
			Pos: grants.Pos{File: c.Path}, Text: fmt.Sprintf("the merge %.12s brought a change that is none of the branch's at %.12s", a.Tip, head),
			Hint: "remove it, and ask again",
		})
	}
	for _, c := range without(own, a.Change) {
		out = append(out, checks.Reason{
			Pos: grants.Pos{File: c.Path}, Text: fmt.Sprintf("the merge %.12s left out what the branch changed here at %.12s", a.Tip, head),
			Hint: "remove the rest, and ask again",
		})
	}
	return out, nil
}

// without lists the changes that have no equal among the others.
func without(changes, others []gitrepo.Change) []gitrepo.Change {
	after := map[string]*gitrepo.Entry{}
	for _, o := range others {
		after[o.Path] = o.After
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c gitrepo.Change) bool {
		other, both := after[c.Path]
		return both && sameEntry(other, c.After)
	})
}
