package githubtest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

type orgInvitation struct {
	id      int64
	invitee *account
	inviter *account
	role    string // admin or direct_member
	teams   []*team
	at      time.Time
}

// invite makes a pending membership with its invitation, or adds a team to the invitation that stands.
func (x *exchange) invite(o *org, a *account, t *team) {
	at := x.tick()
	i := o.invitationOf(a.id)
	if i == nil {
		inviter := x.who.account
		i = &orgInvitation{id: x.newID(), invitee: a, inviter: inviter, role: "direct_member", at: at}
		o.invitations = append(o.invitations, i)
		o.members[a.id] = &membership{account: a, role: "member", state: pending}
	}
	if t != nil && !slices.Contains(i.teams, t) {
		i.teams = append(i.teams, t)
	}
}

func (o *org) invitationOf(id int64) *orgInvitation {
	for _, i := range o.invitations {
		if i.invitee.id == id {
			return i
		}
	}
	return nil
}

func (x *exchange) listOrgInvitations() (reply, error) {
	o, err := x.orgFor("read")
	if err != nil {
		return reply{}, err
	}
	return listOf(x, o.invitations, x.orgInvitationJSON)
}

func (x *exchange) listInvitationTeams() (reply, error) {
	o, err := x.orgFor("read")
	if err != nil {
		return reply{}, err
	}
	id, _ := strconv.ParseInt(x.path("id"), 10, 64)
	for _, i := range o.invitations {
		if i.id == id {
			return listOf(x, i.teams, x.teamJSON)
		}
	}
	return reply{}, notFound("orgs/members#list-organization-invitation-teams")
}

// cancelOrgInvitation takes the invitation back, and with it every pending team membership.
func (x *exchange) cancelOrgInvitation() (reply, error) {
	o, err := x.orgFor("write")
	if err != nil {
		return reply{}, err
	}
	if !x.ownsOrg(o) {
		return reply{}, forbidden("You must be an admin to cancel an invitation.", "orgs/members#cancel-an-organization-invitation")
	}
	id, _ := strconv.ParseInt(x.path("id"), 10, 64)
	for _, i := range o.invitations {
		if i.id == id {
			x.tick()
			o.remove(i.invitee.id)
			return noContent()
		}
	}
	return reply{}, notFound("orgs/members#cancel-an-organization-invitation")
}

// updateOwnMembership is how somebody accepts an invitation to an organization; the teams they were invited to follow.
func (x *exchange) updateOwnMembership() (reply, error) {
	a := x.account(x.path("org"))
	if x.who.account == nil {
		return reply{}, requiresAuthentication()
	}
	if a == nil || x.orgs[a.id] == nil || x.orgs[a.id].members[x.who.account.id] == nil {
		return reply{}, notFound("orgs/members")
	}
	var ask struct{ State string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if ask.State != "active" {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "state must be active", doc: "orgs/members"}
	}
	o := x.orgs[a.id]
	x.tick()
	o.accept(x.who.account.id)
	return ok(x.orgMembershipJSON(o, o.members[x.who.account.id]))
}

func (o *org) accept(id int64) {
	o.members[id].state = active
	for _, t := range o.teams {
		if m := t.members[id]; m != nil {
			m.state = active
		}
	}
	o.invitations = slices.DeleteFunc(o.invitations, func(i *orgInvitation) bool { return i.invitee.id == id })
}
