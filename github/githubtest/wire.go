package githubtest

import (
	"encoding/base64"
	"fmt"
	"time"
)

// This file and its neighbours build response bodies. Each carries every property that GitHub's OpenAPI description
// (published as @octokit/openapi) requires of its schema, named in the comment, and those optional ones that clients read.

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// stampOrNil is null for a time that has not come.
func stampOrNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return stamp(*t)
}

func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%03d:%s%d", len(kind), kind, id))
}

// ghost stands for a deleted account where GitHub shows one rather than null.
func (s *Server) ghost() *account {
	return &account{id: ghostID, login: "ghost", kind: "User"}
}

// simpleUser is schema simple-user.
func (x *exchange) simpleUser(a *account) object {
	if a == nil || a.deleted {
		a = x.ghost()
	}
	url := x.api + "/users/" + a.login
	return object{
		"login": a.login, "id": a.id, "node_id": nodeID(a.kind, a.id),
		"avatar_url": fmt.Sprintf("%s/avatars/u/%d?v=4", x.root, a.id), "gravatar_id": "",
		"url": url, "html_url": x.root + "/" + a.login,
		"followers_url": url + "/followers", "following_url": url + "/following{/other_user}",
		"gists_url": url + "/gists{/gist_id}", "starred_url": url + "/starred{/owner}{/repo}",
		"subscriptions_url": url + "/subscriptions", "organizations_url": url + "/orgs", "repos_url": url + "/repos",
		"events_url": url + "/events{/privacy}", "received_events_url": url + "/received_events",
		"type": a.kind, "site_admin": false,
	}
}

// userOrNil is nullable-simple-user: null for a deleted account.
func (x *exchange) userOrNil(a *account) any {
	if a == nil || a.deleted {
		return nil
	}
	return x.simpleUser(a)
}

// publicUser is schema public-user. A suspended account shows the longer private-user with suspended_at, as GitHub
// Enterprise Server does; github.com has no word for it.
func (x *exchange) publicUser(a *account) object {
	if a.suspended != nil {
		u := x.privateUser(a)
		u["suspended_at"] = stampOrNil(a.suspended)
		return u
	}
	return merge(x.simpleUser(a), object{
		"name": textOrNil(a.name), "company": nil, "blog": "", "location": nil, "email": textOrNil(a.email), "hireable": nil, "bio": nil,
		"public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
		"created_at": stamp(a.created), "updated_at": stamp(a.created), "user_view_type": "public",
	})
}

// privateUser is schema private-user.
func (x *exchange) privateUser(a *account) object {
	u := merge(x.simpleUser(a), object{
		"name": textOrNil(a.name), "company": nil, "blog": "", "location": nil, "email": textOrNil(a.email), "hireable": nil, "bio": nil,
		"public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
		"created_at": stamp(a.created), "updated_at": stamp(a.created), "user_view_type": "private",
	})
	return merge(u, object{"private_gists": 0, "total_private_repos": 0, "owned_private_repos": 0, "disk_usage": 0,
		"collaborators": 0, "two_factor_authentication": true})
}

func merge(o, more object) object {
	for key, value := range more {
		o[key] = value
	}
	return o
}

// simpleOrg is schema organization-simple.
func (x *exchange) simpleOrg(a *account) object {
	url := x.api + "/orgs/" + a.login
	return object{
		"login": a.login, "id": a.id, "node_id": nodeID("Organization", a.id), "url": url, "repos_url": url + "/repos",
		"events_url": url + "/events", "hooks_url": url + "/hooks", "issues_url": url + "/issues",
		"members_url": url + "/members{/member}", "public_members_url": url + "/public_members{/member}",
		"avatar_url": fmt.Sprintf("%s/avatars/u/%d?v=4", x.root, a.id), "description": textOrNil(""),
	}
}

// fullOrg is schemas organization-full and team-organization.
func (x *exchange) fullOrg(a *account) object {
	return merge(x.simpleOrg(a), object{
		"has_organization_projects": true, "has_repository_projects": true, "public_repos": 0, "public_gists": 0,
		"followers": 0, "following": 0, "html_url": x.root + "/" + a.login, "type": "Organization",
		"created_at": stamp(a.created), "updated_at": stamp(a.created), "archived_at": nil,
	})
}

// simpleTeam is schema team-simple.
func (x *exchange) simpleTeam(t *team) object {
	url := fmt.Sprintf("%s/organizations/%d/team/%d", x.api, t.org.account.id, t.id)
	return object{
		"id": t.id, "node_id": nodeID("Team", t.id), "url": url, "members_url": url + "/members{/member}",
		"name": t.name, "description": nil, "permission": "pull", "privacy": "closed", "notification_setting": "notifications_enabled",
		"html_url":         x.root + "/orgs/" + t.org.account.login + "/teams/" + t.slug,
		"repositories_url": url + "/repos", "slug": t.slug, "type": "organization", "organization_id": t.org.account.id,
	}
}

// teamJSON is schema team.
func (x *exchange) teamJSON(t *team) object {
	o := x.simpleTeam(t)
	o["parent"] = nil
	if t.parent != nil {
		o["parent"] = x.simpleTeam(t.parent)
	}
	return o
}

// fullTeam is schema team-full.
func (x *exchange) fullTeam(t *team) object {
	repos := 0
	for _, r := range x.Server.repos {
		if r.teams[t.id] != noRole {
			repos++
		}
	}
	return merge(x.teamJSON(t), object{
		"members_count": len(t.org.membersOf(t, active)), "repos_count": repos,
		"created_at": stamp(t.created), "updated_at": stamp(t.created), "organization": x.fullOrg(t.org.account),
	})
}

// teamMembershipJSON is schema team-membership.
func (x *exchange) teamMembershipJSON(t *team, m *membership) object {
	return object{
		"url":  fmt.Sprintf("%s/organizations/%d/team/%d/memberships/%s", x.api, t.org.account.id, t.id, m.account.login),
		"role": t.org.teamRole(m), "state": string(m.state),
	}
}

// orgMembershipJSON is schema org-membership.
func (x *exchange) orgMembershipJSON(o *org, m *membership) object {
	url := x.api + "/orgs/" + o.account.login
	return object{"url": url + "/memberships/" + m.account.login, "state": string(m.state), "role": m.role,
		"organization_url": url, "organization": x.simpleOrg(o.account), "user": x.userOrNil(m.account)}
}

// orgInvitationJSON is schema organization-invitation.
func (x *exchange) orgInvitationJSON(i *orgInvitation) object {
	return object{
		"id": i.id, "login": i.invitee.login, "email": nil, "role": i.role, "created_at": stamp(i.at),
		"inviter": x.simpleUser(i.inviter), "team_count": len(i.teams), "node_id": nodeID("OrganizationInvitation", i.id),
		"invitation_teams_url": fmt.Sprintf("%s/organizations/invitations/%d/teams", x.api, i.id),
		"failed_at":            nil, "failed_reason": nil, "invitation_source": "member",
	}
}

// appJSON is schema integration.
func (x *exchange) appJSON(a *app) object {
	return object{
		"id": a.id, "slug": a.slug, "node_id": nodeID("App", a.id), "owner": x.simpleUser(a.owner), "name": a.slug, "description": "",
		"external_url": x.root + "/apps/" + a.slug, "html_url": x.root + "/apps/" + a.slug,
		"created_at": stamp(a.created), "updated_at": stamp(a.created), "permissions": a.permissions, "events": []string{},
	}
}

// appOrNil is nullable-integration.
func (x *exchange) appOrNil(a *app) any {
	if a == nil {
		return nil
	}
	return x.appJSON(a)
}

// installationJSON is schema installation.
func (x *exchange) installationJSON(in *installation) object {
	selection := "all"
	if in.repos != nil {
		selection = "selected"
	}
	return object{
		"id": in.id, "account": x.simpleUser(in.account), "repository_selection": selection,
		"access_tokens_url": fmt.Sprintf("%s/app/installations/%d/access_tokens", x.api, in.id),
		"repositories_url":  x.api + "/installation/repositories", "html_url": fmt.Sprintf("%s/settings/installations/%d", x.root, in.id),
		"app_id": in.app.id, "app_slug": in.app.slug, "target_id": in.account.id, "target_type": in.account.kind,
		"permissions": in.app.permissions, "events": []string{}, "created_at": stamp(in.created), "updated_at": stamp(in.created),
		"single_file_name": nil, "suspended_by": nil, "suspended_at": nil,
	}
}
