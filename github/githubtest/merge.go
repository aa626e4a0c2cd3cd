package githubtest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (x *exchange) mergePull() (reply, error) {
	p, err := x.pullFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	if err := x.need(p.repo, "contents", "write", writeRole); err != nil {
		return reply{}, err
	}
	ask := struct {
		Method  string  `json:"merge_method"`
		SHA     string  `json:"sha"`
		Title   *string `json:"commit_title"`
		Message *string `json:"commit_message"`
	}{Method: "merge"}
	if err := x.decodeOptional(&ask); err != nil {
		return reply{}, err
	}
	if err := x.mayMerge(p, ask.Method, ask.SHA); err != nil {
		return reply{}, err
	}
	m := x.messageFor(p, ask.Method)
	set(&m.title, ask.Title)
	set(&m.body, ask.Message)
	sha, err := x.merge(p, ask.Method, m)
	if err != nil {
		return reply{}, err
	}
	return ok(object{"sha": sha, "merged": true, "message": "Pull Request successfully merged"})
}

const mergeDoc = "pulls/pulls#merge-a-pull-request"

func notMergeable(message string) error {
	return &apiError{status: http.StatusMethodNotAllowed, message: message, doc: mergeDoc}
}

// mayMerge asks everything that GitHub asks before it merges.
func (x *exchange) mayMerge(p *pull, method, sha string) error {
	if method != "merge" && method != "squash" && method != "rebase" {
		return invalid(mergeDoc, fieldError{Resource: "PullRequest", Code: "invalid", Field: "merge_method"})
	}
	if err := x.refreshMerge(p); err != nil {
		return err
	}
	switch {
	case !p.open(), !p.mergeable:
		return notMergeable("Pull Request is not mergeable")
	case p.draft:
		return notMergeable("Pull Request is still a draft")
	case sha != "" && sha != p.head:
		return &apiError{status: http.StatusConflict, message: "Head branch was modified. Review and try the merge again.", doc: mergeDoc}
	case !p.repo.methods[method]:
		name := map[string]string{"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}[method]
		return notMergeable(name + " are not allowed on this repository.")
	}
	if rules := p.repo.protections[p.baseRef]; rules != nil && !x.bypasses(x.who, p.repo, rules) {
		if blocked := x.blockedBy(p, rules); blocked != "" {
			return notMergeable(blocked)
		}
	}
	if blocked := x.rulesetMerge(p); blocked != "" {
		return notMergeable(blocked)
	}
	return nil
}

type mergeMessage struct{ title, body string }

func (m mergeMessage) text() string {
	if m.body == "" {
		return m.title + "\n"
	}
	return m.title + "\n\n" + m.body + "\n"
}

func (x *exchange) messageFor(p *pull, method string) mergeMessage {
	if method == "squash" {
		return mergeMessage{title: fmt.Sprintf("%s (#%d)", p.title, p.number)}
	}
	return mergeMessage{fmt.Sprintf("Merge pull request #%d from %s/%s", p.number, p.headOwner.login, p.headRef), p.title}
}

// merge brings the pull request into its base branch and returns the last commit it made there.
func (s *Server) mergeInto(p *pull, by *account, method string, m mergeMessage) (string, error) {
	base := p.repo.branch(p.baseRef)
	at := s.tick()
	sha, err := s.mergeCommitFor(p, by, method, base, m, at)
	if err != nil {
		return "", err
	}
	s.markMerged(p, by, sha, base, at)
	if method == "rebase" {
		if p.rebased, err = s.git(p.repo).lines("rev-list", base+".."+sha); err != nil {
			return "", err
		}
	}
	if err := s.updateRef(p.repo, by, "refs/heads/"+p.baseRef, sha, "pr_merge"); err != nil {
		return "", err
	}
	if p.repo.deleteBranch && p.headRepo == p.repo && p.headRef != p.repo.defaultBranch {
		return sha, s.updateRef(p.repo, by, "refs/heads/"+p.headRef, "", "")
	}
	return sha, nil
}

func (x *exchange) merge(p *pull, method string, m mergeMessage) (string, error) {
	return x.mergeInto(p, x.who.account, method, m)
}

func (s *Server) markMerged(p *pull, by *account, sha, base string, at time.Time) {
	s.rememberUnmerged(p, base)
	p.close(at)
	p.merged, p.mergedBy, p.mergeCommit, p.mergedBase = &at, by, sha, base
}

// mergeCommitFor writes the commits of one method on top of base; the first parent is always the base.
func (s *Server) mergeCommitFor(p *pull, by *account, method, base string, m mergeMessage, at time.Time) (string, error) {
	if method == "rebase" {
		return s.rebase(p, by, base, at)
	}
	g := s.git(p.repo)
	tree, conflict, err := g.mergeTree(base, p.head)
	if err != nil {
		return "", err
	}
	if conflict {
		return "", notMergeable("Pull Request is not mergeable")
	}
	author, parents := personOf(by, at), []string{base, p.head}
	if method == "squash" {
		author, parents = personOf(p.author, at), []string{base}
	}
	return g.as(author, webFlow(at)).commitTree(tree, m.text(), parents...)
}

func personOf(a *account, at time.Time) person {
	if a == nil {
		return webFlow(at)
	}
	return person{a.displayName(), a.address(), at}
}

// rebase writes the pull request's own commits again on top of base: same author, message and change, new committer.
// Merges among them are left out, as git rebase does.
func (s *Server) rebase(p *pull, by *account, base string, at time.Time) (string, error) {
	shas, err := s.commitsOf(p)
	if err != nil {
		return "", err
	}
	list, err := s.commits(p.repo, shas)
	if err != nil {
		return "", err
	}
	tip := base
	for _, c := range list {
		if len(c.parents) > 1 {
			continue
		}
		if tip, err = s.pick(p.repo, c, tip, personOf(by, at)); err != nil {
			return "", err
		}
	}
	if tip == base {
		return "", notMergeable("Pull Request is not mergeable")
	}
	return tip, nil
}

// pick applies one commit's change to another. git merge-tree of this version finds the merge base itself, so the three
// trees are wrapped in commits that have it.
func (s *Server) pick(r *repo, c commit, onto string, committer person) (string, error) {
	g := s.git(r)
	from := emptyTree
	if len(c.parents) == 1 {
		from = c.parents[0] + "^{tree}"
	} else if _, err := g.input(strings.NewReader("")).run("hash-object", "-t", "tree", "-w", "--stdin"); err != nil {
		return "", err
	}
	before, err := g.commitTree(from, "before")
	if err != nil {
		return "", err
	}
	ours, err := g.commitTree(onto+"^{tree}", "ours", before)
	if err != nil {
		return "", err
	}
	theirs, err := g.commitTree(c.tree, "theirs", before)
	if err != nil {
		return "", err
	}
	tree, conflict, err := g.mergeTree(ours, theirs)
	if err != nil {
		return "", err
	}
	if conflict {
		return "", notMergeable("This branch can't be rebased")
	}
	return g.as(c.author, committer).commitTree(tree, c.message, onto)
}

// mergedIndirectly marks the open pull requests whose head a push has brought to their base branch.
func (s *Server) mergedIndirectly(r *repo, branch string, by *account, m refMove) error {
	if m.to == "" || m.from == "" {
		return nil
	}
	for _, p := range r.pulls {
		if !p.open() || p.baseRef != branch {
			continue
		}
		inside, err := s.git(r).isAncestor(p.head, m.to)
		if err != nil {
			return err
		}
		if !inside {
			continue
		}
		sha, err := s.broughtBy(r, p.head, m)
		if err != nil {
			return err
		}
		s.markMerged(p, by, sha, m.from, s.last)
	}
	return nil
}

// broughtBy is the first commit along the branch that holds the head.
func (s *Server) broughtBy(r *repo, head string, m refMove) (string, error) {
	g := s.git(r)
	path, err := g.lines("rev-list", "--first-parent", "--reverse", m.to, "^"+m.from)
	if err != nil {
		return "", err
	}
	for _, sha := range path {
		inside, err := g.isAncestor(head, sha)
		if err != nil {
			return "", err
		}
		if inside {
			return sha, nil
		}
	}
	return m.to, nil
}

// checkMerged answers 204 for a merged pull request and 404 for any other.
func (x *exchange) checkMerged() (reply, error) {
	p, err := x.pullFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	if p.merged == nil {
		return reply{}, notFound("pulls/pulls#check-if-a-pull-request-has-been-merged")
	}
	return noContent()
}
