package requests

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/grants"
)

// people gathers who the people of the request are: the accounts it names, what they hold already, and the teams that a verdict needs.
func (g *Gatherer) people(ctx context.Context, f *checks.Facts, snap *Snapshot, live LiveOf) error {
	f.Accounts = map[string]checks.Account{}
	f.Live = map[string][]checks.LiveGrant{}
	f.Teams = map[grants.Party]checks.Team{}
	for _, user := range checks.Users(f.Request) {
		if err := g.addAccount(ctx, f, user); err != nil {
			return err
		}
		held, err := live(user)
		if err != nil {
			return err
		}
		f.Live[user] = append([]checks.LiveGrant{}, held...) // none is an answer, too
	}
	return g.addTeams(ctx, f, checks.Teams(ctx, *f, snap.Policies))
}

func (g *Gatherer) addAccount(ctx context.Context, f *checks.Facts, login string) error {
	a, exists, err := g.Account(ctx, login)
	if err == nil && exists {
		f.Accounts[login] = a
	}
	return err
}

// known notes who the forge has just named as the author of an open pull request. Whether they were suspended since is asked before
// anything is given.
func (g *Gatherer) known(author github.Account) {
	if _, ok := g.accounts[author.Login]; ok || author.Deleted {
		return
	}
	if g.accounts == nil {
		g.accounts = map[string]*checks.Account{}
	}
	a := account(author)
	g.accounts[author.Login] = &a
}

// Account is who has a login at the forge now; false: nobody. The forge is asked once.
func (g *Gatherer) Account(ctx context.Context, login string) (checks.Account, bool, error) {
	if a, ok := g.accounts[login]; ok {
		if a == nil {
			return checks.Account{}, false, nil
		}
		return *a, true, nil
	}
	found, exists, err := g.Forge.User(ctx, login)
	if err != nil {
		return checks.Account{}, false, fmt.Errorf("look up account %s: %w", login, err)
	}
	if g.accounts == nil {
		g.accounts = map[string]*checks.Account{}
	}
	g.accounts[login] = nil
	if !exists {
		return checks.Account{}, false, nil
	}
	a := account(found)
	g.accounts[login] = &a
	return a, true, nil
}

// reviewer is who gave a review. The list of reviews says nothing of a suspension, and the record of a team may lag behind a
// deletion, so whoever's approval could count is asked for by id.
func (g *Gatherer) reviewer(ctx context.Context, c *grants.Configuration, r github.Review) (checks.Account, error) {
	by := account(r.By)
	if _, mapped := c.PersonByID(by.ID); !mapped || checks.ReviewState(r.State) != checks.Approved {
		return by, nil
	}
	if known, ok := g.approvers[by.ID]; ok {
		return known, nil
	}
	found, exists, err := g.Forge.UserByID(ctx, by.ID)
	if err != nil {
		return by, fmt.Errorf("look up account %s, who approved: %w", by.Login, err)
	}
	if now := account(found); exists {
		by.Suspended, by.Bot = now.Suspended, by.Bot || now.Bot
	} else {
		by.ID = 0 // deleted
	}
	if g.approvers == nil {
		g.approvers = map[int64]checks.Account{}
	}
	g.approvers[r.By.ID] = by
	return by, nil
}

// addTeams looks up the teams among the parties. One that cannot be looked up is an error: whoever may approve is then unknown.
func (g *Gatherer) addTeams(ctx context.Context, f *checks.Facts, ps []grants.Party) error {
	for _, p := range ps {
		org, slug, isTeam := strings.Cut(strings.TrimPrefix(string(p), "@"), "/")
		if !isTeam || !strings.HasPrefix(string(p), "@") {
			continue
		}
		t, ok := g.teams[p]
		if !ok {
			members, err := g.Forge.TeamMembers(ctx, org, slug)
			if err != nil {
				return fmt.Errorf("look up team %s: %w", p, err)
			}
			t.Members = make([]checks.Account, 0, len(members))
			for _, m := range members {
				t.Members = append(t.Members, account(m))
			}
			if g.teams == nil {
				g.teams = map[grants.Party]checks.Team{}
			}
			g.teams[p] = t
		}
		f.Teams[p] = t
	}
	return nil
}

// MayConfigure says who of people.yaml has an account, if they are among those who may approve a change of that configuration; "" if
// not. Nobody may where the account is gone, suspended, or a bot's.
func (g *Gatherer) MayConfigure(ctx context.Context, snap *Snapshot, id int64) (string, error) {
	found, exists, err := g.Forge.UserByID(ctx, id)
	if err != nil || !exists {
		return "", err
	}
	f := checks.Facts{Configuration: snap.Configuration, Teams: map[grants.Party]checks.Team{}}
	for _, line := range snap.Configuration.Config.Configuration {
		if err := g.addTeams(ctx, &f, line.From); err != nil {
			return "", err
		}
	}
	who, faults := checks.MayConfigure(f, account(found))
	if len(faults) > 0 {
		return "", errors.New(faults[0].Text)
	}
	return who, nil
}

// caseClash returns the path on main, if any, that some file system takes for the id's, in any of its segments.
func (g *Gatherer) caseClash(snap *Snapshot, id string) (string, error) {
	dir := "grants"
	for seg := range strings.SplitSeq(id+".yaml", "/") {
		entries, err := fs.ReadDir(snap.Files, dir)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		others := func(yield func(string) bool) {
			for _, e := range entries {
				if !yield(e.Name()) {
					return
				}
			}
		}
		if other, ok := grants.CaseClash(seg, others); ok {
			return path.Join(dir, other), nil
		}
		dir = path.Join(dir, seg)
	}
	return "", nil
}
