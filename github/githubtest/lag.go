package githubtest

import "net/http"

// lag is how a pull request looked just before it was merged, for the requests that do not know of the merge yet: GitHub's
// reads may come from a copy that is behind, or from an index that is made later.
type lag struct {
	before *pull
	reads  int // requests that are still to be shown it
}

// SetReadLag makes each pull request that is merged from here on look unmerged to the next n requests about it: to those for
// the pull request itself, for lists of pull requests, for those of a commit, and for the activity of its base branch, which ends
// before the merge. git, and every request that changes something, are never behind. With 0 all reads catch up at once.
func (s *Server) SetReadLag(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readLag = n
	if n > 0 {
		return
	}
	for _, r := range s.repos {
		for _, p := range r.pulls {
			p.lag = nil
		}
	}
}

// rememberUnmerged is called just before a pull request is marked as merged into base.
func (s *Server) rememberUnmerged(p *pull, base string) {
	if s.readLag <= 0 {
		return
	}
	past, about := *p, *p.issue
	past.issue, past.past, past.mergedBase = &about, true, base
	p.lag = &lag{&past, s.readLag}
}

// seen is the pull request as this request sees it.
func (x *exchange) seen(p *pull) *pull {
	reads := x.r.Method == http.MethodGet || x.r.URL.Path == "/graphql"
	if p.lag == nil || !reads {
		return p
	}
	if !x.behind[p] {
		if p.lag.reads == 0 {
			p.lag = nil
			return p
		}
		p.lag.reads--
		if x.behind == nil {
			x.behind = map[*pull]bool{}
		}
		x.behind[p] = true
	}
	return p.lag.before
}

// unseen says whether an entry of the activity is of a merge that this request does not see.
func (x *exchange) unseen(r *repo, a *activity) bool {
	for _, p := range r.pulls {
		if p.merged != nil && p.mergeCommit == a.after && x.seen(p) != p {
			return true
		}
	}
	return false
}
