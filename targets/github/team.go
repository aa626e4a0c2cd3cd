package github

import (
	"context"
	"fmt"
	"slices"

	api "github.com/lapse-access/lapse/github"
)

// team is membership in a team.
type team struct {
	client *api.Client
	org    string
	slug   string
}

func (t team) String() string { return "@" + t.org + "/" + t.slug }

func (t team) holdings(ctx context.Context) ([]holding, error) {
	members, err := t.client.TeamMembers(ctx, t.org, t.slug)
	if err != nil {
		return nil, err
	}
	via, err := t.children(ctx)
	if err != nil {
		return nil, err
	}
	var out []holding
	for _, m := range members {
		out = append(out, holding{id: m.ID, login: m.Login, via: via[m.ID]})
	}
	invited, err := t.invited(ctx)
	return append(out, invited...), err
}

// children says through which child team an account is a member. Whoever is a member of the team itself as well cannot be
// told from one who is not, and stays a member when taken from the team: so via it is.
func (t team) children(ctx context.Context) (map[int64]string, error) {
	via := map[int64]string{}
	children, err := t.client.ChildTeams(ctx, t.org, t.slug)
	if err != nil {
		return nil, err
	}
	for _, slug := range children {
		members, err := t.client.TeamMembers(ctx, t.org, slug) // with those of its own child teams
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if via[m.ID] == "" {
				via[m.ID] = "@" + t.org + "/" + slug
			}
		}
	}
	return via, nil
}

// invited lists who is invited to the team. An invitation to an e-mail address belongs to no account yet.
func (t team) invited(ctx context.Context) ([]holding, error) {
	list, err := t.client.TeamInvitations(ctx, t.org, t.slug)
	if err != nil {
		return nil, err
	}
	var out []holding
	for _, i := range list {
		if i.Login == "" {
			continue
		}
		a, found, err := t.client.User(ctx, i.Login)
		if err != nil {
			return nil, err
		}
		if found { // an account that is gone accepts nothing
			out = append(out, holding{id: a.ID, login: a.Login, pending: true, invitation: i.ID})
		}
	}
	return out, nil
}

// give adds a member of the organization. Anybody else would be invited to the organization by it, which nobody approved.
func (t team) give(ctx context.Context, to api.Account, before []holding) error {
	if held(before, to.ID) { // through a child team
		return nil
	}
	member, err := t.client.OrganizationMember(ctx, t.org, to.Login)
	if err != nil {
		return err
	}
	if !member {
		return fmt.Errorf("give %s to %s: they are no active member of %s, and adding them to a team would invite them; let an owner invite them first", t, to.Login, t.org)
	}
	return t.client.AddToTeam(ctx, t.org, t.slug, to.Login)
}

// take ends the membership or the invitation to the team; an invitation to the organization that was for nothing else goes
// with it.
func (t team) take(ctx context.Context, h holding) error {
	alone := false
	if h.invitation != 0 {
		teams, err := t.client.InvitationTeams(ctx, t.org, h.invitation)
		if err != nil && !api.IsNotFound(err) {
			return err
		}
		alone = slices.Equal(teams, []string{t.slug})
	}
	if err := t.client.RemoveFromTeam(ctx, t.org, t.slug, h.login); err != nil {
		return err
	}
	if alone {
		return t.client.CancelInvitation(ctx, t.org, h.invitation)
	}
	return nil
}
