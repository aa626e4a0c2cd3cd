package githubtest

// rootTemplates are schema root, below the API's address: what the front door says of the rest
// (https://docs.github.com/rest/meta/meta#github-api-root). Many of the places are not built here.
var rootTemplates = map[string]string{
	"current_user_url": "/user", "current_user_repositories_url": "/user/repos{?type,page,per_page,sort}", "authorizations_url": "/authorizations",
	"code_search_url": "/search/code?q={query}{&page,per_page,sort,order}", "commit_search_url": "/search/commits?q={query}{&page,per_page,sort,order}",
	"emails_url": "/user/emails", "emojis_url": "/emojis", "events_url": "/events", "feeds_url": "/feeds", "followers_url": "/user/followers",
	"following_url": "/user/following{/target}", "gists_url": "/gists{/gist_id}", "issue_search_url": "/search/issues?q={query}{&page,per_page,sort,order}",
	"issues_url": "/issues", "keys_url": "/user/keys", "label_search_url": "/search/labels?q={query}&repository_id={repository_id}{&page,per_page}",
	"notifications_url": "/notifications", "organization_url": "/orgs/{org}", "organization_repositories_url": "/orgs/{org}/repos{?type,page,per_page,sort}",
	"organization_teams_url": "/orgs/{org}/teams", "public_gists_url": "/gists/public", "rate_limit_url": "/rate_limit", "repository_url": "/repos/{owner}/{repo}",
	"repository_search_url": "/search/repositories?q={query}{&page,per_page,sort,order}", "starred_url": "/user/starred{/owner}{/repo}",
	"starred_gists_url": "/gists/starred", "user_url": "/users/{user}", "user_organizations_url": "/user/orgs",
	"user_repositories_url": "/users/{user}/repos{?type,page,per_page,sort}", "user_search_url": "/search/users?q={query}{&page,per_page,sort,order}",
}

func (x *exchange) getRoot() (reply, error) {
	body := object{"current_user_authorizations_html_url": x.root + "/settings/connections/applications{/client_id}"}
	for name, template := range rootTemplates {
		body[name] = x.api + template
	}
	return ok(body)
}
