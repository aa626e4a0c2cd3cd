package githubtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// review is what somebody said of a pull request, of one of its commits.
type review struct {
	id        int64
	pull      *pull
	author    *account
	state     string // PENDING, COMMENTED, APPROVED, CHANGES_REQUESTED or DISMISSED
	body      string
	commit    string    // "" is null
	submitted time.Time // zero while pending
}

const reviewDoc = "pulls/reviews#create-a-review-for-a-pull-request"

var reviewStates = map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "": "PENDING"}

// visibleReviews leaves out what others have not submitted yet.
func (x *exchange) visibleReviews(p *pull) []*review {
	var list []*review
	for _, v := range p.reviews {
		if v.state != "PENDING" || v.author == x.who.account {
			list = append(list, v)
		}
	}
	return list
}

func (x *exchange) listReviews() (reply, error) {
	p, err := x.pullFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	return listOf(x, x.visibleReviews(p), x.reviewJSON)
}

func (x *exchange) reviewFor(level string) (*review, error) {
	p, err := x.pullFor(level, readRole)
	if err != nil {
		return nil, err
	}
	id, _ := strconv.ParseInt(x.path("id"), 10, 64)
	for _, v := range x.visibleReviews(p) {
		if v.id == id {
			return v, nil
		}
	}
	return nil, notFound("pulls/reviews#get-a-review-for-a-pull-request")
}

func (x *exchange) getReview() (reply, error) {
	v, err := x.reviewFor("read")
	if err != nil {
		return reply{}, err
	}
	return ok(x.reviewJSON(v))
}

// createReview takes a review from anybody who can read; whether it counts is for whoever reads it to judge.
func (x *exchange) createReview() (reply, error) {
	p, err := x.pullFor("write", readRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Event, Body string
		Commit      string `json:"commit_id"`
	}
	if err := x.decodeOptional(&ask); err != nil {
		return reply{}, err
	}
	if err := x.maySay(p, ask.Event, ask.Body); err != nil {
		return reply{}, err
	}
	if slices.ContainsFunc(p.reviews, func(v *review) bool { return v.state == "PENDING" && v.author == x.who.account }) {
		return reply{}, unprocessable(reviewDoc, "User can only have one pending review per pull request")
	}
	commit, err := x.reviewedCommit(p, ask.Commit)
	if err != nil {
		return reply{}, err
	}
	v := &review{id: x.newID(), pull: p, author: x.who.account, state: reviewStates[ask.Event], body: ask.Body, commit: commit}
	at := x.tick()
	if v.state != "PENDING" {
		x.submit(v, at)
	}
	p.reviews = append(p.reviews, v)
	return ok(x.reviewJSON(v))
}

func (x *exchange) maySay(p *pull, event, body string) error {
	if _, known := reviewStates[event]; !known {
		return unprocessable(reviewDoc, "Variable $event of type PullRequestReviewEvent was provided invalid value")
	}
	own := p.author == x.who.account
	switch {
	case own && event == "APPROVE":
		return unprocessable(reviewDoc, "Can not approve your own pull request")
	case own && event == "REQUEST_CHANGES":
		return unprocessable(reviewDoc, "Can not request changes on your own pull request")
	case body == "" && (event == "REQUEST_CHANGES" || event == "COMMENT"):
		return unprocessable(reviewDoc, "Body can't be blank")
	}
	return nil
}

// reviewedCommit is the head unless another commit of the pull request is named, an older one too.
func (x *exchange) reviewedCommit(p *pull, named string) (string, error) {
	if named == "" || named == p.head {
		return p.head, nil
	}
	if !isSHA(named) || x.resolve(p.repo, named) != named {
		return "", unprocessable(reviewDoc, "The commit_id is not part of the pull request")
	}
	return named, nil
}

func (x *exchange) submit(v *review, at time.Time) {
	v.submitted, v.pull.updated = at, at
	v.pull.reviewers = slices.DeleteFunc(v.pull.reviewers, func(a *account) bool { return a == v.author })
}

func (x *exchange) submitReview() (reply, error) {
	v, err := x.reviewFor("write")
	if err != nil {
		return reply{}, err
	}
	var ask struct{ Event, Body string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if v.author != x.who.account || v.state != "PENDING" || ask.Event == "" {
		return reply{}, unprocessable("pulls/reviews#submit-a-review-for-a-pull-request", "Can not submit a review that is not pending")
	}
	if ask.Body != "" {
		v.body = ask.Body
	}
	if err := x.maySay(v.pull, ask.Event, v.body); err != nil {
		return reply{}, err
	}
	v.state = reviewStates[ask.Event]
	x.submit(v, x.tick())
	return ok(x.reviewJSON(v))
}

// updateReview changes a review's text; only its author may. Its state and time stay.
func (x *exchange) updateReview() (reply, error) {
	v, err := x.reviewFor("write")
	if err != nil {
		return reply{}, err
	}
	var ask struct{ Body string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if v.author != x.who.account {
		return reply{}, unprocessable("pulls/reviews#update-a-review-for-a-pull-request", "Can only update your own review")
	}
	x.tick()
	v.body = ask.Body
	return ok(x.reviewJSON(v))
}

func (x *exchange) deletePendingReview() (reply, error) {
	v, err := x.reviewFor("write")
	if err != nil {
		return reply{}, err
	}
	if v.state != "PENDING" || v.author != x.who.account {
		return reply{}, unprocessable("pulls/reviews#delete-a-pending-review-for-a-pull-request", "Can not delete a non-pending pull request review")
	}
	x.tick()
	v.pull.reviews = slices.DeleteFunc(v.pull.reviews, func(o *review) bool { return o == v })
	return ok(x.reviewJSON(v))
}

// dismissReview is for those who can write to the repository, the reviewer among them.
func (x *exchange) dismissReview() (reply, error) {
	const doc = "pulls/reviews#dismiss-a-review-for-a-pull-request"
	v, err := x.reviewFor("write")
	if err != nil {
		return reply{}, err
	}
	if x.who.app == nil && x.roleIn(x.who, v.pull.repo) < writeRole {
		return reply{}, forbidden("Must have push access to repository.", doc)
	}
	var ask struct{ Message string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if strings.TrimSpace(ask.Message) == "" {
		return reply{}, unprocessable(doc, "Message can't be blank")
	}
	if v.state != "APPROVED" && v.state != "CHANGES_REQUESTED" {
		return reply{}, unprocessable(doc, "Can not dismiss a commented pull request review")
	}
	v.pull.updated = x.tick()
	v.state = "DISMISSED"
	return ok(x.reviewJSON(v))
}

func (x *exchange) listRequestedReviewers() (reply, error) {
	p, err := x.pullFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	return ok(object{"users": each(p.reviewers, x.simpleUser), "teams": each(p.reviewerTeams, x.teamJSON)})
}

// changeReviewers asks for reviews (POST) or takes the asking back (DELETE).
func (x *exchange) changeReviewers() (reply, error) {
	const doc = "pulls/review-requests#request-reviewers-for-a-pull-request"
	p, err := x.pullFor("write", readRole)
	if err != nil {
		return reply{}, err
	}
	if x.who.app == nil && p.author != x.who.account && x.roleIn(x.who, p.repo) < triageRole {
		return reply{}, forbidden("Must have push access to repository.", doc)
	}
	var ask struct {
		Reviewers []string
		Teams     []string `json:"team_reviewers"`
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	users, teams, err := x.namedReviewers(p, ask.Reviewers, ask.Teams)
	if err != nil {
		return reply{}, err
	}
	p.updated = x.tick()
	status := http.StatusCreated
	if x.r.Method == http.MethodDelete {
		status = http.StatusOK
		p.reviewers = slices.DeleteFunc(p.reviewers, func(a *account) bool { return slices.Contains(users, a) })
		p.reviewerTeams = slices.DeleteFunc(p.reviewerTeams, func(t *team) bool { return slices.Contains(teams, t) })
	} else {
		p.reviewers = union(p.reviewers, users)
		p.reviewerTeams = union(p.reviewerTeams, teams)
	}
	body, err := x.simplePull(p)
	return reply{status, body}, err
}

func union[T comparable](have, more []T) []T {
	for _, v := range more {
		if !slices.Contains(have, v) {
			have = append(have, v)
		}
	}
	return have
}

// namedReviewers finds who is asked: collaborators, but not the author; teams of the repository's organization.
func (x *exchange) namedReviewers(p *pull, logins, slugs []string) ([]*account, []*team, error) {
	const doc = "pulls/review-requests#request-reviewers-for-a-pull-request"
	refuse := func(message string) error {
		return &apiError{status: http.StatusUnprocessableEntity, message: message, doc: doc}
	}
	var users []*account
	for _, login := range logins {
		a := x.account(login)
		if a == p.author && a != nil {
			return nil, nil, refuse("Review cannot be requested from pull request author.")
		}
		if a == nil || x.privateRole(a, p.repo) < readRole {
			return nil, nil, refuse("Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the " + p.repo.fullName() + " repository.")
		}
		users = append(users, a)
	}
	var teams []*team
	for _, slug := range slugs {
		o := x.orgs[p.repo.owner.id]
		if o == nil || o.teams[strings.ToLower(slug)] == nil {
			return nil, nil, refuse("Could not resolve to a node with the global id of '" + slug + "'.")
		}
		teams = append(teams, o.teams[strings.ToLower(slug)])
	}
	return users, teams, nil
}
