package github

import (
	"context"
	"fmt"
	"slices"

	api "github.com/lapse-access/lapse/github"
)

// repository is a permission on a repository, given to a person and not through a team.
type repository struct {
	client     *api.Client
	repo       api.Repo
	permission string
}

func (r repository) String() string { return r.permission + " on " + r.repo.String() }

func (r repository) holdings(ctx context.Context) ([]holding, error) {
	collaborators, err := r.client.Collaborators(ctx, r.repo)
	if err != nil {
		return nil, err
	}
	var out []holding
	for _, c := range collaborators {
		h := holding{id: c.ID, login: c.Login}
		if c.Permission != r.permission {
			h.via = higher(c.Permission)
		}
		if slices.Contains(c.Includes, r.permission) {
			out = append(out, h)
		}
	}
	invited, err := r.client.RepositoryInvitations(ctx, r.repo)
	if err != nil {
		return nil, err
	}
	for _, i := range invited {
		h := holding{id: i.Invitee, login: i.Login, pending: true, invitation: i.ID}
		if i.Permission != r.permission {
			h.via = higher(i.Permission)
		}
		if i.Invitee != 0 && includes(i.Permission, r.permission) {
			out = append(out, h)
		}
	}
	return out, nil
}

func higher(permission string) string { return "the permission " + permission }

// includes says whether one permission holds another. Of a custom role it is not known here, and assumed.
func includes(has, want string) bool {
	all := api.Permissions()
	i := slices.Index(all, has)
	return i < 0 || i >= slices.Index(all, want)
}

// give adds a collaborator. It refuses to change a permission that is there: when the grant ends, that one would not come
// back.
func (r repository) give(ctx context.Context, to api.Account, _ []holding) error {
	has, err := r.has(ctx, to.ID)
	if err != nil {
		return err
	}
	if has != "" && has != r.permission {
		return fmt.Errorf("give %s to %s: they have %s there already, which would be replaced, and be lost at the end of the grant", r, to.Login, has)
	}
	return r.client.AddCollaborator(ctx, r.repo, to.Login, r.permission)
}

// has is the permission that an account was given or offered as a person; "" for none.
func (r repository) has(ctx context.Context, id int64) (string, error) {
	collaborators, err := r.client.Collaborators(ctx, r.repo)
	if err != nil {
		return "", err
	}
	for _, c := range collaborators {
		if c.ID == id {
			return c.Permission, nil
		}
	}
	invited, err := r.client.RepositoryInvitations(ctx, r.repo)
	if err != nil {
		return "", err
	}
	for _, i := range invited {
		if i.Invitee == id {
			return i.Permission, nil
		}
	}
	return "", nil
}

// take removes a collaborator who has this very permission, or the invitation to it.
func (r repository) take(ctx context.Context, h holding) error {
	switch {
	case h.via != "":
		return fmt.Errorf("take %s from %s: they hold it through %s, which is not Lapse's to take", r, h.login, h.via)
	case h.invitation != 0:
		return r.client.DeleteRepositoryInvitation(ctx, r.repo, h.invitation)
	}
	return r.client.RemoveCollaborator(ctx, r.repo, h.login)
}
