package githubtest

import (
	"cmp"
	"maps"
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

// AddMember puts somebody into a team: "active" (who becomes a member of the organization if they are none) or "pending"
// (invited to the organization and the team, not yet come). "login:maintainer" makes a maintainer.
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

// AcceptInvitation makes a pending member of an organization an active one, in the teams they were invited to as well.
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
