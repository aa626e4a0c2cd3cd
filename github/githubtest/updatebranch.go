package githubtest

import (
	"fmt"
	"net/http"
	"strconv"
)

// updateBranch merges the base into the head branch, as the button of that name does.
func (x *exchange) updateBranch() (reply, error) {
	const doc = "pulls/pulls#update-a-pull-request-branch"
	p, err := x.pullFor("write", readRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Expected string `json:"expected_head_sha"`
	}
	if err := x.decodeOptional(&ask); err != nil {
		return reply{}, err
	}
	if ask.Expected != "" && ask.Expected != p.head {
		return reply{}, invalid(doc, fieldError{Resource: "PullRequest", Code: "custom",
			Message: "expected head sha didn’t match current head ref."})
	}
	if !p.open() || p.headRepo == nil {
		return reply{}, forbidden("Pull request is closed or its branch is gone", doc)
	}
	if x.roleIn(x.who, p.headRepo) < writeRole {
		return reply{}, forbidden("Must have push access to the head branch.", doc)
	}
	if err := x.mergeBaseIntoHead(p, doc); err != nil {
		return reply{}, err
	}
	return reply{http.StatusAccepted, object{"message": "Updating pull request branch.",
		"url": x.root + "/repos/" + p.repo.fullName() + "/pulls/" + strconv.Itoa(p.number)}}, nil
}

func (x *exchange) mergeBaseIntoHead(p *pull, doc string) error {
	base := p.repo.branch(p.baseRef)
	g := x.git(p.repo)
	current, err := g.isAncestor(base, p.head)
	if err != nil {
		return err
	}
	if current {
		return invalid(doc, fieldError{Resource: "PullRequest", Code: "custom", Message: "There are no new commits on the base branch."})
	}
	tree, conflict, err := g.mergeTree(p.head, base)
	if err != nil {
		return err
	}
	if conflict {
		return invalid(doc, fieldError{Resource: "PullRequest", Code: "custom", Message: "merge conflict between base and head"})
	}
	at := x.tick()
	text := fmt.Sprintf("Merge branch '%s' into %s", p.baseRef, p.headRef)
	sha, err := g.as(personOf(x.who.account, at), webFlow(at)).commitTree(tree, text, p.head, base)
	if err != nil {
		return err
	}
	if err := x.bring(p.headRepo, p.repo, sha); err != nil {
		return err
	}
	if err := x.updateRef(p.headRepo, x.who.account, "refs/heads/"+p.headRef, sha, ""); err != nil {
		return err
	}
	x.moveReviews(p)
	return nil
}

// SetReviewsOnUpdate changes Options.ReviewsOnUpdate from here on.
func (s *Server) SetReviewsOnUpdate(does ReviewsOnUpdate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.ReviewsOnUpdate = does
}

func (s *Server) moveReviews(p *pull) {
	for _, v := range p.reviews {
		switch s.opt.ReviewsOnUpdate {
		case MoveReviewCommits:
			v.commit = p.head
		case NullReviewCommits:
			v.commit = ""
		}
	}
}
