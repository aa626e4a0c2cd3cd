package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

const hintTeamWrite = "the team must exist, and the token needs `members: write` on the organization"

// Invitation is one that was not accepted yet.
type Invitation struct {
	ID         int64
	Login      string // "" if it went to an e-mail address
	Invitee    int64  // the account's id; 0 where the list does not tell (teams and organizations)
	Permission string // to a repository: pull, triage, push, maintain, admin, or a custom role
}

// ChildTeams lists the slugs of the teams directly below a team.
func (c *Client) ChildTeams(ctx context.Context, org, slug string) ([]string, error) {
	if err := checkTeam(org, slug); err != nil {
		return nil, err
	}
	ctx = meant(ctx, http.MethodGet, "orgs", org, "teams", slug, "teams")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.Team, *gh.Response, error) {
		return c.api.Teams.ListChildTeamsByParentSlug(ctx, org, slug, &o)
	})
	if err != nil {
		return nil, c.explain(err, hintTeam, "read the child teams of @%s/%s", org, slug)
	}
	return slugs(list)
}

// ParentTeam is the slug of the team that a team lies directly in, "" if in none; false: GitHub shows no such team.
func (c *Client) ParentTeam(ctx context.Context, org, slug string) (string, bool, error) {
	if err := checkTeam(org, slug); err != nil {
		return "", false, err
	}
	ctx = meant(ctx, http.MethodGet, "orgs", org, "teams", slug)
	callOf(ctx).believe = c.structure
	t, _, err := c.api.Teams.GetTeamBySlug(ctx, org, slug)
	err = c.explain(err, hintTeam, "read the team @%s/%s", org, slug)
	switch {
	case IsNotFound(err):
		return "", false, nil
	case err != nil:
		return "", false, err
	case t.GetSlug() != slug:
		return "", false, fmt.Errorf("read the team @%s/%s: the answer is about another team", org, slug)
	case t.Parent == nil:
		return "", true, nil
	}
	above, err := slugs([]*gh.Team{t.Parent})
	if err != nil {
		return "", false, err
	}
	return above[0], true, nil
}

func slugs(teams []*gh.Team) ([]string, error) {
	var out []string
	for _, t := range teams {
		if err := names.TeamSlug(t.GetSlug()); err != nil {
			return nil, fmt.Errorf("github lists a team: %w", err)
		}
		out = append(out, t.GetSlug())
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// TeamInvitations lists those who are invited to an organization, and with that to the team.
func (c *Client) TeamInvitations(ctx context.Context, org, slug string) ([]Invitation, error) {
	if err := checkTeam(org, slug); err != nil {
		return nil, err
	}
	ctx = meant(ctx, http.MethodGet, "orgs", org, "teams", slug, "invitations")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.Invitation, *gh.Response, error) {
		return c.api.Teams.ListPendingTeamInvitationsBySlug(ctx, org, slug, &o)
	})
	if err != nil {
		return nil, c.explain(err, hintTeam, "read the invitations to @%s/%s", org, slug)
	}
	var out []Invitation
	for _, i := range list {
		if i.GetID() <= 0 {
			return nil, fmt.Errorf("read the invitations to @%s/%s: one has no id", org, slug)
		}
		out = append(out, Invitation{ID: i.GetID(), Login: i.GetLogin()})
	}
	return out, nil
}

// InvitationTeams lists the slugs of the teams that an invitation to an organization is for.
func (c *Client) InvitationTeams(ctx context.Context, org string, id int64) ([]string, error) {
	if err := names.Organization(org); err != nil {
		return nil, err
	}
	number := strconv.FormatInt(id, 10)
	ctx = meant(ctx, http.MethodGet, "orgs", org, "invitations", number, "teams")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.Team, *gh.Response, error) {
		return c.api.Organizations.ListOrgInvitationTeams(ctx, org, number, &o)
	})
	if err != nil {
		return nil, c.explain(err, hintTeam, "read the teams of an invitation to %s", org)
	}
	return slugs(list)
}

// CancelInvitation takes back an invitation to an organization. One that is gone is a success.
func (c *Client) CancelInvitation(ctx context.Context, org string, id int64) error {
	if err := names.Organization(org); err != nil {
		return err
	}
	number := strconv.FormatInt(id, 10)
	ctx = meant(ctx, http.MethodDelete, "orgs", org, "invitations", number)
	req, err := c.api.NewRequest(http.MethodDelete, "orgs/"+org+"/invitations/"+number, nil)
	if err == nil {
		_, err = c.api.Do(ctx, req, nil)
	}
	return unlessGone(c.explain(err, hintTeamWrite, "cancel an invitation to %s", org))
}

func unlessGone(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

// OrganizationMember says whether a login is an active member of an organization now. Who is invited is not.
func (c *Client) OrganizationMember(ctx context.Context, org, login string) (bool, error) {
	if err := errors.Join(names.Organization(org), names.Login(login)); err != nil {
		return false, err
	}
	m, _, err := c.api.Organizations.GetOrgMembership(meant(ctx, http.MethodGet, "orgs", org, "memberships", login), login, org)
	err = c.explain(err, "the token needs `members: read` on the organization", "ask whether %s is a member of %s", login, org)
	if IsNotFound(err) {
		return false, nil
	}
	return err == nil && m.GetState() == "active", err
}

// AddToTeam makes a login a member of a team. Who is no member of the organization is invited to it by that: ask
// OrganizationMember first. A maintainer becomes a plain
// member by it.
func (c *Client) AddToTeam(ctx context.Context, org, slug, login string) error {
	if err := errors.Join(checkTeam(org, slug), names.Login(login)); err != nil {
		return err
	}
	_, _, err := c.api.Teams.AddTeamMembershipBySlug(meant(ctx, http.MethodPut, "orgs", org, "teams", slug, "memberships", login), org, slug, login, &gh.TeamAddTeamMembershipOptions{Role: "member"})
	return c.explain(err, hintTeamWrite, "add %s to @%s/%s", login, org, slug)
}

// RemoveFromTeam ends a login's membership in a team, or the invitation to it. Where there is none it is a success.
func (c *Client) RemoveFromTeam(ctx context.Context, org, slug, login string) error {
	if err := errors.Join(checkTeam(org, slug), names.Login(login)); err != nil {
		return err
	}
	_, err := c.api.Teams.RemoveTeamMembershipBySlug(meant(ctx, http.MethodDelete, "orgs", org, "teams", slug, "memberships", login), org, slug, login)
	return unlessGone(c.explain(err, hintTeamWrite, "remove %s from @%s/%s", login, org, slug))
}
