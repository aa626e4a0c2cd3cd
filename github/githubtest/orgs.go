package githubtest

import (
	"cmp"
	"slices"
	"strings"
)

// state of a membership: an invited person is pending until they accept.
type state string

const (
	active  state = "active"
	pending state = "pending"
)

type org struct {
	account     *account
	members     map[int64]*membership
	teams       map[string]*team // by slug
	invitations []*orgInvitation
	base        role // of every member in every repository
}

type membership struct {
	account *account
	role    string // of an organization: admin or member; of a team: maintainer or member
	state   state
}

// AddOrg creates an organization; the members named are active members of it. "login:admin" makes an owner.
func (s *Server) AddOrg(login string, members ...string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.addAccount(login, User{})
	a.kind = "Organization"
	o := &org{account: a, members: map[int64]*membership{}, teams: map[string]*team{}, base: readRole}
	s.orgs[a.id] = o
	for _, m := range members {
		s.addOrgMember(o, m, active)
	}
	return a.id
}

// AddOrgMember makes somebody an active member; "login:admin" makes an owner.
func (s *Server) AddOrgMember(org, login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addOrgMember(s.mustOrg(org), login, active)
}

// RemoveOrgMember takes somebody out of an organization, its teams and its repositories.
func (s *Server) RemoveOrgMember(org, login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	s.removeOrgMember(s.mustOrg(org), s.mustAccount(login))
}

// SetBasePermission is what every member may do in every repository: none, read, write or admin. It begins as read.
func (s *Server) SetBasePermission(org, permission string) {
	base, known := parseRole(permission)
	if !known && permission != "none" {
		panic("githubtest: unknown permission " + permission)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	s.mustOrg(org).base = base
}

func (s *Server) addOrgMember(o *org, spec string, st state) {
	login, role, given := strings.Cut(spec, ":")
	if !given {
		role = "member"
	}
	a := s.mustAccount(login)
	s.tick()
	o.members[a.id] = &membership{account: a, role: role, state: st}
}

func (s *Server) removeOrgMember(o *org, a *account) {
	o.remove(a.id)
	for _, r := range s.repos {
		if r.owner == o.account {
			delete(r.collaborators, a.id)
		}
	}
}

func (s *Server) mustOrg(login string) *org {
	a := s.account(login)
	if a == nil || s.orgs[a.id] == nil {
		panic("githubtest: no organization " + login)
	}
	return s.orgs[a.id]
}

// remove takes an account out of the organization, its teams and its invitations.
func (o *org) remove(id int64) {
	delete(o.members, id)
	for _, t := range o.teams {
		delete(t.members, id)
	}
	o.invitations = slices.DeleteFunc(o.invitations, func(i *orgInvitation) bool { return i.invitee.id == id })
}

func (o *org) activeMember(id int64) *membership {
	if m := o.members[id]; m != nil && m.state == active {
		return m
	}
	return nil
}

// orgFor is the organization of the path, which the caller must be able to read the members of. Outsiders and tokens
// without members: read get GitHub's 404 and 403.
func (x *exchange) orgFor(level string) (*org, error) {
	a := x.account(x.path("org"))
	if a == nil || x.orgs[a.id] == nil {
		return nil, notFound("")
	}
	o := x.orgs[a.id]
	if x.who.anonymous() {
		return nil, requiresAuthentication()
	}
	if !x.who.permitted("members", level) {
		return nil, notAccessible(x.who)
	}
	if x.who.app != nil {
		return x.installedOn(o)
	}
	m := o.activeMember(x.who.account.id)
	if m == nil {
		return nil, notFound("")
	}
	return o, nil
}

func (x *exchange) installedOn(o *org) (*org, error) {
	for _, in := range x.who.app.installations {
		if in.account == o.account {
			return o, nil
		}
	}
	return nil, notAccessible(x.who)
}

// ownsOrg is whether the caller may administer the organization.
func (x *exchange) ownsOrg(o *org) bool {
	if x.who.app != nil {
		return true // orgFor asked for the permission
	}
	m := o.activeMember(x.who.account.id)
	return m != nil && m.role == "admin"
}

func (x *exchange) getOrg() (reply, error) {
	a := x.account(x.path("org"))
	if a == nil || x.orgs[a.id] == nil {
		return reply{}, notFound("orgs/orgs#get-an-organization")
	}
	return ok(x.fullOrg(a))
}

func (x *exchange) listOrgMembers() (reply, error) {
	o, err := x.orgFor("read")
	if err != nil {
		return reply{}, err
	}
	want := x.query("role")
	var list []*account
	for _, m := range o.members {
		if m.state == active && (want == "" || want == "all" || want == m.role) {
			list = append(list, m.account)
		}
	}
	return listOf(x, byID(list), x.simpleUser)
}

func (x *exchange) checkOrgMember() (reply, error) {
	o, err := x.orgFor("read")
	if err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if a == nil || o.activeMember(a.id) == nil {
		return reply{}, notFound("orgs/members#check-organization-membership-for-a-user")
	}
	return noContent()
}

func (x *exchange) removeOrgMemberHTTP() (reply, error) {
	o, err := x.orgFor("write")
	if err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if !x.ownsOrg(o) {
		return reply{}, forbidden("You must be an admin to remove a member.", "orgs/members")
	}
	if a == nil || o.members[a.id] == nil {
		return reply{}, notFound("orgs/members")
	}
	x.tick()
	x.removeOrgMember(o, a)
	return noContent()
}

func (x *exchange) getOrgMembership() (reply, error) {
	o, err := x.orgFor("read")
	if err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if a == nil || o.members[a.id] == nil {
		return reply{}, notFound("orgs/members#get-organization-membership-for-a-user")
	}
	return ok(x.orgMembershipJSON(o, o.members[a.id]))
}

// setOrgMembership invites, or changes the role of a member.
func (x *exchange) setOrgMembership() (reply, error) {
	o, err := x.orgFor("write")
	if err != nil {
		return reply{}, err
	}
	if !x.ownsOrg(o) {
		return reply{}, forbidden("You must be an admin to add a membership.", "orgs/members#set-organization-membership-for-a-user")
	}
	var ask struct{ Role string }
	if err := x.decodeOptional(&ask); err != nil {
		return reply{}, err
	}
	a := x.account(x.path("user"))
	if a == nil || a.isOrg() {
		return reply{}, notFound("orgs/members#set-organization-membership-for-a-user")
	}
	m := o.members[a.id]
	if m == nil {
		x.invite(o, a, nil)
		m = o.members[a.id]
	}
	if ask.Role != "" {
		x.tick()
		m.role = ask.Role
	}
	return ok(x.orgMembershipJSON(o, m))
}

func byID(list []*account) []*account {
	slices.SortFunc(list, func(a, b *account) int { return cmp.Compare(a.id, b.id) })
	return list
}
