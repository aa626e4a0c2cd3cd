package requests

import (
	"context"
	"errors"
	"fmt"
	"sort"

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
	// Unknown is why the forge did not say what brought the arrival. It can be asked again; until then nobody can judge.
	Unknown error
	// Later: the forge was not asked what brought the arrival.
	Later bool
}

// Asking says for which arrivals the forge is asked what brought them.
type Asking struct {
	Known func(tip gitrepo.Hash) bool // judged already
	More  func() bool                 // asked before each of the others; from the first no on they are left for later
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
// parents swapped) is, up to that merge, one arrival that no pull request brought.
func (g *Gatherer) Arrivals(ctx context.Context, seen, tip gitrepo.Hash, ask Asking) ([]Arrival, error) {
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
		return g.swapped(ctx, seen, tip, ask)
	}
	if err != nil {
		return nil, err
	}
	return g.walk(ctx, seen, steps, ask)
}

// swapped is the way to the tip where main does not pass what was last seen by first parents. The merge that brought it back behind
// main, and all before that, is one arrival; what came after the merge came as it always does.
func (g *Gatherer) swapped(ctx context.Context, seen, tip gitrepo.Hash, ask Asking) ([]Arrival, error) {
	line, err := g.LineSince(seen, tip)
	if err != nil || len(line) == 0 {
		return nil, err
	}
	last := len(line) - 1
	merge := line[last]
	change, err := g.Git.Diff(seen, merge)
	if err != nil {
		return nil, err
	}
	rest, err := g.walk(ctx, merge, line[:last], ask)
	return append([]Arrival{{Base: seen, Tip: merge, Change: change, Reasons: []checks.Reason{{
		Text: fmt.Sprintf("main reached %.12s without passing %.12s by first parents: a merge with its parents swapped was pushed", merge, seen),
	}}}}, rest...), err
}

// LineSince lists the commits on the tip's line of first parents that have another commit in their history, newest first, but for that
// commit itself.
func (g *Gatherer) LineSince(seen, tip gitrepo.Hash) ([]gitrepo.Hash, error) {
	line, err := g.Git.FirstParents(tip, gitrepo.Hash{}, 0)
	if err != nil {
		return nil, err
	}
	after := sort.Search(len(line), func(i int) bool { // those that have it come first
		behind, failed := g.Git.IsAncestor(seen, line[i])
		if !errors.Is(failed, gitrepo.ErrNoObject) { // what is nowhere is behind nothing
			err = errors.Join(err, failed)
		}
		return !behind || line[i] == seen
	})
	return line[:after], err
}

// walk turns steps (newest first) into arrivals. A rebase merge is several steps, which are judged as the one change they are.
func (g *Gatherer) walk(ctx context.Context, seen gitrepo.Hash, steps []gitrepo.Hash, ask Asking) ([]Arrival, error) {
	w := walker{Gatherer: g, ask: ask, seen: seen, steps: steps, at: map[gitrepo.Hash]int{}, pulls: map[int]github.Pull{}, merged: map[int]bool{}}
	for i, h := range steps {
		w.at[h] = i
	}
	var out []Arrival
	base := seen
	for i := len(steps) - 1; i >= 0; i-- {
		a, last, err := w.next(ctx, base, i)
		if err != nil {
			return nil, err
		}
		if a.Grants() || a.Configuration() || a.Ends() {
			out = append(out, a)
		}
		base, i = a.Tip, last
	}
	return out, nil
}

// walker is one walk over the first parents of main.
type walker struct {
	*Gatherer
	ask    Asking
	over   bool // nothing more is asked
	seen   gitrepo.Hash
	steps  []gitrepo.Hash       // newest first, since seen
	at     map[gitrepo.Hash]int // place in steps
	pulls  map[int]github.Pull  // asked for already
	merged map[int]bool         // steps for which the forge names a merged pull request, whether it fits or not
	record []github.Push        // the forge's, of main, its newest part; nil: not asked for
}

// next is the arrival that begins with steps[i], and the place of its last step.
func (w *walker) next(ctx context.Context, base gitrepo.Hash, i int) (Arrival, int, error) {
	a, err := w.arrival(base, w.steps[i])
	if err != nil && i > 0 && unreadable(err) {
		return w.past(ctx, base, i, err)
	}
	if err != nil || !a.Grants() && !a.Configuration() {
		return a, i, err
	}
	if w.ask.Known(a.Tip) {
		return a, i, nil
	}
	if w.over = w.over || !w.ask.More(); w.over {
		a.Later = true
		return a, i, nil
	}
	whole, last, err := w.broughtBy(ctx, a, i)
	switch {
	case err == nil:
		return whole, last, nil
	case unreadable(err):
		a.Reasons = append(a.Reasons, checks.Reason{Text: fmt.Sprintf("what commit %.12s came with cannot be read: %v", a.Tip, err), Hint: "remove it, and ask again"})
	default:
		a.Unknown = err
	}
	return a, i, nil
}

// past joins a step whose trees cannot be read to the next that can: what the two changed together came with no pull request.
// Whoever mends main is so not held to what it was; while its tip cannot be read there is nothing to judge.
func (w *walker) past(ctx context.Context, base gitrepo.Hash, i int, why error) (Arrival, int, error) {
	a, last, err := w.next(ctx, base, i-1)
	a.Pull, a.Method, a.Unknown = nil, "", nil
	a.Reasons = append(a.Reasons, checks.Reason{
		Text: fmt.Sprintf("commit %.12s, on the way to %.12s, cannot be read: %v", w.steps[i], a.Tip, why), Hint: "remove what it brought, and ask again",
	})
	return a, last, err
}

// unreadable says whether a commit or its trees are such that no reader will ever take them, however often it tries.
func unreadable(err error) bool {
	return errors.Is(err, gitrepo.ErrMalformed) || errors.Is(err, gitrepo.ErrLimit)
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
func (w *walker) broughtBy(ctx context.Context, a Arrival, i int) (Arrival, int, error) {
	found, err := w.behind(ctx, i)
	if err != nil {
		return a, i, err
	}
	if len(found) == 0 {
		return a, i, w.late(ctx, i)
	}
	if len(found) > 1 {
		a.Reasons = append(a.Reasons, checks.Reason{
			Text: fmt.Sprintf("commit %.12s belongs to %d pull requests, so whose approval counts is ambiguous", a.Tip, len(found)), Hint: "remove it, and ask again",
		})
		return a, i, nil
	}
	p := found[0]
	last := w.at[gitrepo.NewHash(p.MergeCommit)]
	if ok, err := w.oneRebase(ctx, p, i, last); err != nil || !ok {
		a.Reasons = append(a.Reasons, checks.Reason{
			Text: fmt.Sprintf("commit %.12s reached main apart from the merge of pull request %d", a.Tip, p.Number), Hint: "remove it, and ask again",
		})
		return a, i, err
	}
	if a.Base, err = w.before(ctx, a.Base, p, i, last); err != nil {
		return a, i, err
	}
	return w.extend(a, p, last)
}

// behind lists the merged pull requests that may have brought steps[i].
func (w *walker) behind(ctx context.Context, i int) ([]github.Pull, error) {
	numbers, err := w.Forge.PullsOf(ctx, w.Repo, w.steps[i].String())
	if err != nil {
		return nil, err
	}
	var found []github.Pull
	for _, n := range numbers {
		p, known := w.pulls[n]
		if !known {
			if p, err = w.Forge.Pull(ctx, w.Repo, n); err != nil {
				return nil, err
			}
			w.pulls[n] = p
		}
		w.merged[i] = w.merged[i] || p.Merged
		j, onMain := w.at[gitrepo.NewHash(p.MergeCommit)]
		// steps run newest first: the merge commit must be this step or a later one, at most as many as the pull request has.
		if p.Merged && onMain && j <= i && i-j < max(1, p.Commits) {
			found = append(found, p)
		}
	}
	return found, nil
}

// oneRebase says whether everything from steps[i] to the merge commit is the pull request's own, commit upon commit. A commit
// of somebody else's between them, such as one that ends a grant, must not be swallowed by the sum of all.
func (w *walker) oneRebase(ctx context.Context, p github.Pull, i, last int) (bool, error) {
	if i == last {
		return true, nil
	}
	for k := i; k >= last; k-- {
		c, err := w.Git.Commit(w.steps[k])
		if err != nil || len(c.Parents) != 1 {
			return false, err
		}
		found, err := w.behind(ctx, k)
		if err != nil || len(found) != 1 || found[0].Number != p.Number {
			return false, err
		}
	}
	return true, nil
}

// before is main before the pull request whose change of grants or configuration begins at steps[i]. A rebase may have brought
// commits of the same pull request earlier that change neither; they belong to what was asked for.
func (w *walker) before(ctx context.Context, base gitrepo.Hash, p github.Pull, i, last int) (gitrepo.Hash, error) {
	for k := i + 1; k < len(w.steps) && k-last < p.Commits; k++ {
		if ok, err := w.oneRebase(ctx, p, k, last); err != nil || !ok {
			return base, err
		}
		if base = w.seen; k+1 < len(w.steps) {
			base = w.steps[k+1]
		}
	}
	return base, nil
}

func (w *walker) extend(a Arrival, p github.Pull, last int) (Arrival, int, error) {
	merge, err := w.Git.Commit(w.steps[last])
	if err != nil {
		return a, last, err
	}
	method := "squash"
	switch {
	case len(merge.Parents) > 1:
		method = "merge"
	case w.steps[last] != a.Tip:
		method = "rebase"
	}
	whole, err := w.arrival(a.Base, w.steps[last])
	whole.Pull, whole.Method = &p, method
	return whole, last, err
}
