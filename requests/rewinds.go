package requests

import (
	"context"

	"github.com/lapse-access/lapse/gitrepo"
)

// Rewinds are where a branch was, by the forge's own record, before somebody moved it other than forward or deleted it; oldest first.
func (g *Gatherer) Rewinds(ctx context.Context, branch string) ([]gitrepo.Hash, error) {
	pushes, err := g.Forge.Rewinds(ctx, g.Repo, branch)
	var out []gitrepo.Hash
	for _, p := range pushes {
		out = append(out, gitrepo.NewHash(p.Before))
	}
	return out, err
}
