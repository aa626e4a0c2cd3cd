package requests

import (
	"context"
	"fmt"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
)

// unsent stands for the commit that a request would have.
const unsent = "unsent"

// Unsent gathers the facts that a request would have if the author pushed these changes of main to a new branch now and opened a pull
// request, so that it can be judged before anybody sees it. Nobody has reviewed it. The verdict promises nothing: main, the
// teams and the time may be others when it is sent.
func (g *Gatherer) Unsent(ctx context.Context, main gitrepo.Hash, author github.Account, files []grants.FileChange, at Instant, unfit []checks.Reason) (checks.Facts, *Snapshot, error) {
	snap, err := g.Snapshot(main)
	if err != nil {
		return checks.Facts{}, nil, err
	}
	by := account(author)
	f := checks.Facts{
		Now: at.Now, Configuration: snap.Configuration, Repository: g.Repo.String(), Unjudgeable: unfit,
		Pull:    &checks.Pull{Author: by, Base: snap.Configuration.Config.Branch, HeadRef: unsent, Head: unsent, CreatedAt: at.Now},
		Pushes:  []checks.Push{{By: by, At: at.Now, After: unsent, Kind: "branch_creation", SameBytes: true}},
		Request: grants.NewRequest(files),
	}
	if err := g.caseClashes(&f, snap); err != nil {
		return f, snap, err
	}
	if err := g.addGuards(ctx, &f, snap); err != nil {
		return f, snap, err
	}
	return f, snap, g.people(ctx, &f, snap, at.Live)
}

// FileAt is a file of a commit as one side of a change; nil: there is none.
func (g *Gatherer) FileAt(commit gitrepo.Hash, path string) (*grants.File, error) {
	e, err := g.Git.Entry(commit, path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return g.file(path, e)
}

// MayHold lists the roles that somebody of people.yaml may hold, by name.
func (g *Gatherer) MayHold(ctx context.Context, snap *Snapshot, login string) (map[string]grants.Role, error) {
	f := checks.Facts{Configuration: snap.Configuration, Teams: map[grants.Party]checks.Team{}}
	out := map[string]grants.Role{}
	for name, role := range snap.Configuration.Roles {
		if err := g.addTeams(ctx, &f, role.Eligible); err != nil {
			return nil, err
		}
		if may, _ := checks.MayHold(f, role, login); may {
			out[name] = role
		}
	}
	return out, nil
}

// TakenID says whether the commit has a grant of that id, or of one that differs only in case or Unicode form.
func (g *Gatherer) TakenID(snap *Snapshot, id string) (bool, error) {
	if e, err := g.Git.Entry(snap.Commit, grants.PathOf(id)); err != nil || e != nil {
		return e != nil, err
	}
	clash, err := g.caseClash(snap, id)
	return clash != "", err
}
