package githubtest

import (
	"strconv"
	"time"
)

// bring copies a commit of a fork into the repository; forks share their objects on GitHub.
func (s *Server) bring(to, from *repo, sha string) error {
	if from == to || from == nil {
		return nil
	}
	_, err := s.git(to).run("fetch", "-q", "--no-tags", "--no-write-fetch-head", from.dir, sha)
	return err
}

// setHead makes a commit the head of an open pull request.
func (s *Server) setHead(p *pull, sha string, at time.Time) error {
	if err := s.bring(p.repo, p.headRepo, sha); err != nil {
		return err
	}
	if _, err := s.git(p.repo).run("update-ref", "refs/pull/"+strconv.Itoa(p.number)+"/head", sha); err != nil {
		return err
	}
	moved := p.head != "" && p.head != sha
	p.head, p.updated = sha, at
	p.baseSHA = p.repo.branch(p.baseRef)
	if !moved {
		return nil
	}
	if rules := p.repo.protections[p.baseRef]; rules != nil && rules.DismissStale {
		p.dismissApprovals()
	}
	// A head without commits of its own closes the pull request.
	empty, err := s.git(p.repo).isAncestor(sha, p.baseSHA)
	if err == nil && empty {
		p.close(at)
	}
	return err
}

func (p *pull) dismissApprovals() {
	for _, v := range p.reviews {
		if v.state == "APPROVED" {
			v.state = "DISMISSED"
		}
	}
}

// SetMergeableAfter changes Options.MergeableAfter from here on.
func (s *Server) SetMergeableAfter(reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.MergeableAfter = reads
}

// refreshMerge makes the test merge of an open pull request, if its head or base moved since the last.
func (s *Server) refreshMerge(p *pull) error {
	base := p.repo.branch(p.baseRef)
	key := base + " " + p.head
	if !p.open() || p.past || base == "" || p.mergeKey == key {
		return nil
	}
	g := s.git(p.repo)
	tree, conflict, err := g.mergeTree(base, p.head)
	if err != nil {
		s.logf("githubtest: test merge of %s#%d: %v", p.repo.fullName(), p.number, err)
	}
	p.mergeKey, p.mergeable, p.unknown = key, !conflict && err == nil, max(0, s.opt.MergeableAfter)
	if !p.mergeable { // malformed trees cannot be merged either
		return nil
	}
	at := s.now()
	merge, err := g.as(webFlow(at), webFlow(at)).commitTree(tree, "Merge "+p.head+" into "+base, base, p.head)
	if err != nil {
		return err
	}
	p.mergeCommit = merge
	_, err = g.run("update-ref", "refs/pull/"+strconv.Itoa(p.number)+"/merge", merge)
	return err
}

// reopen opens a closed pull request again, unless it was merged or its branch is gone.
func (x *exchange) reopen(p *pull, at time.Time) error {
	const doc = "pulls/pulls#update-a-pull-request"
	if p.merged != nil {
		return invalid(doc, fieldError{Resource: "PullRequest", Code: "custom", Field: "state", Message: "state cannot be changed. The pull request was merged."})
	}
	if p.headRepo == nil || p.headRepo.branch(p.headRef) == "" {
		return invalid(doc, fieldError{Resource: "PullRequest", Code: "custom", Field: "state",
			Message: "state cannot be changed. The " + p.headRef + " branch has been deleted."})
	}
	p.state, p.closed = "open", nil
	return x.setHead(p, p.headRepo.branch(p.headRef), at)
}
