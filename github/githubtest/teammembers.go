package githubtest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
)

// membersOf lists the members of a team and of the teams below it, each person once, by id.
func (o *org) membersOf(t *team, st state) []*membership {
	found := map[int64]*membership{}
	for _, child := range o.teams {
		if !child.within(t) {
			continue
		}
		for id, m := range child.members {
			if m.state == st && (found[id] == nil || child == t) {
				found[id] = m
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *membership) int { return cmp.Compare(a.account.id, b.account.id) })
}

func (o *org) inTeam(t *team, id int64, st state) bool {
	for _, child := range o.teams {
		if m := child.members[id]; m != nil && m.state == st && child.within(t) {
			return true
		}
	}
	return false
}

// teamRole is the role that GitHub shows: an owner of the organization maintains every team they are in.
func (o *org) teamRole(m *membership) string {
	if om := o.members[m.account.id]; om != nil && om.role == "admin" {
		return "maintainer"
	}
	return m.role
}

func (x *exchange) listTeamMembers() (reply, error) {
	t, err := x.teamFor("read")
	if err != nil {
		return reply{}, err
	}
	want := x.query("role")
	var list []*account
	for _, m := range t.org.membersOf(t, active) {
		if want == "" || want == "all" || want == t.org.teamRole(m) {
			list = append(list, m.account)
		}
	}
	return listOf(x, list, x.simpleUser)
}

func (x *exchange) listTeamInvitations() (reply, error) {
	t, err := x.teamFor("read")
	if err != nil {
		return reply{}, err
	}
	var list []*orgInvitation
	for _, i := range t.org.invitations {
		if slices.Contains(i.teams, t) {
			list = append(list, i)
		}
	}
	return listOf(x, list, x.orgInvitationJSON)
}

func (x *exchange) getTeamMembership() (reply, error) {
	t, err := x.teamFor("read")
	if err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if a != nil {
		for _, st := range []state{active, pending} {
			for _, m := range t.org.membersOf(t, st) {
				if m.account == a {
					return ok(x.teamMembershipJSON(t, m))
				}
			}
		}
	}
	return reply{}, notFound("teams/members#get-team-membership-for-a-user")
}

// administersTeam is whether the caller may change who is in the team: owners of the organization, maintainers, Apps.
func (x *exchange) administersTeam(t *team) bool {
	if x.ownsOrg(t.org) {
		return true
	}
	m := t.members[x.who.account.id]
	return m != nil && m.state == active && m.role == "maintainer"
}

// setTeamMembership adds a member of the organization at once; anybody else is invited and pending until they accept.
func (x *exchange) setTeamMembership() (reply, error) {
	const doc = "teams/members#add-or-update-team-membership-for-a-user"
	t, err := x.teamFor("write")
	if err != nil {
		return reply{}, err
	}
	if !x.administersTeam(t) {
		return reply{}, forbidden("You must be an organization owner or team maintainer to add a team membership.", doc)
	}
	ask := struct{ Role string }{"member"}
	if err := x.decodeOptional(&ask); err != nil {
		return reply{}, err
	}
	if ask.Role != "member" && ask.Role != "maintainer" {
		return reply{}, invalid(doc, fieldError{Resource: "TeamMember", Code: "invalid", Field: "role"})
	}
	a := x.account(x.path("user"))
	if a == nil {
		return reply{}, notFound(doc)
	}
	if a.isOrg() {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Cannot add an organization as a member.", doc: doc,
			errors: []any{fieldError{Resource: "TeamMember", Code: "org", Field: "user"}}}
	}
	if m := t.members[a.id]; m != nil {
		if m.role != ask.Role {
			x.tick()
			m.role = ask.Role
		}
		return ok(x.teamMembershipJSON(t, m))
	}
	m := &membership{account: a, role: ask.Role, state: active}
	if t.org.activeMember(a.id) == nil {
		if !x.ownsOrg(t.org) {
			return reply{}, forbidden("You must be an organization owner to invite a user to a team.", doc)
		}
		m.state = pending
		x.invite(t.org, a, t)
	} else {
		x.tick()
	}
	t.members[a.id] = m
	return ok(x.teamMembershipJSON(t, m))
}

// removeTeamMembership ends a membership or the invitation to this team; the organization's own invitation stands.
func (x *exchange) removeTeamMembership() (reply, error) {
	const doc = "teams/members#remove-team-membership-for-a-user"
	t, err := x.teamFor("write")
	if err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if a == nil || t.members[a.id] == nil {
		return reply{}, notFound(doc)
	}
	if !x.administersTeam(t) && a != x.who.account {
		return reply{}, forbidden("You must be an organization owner or team maintainer to remove a team membership.", doc)
	}
	x.tick()
	delete(t.members, a.id)
	if i := t.org.invitationOf(a.id); i != nil {
		i.teams = slices.DeleteFunc(i.teams, func(o *team) bool { return o == t })
	}
	return noContent()
}
