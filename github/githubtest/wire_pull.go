package githubtest

import (
	"fmt"
	"net/url"
	"strings"
)

// escapePath escapes each segment of a path and keeps its slashes.
func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// association is schema author-association.
func (x *exchange) association(r *repo, a *account) string {
	if a == nil || a.deleted {
		return "NONE"
	}
	if r.owner == a {
		return "OWNER"
	}
	if o := x.orgs[r.owner.id]; o != nil && o.activeMember(a.id) != nil {
		return "MEMBER"
	}
	if _, direct := r.collaborators[a.id]; direct {
		return "COLLABORATOR"
	}
	return "NONE"
}

// simplePull is schema pull-request-simple.
func (x *exchange) simplePull(p *pull) (object, error) {
	if err := x.refreshMerge(p); err != nil {
		return nil, err
	}
	url := fmt.Sprintf("%s/pulls/%d", x.repoURL(p.repo), p.number)
	page := fmt.Sprintf("%s/pull/%d", x.repoPage(p.repo), p.number)
	issue := fmt.Sprintf("%s/issues/%d", x.repoURL(p.repo), p.number)
	links := map[string]string{
		"self": url, "html": page, "issue": issue, "comments": issue + "/comments", "review_comments": url + "/comments",
		"review_comment": x.repoURL(p.repo) + "/pulls/comments{/number}", "commits": url + "/commits",
		"statuses": x.repoURL(p.repo) + "/statuses/" + p.head,
	}
	hrefs := object{}
	for name, href := range links {
		hrefs[name] = object{"href": href}
	}
	o := object{
		"url": url, "id": p.id, "node_id": nodeID("PullRequest", p.id), "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
		"issue_url": issue, "commits_url": links["commits"], "review_comments_url": links["review_comments"],
		"review_comment_url": links["review_comment"], "comments_url": links["comments"], "statuses_url": links["statuses"],
		"number": p.number, "state": p.state, "locked": false, "title": p.title, "user": x.simpleUser(p.author), "body": textOrNil(p.body),
		"labels": each(p.labels, func(l *label) object { return x.labelJSON(p.repo, l) }), "milestone": nil,
		"created_at": stamp(p.created), "updated_at": stamp(p.updated), "closed_at": stampOrNil(p.closed), "merged_at": stampOrNil(p.merged),
		"merge_commit_sha": textOrNil(p.mergeCommit), "assignee": nil, "assignees": []object{},
		"requested_reviewers": each(p.reviewers, x.simpleUser), "requested_teams": each(p.reviewerTeams, x.teamJSON),
		"head": x.pullSide(p.headRepo, p.headOwner, p.headRef, p.head), "base": x.pullSide(p.repo, p.repo.owner, p.baseRef, p.baseSHA),
		"_links": hrefs, "author_association": x.association(p.repo, p.author), "auto_merge": nil, "draft": p.draft,
	}
	if p.unknown > 0 && p.open() {
		o["merge_commit_sha"] = nil
	}
	return o, nil
}

// pullSide is one of the two branches; the repository of a deleted fork is null.
func (x *exchange) pullSide(r *repo, owner *account, ref, sha string) object {
	side := object{"label": owner.login + ":" + ref, "ref": ref, "sha": sha, "user": x.simpleUser(owner), "repo": nil}
	if r != nil {
		side["repo"] = x.repoJSON(r)
	}
	return side
}

// fullPull is schema pull-request.
func (x *exchange) fullPull(p *pull) (object, error) {
	o, err := x.simplePull(p)
	if err != nil {
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
	mergeable, state := x.mergeability(p)
	return merge(o, object{
		"requested_teams": each(p.reviewerTeams, x.simpleTeam),
		"merged":          p.merged != nil, "mergeable": mergeable, "rebaseable": mergeable, "mergeable_state": state, "merged_by": x.mergedBy(p),
		"comments": len(p.comments), "review_comments": 0, "maintainer_can_modify": false, "commits": len(diff.commits),
		"additions": additions, "deletions": deletions, "changed_files": len(diff.files),
	}), nil
}

func (x *exchange) mergedBy(p *pull) any {
	if p.merged == nil {
		return nil
	}
	return x.userOrNil(p.mergedBy)
}

func (x *exchange) mergeability(p *pull) (mergeable any, state string) {
	if !p.open() || p.unknown > 0 {
		return nil, "unknown"
	}
	rules := p.repo.protections[p.baseRef]
	switch {
	case !p.mergeable:
		return false, "dirty"
	case p.draft:
		return true, "draft"
	case rules != nil && x.blockedBy(p, rules) != "", x.rulesetMerge(p) != "":
		return true, "blocked"
	}
	return true, "clean"
}

// reviewJSON is schema pull-request-review; its user is null once the account is deleted.
func (x *exchange) reviewJSON(v *review) object {
	page := fmt.Sprintf("%s/pull/%d", x.repoPage(v.pull.repo), v.pull.number)
	pullURL := fmt.Sprintf("%s/pulls/%d", x.repoURL(v.pull.repo), v.pull.number)
	html := fmt.Sprintf("%s#pullrequestreview-%d", page, v.id)
	o := object{
		"id": v.id, "node_id": nodeID("PullRequestReview", v.id), "user": x.userOrNil(v.author), "body": v.body, "state": v.state,
		"html_url": html, "pull_request_url": pullURL,
		"_links":    object{"html": object{"href": html}, "pull_request": object{"href": pullURL}},
		"commit_id": textOrNil(v.commit), "author_association": x.association(v.pull.repo, v.author),
	}
	if !v.submitted.IsZero() {
		o["submitted_at"] = stamp(v.submitted)
	}
	return o
}

// issueJSON is schema issue.
func (x *exchange) issueJSON(i *issue) object {
	url := fmt.Sprintf("%s/issues/%d", x.repoURL(i.repo), i.number)
	o := object{
		"id": i.id, "node_id": nodeID("Issue", i.id), "url": url, "repository_url": x.repoURL(i.repo), "labels_url": url + "/labels{/name}",
		"comments_url": url + "/comments", "events_url": url + "/events", "html_url": fmt.Sprintf("%s/issues/%d", x.repoPage(i.repo), i.number),
		"number": i.number, "state": i.state, "title": i.title, "body": textOrNil(i.body), "user": x.userOrNil(i.author),
		"labels": each(i.labels, func(l *label) object { return x.labelJSON(i.repo, l) }), "assignee": nil, "assignees": []object{},
		"milestone": nil, "locked": false, "comments": len(i.comments), "closed_at": stampOrNil(i.closed),
		"created_at": stamp(i.created), "updated_at": stamp(i.updated), "author_association": x.association(i.repo, i.author),
	}
	if i.pull != nil {
		page := fmt.Sprintf("%s/pull/%d", x.repoPage(i.repo), i.number)
		o["html_url"], o["draft"] = page, i.pull.draft
		o["pull_request"] = object{"url": fmt.Sprintf("%s/pulls/%d", x.repoURL(i.repo), i.number), "html_url": page,
			"diff_url": page + ".diff", "patch_url": page + ".patch", "merged_at": stampOrNil(i.pull.merged)}
	}
	return o
}

// commentJSON is schema issue-comment.
func (x *exchange) commentJSON(c *comment) object {
	issue := fmt.Sprintf("%s/issues/%d", x.repoURL(c.issue.repo), c.issue.number)
	return object{
		"id": c.id, "node_id": nodeID("IssueComment", c.id), "url": fmt.Sprintf("%s/issues/comments/%d", x.repoURL(c.issue.repo), c.id),
		"html_url": fmt.Sprintf("%s/issues/%d#issuecomment-%d", x.repoPage(c.issue.repo), c.issue.number, c.id), "issue_url": issue,
		"user": x.userOrNil(c.author), "created_at": stamp(c.created), "updated_at": stamp(c.updated), "body": c.body,
		"author_association": x.association(c.issue.repo, c.author), "performed_via_github_app": x.appOrNil(c.app),
	}
}

// simpleStatus is schema simple-commit-status.
func (x *exchange) simpleStatus(r *repo, st *status) object {
	return object{
		"url": x.repoURL(r) + "/statuses/" + st.sha, "avatar_url": fmt.Sprintf("%s/avatars/u/%d?v=4", x.root, st.creator.id), "id": st.id,
		"node_id": nodeID("StatusContext", st.id), "state": st.state, "description": textOrNil(st.description),
		"target_url": textOrNil(st.target), "context": st.context, "created_at": stamp(st.at), "updated_at": stamp(st.at),
	}
}

// statusJSON is schema status.
func (x *exchange) statusJSON(r *repo, st *status) object {
	return merge(x.simpleStatus(r, st), object{"creator": x.userOrNil(st.creator)})
}

// checkJSON is schema check-run.
func (x *exchange) checkJSON(r *repo, c *checkRun) object {
	url := fmt.Sprintf("%s/check-runs/%d", x.repoURL(r), c.id)
	var pulls []*pull
	for n := range r.number {
		if p := r.pulls[n+1]; p != nil && p.open() && p.head == c.sha {
			pulls = append(pulls, p)
		}
	}
	return object{
		"id": c.id, "head_sha": c.sha, "node_id": nodeID("CheckRun", c.id), "external_id": c.external, "url": url,
		"html_url": fmt.Sprintf("%s/runs/%d", x.repoPage(r), c.id), "details_url": textOrNil(c.details),
		"status": c.status, "conclusion": textOrNil(c.conclusion), "started_at": stamp(c.started), "completed_at": stampOrNil(c.completed),
		"output": object{"title": textOrNil(c.title), "summary": textOrNil(c.summary), "text": textOrNil(c.text),
			"annotations_count": len(c.annotations), "annotations_url": url + "/annotations"},
		"name": c.name, "check_suite": object{"id": c.app.id}, "app": x.appJSON(c.app), "pull_requests": each(pulls, x.minimalPull),
	}
}

// minimalPull is schema pull-request-minimal.
func (x *exchange) minimalPull(p *pull) object {
	side := func(r *repo, ref, sha string) object {
		o := object{"ref": ref, "sha": sha, "repo": object{"id": p.repo.id, "url": x.repoURL(p.repo), "name": p.repo.name}}
		if r != nil {
			o["repo"] = object{"id": r.id, "url": x.repoURL(r), "name": r.name}
		}
		return o
	}
	return object{"id": p.id, "number": p.number, "url": fmt.Sprintf("%s/pulls/%d", x.repoURL(p.repo), p.number),
		"head": side(p.headRepo, p.headRef, p.head), "base": side(p.repo, p.baseRef, p.baseSHA)}
}

// annotationJSON is schema check-annotation.
func (x *exchange) annotationJSON(r *repo, c *checkRun, a annotation) object {
	return object{
		"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine, "start_column": a.StartColumn, "end_column": a.EndColumn,
		"annotation_level": a.Level, "title": textOrNil(a.Title), "message": a.Message, "raw_details": textOrNil(a.RawDetails),
		"blob_href": x.repoPage(r) + "/blob/" + c.sha + "/" + escapePath(a.Path),
	}
}
