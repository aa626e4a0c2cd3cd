package githubtest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"
)

type repoInvitation struct {
	id      int64
	repo    *repo
	invitee *account
	inviter *account
	role    role
	at      time.Time
}

// AddCollaborator gives somebody a permission (pull, triage, push, maintain, admin) at once, without an invitation.
func (s *Server) AddCollaborator(fullName, login, permission string) {
	granted, known := parseRole(permission)
	if !known {
		panic("githubtest: unknown permission " + permission)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, a := s.mustRepo(fullName), s.mustAccount(login)
	s.tick()
	r.collaborators[a.id] = granted
}

// RemoveCollaborator takes a direct collaborator's permission away.
func (s *Server) RemoveCollaborator(fullName, login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	delete(s.mustRepo(fullName).collaborators, s.mustAccount(login).id)
}

// AcceptRepoInvitation makes somebody who was invited to a repository a collaborator.
func (s *Server) AcceptRepoInvitation(fullName, login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, a := s.mustRepo(fullName), s.mustAccount(login)
	i := r.invitationOf(a.id)
	if i == nil {
		panic("githubtest: " + login + " is not invited to " + fullName)
	}
	s.tick()
	r.accept(i)
}

func (r *repo) invitationOf(id int64) *repoInvitation {
	for _, i := range r.invitations {
		if i.invitee.id == id {
			return i
		}
	}
	return nil
}

func (r *repo) accept(i *repoInvitation) {
	r.collaborators[i.invitee.id] = i.role
	r.invitations = slices.DeleteFunc(r.invitations, func(o *repoInvitation) bool { return o == i })
}

type collaborator struct {
	account *account
	role    role
}

// collaboratorsOf lists who has access: directly; outside the organization; or in any way.
func (s *Server) collaboratorsOf(r *repo, affiliation string) []collaborator {
	var list []collaborator
	o := s.orgs[r.owner.id]
	for _, a := range s.accounts {
		if a.deleted || a.isOrg() || a.kind == "Bot" {
			continue
		}
		_, direct := r.collaborators[a.id]
		direct = direct || a == r.owner
		member := o != nil && o.activeMember(a.id) != nil
		have := s.privateRole(a, r)
		switch {
		case affiliation == "direct" && !direct, affiliation == "outside" && (!direct || member || a == r.owner), have == noRole:
			continue
		}
		if affiliation == "direct" && a != r.owner {
			have = max(r.collaborators[a.id], noRole)
		}
		list = append(list, collaborator{a, have})
	}
	slices.SortFunc(list, func(a, b collaborator) int { return cmp.Compare(a.account.id, b.account.id) })
	return list
}

// privateRole is roleOf without what a public repository gives to everybody.
func (s *Server) privateRole(a *account, r *repo) role {
	hidden := *r
	hidden.private = true
	return s.roleOf(a, &hidden)
}

func (x *exchange) listCollaborators() (reply, error) {
	r, err := x.repoFor("metadata", "read", writeRole)
	if err != nil {
		return reply{}, err
	}
	affiliation := x.query("affiliation")
	if affiliation == "" {
		affiliation = "all"
	}
	list := x.collaboratorsOf(r, affiliation)
	if want, known := parseRole(x.query("permission")); known {
		list = slices.DeleteFunc(list, func(c collaborator) bool { return c.role < want })
	}
	return listOf(x, list, x.collaboratorJSON)
}

func (x *exchange) checkCollaborator() (reply, error) {
	r, err := x.repoFor("metadata", "read", writeRole)
	if err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if a == nil || x.privateRole(a, r) == noRole {
		return reply{}, notFound("collaborators/collaborators#check-if-a-user-is-a-repository-collaborator")
	}
	return noContent()
}

func (x *exchange) getCollaboratorPermission() (reply, error) {
	r, err := x.repoFor("metadata", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if a == nil {
		return reply{}, notFound("collaborators/collaborators#get-repository-permissions-for-a-user")
	}
	have := x.roleOf(a, r)
	// The older word for triage is read, for maintain write.
	legacy := map[role]string{noRole: "none", readRole: "read", triageRole: "read", writeRole: "write", maintainRole: "write", adminRole: "admin"}
	return ok(object{"permission": legacy[have], "role_name": roleNames[have], "user": x.collaboratorJSON(collaborator{a, have})})
}

// putCollaborator adds a member of the owning organization, or changes a collaborator, at once; anybody else is invited.
func (x *exchange) putCollaborator() (reply, error) {
	const doc = "collaborators/collaborators#add-a-repository-collaborator"
	r, err := x.repoFor("administration", "write", adminRole)
	if err != nil {
		return reply{}, err
	}
	ask := struct{ Permission string }{"push"}
	if err := x.decodeOptional(&ask); err != nil {
		return reply{}, err
	}
	granted, known := parseRole(ask.Permission)
	if !known {
		return reply{}, invalid(doc, fieldError{Resource: "Repository", Code: "invalid", Field: "permission"})
	}
	a := x.account(x.path("user"))
	if a == nil {
		return reply{}, notFound(doc)
	}
	if a == r.owner || a.isOrg() {
		return reply{}, invalid(doc, fieldError{Resource: "Repository", Code: "custom", Message: "Repository owner cannot be a collaborator"})
	}
	o := x.orgs[r.owner.id]
	_, already := r.collaborators[a.id]
	if already || (o != nil && o.activeMember(a.id) != nil) {
		if r.collaborators[a.id] != granted {
			x.tick()
			r.collaborators[a.id] = granted
		}
		return noContent()
	}
	i := r.invitationOf(a.id)
	if i == nil {
		i = &repoInvitation{id: x.newID(), repo: r, invitee: a, inviter: x.who.account, at: x.tick()}
		r.invitations = append(r.invitations, i)
	}
	i.role = granted
	return created(x.repoInvitationJSON(i))
}

func (x *exchange) deleteCollaborator() (reply, error) {
	r, err := x.repoFor("administration", "write", adminRole)
	if err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if a == nil {
		return reply{}, notFound("collaborators/collaborators#remove-a-repository-collaborator")
	}
	x.tick()
	delete(r.collaborators, a.id)
	r.invitations = slices.DeleteFunc(r.invitations, func(i *repoInvitation) bool { return i.invitee == a })
	return noContent()
}

func (x *exchange) listRepoInvitations() (reply, error) {
	r, err := x.repoFor("administration", "read", adminRole)
	if err != nil {
		return reply{}, err
	}
	return listOf(x, r.invitations, x.repoInvitationJSON)
}

func (x *exchange) repoInvitationFor(level string) (*repo, *repoInvitation, error) {
	r, err := x.repoFor("administration", level, adminRole)
	if err != nil {
		return nil, nil, err
	}
	id, _ := strconv.ParseInt(x.path("id"), 10, 64)
	for _, i := range r.invitations {
		if i.id == id {
			return r, i, nil
		}
	}
	return nil, nil, notFound("collaborators/invitations")
}

func (x *exchange) updateRepoInvitation() (reply, error) {
	_, i, err := x.repoInvitationFor("write")
	if err != nil {
		return reply{}, err
	}
	var ask struct{ Permissions string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	granted, known := parseRole(ask.Permissions)
	if !known {
		return reply{}, invalid("collaborators/invitations#update-a-repository-invitation",
			fieldError{Resource: "RepositoryInvitation", Code: "invalid", Field: "permissions"})
	}
	x.tick()
	i.role = granted
	return ok(x.repoInvitationJSON(i))
}

func (x *exchange) deleteRepoInvitation() (reply, error) {
	r, i, err := x.repoInvitationFor("write")
	if err != nil {
		return reply{}, err
	}
	x.tick()
	r.invitations = slices.DeleteFunc(r.invitations, func(o *repoInvitation) bool { return o == i })
	return noContent()
}

// answerOwnInvitation is how the invited person accepts (PATCH) or declines (DELETE).
func (x *exchange) answerOwnInvitation() (reply, error) {
	id, _ := strconv.ParseInt(x.path("id"), 10, 64)
	for _, r := range x.Server.repos {
		for _, i := range r.invitations {
			if i.id != id || i.invitee != x.who.account {
				continue
			}
			x.tick()
			if x.r.Method == http.MethodPatch {
				r.accept(i)
			} else {
				r.invitations = slices.DeleteFunc(r.invitations, func(o *repoInvitation) bool { return o == i })
			}
			return noContent()
		}
	}
	return reply{}, notFound("collaborators/invitations")
}
