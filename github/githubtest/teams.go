package githubtest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

type team struct {
	id      int64
	slug    string
	name    string
	org     *org
	parent  *team
	members map[int64]*membership
	created time.Time
}

// AddTeam creates a team; parent is the slug of its parent team, or "". The slug is made from the name as GitHub does:
// lower case, with "-" for what is not a letter or digit.
func (s *Server) AddTeam(org, name, parent string, members ...string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.mustOrg(org)
	slug := slugOf(name)
	if o.teams[slug] != nil {
		panic("githubtest: team " + slug + " exists")
	}
	t := &team{id: s.newID(), slug: slug, name: name, org: o, members: map[int64]*membership{}, created: s.tick()}
	if parent != "" {
		t.parent = s.mustTeam(org, parent)
	}
	o.teams[slug] = t
	for _, login := range members {
		s.addTeamMember(t, login, active)
	}
	return t.id
}

// DeleteTeam deletes a team, and its child teams with it.
func (s *Server) DeleteTeam(org, slug string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.mustTeam(org, slug)
	s.tick()
	maps.DeleteFunc(gone.org.teams, func(_ string, t *team) bool { return t.within(gone) })
}

// AddMember puts somebody into a team: "active" (who becomes a member of the organisation if they are none) or "pending"
// (invited to the organisation and the team, not yet come). "login:maintainer" makes a maintainer.
func (s *Server) AddMember(org, slug, login, st string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st != string(active) && st != string(pending) {
		panic("githubtest: membership state " + st + " is neither active nor pending")
	}
	s.addTeamMember(s.mustTeam(org, slug), login, state(st))
}

// RemoveMember takes somebody out of a team.
func (s *Server) RemoveMember(org, slug, login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	delete(s.mustTeam(org, slug).members, s.mustAccount(login).id)
}

// AcceptInvitation makes a pending member of an organisation an active one, in the teams they were invited to as well.
func (s *Server) AcceptInvitation(org, login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, a := s.mustOrg(org), s.mustAccount(login)
	if o.members[a.id] == nil {
		panic("githubtest: " + login + " is not invited to " + org)
	}
	s.tick()
	o.accept(a.id)
}

func (s *Server) addTeamMember(t *team, spec string, st state) {
	login, role, given := strings.Cut(spec, ":")
	if !given {
		role = "member"
	}
	a := s.mustAccount(login)
	switch {
	case st == active && t.org.activeMember(a.id) == nil:
		s.addOrgMember(t.org, login, active)
	case st == pending && t.org.members[a.id] == nil:
		x := &exchange{Server: s, who: caller{account: s.ownerOf(t.org)}}
		x.invite(t.org, a, t)
	}
	s.tick()
	t.members[a.id] = &membership{account: a, role: role, state: st}
}

// ownerOf is somebody to whom the set-up's own deeds are ascribed.
func (s *Server) ownerOf(o *org) *account {
	var owners []*account
	for _, m := range o.members {
		if m.role == "admin" {
			owners = append(owners, m.account)
		}
	}
	if owners == nil {
		return s.accounts[actionsBotID]
	}
	return byID(owners)[0]
}

func (s *Server) mustTeam(org, slug string) *team {
	t := s.mustOrg(org).teams[strings.ToLower(slug)]
	if t == nil {
		panic("githubtest: no team " + org + "/" + slug)
	}
	return t
}

func slugOf(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' {
			b.WriteRune(c)
		} else if !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

// within says whether the team is another or below it.
func (t *team) within(other *team) bool {
	for ; t != nil; t = t.parent {
		if t == other {
			return true
		}
	}
	return false
}

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

// teamRole is the role that GitHub shows: an owner of the organisation maintains every team they are in.
func (o *org) teamRole(m *membership) string {
	if om := o.members[m.account.id]; om != nil && om.role == "admin" {
		return "maintainer"
	}
	return m.role
}

func (x *exchange) teamFor(level string) (*team, error) {
	o, err := x.orgFor(level)
	if err != nil {
		return nil, err
	}
	t := o.teams[strings.ToLower(x.path("team"))]
	if t == nil {
		return nil, notFound("teams/teams#get-a-team-by-name")
	}
	return t, nil
}

func (x *exchange) getTeam() (reply, error) {
	t, err := x.teamFor("read")
	if err != nil {
		return reply{}, err
	}
	return ok(x.fullTeam(t))
}

func (x *exchange) listTeams() (reply, error) {
	o, err := x.orgFor("read")
	if err != nil {
		return reply{}, err
	}
	return listOf(x, sortedTeams(o, func(*team) bool { return true }), x.teamJSON)
}

func (x *exchange) listChildTeams() (reply, error) {
	t, err := x.teamFor("read")
	if err != nil {
		return reply{}, err
	}
	return listOf(x, sortedTeams(t.org, func(c *team) bool { return c.parent == t }), x.teamJSON)
}

func sortedTeams(o *org, keep func(*team) bool) []*team {
	var list []*team
	for _, t := range o.teams {
		if keep(t) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b *team) int { return cmp.Compare(a.id, b.id) })
	return list
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

// administersTeam is whether the caller may change who is in the team: owners of the organisation, maintainers, Apps.
func (x *exchange) administersTeam(t *team) bool {
	if x.ownsOrg(t.org) {
		return true
	}
	m := t.members[x.who.account.id]
	return m != nil && m.state == active && m.role == "maintainer"
}

// setTeamMembership adds a member of the organisation at once; anybody else is invited and pending until they accept.
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

// removeTeamMembership ends a membership or the invitation to this team; the organisation's own invitation stands.
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
