package githubtest

import (
	"fmt"
	"slices"
	"strings"
)

func (p *pull) graphState() string {
	if p.merged != nil {
		return "MERGED"
	}
	return strings.ToUpper(p.state)
}

// pullNode is type PullRequest.
func (x *exchange) pullNode(p *pull) (*node, error) {
	if err := x.refreshMerge(p); err != nil {
		return nil, err
	}
	diff, err := x.diffOf(p)
	if err != nil {
		return nil, err
	}
	additions, deletions := 0, 0
	for _, f := range diff.files {
		additions, deletions = additions+f.additions, deletions+f.deletions
	}
	n := &node{kind: "PullRequest", also: []string{"Node"}, fields: object{
		"id": nodeID("PullRequest", p.id), "databaseId": p.id, "number": p.number, "url": fmt.Sprintf("%s/pull/%d", x.repoPage(p.repo), p.number),
		"title": p.title, "body": p.body, "state": p.graphState(), "isDraft": p.draft, "closed": !p.open(), "merged": p.merged != nil, "locked": false,
		"createdAt": stamp(p.created), "updatedAt": stamp(p.updated), "closedAt": stampOrNil(p.closed), "mergedAt": stampOrNil(p.merged),
		"headRefName": p.headRef, "headRefOid": p.head, "baseRefName": p.baseRef, "baseRefOid": p.baseSHA,
		"author": x.actorNode(p.author, p.author.kind), "authorAssociation": x.association(p.repo, p.author),
		"mergedBy": (*node)(nil), "mergeCommit": (*node)(nil), "additions": additions, "deletions": deletions, "changedFiles": len(diff.files),
		"isCrossRepository": p.headRepo != p.repo, "maintainerCanModify": false, "headRepository": (*node)(nil),
		"headRepositoryOwner": x.actorNode(p.headOwner, p.headOwner.kind), "baseRef": (*node)(nil), "headRef": (*node)(nil), "milestone": (*node)(nil),
		"repository": field(func(object) (any, error) { return x.repositoryNode(p.repo), nil }),
	}}
	n.fields["mergeable"], n.fields["mergeStateStatus"] = x.graphMergeable(p)
	n.fields["reviewDecision"] = x.reviewDecision(p)
	if p.headRepo != nil {
		n.fields["headRepository"] = x.repositoryNode(p.headRepo)
	}
	if p.merged != nil {
		n.fields["mergedBy"] = x.actorNode(p.mergedBy, p.mergedBy.kind)
		n.fields["mergeCommit"] = &node{kind: "Commit", fields: object{"oid": p.mergeCommit}}
	}
	x.pullLists(n, p, diff)
	return n, nil
}

// pullLists are the connections of a pull request.
func (x *exchange) pullLists(n *node, p *pull, diff pullDiff) {
	var seen []*review
	for _, v := range p.reviews {
		if v.state != "PENDING" || v.author == x.who.account {
			seen = append(seen, v)
		}
	}
	n.fields["reviews"] = listField("PullRequestReview", seen, x.reviewNode)
	n.fields["latestReviews"] = listField("PullRequestReview", latestReviews(seen), x.reviewNode)
	n.fields["comments"] = listField("IssueComment", p.comments, x.commentNode)
	n.fields["labels"] = listField("Label", p.labels, func(l *label) *node {
		return &node{kind: "Label", fields: object{"id": nodeID("Label", l.id), "name": l.name, "color": l.color, "description": textOrNil(l.description)}}
	})
	n.fields["assignees"] = listField("User", nil, func(*account) *node { return nil })
	n.fields["commits"] = listField("PullRequestCommit", diff.commits, func(sha string) *node {
		return &node{kind: "PullRequestCommit", fields: object{"commit": &node{kind: "Commit", fields: object{"oid": sha, "statusCheckRollup": (*node)(nil)}}}}
	})
	n.fields["files"] = listField("PullRequestChangedFile", diff.files, func(f changedFile) *node {
		return &node{kind: "PullRequestChangedFile", fields: object{"path": f.name, "additions": f.additions, "deletions": f.deletions}}
	})
	var asked []*node
	for _, a := range p.reviewers {
		asked = append(asked, x.actorNode(a, a.kind))
	}
	for _, t := range p.reviewerTeams {
		asked = append(asked, &node{kind: "Team", also: []string{"RequestedReviewer"}, fields: object{"name": t.name, "slug": t.slug, "id": nodeID("Team", t.id),
			"organization": x.actorNode(t.org.account, "Organization")}})
	}
	n.fields["reviewRequests"] = listField("ReviewRequest", asked, func(who *node) *node {
		return &node{kind: "ReviewRequest", fields: object{"requestedReviewer": who}}
	})
}

func (x *exchange) graphMergeable(p *pull) (mergeable, state string) {
	can, state := x.mergeability(p)
	switch can {
	case true:
		return "MERGEABLE", strings.ToUpper(state)
	case false:
		return "CONFLICTING", strings.ToUpper(state)
	}
	return "UNKNOWN", "UNKNOWN"
}

// reviewDecision is null where no rule asks for a review.
func (x *exchange) reviewDecision(p *pull) any {
	rules := p.repo.protections[p.baseRef]
	if rules == nil || rules.RequiredReviews == 0 {
		return nil
	}
	approvals := 0
	for _, v := range x.decisive(p) {
		switch v.state {
		case "CHANGES_REQUESTED":
			return v.state
		case "APPROVED":
			approvals++
		}
	}
	if approvals < rules.RequiredReviews {
		return "REVIEW_REQUIRED"
	}
	return "APPROVED"
}

func latestReviews(all []*review) []*review {
	var latest []*review
	for _, v := range all {
		latest = slices.DeleteFunc(latest, func(o *review) bool { return o.author == v.author })
		latest = append(latest, v)
	}
	return latest
}

func (x *exchange) reviewNode(v *review) *node {
	n := &node{kind: "PullRequestReview", fields: object{"id": nodeID("PullRequestReview", v.id), "databaseId": v.id, "author": x.actorNode(v.author, v.author.kind),
		"authorAssociation": x.association(v.pull.repo, v.author), "body": v.body, "state": v.state, "submittedAt": nil, "includesCreatedEdit": false,
		"url": fmt.Sprintf("%s/pull/%d#pullrequestreview-%d", x.repoPage(v.pull.repo), v.pull.number, v.id), "commit": (*node)(nil),
		"reactionGroups": []*node{}}}
	if !v.submitted.IsZero() {
		n.fields["submittedAt"] = stamp(v.submitted)
	}
	if v.commit != "" {
		n.fields["commit"] = &node{kind: "Commit", fields: object{"oid": v.commit}}
	}
	return n
}

func (x *exchange) commentNode(c *comment) *node {
	return &node{kind: "IssueComment", fields: object{"id": nodeID("IssueComment", c.id), "databaseId": c.id, "author": x.actorNode(c.author, c.author.kind),
		"authorAssociation": x.association(c.issue.repo, c.author), "body": c.body, "createdAt": stamp(c.created), "includesCreatedEdit": c.updated.After(c.created),
		"isMinimized": false, "minimizedReason": nil, "viewerDidAuthor": c.author == x.who.account, "reactionGroups": []*node{},
		"url": fmt.Sprintf("%s/pull/%d#issuecomment-%d", x.repoPage(c.issue.repo), c.issue.number, c.id)}}
}
