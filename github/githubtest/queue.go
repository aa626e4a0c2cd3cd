package githubtest

import (
	"fmt"
	"slices"
)

// MergeQueue merges pull requests as one group of a merge queue does: a merge commit for each, stacked in order, and the
// base branch moved once, by the queue's own account. Each pull request's merge commit is its own.
func (s *Server) MergeQueue(fullName string, numbers ...int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	by := s.accounts[queueBotID]
	var group []*pull
	for _, n := range numbers {
		p := r.pulls[n]
		if p == nil || !p.open() || slices.Contains(group, p) || (len(group) > 0 && p.baseRef != group[0].baseRef) {
			return fmt.Errorf("githubtest: merge queue of %s: #%d is not an open pull request of the same base", fullName, n)
		}
		group = append(group, p)
	}
	if group == nil {
		return nil
	}
	type merged struct{ sha, base string }
	tip, made := r.branch(group[0].baseRef), []merged{}
	for _, p := range group {
		x := &exchange{Server: s}
		sha, err := s.mergeCommitFor(p, by, "merge", tip, x.messageFor(p, "merge"), s.tick())
		if err != nil {
			return fmt.Errorf("githubtest: merge queue of %s: #%d: %w", fullName, p.number, err)
		}
		made = append(made, merged{sha, tip})
		tip = sha
	}
	at := s.tick()
	for i, p := range group {
		s.markMerged(p, by, made[i].sha, made[i].base, at)
	}
	return s.updateRef(r, by, "refs/heads/"+group[0].baseRef, tip, "merge_queue_merge")
}
