package gitrepo

import (
	"fmt"
	"slices"
)

// FirstParents lists the first-parent chain from tip back to stop, which it leaves out; newest first. A zero stop asks for the chain to the
// root. If stop is not on the chain, as after a force-push or a foxtrot merge, the error is ErrNotAncestor; if the list would
// have more than limit commits, ErrLimit (0: no limit).
func (r *Repo) FirstParents(tip, stop Hash, limit int) ([]Hash, error) {
	var chain []Hash
	for h := tip; h != stop; {
		if limit > 0 && len(chain) == limit {
			return nil, fmt.Errorf("first parents from %s to %s: %w (%d commits)", tip, stop, ErrLimit, limit)
		}
		parents, err := r.links(h)
		if err != nil {
			return nil, fmt.Errorf("first parents from %s: %w", tip, err)
		}
		chain = append(chain, h)
		if len(parents) == 0 {
			if stop.IsZero() {
				break
			}
			return nil, fmt.Errorf("%s is %w of %s", stop, ErrNotAncestor, tip)
		}
		h = parents[0]
	}
	return chain, nil
}

// IsAncestor tells whether a can be reached from b. A commit is its own ancestor. Dates play no part: anyone can set them.
func (r *Repo) IsAncestor(a, b Hash) (bool, error) {
	found := false
	err := r.walk([]Hash{b}, func(h Hash) (more bool) {
		found = found || h == a
		return !found
	})
	return found, err
}

// walk visits each commit that can be reached from those given once, until visit wants no more.
func (r *Repo) walk(from []Hash, visit func(Hash) (more bool)) error {
	seen := map[Hash]bool{}
	for queue := slices.Clone(from); len(queue) > 0; {
		h := queue[0]
		queue = queue[1:]
		if seen[h] {
			continue
		}
		seen[h] = true
		if !visit(h) {
			return nil
		}
		parents, err := r.links(h)
		if err != nil {
			return err
		}
		queue = append(queue, parents...)
	}
	return nil
}

func (r *Repo) ancestors(of ...Hash) (map[Hash]bool, error) {
	all := map[Hash]bool{}
	err := r.walk(of, func(h Hash) bool {
		all[h] = true
		return true
	})
	return all, err
}

// MergeBase lists the best common ancestors of a and b: those that are no ancestor of another common one. There are none if the
// histories have nothing in common, and can be several. Sorted by name.
func (r *Repo) MergeBase(a, b Hash) ([]Hash, error) {
	common, err := r.ancestors(a)
	if err != nil {
		return nil, err
	}
	other, err := r.ancestors(b)
	if err != nil {
		return nil, err
	}
	// Whatever can be reached from a common ancestor is one too, so a parent of one is never among the best.
	worse := map[Hash]bool{}
	for h := range common {
		if !other[h] {
			delete(common, h)
			continue
		}
		parents, err := r.links(h)
		if err != nil {
			return nil, err
		}
		for _, parent := range parents {
			worse[parent] = true
		}
	}
	var best []Hash
	for h := range common {
		if !worse[h] {
			best = append(best, h)
		}
	}
	slices.SortFunc(best, func(a, b Hash) int { return slices.Compare(a[:], b[:]) })
	return best, nil
}

// Between lists the commits that can be reached from head and not from base, each before its parents. A zero base is none. More
// than limit commits are ErrLimit (0: no limit).
func (r *Repo) Between(base, head Hash, limit int) ([]Hash, error) {
	known := map[Hash]bool{}
	if !base.IsZero() {
		var err error
		if known, err = r.ancestors(base); err != nil {
			return nil, err
		}
	}
	return r.upTo(known, head, limit)
}

// upTo lists the commits from head back to those done, which it leaves out, each before its parents. It adds them to done.
func (r *Repo) upTo(done map[Hash]bool, head Hash, limit int) ([]Hash, error) {
	var order []Hash // parents first
	stack := []Hash{head}
	open := map[Hash]bool{} // on the stack, with its parents above it
	for len(stack) > 0 {
		h := stack[len(stack)-1]
		if done[h] || open[h] {
			stack = stack[:len(stack)-1]
			if !done[h] {
				done[h] = true
				order = append(order, h)
			}
			continue
		}
		if limit > 0 && len(open) == limit {
			return nil, fmt.Errorf("commits up to %s: %w (%d commits)", head, ErrLimit, limit)
		}
		open[h] = true
		parents, err := r.links(h)
		if err != nil {
			return nil, err
		}
		for _, parent := range slices.Backward(parents) {
			if !open[parent] {
				stack = append(stack, parent)
			}
		}
	}
	slices.Reverse(order)
	return order, nil
}
