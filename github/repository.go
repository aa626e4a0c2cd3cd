package github

import (
	"context"
	"fmt"
	"net/http"
)

// RepositoryID is GitHub's number for a repository, which it keeps when it is renamed or given to another owner.
func (c *Client) RepositoryID(ctx context.Context, r Repo) (int64, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	repo, _, err := c.api.Repositories.Get(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name), r.Owner, r.Name)
	if err != nil {
		return 0, c.explain(err, hintRepo, "read repository %s", r)
	}
	if repo.GetID() <= 0 {
		return 0, fmt.Errorf("read repository %s: the answer has no id", r)
	}
	return repo.GetID(), nil
}
