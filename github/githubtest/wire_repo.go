package githubtest

import (
	"fmt"
	"strings"
)

func (x *exchange) repoURL(r *repo) string { return x.api + "/repos/" + r.fullName() }
func (x *exchange) repoPage(r *repo) string {
	return x.root + "/" + r.fullName()
}

// minimalRepo is schema minimal-repository.
func (x *exchange) minimalRepo(r *repo) object {
	o := object{
		"id": r.id, "node_id": nodeID("Repository", r.id), "name": r.name, "full_name": r.fullName(), "owner": x.simpleUser(r.owner),
		"private": r.private, "html_url": x.repoPage(r), "description": nil, "fork": r.parent != nil, "url": x.repoURL(r),
	}
	for name, tail := range repoURLs {
		o[name+"_url"] = x.repoURL(r) + tail
	}
	return o
}

// repoURLs are the ways on from a repository, which GitHub repeats in every body.
var repoURLs = map[string]string{
	"archive": "/{archive_format}{/ref}", "assignees": "/assignees{/user}", "blobs": "/git/blobs{/sha}", "branches": "/branches{/branch}",
	"collaborators": "/collaborators{/collaborator}", "comments": "/comments{/number}", "commits": "/commits{/sha}",
	"compare": "/compare/{base}...{head}", "contents": "/contents/{+path}", "contributors": "/contributors", "deployments": "/deployments",
	"downloads": "/downloads", "events": "/events", "forks": "/forks", "git_commits": "/git/commits{/sha}", "git_refs": "/git/refs{/sha}",
	"git_tags": "/git/tags{/sha}", "hooks": "/hooks", "issue_comment": "/issues/comments{/number}", "issue_events": "/issues/events{/number}",
	"issues": "/issues{/number}", "keys": "/keys{/key_id}", "labels": "/labels{/name}", "languages": "/languages", "merges": "/merges",
	"milestones": "/milestones{/number}", "notifications": "/notifications{?since,all,participating}", "pulls": "/pulls{/number}",
	"releases": "/releases{/id}", "stargazers": "/stargazers", "statuses": "/statuses/{sha}", "subscribers": "/subscribers",
	"subscription": "/subscription", "tags": "/tags", "teams": "/teams", "trees": "/git/trees{/sha}",
}

// repoJSON is schema repository.
func (x *exchange) repoJSON(r *repo) object {
	open := 0
	for _, i := range r.issues {
		if i.open() {
			open++
		}
	}
	visibility := "public"
	if r.private {
		visibility = "private"
	}
	host := strings.TrimPrefix(strings.TrimPrefix(x.root, "https://"), "http://")
	have := x.roleIn(x.who, r)
	return merge(x.minimalRepo(r), object{
		"git_url": "git://" + host + "/" + r.fullName() + ".git", "ssh_url": "git@" + host + ":" + r.fullName() + ".git",
		"clone_url": x.repoPage(r) + ".git", "svn_url": x.repoPage(r), "mirror_url": nil, "homepage": nil, "language": nil, "license": nil,
		"forks_count": 0, "forks": 0, "stargazers_count": 0, "watchers_count": 0, "watchers": 0, "size": 0,
		"default_branch": r.defaultBranch, "open_issues_count": open, "open_issues": open,
		"has_issues": true, "has_projects": true, "has_wiki": true, "has_pages": false, "has_downloads": true, "has_discussions": false,
		"archived": false, "disabled": false, "visibility": visibility,
		"pushed_at": stamp(r.pushed), "created_at": stamp(r.created), "updated_at": stamp(r.pushed),
		"permissions": object{"admin": have >= adminRole, "maintain": have >= maintainRole, "push": have >= writeRole,
			"triage": have >= triageRole, "pull": have >= readRole},
	})
}

// fullRepo is schema full-repository.
func (x *exchange) fullRepo(r *repo) object {
	o := merge(x.repoJSON(r), object{
		"subscribers_count": 0, "network_count": 0,
		"allow_merge_commit": r.methods["merge"], "allow_squash_merge": r.methods["squash"], "allow_rebase_merge": r.methods["rebase"],
		"allow_auto_merge": false, "allow_update_branch": true, "delete_branch_on_merge": r.deleteBranch,
		"merge_commit_title": "MERGE_MESSAGE", "merge_commit_message": "PR_TITLE",
		"squash_merge_commit_title": "PR_TITLE", "squash_merge_commit_message": "COMMIT_MESSAGES",
	})
	if r.owner.isOrg() {
		o["organization"] = x.simpleUser(r.owner)
	}
	if r.parent != nil {
		o["parent"], o["source"] = x.repoJSON(r.parent), x.repoJSON(r.parent)
	}
	return o
}

// collaboratorJSON is schema collaborator.
func (x *exchange) collaboratorJSON(c collaborator) object {
	return merge(x.simpleUser(c.account), object{"role_name": roleNames[c.role], "permissions": object{
		"pull": c.role >= readRole, "triage": c.role >= triageRole, "push": c.role >= writeRole,
		"maintain": c.role >= maintainRole, "admin": c.role >= adminRole}})
}

// repoInvitationJSON is schema repository-invitation.
func (x *exchange) repoInvitationJSON(i *repoInvitation) object {
	return object{
		"id": i.id, "repository": x.minimalRepo(i.repo), "invitee": x.userOrNil(i.invitee), "inviter": x.userOrNil(i.inviter),
		"permissions": roleNames[i.role], "created_at": stamp(i.at), "expired": false,
		"url":      fmt.Sprintf("%s/user/repository_invitations/%d", x.api, i.id),
		"html_url": x.repoPage(i.repo) + "/invitations", "node_id": nodeID("RepositoryInvitation", i.id),
	}
}

// refJSON is schema git-ref.
func (x *exchange) refJSON(r *repo, v refValue) object {
	return object{
		"ref": v.name, "node_id": nodeID("Ref", r.id) + v.name, "url": x.repoURL(r) + "/git/" + v.name,
		"object": object{"type": "commit", "sha": v.sha, "url": x.repoURL(r) + "/git/commits/" + v.sha},
	}
}

// activityJSON is schema activity.
func (x *exchange) activityJSON(a *activity) object {
	return object{"id": a.id, "node_id": nodeID("PushEvent", a.id), "before": a.before, "after": a.after, "ref": a.ref,
		"timestamp": stamp(a.at), "activity_type": a.kind, "actor": x.userOrNil(a.actor)}
}

// commitJSON is schema commit. Its author and committer are the accounts that own their addresses, if any: what a commit
// says of itself, not who pushed it.
func (x *exchange) commitJSON(r *repo, c commit) object {
	url := x.repoURL(r) + "/commits/" + c.sha
	parents := each(c.parents, func(sha string) object {
		return object{"sha": sha, "url": x.repoURL(r) + "/commits/" + sha, "html_url": x.repoPage(r) + "/commit/" + sha}
	})
	reason := "unsigned"
	if c.signature != "" {
		reason = "unknown_key"
	}
	return object{
		"url": url, "sha": c.sha, "node_id": nodeID("Commit", r.id) + c.sha, "html_url": x.repoPage(r) + "/commit/" + c.sha,
		"comments_url": url + "/comments",
		"commit": object{
			"url": x.repoURL(r) + "/git/commits/" + c.sha, "author": personJSON(c.author), "committer": personJSON(c.committer),
			"message": strings.TrimSuffix(c.message, "\n"), "comment_count": 0,
			"tree":         object{"sha": c.tree, "url": x.repoURL(r) + "/git/trees/" + c.tree},
			"verification": object{"verified": false, "reason": reason, "signature": textOrNil(c.signature), "payload": nil, "verified_at": nil},
		},
		"author": x.userOrNil(x.accountByEmail(c.author.email)), "committer": x.userOrNil(x.accountByEmail(c.committer.email)), "parents": parents,
	}
}

func personJSON(p person) object {
	return object{"name": p.name, "email": p.email, "date": stamp(p.at)}
}

// fileJSON is schema diff-entry.
func (x *exchange) fileJSON(r *repo, at string, f changedFile) object {
	o := object{
		"sha": f.sha, "filename": f.name, "status": f.status,
		"additions": f.additions, "deletions": f.deletions, "changes": f.additions + f.deletions,
		"blob_url": x.repoPage(r) + "/blob/" + at + "/" + escapePath(f.name), "raw_url": x.repoPage(r) + "/raw/" + at + "/" + escapePath(f.name),
		"contents_url": x.repoURL(r) + "/contents/" + escapePath(f.name) + "?ref=" + at,
	}
	if f.previous != "" {
		o["previous_filename"] = f.previous
	}
	return o
}

// labelJSON is schema label.
func (x *exchange) labelJSON(r *repo, l *label) object {
	return object{"id": l.id, "node_id": nodeID("Label", l.id), "url": x.repoURL(r) + "/labels/" + escapePath(l.name),
		"name": l.name, "description": l.description, "color": l.color, "default": false}
}

// protectionJSON is schema protected-branch, and branch-protection.
func (x *exchange) protectionJSON(r *repo, branch string, p *Protection) object {
	url := x.repoURL(r) + "/branches/" + escapePath(branch) + "/protection"
	o := object{
		"url": url, "enforce_admins": object{"url": url + "/enforce_admins", "enabled": p.EnforceAdmins},
		"required_linear_history": object{"enabled": false}, "allow_force_pushes": object{"enabled": p.AllowForcePushes},
		"allow_deletions": object{"enabled": p.AllowDeletions}, "block_creations": object{"enabled": false},
		"required_conversation_resolution": object{"enabled": false},
	}
	if p.requiresPull() {
		o["required_pull_request_reviews"] = object{"url": url + "/required_pull_request_reviews", "dismiss_stale_reviews": p.DismissStale,
			"require_code_owner_reviews": false, "required_approving_review_count": p.RequiredReviews, "require_last_push_approval": false}
	}
	if p.RequiredChecks != nil || p.Strict {
		contexts, checks := []string{}, []object{}
		for _, c := range p.RequiredChecks {
			check := object{"context": c.Context, "app_id": nil}
			if c.App != 0 {
				check["app_id"] = c.App
			}
			contexts, checks = append(contexts, c.Context), append(checks, check)
		}
		o["required_status_checks"] = object{"url": url + "/required_status_checks", "strict": p.Strict, "contexts": contexts,
			"contexts_url": url + "/required_status_checks/contexts", "checks": checks}
	}
	return o
}
