package requests

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// guarded are the things on GitHub that give a hold on Lapse itself, in lower case, for GitHub takes names in any: the access
// repository as "acme/access", and the teams that approve as "@acme/security".
type guarded map[string]bool

func (s *Snapshot) guarded(repository string) guarded {
	g := guarded{strings.ToLower(repository): true}
	note := func(lines []grants.ApprovalLine) {
		for _, l := range lines {
			for _, p := range l.From {
				g[strings.ToLower(string(p))] = true
			}
		}
	}
	note(s.Configuration.Config.Configuration)
	for _, r := range s.Configuration.Roles {
		note(r.Approvals)
	}
	return g
}

// guards says which entitlements give a hold on Lapse itself. A team below one that approves does: its members count as members of
// both. above tells the teams above a team, by "@org/slug"; nil: none are known.
func (g *Gatherer) guards(snap *Snapshot, repository string, above map[string][]string) func(grants.Entitlement) bool {
	guarded := snap.guarded(repository)
	return func(e grants.Entitlement) bool {
		about := g.about(snap, e)
		return about != "" && guarded[about] || slices.ContainsFunc(above[about], func(team string) bool { return guarded[team] })
	}
}

// about is the team or the repository on GitHub that an entitlement is about, in lower case; "" for neither.
func (g *Gatherer) about(snap *Snapshot, e grants.Entitlement) string {
	return strings.ToLower(g.Types.OnGitHub(snap.Configuration, e))
}

// addGuards looks up the teams above those that the request would give, and tells the facts what gives a hold on Lapse itself.
func (g *Gatherer) addGuards(ctx context.Context, f *checks.Facts, snap *Snapshot) error {
	above := map[string][]string{}
	for _, c := range f.Request.Changes {
		if c.After == nil {
			continue
		}
		for _, e := range snap.Configuration.Roles[c.After.Role].Entitlements {
			about := g.about(snap, e)
			team, ok := strings.CutPrefix(about, "@")
			if !ok {
				continue
			}
			org, slug, _ := strings.Cut(team, "/")
			teams, found, err := g.teamsAbove(ctx, org, slug)
			if err != nil {
				return err
			}
			if !found {
				f.Unjudgeable = append(f.Unjudgeable, checks.Reason{
					Pos: e.At, Grant: c.ID, Text: fmt.Sprintf("GitHub shows no team %s, so what it gives a hold on cannot be told", about),
					Hint: "make the team, or let the token see it",
				})
			}
			above[about] = teams
		}
	}
	f.Above, f.Guards = above, g.guards(snap, f.Repository, above)
	return nil
}

// maxNesting is far above how deep anybody nests teams.
const maxNesting = 50

// teamsAbove are the teams that a team lies in, as "@org/slug" in lower case, from the nearest; false: there is no such team.
func (g *Gatherer) teamsAbove(ctx context.Context, org, slug string) ([]string, bool, error) {
	key := strings.ToLower("@" + org + "/" + slug)
	if known, ok := g.above[key]; ok {
		return known, true, nil
	}
	out := []string{} // none, and looked up
	for len(out) < maxNesting {
		parent, found, err := g.Forge.ParentTeam(ctx, org, slug)
		if err != nil || !found {
			return nil, false, err
		}
		if parent == "" {
			if g.above == nil {
				g.above = map[string][]string{}
			}
			g.above[key] = out
			return out, true, nil
		}
		out = append(out, strings.ToLower("@"+org+"/"+parent))
		slug = parent
	}
	return nil, false, fmt.Errorf("the teams above %s: more than %d", key, maxNesting)
}
