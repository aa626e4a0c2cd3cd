package githubtest

// settingsRoutes are those of what a repository is set up with: rules, environments, secrets, workflows; and of making one.
func settingsRoutes() map[string]handler {
	const repo = " /repos/{owner}/{repo}"
	const environment = repo + "/environments/{environment}"
	return map[string]handler{
		"POST /orgs/{org}/repos": (*exchange).createOrgRepo,
		"POST /orgs/{org}/teams": (*exchange).createTeam,

		"GET" + repo + "/rules/branches/{branch}":            (*exchange).listBranchRules,
		"GET" + repo + "/rulesets":                           (*exchange).listRulesets,
		"POST" + repo + "/rulesets":                          (*exchange).createRuleset,
		"GET" + repo + "/rulesets/{id}":                      (*exchange).getRuleset,
		"DELETE" + repo + "/rulesets/{id}":                   (*exchange).deleteRuleset,
		"GET" + environment:                                  (*exchange).getEnvironment,
		"PUT" + environment:                                  (*exchange).putEnvironment,
		"GET" + environment + "/deployment-branch-policies":  (*exchange).listBranchPolicies,
		"POST" + environment + "/deployment-branch-policies": (*exchange).createBranchPolicy,
		"GET" + environment + "/secrets":                     (*exchange).listEnvironmentSecrets,
		"GET" + environment + "/secrets/public-key":          (*exchange).getEnvironmentKey,
		"PUT" + environment + "/secrets/{name}":              (*exchange).putEnvironmentSecret,
		"GET" + repo + "/actions/workflows/{id}":             (*exchange).getWorkflow,
	}
}
