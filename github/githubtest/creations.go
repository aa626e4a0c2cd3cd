package githubtest

import (
	"net/http"
	"path"
	"strings"
)

// createOrgRepo makes an empty repository of an organization; whoever makes it administers it.
func (x *exchange) createOrgRepo() (reply, error) {
	const doc = "repos/repos#create-an-organization-repository"
	o, err := x.orgFor("read")
	if err != nil {
		return reply{}, err
	}
	if !x.who.permitted("administration", "write") {
		return reply{}, notAccessible(x.who)
	}
	var ask struct {
		Name    string
		Private bool
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	name := o.account.login + "/" + ask.Name
	if ask.Name == "" || x.Server.repos[strings.ToLower(name)] != nil {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Repository creation failed.", doc: doc,
			errors: []any{fieldError{Resource: "Repository", Code: "custom", Field: "name", Message: "name already exists on this account"}}}
	}
	r, err := x.addRepo(name, RepoOptions{Public: !ask.Private})
	if err != nil {
		return reply{}, err
	}
	r.collaborators[x.who.account.id] = adminRole
	return created(x.fullRepo(r))
}

// createTeam makes a team; whoever makes it leads it, and is in it.
func (x *exchange) createTeam() (reply, error) {
	const doc = "teams/teams#create-a-team"
	o, err := x.orgFor("write")
	if err != nil {
		return reply{}, err
	}
	var ask struct{ Name string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	slug := slugOf(ask.Name)
	if slug == "" || o.teams[slug] != nil {
		return reply{}, invalid(doc, fieldError{Resource: "Team", Code: "unprocessable", Field: "data", Message: "Name must be unique for this org"})
	}
	t := &team{id: x.newID(), slug: slug, name: ask.Name, org: o, members: map[int64]*membership{}, created: x.tick()}
	o.teams[slug] = t
	if x.who.app == nil {
		x.addTeamMember(t, x.who.account.login+":maintainer", active)
	}
	return created(x.fullTeam(t))
}

// getWorkflow is schema workflow: a file of the default branch, active unless DisableWorkflow was called.
func (x *exchange) getWorkflow() (reply, error) {
	r, err := x.repoFor("actions", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	file := path.Join(".github/workflows", x.path("id"))
	if r.branch(r.defaultBranch) == "" {
		return reply{}, notFound("actions/workflows#get-a-workflow")
	}
	if _, err := x.git(r).run("cat-file", "-e", r.defaultBranch+":"+file); err != nil {
		return reply{}, notFound("actions/workflows#get-a-workflow")
	}
	state := "active"
	if s := r.disabled[x.path("id")]; s != "" {
		state = s
	}
	url := x.repoURL(r) + "/actions/workflows/" + x.path("id")
	return ok(object{"id": r.id, "node_id": nodeID("Workflow", r.id), "name": x.path("id"), "path": file, "state": state,
		"created_at": stamp(r.created), "updated_at": stamp(r.created), "url": url, "html_url": x.repoPage(r) + "/blob/" + r.defaultBranch + "/" + file,
		"badge_url": x.repoPage(r) + "/workflows/" + x.path("id") + "/badge.svg"})
}

// DisableWorkflow stops a workflow, by the name of its file: "disabled_manually" or, after 60 quiet days, "disabled_inactivity".
func (s *Server) DisableWorkflow(fullName, file, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	s.tick()
	if r.disabled == nil {
		r.disabled = map[string]string{}
	}
	r.disabled[file] = state
}
