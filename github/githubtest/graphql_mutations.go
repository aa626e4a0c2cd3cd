package githubtest

import (
	"context"
	"encoding/json"
	"strconv"
)

// mutationRoot is what a mutation begins with. Each does what its counterpart of the REST API does, by its rules.
func (x *exchange) mutationRoot() *node {
	return &node{kind: "Mutation", fields: object{
		"createPullRequest":    field(x.graphCreatePull),
		"addPullRequestReview": field(x.graphReview),
	}}
}

// rest asks the REST API's handler h in the name of the same caller, with the path parameters given by name.
func (x *exchange) rest(h handler, path map[string]string, body object) (reply, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	inner := *x
	inner.r = x.r.Clone(context.WithoutCancel(x.r.Context()))
	for name, value := range path {
		inner.r.SetPathValue(name, value)
	}
	inner.body = text
	return h(&inner)
}

func repoParameters(r *repo) map[string]string {
	return map[string]string{"owner": r.owner.login, "repo": r.name}
}

func (x *exchange) graphCreatePull(args object) (any, error) {
	in, _ := args["input"].(object)
	if err := required(in, "createPullRequest", "repositoryId", "title", "headRefName", "baseRefName"); err != nil {
		return nil, err
	}
	r := x.repoByNode(text(in, "repositoryId"))
	if r == nil {
		return nil, unresolved("node", "global id of '%s'", text(in, "repositoryId"))
	}
	rep, err := x.rest((*exchange).createPull, repoParameters(r), object{"title": in["title"], "head": in["headRefName"], "base": in["baseRefName"],
		"body": text(in, "body"), "draft": in["draft"] == true})
	if err != nil {
		return nil, err
	}
	n, err := x.pullNode(r.pulls[rep.body.(object)["number"].(int)])
	return &node{kind: "CreatePullRequestPayload", fields: object{"pullRequest": n}}, err
}

func (x *exchange) graphReview(args object) (any, error) {
	in, _ := args["input"].(object)
	if err := required(in, "addPullRequestReview", "pullRequestId"); err != nil {
		return nil, err
	}
	p := x.pullByNode(text(in, "pullRequestId"))
	if p == nil {
		return nil, unresolved("node", "global id of '%s'", text(in, "pullRequestId"))
	}
	path := repoParameters(p.repo)
	path["number"] = strconv.Itoa(p.number)
	body := object{"event": text(in, "event"), "body": text(in, "body")}
	if sha := text(in, "commitOID"); sha != "" {
		body["commit_id"] = sha
	}
	if _, err := x.rest((*exchange).createReview, path, body); err != nil {
		return nil, err
	}
	return &node{kind: "AddPullRequestReviewPayload", fields: object{"pullRequestReview": x.reviewNode(p.reviews[len(p.reviews)-1]),
		"clientMutationId": in["clientMutationId"]}}, nil
}

func (x *exchange) repoByNode(id string) *repo {
	for _, r := range x.Server.repos {
		if nodeID("Repository", r.id) == id && x.roleIn(x.who, r) >= readRole {
			return r
		}
	}
	return nil
}

func (x *exchange) pullByNode(id string) *pull {
	for _, r := range x.Server.repos {
		for _, p := range r.pulls {
			if nodeID("PullRequest", p.id) == id && x.roleIn(x.who, r) >= readRole {
				return p
			}
		}
	}
	return nil
}
