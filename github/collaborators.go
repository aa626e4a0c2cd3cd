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

// Permissions are the permissions on a repository that are no custom roles; each holds those before it.
func Permissions() []string { return []string{"pull", "triage", "push", "maintain", "admin"} }

const hintAdmin = "the repository must exist, and the token needs `administration: write` on it"

// Collaborator is somebody who was added to a repository as a person, not through a team.
type Collaborator struct {
	Account
	// Permission is the highest that the person has, whatever gives it (the repository, a team, the organization): one of
	// Permissions, or the name of a custom role. GitHub's REST API does not tell the direct one alone.
	Permission string
	Includes   []string // those of Permissions that it holds
}

// Collaborators lists who was added to a repository directly.
func (c *Client) Collaborators(ctx context.Context, r Repo) ([]Collaborator, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "collaborators")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.User, *gh.Response, error) {
		return c.api.Repositories.ListCollaborators(ctx, r.Owner, r.Name, &gh.ListCollaboratorsOptions{Affiliation: "direct", ListOptions: o})
	})
	if err != nil {
		return nil, c.explain(err, hintAdmin, "read the collaborators of %s", r)
	}
	var out []Collaborator
	seen := map[int64]bool{}
	for _, u := range list {
		a := account(u)
		if a.Deleted || a.Login == "" || u.GetRoleName() == "" {
			return nil, fmt.Errorf("read the collaborators of %s: one has no id, login or role", r)
		}
		if !seen[a.ID] {
			seen[a.ID] = true
			out = append(out, collaborator(a, u))
		}
	}
	return out, nil
}

func collaborator(a Account, u *gh.User) Collaborator {
	all := Permissions()
	has := Collaborator{Account: a, Permission: permission(u.GetRoleName())}
	highest := slices.Index(all, has.Permission)
	for i, p := range all {
		if i <= highest || u.GetPermissions()[p] {
			has.Includes = append(has.Includes, p)
		}
	}
	return has
}

// permission turns the names of roles into those of permissions, which the API takes.
func permission(role string) string {
	switch role {
	case "read":
		return "pull"
	case "write":
		return "push"
	}
	return role
}

// RepositoryInvitations lists those who are invited to a repository.
func (c *Client) RepositoryInvitations(ctx context.Context, r Repo) ([]Invitation, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "invitations")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.RepositoryInvitation, *gh.Response, error) {
		return c.api.Repositories.ListInvitations(ctx, r.Owner, r.Name, &o)
	})
	if err != nil {
		return nil, c.explain(err, hintAdmin, "read the invitations to %s", r)
	}
	var out []Invitation
	for _, i := range list {
		if i.GetID() <= 0 || i.GetPermissions() == "" {
			return nil, fmt.Errorf("read the invitations to %s: one has no id or permission", r)
		}
		out = append(out, Invitation{
			ID: i.GetID(), Login: i.GetInvitee().GetLogin(), Invitee: i.GetInvitee().GetID(), Permission: permission(i.GetPermissions()),
		})
	}
	return out, nil
}

// AddCollaborator gives a login a permission on a repository, or invites it; a permission that is there already is replaced.
func (c *Client) AddCollaborator(ctx context.Context, r Repo, login, permission string) error {
	if err := errors.Join(r.check(), names.Login(login)); err != nil {
		return err
	}
	if !slices.Contains(Permissions(), permission) {
		return fmt.Errorf("unknown permission %q (want one of %v)", permission, Permissions())
	}
	_, _, err := c.api.Repositories.AddCollaborator(meant(ctx, http.MethodPut, "repos", r.Owner, r.Name, "collaborators", login),
		r.Owner, r.Name, login, &gh.RepositoryAddCollaboratorOptions{Permission: permission})
	return c.explain(err, hintAdmin, "give %s %s on %s", login, permission, r)
}

// RemoveCollaborator takes whatever permission a login has on a repository as a person. Where there is none it is a success.
func (c *Client) RemoveCollaborator(ctx context.Context, r Repo, login string) error {
	if err := errors.Join(r.check(), names.Login(login)); err != nil {
		return err
	}
	_, err := c.api.Repositories.RemoveCollaborator(meant(ctx, http.MethodDelete, "repos", r.Owner, r.Name, "collaborators", login), r.Owner, r.Name, login)
	return unlessGone(c.explain(err, hintAdmin, "remove %s from %s", login, r))
}

// DeleteRepositoryInvitation takes back an invitation to a repository. One that is gone is a success.
func (c *Client) DeleteRepositoryInvitation(ctx context.Context, r Repo, id int64) error {
	if err := r.check(); err != nil {
		return err
	}
	_, err := c.api.Repositories.DeleteInvitation(meant(ctx, http.MethodDelete, "repos", r.Owner, r.Name, "invitations", strconv.FormatInt(id, 10)), r.Owner, r.Name, id)
	return unlessGone(c.explain(err, hintAdmin, "cancel an invitation to %s", r))
}
