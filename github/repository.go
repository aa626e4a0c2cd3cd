package github

import (
	"context"
	"fmt"
	"net/http"
)

// RepositoryID is GitHub's number for a repository, which it keeps when it is renamed or given to another owner.
func (c *Client) RepositoryID(ctx context.Context, r Repo) (int64, error) {
	id, _, err := c.Repository(ctx, r)
	return id, err
}

// Repository is GitHub's number for a repository, and its name as GitHub writes it, which takes any case for it.
func (c *Client) Repository(ctx context.Context, r Repo) (id int64, name Repo, err error) {
	if err := r.check(); err != nil {
		return 0, Repo{}, err
	}
	repo, _, err := c.api.Repositories.Get(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name), r.Owner, r.Name)
	if err != nil {
		return 0, Repo{}, c.explain(err, hintRepo, "read repository %s", r)
	}
	if repo.GetID() <= 0 {
		return 0, Repo{}, fmt.Errorf("read repository %s: the answer has no id", r)
	}
	name, err = ParseRepo(repo.GetFullName())
	if err != nil {
		return 0, Repo{}, fmt.Errorf("read repository %s: %w", r, err)
	}
	return repo.GetID(), name, nil
}
