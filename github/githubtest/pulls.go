package githubtest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pull is a pull request. While it is open its head follows the head branch; baseSHA is where the base branch stood when
// the head or the base was last set, as GitHub shows it, not where the base branch stands now.
type pull struct {
	*issue
	draft     bool
	headRepo  *repo // nil: deleted
	headOwner *account
	headRef   string
	head      string
	baseRef   string
	baseSHA   string

	merged      *time.Time
	mergedBy    *account
	mergeCommit string   // of the merge, or the test merge while open
	mergedBase  string   // where the base branch stood just before the merge
	rebased     []string // the commits that a rebase made of the pull request's own
	mergeKey    string   // base and head that the test merge was made of
	mergeable   bool
	unknown     int // reads for which mergeable is still null
	lag         *lag
	past        bool // this is a picture of what was, not the pull request

	reviews       []*review
	reviewers     []*account
	reviewerTeams []*team
	diffKey       string
	diff          pullDiff
}

func (p *pull) headLabel() string { return p.headOwner.login + ":" + p.headRef }

func (x *exchange) pullFor(level string, min role) (*pull, error) {
	r, err := x.repoFor("pull_requests", level, min)
	if err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(x.path("number"))
	if p := r.pulls[n]; p != nil {
		return x.seen(p), nil
	}
	return nil, notFound("pulls/pulls#get-a-pull-request")
}

func (x *exchange) getPull() (reply, error) {
	p, err := x.pullFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	body, err := x.fullPull(p)
	p.unknown = max(0, p.unknown-1)
	return reply{http.StatusOK, body}, err
}

func (x *exchange) listPulls() (reply, error) {
	r, err := x.repoFor("pull_requests", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	want := x.query("state")
	if want == "" {
		want = "open"
	}
	var list []*pull
	for _, p := range r.pulls {
		p = x.seen(p)
		head := x.query("head")
		switch {
		case want != "all" && p.state != want, x.query("base") != "" && p.baseRef != x.query("base"):
		case strings.Contains(head, ":") && !strings.EqualFold(head, p.headLabel()):
		default:
			list = append(list, p)
		}
	}
	x.sortPulls(list)
	from, to := x.pageOf(len(list))
	return x.pullsJSON(list[from:to])
}

func (x *exchange) sortPulls(list []*pull) {
	key := func(p *pull) time.Time { return p.created }
	if x.query("sort") == "updated" {
		key = func(p *pull) time.Time { return p.updated }
	}
	descending := x.query("direction") == "desc" || (x.query("direction") == "" && (x.query("sort") == "" || x.query("sort") == "created"))
	slices.SortFunc(list, func(a, b *pull) int {
		order := cmp.Or(key(a).Compare(key(b)), cmp.Compare(a.number, b.number))
		if descending {
			return -order
		}
		return order
	})
}

func (x *exchange) pullsJSON(list []*pull) (reply, error) {
	bodies := make([]object, 0, len(list))
	for _, p := range list {
		body, err := x.simplePull(p)
		if err != nil {
			return reply{}, err
		}
		bodies = append(bodies, body)
	}
	return ok(bodies)
}

func (x *exchange) createPull() (reply, error) {
	const doc = "pulls/pulls#create-a-pull-request"
	r, err := x.repoFor("pull_requests", "write", readRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Title, Head, Base, Body string
		HeadRepo                string `json:"head_repo"`
		Draft                   bool
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if ask.Title == "" {
		return reply{}, invalid(doc, fieldError{Resource: "Issue", Code: "missing_field", Field: "title"})
	}
	headRepo, branch := x.headOf(r, ask.Head, ask.HeadRepo)
	if headRepo == nil || headRepo.branch(branch) == "" {
		return reply{}, invalid(doc, fieldError{Resource: "PullRequest", Code: "invalid", Field: "head"})
	}
	if r.branch(ask.Base) == "" {
		return reply{}, invalid(doc, fieldError{Resource: "PullRequest", Code: "invalid", Field: "base"})
	}
	if headRepo == r && x.roleIn(x.who, r) < writeRole && x.who.app == nil {
		return reply{}, forbidden("must be a collaborator", doc)
	}
	p, err := x.openPull(r, headRepo, branch, ask.Base)
	if err != nil {
		return reply{}, err
	}
	p.issue = x.newIssue(r, x.who.account, ask.Title, ask.Body)
	p.issue.pull, p.draft = p, ask.Draft
	r.pulls[p.number] = p
	if err := x.setHead(p, headRepo.branch(branch), p.created); err != nil {
		return reply{}, err
	}
	body, err := x.fullPull(p)
	return reply{http.StatusCreated, body}, err
}

// headOf finds the repository of "branch" or "owner:branch": this one or a fork of it.
func (x *exchange) headOf(r *repo, head, headRepo string) (*repo, string) {
	owner, branch, given := strings.Cut(head, ":")
	if !given {
		if headRepo != "" {
			for _, f := range x.Server.repos {
				if (f == r || f.parent == r) && strings.EqualFold(headRepo, f.fullName()) {
					return f, head
				}
			}
			return nil, head
		}
		return r, head
	}
	for _, f := range x.Server.repos {
		if (f == r || f.parent == r) && strings.EqualFold(f.owner.login, owner) && x.roleIn(x.who, f) >= readRole {
			return f, branch
		}
	}
	return nil, branch
}

// openPull checks what GitHub checks of the two branches.
func (x *exchange) openPull(r, headRepo *repo, branch, base string) (*pull, error) {
	const doc = "pulls/pulls#create-a-pull-request"
	p := &pull{headRepo: headRepo, headOwner: headRepo.owner, headRef: branch, baseRef: base}
	for _, other := range r.pulls {
		if other.open() && other.headRepo == headRepo && other.headRef == branch && other.baseRef == base {
			return nil, invalid(doc, fieldError{Resource: "PullRequest", Code: "custom",
				Message: "A pull request already exists for " + p.headLabel() + "."})
		}
	}
	if err := x.bring(r, headRepo, headRepo.branch(branch)); err != nil {
		return nil, err
	}
	merged, err := x.git(r).isAncestor(headRepo.branch(branch), r.branch(base))
	if err != nil {
		return nil, err
	}
	if merged {
		return nil, invalid(doc, fieldError{Resource: "PullRequest", Code: "custom",
			Message: "No commits between " + r.owner.login + ":" + base + " and " + p.headLabel()})
	}
	return p, nil
}

func (x *exchange) updatePull() (reply, error) {
	p, err := x.pullFor("write", readRole)
	if err != nil {
		return reply{}, err
	}
	if p.author != x.who.account && x.who.app == nil && x.roleIn(x.who, p.repo) < writeRole {
		return reply{}, forbidden("Must have push access to repository.", "pulls/pulls#update-a-pull-request")
	}
	var ask struct{ Title, Body, State, Base *string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if ask.Base != nil && (p.repo.branch(*ask.Base) == "" || !p.open()) {
		return reply{}, invalid("pulls/pulls#update-a-pull-request", fieldError{Resource: "PullRequest", Code: "invalid", Field: "base"})
	}
	at := x.tick()
	p.updated = at
	set(&p.title, ask.Title)
	set(&p.body, ask.Body)
	if ask.Base != nil && *ask.Base != p.baseRef {
		p.baseRef, p.baseSHA, p.mergeKey = *ask.Base, p.repo.branch(*ask.Base), ""
		p.events = append(p.events, &event{x.newID(), x.who.account, "base_ref_changed", at})
	}
	if ask.State != nil {
		if err := x.setState(p.issue, *ask.State, at); err != nil {
			return reply{}, err
		}
	}
	body, err := x.fullPull(p)
	return reply{http.StatusOK, body}, err
}

// listPullsOfCommit lists the pull requests that a commit belongs to: merged ones that brought it to their base, and
// open ones that hold it.
func (x *exchange) listPullsOfCommit(r *repo, sha string) (reply, error) {
	if x.resolve(r, sha) == "" {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "No commit found for SHA: " + sha, doc: "commits/commits"}
	}
	sha = x.resolve(r, sha)
	var list []*pull
	for _, p := range r.pulls {
		p = x.seen(p)
		commits, err := x.commitsOf(p)
		if err != nil {
			return reply{}, err
		}
		brought := p.merged != nil && (p.mergeCommit == sha || slices.Contains(p.rebased, sha))
		if brought || slices.Contains(commits, sha) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *pull) int { return cmp.Compare(a.number, b.number) })
	from, to := x.pageOf(len(list))
	return x.pullsJSON(list[from:to])
}
