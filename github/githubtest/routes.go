package githubtest

import "maps"

// routeTable maps the patterns of net/http's ServeMux to what answers them. What is not here is GitHub's 404.
func routeTable() map[string]handler {
	table := map[string]handler{
		"GET /{$}":        (*exchange).getRoot,
		"GET /rate_limit": (*exchange).getRateLimit,
		"POST /graphql":   (*exchange).graphQL,
		"GET /meta":       (*exchange).getMeta,

		"GET /user":                                          (*exchange).getAuthenticatedUser,
		"GET /user/{id}":                                     (*exchange).getUserByID,
		"GET /users/{login}":                                 (*exchange).getUser,
		"PATCH /user/memberships/orgs/{org}":                 (*exchange).updateOwnMembership,
		"PATCH /user/repository_invitations/{id}":            (*exchange).answerOwnInvitation,
		"DELETE /user/repository_invitations/{id}":           (*exchange).answerOwnInvitation,
		"GET /app":                                           (*exchange).getApp,
		"POST /app/installations/{id}/access_tokens":         (*exchange).createInstallationToken,
		"GET /installation/repositories":                     (*exchange).listInstallationRepos,
		"GET /orgs/{org}":                                    (*exchange).getOrg,
		"GET /orgs/{org}/installation":                       (*exchange).getOrgInstallation,
		"GET /orgs/{org}/members":                            (*exchange).listOrgMembers,
		"GET /orgs/{org}/members/{user}":                     (*exchange).checkOrgMember,
		"DELETE /orgs/{org}/members/{user}":                  (*exchange).removeOrgMemberHTTP,
		"GET /orgs/{org}/memberships/{user}":                 (*exchange).getOrgMembership,
		"PUT /orgs/{org}/memberships/{user}":                 (*exchange).setOrgMembership,
		"DELETE /orgs/{org}/memberships/{user}":              (*exchange).removeOrgMemberHTTP,
		"GET /orgs/{org}/invitations":                        (*exchange).listOrgInvitations,
		"DELETE /orgs/{org}/invitations/{id}":                (*exchange).cancelOrgInvitation,
		"GET /orgs/{org}/invitations/{id}/teams":             (*exchange).listInvitationTeams,
		"GET /orgs/{org}/teams":                              (*exchange).listTeams,
		"GET /orgs/{org}/teams/{team}":                       (*exchange).getTeam,
		"GET /orgs/{org}/teams/{team}/teams":                 (*exchange).listChildTeams,
		"GET /orgs/{org}/teams/{team}/members":               (*exchange).listTeamMembers,
		"GET /orgs/{org}/teams/{team}/invitations":           (*exchange).listTeamInvitations,
		"GET /orgs/{org}/teams/{team}/memberships/{user}":    (*exchange).getTeamMembership,
		"PUT /orgs/{org}/teams/{team}/memberships/{user}":    (*exchange).setTeamMembership,
		"DELETE /orgs/{org}/teams/{team}/memberships/{user}": (*exchange).removeTeamMembership,
	}
	maps.Copy(table, settingsRoutes())
	maps.Copy(table, repoRoutes())
	return table
}

func repoRoutes() map[string]handler {
	const repo = " /repos/{owner}/{repo}"
	table := map[string]handler{}
	for pattern, h := range map[string]map[string]handler{
		"":                                   {"GET": (*exchange).getRepo},
		"/installation":                      {"GET": (*exchange).getRepoInstallation},
		"/activity":                          {"GET": (*exchange).listActivity},
		"/branches":                          {"GET": (*exchange).listBranches},
		"/branches/{branch}":                 {"GET": (*exchange).getBranch},
		"/branches/{branch}/protection":      {"GET": (*exchange).getProtection, "PUT": (*exchange).putProtection, "DELETE": (*exchange).deleteProtection},
		"/collaborators":                     {"GET": (*exchange).listCollaborators},
		"/collaborators/{user}":              {"GET": (*exchange).checkCollaborator, "PUT": (*exchange).putCollaborator, "DELETE": (*exchange).deleteCollaborator},
		"/collaborators/{user}/permission":   {"GET": (*exchange).getCollaboratorPermission},
		"/invitations":                       {"GET": (*exchange).listRepoInvitations},
		"/invitations/{id}":                  {"PATCH": (*exchange).updateRepoInvitation, "DELETE": (*exchange).deleteRepoInvitation},
		"/commits":                           {"GET": (*exchange).listCommits},
		"/commits/{rest...}":                 {"GET": (*exchange).commitRoutes},
		"/compare/{spec...}":                 {"GET": (*exchange).compare},
		"/contents/{path...}":                {"GET": (*exchange).getContents},
		"/git/ref/{ref...}":                  {"GET": (*exchange).getRef},
		"/git/matching-refs/{ref...}":        {"GET": (*exchange).listMatchingRefs},
		"/git/refs":                          {"POST": (*exchange).createRef},
		"/git/trees":                         {"POST": (*exchange).createTree},
		"/git/commits":                       {"POST": (*exchange).createGitCommit},
		"/git/refs/{ref...}":                 {"PATCH": (*exchange).patchRef, "DELETE": (*exchange).deleteRef},
		"/statuses/{sha}":                    {"POST": (*exchange).createStatus},
		"/check-runs":                        {"POST": (*exchange).createCheck},
		"/check-runs/{id}":                   {"GET": (*exchange).getCheck, "PATCH": (*exchange).updateCheck},
		"/check-runs/{id}/annotations":       {"GET": (*exchange).listAnnotations},
		"/dispatches":                        {"POST": (*exchange).dispatchRepository},
		"/actions/workflows/{id}/dispatches": {"POST": (*exchange).dispatchWorkflow},
		"/labels":                            {"GET": (*exchange).listLabels, "POST": (*exchange).createLabel},
	} {
		for method, handle := range h {
			table[method+repo+pattern] = handle
		}
	}
	for pattern, h := range pullRoutes() {
		for method, handle := range h {
			table[method+repo+pattern] = handle
		}
	}
	return table
}

func pullRoutes() map[string]map[string]handler {
	return map[string]map[string]handler{
		"/issues":                                 {"GET": (*exchange).listIssues, "POST": (*exchange).createIssue},
		"/issues/{number}":                        {"GET": (*exchange).getIssue, "PATCH": (*exchange).updateIssue},
		"/issues/{number}/{what}":                 {"GET": (*exchange).issueChild, "POST": (*exchange).issueChild, "PUT": (*exchange).issueChild, "PATCH": (*exchange).issueChild, "DELETE": (*exchange).issueChild},
		"/issues/{number}/labels/{name}":          {"DELETE": (*exchange).removeIssueLabel},
		"/pulls":                                  {"GET": (*exchange).listPulls, "POST": (*exchange).createPull},
		"/pulls/{number}":                         {"GET": (*exchange).getPull, "PATCH": (*exchange).updatePull},
		"/pulls/{number}/commits":                 {"GET": (*exchange).listPullCommits},
		"/pulls/{number}/files":                   {"GET": (*exchange).listPullFiles},
		"/pulls/{number}/merge":                   {"GET": (*exchange).checkMerged, "PUT": (*exchange).mergePull},
		"/pulls/{number}/update-branch":           {"PUT": (*exchange).updateBranch},
		"/pulls/{number}/requested_reviewers":     {"GET": (*exchange).listRequestedReviewers, "POST": (*exchange).changeReviewers, "DELETE": (*exchange).changeReviewers},
		"/pulls/{number}/reviews":                 {"GET": (*exchange).listReviews, "POST": (*exchange).createReview},
		"/pulls/{number}/reviews/{id}":            {"GET": (*exchange).getReview, "PUT": (*exchange).updateReview, "DELETE": (*exchange).deletePendingReview},
		"/pulls/{number}/reviews/{id}/events":     {"POST": (*exchange).submitReview},
		"/pulls/{number}/reviews/{id}/dismissals": {"PUT": (*exchange).dismissReview},
	}
}

// issueChild tells /issues/{number}/comments and /issues/{number}/labels from /issues/comments/{id}, which one pattern
// each could not.
func (x *exchange) issueChild() (reply, error) {
	what := x.path("what")
	if x.path("number") == "comments" {
		x.r.SetPathValue("id", what)
		what = "comment"
	}
	h := map[string]handler{
		"GET comments": (*exchange).listComments, "POST comments": (*exchange).createComment,
		"GET events": (*exchange).listIssueEvents,
		"GET labels": (*exchange).listIssueLabels, "POST labels": (*exchange).addIssueLabels, "PUT labels": (*exchange).addIssueLabels,
		"GET comment": (*exchange).getComment, "PATCH comment": (*exchange).updateComment, "DELETE comment": (*exchange).deleteComment,
	}[x.r.Method+" "+what]
	if h == nil {
		return reply{}, notFound("")
	}
	return h(x)
}
