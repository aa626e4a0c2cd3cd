package requests

import (
	"context"
	"fmt"
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
func (s *Snapshot) guards(repository string, above map[string][]string) func(grants.Entitlement) bool {
	guarded := s.guarded(repository)
	return func(e grants.Entitlement) bool {
		org, ok := s.organization(e)
		if !ok {
			return false
		}
		team := teamOf(org, e)
		for _, t := range above[team] {
			if guarded[t] {
				return true
			}
		}
		return guarded[team] || guarded[strings.ToLower(org+"/"+e.Values["repository"])]
	}
}

// organization is the one whose teams and repositories an entitlement is about; false where it is about none.
func (s *Snapshot) organization(e grants.Entitlement) (string, bool) {
	t := s.Configuration.Config.Targets[e.Target]
	return t.Settings["org"], t.Type == "github"
}

func teamOf(org string, e grants.Entitlement) string {
	return strings.ToLower("@" + org + "/" + e.Values["team"])
}

// addGuards looks up the teams above those that the request would give, and tells the facts what gives a hold on Lapse itself.
func (g *Gatherer) addGuards(ctx context.Context, f *checks.Facts, snap *Snapshot) error {
	above := map[string][]string{}
	for _, c := range f.Request.Changes {
		if c.After == nil {
			continue
		}
		for _, e := range snap.Configuration.Roles[c.After.Role].Entitlements {
			org, ok := snap.organization(e)
			if !ok || e.Values["team"] == "" {
				continue
			}
			teams, found, err := g.teamsAbove(ctx, org, e.Values["team"])
			if err != nil {
				return err
			}
			if !found {
				f.Unjudgeable = append(f.Unjudgeable, checks.Reason{
					Pos: e.At, Grant: c.ID, Text: fmt.Sprintf("GitHub shows no team %s, so what it gives a hold on cannot be told", teamOf(org, e)),
					Hint: "make the team, or let the token see it",
				})
			}
			above[teamOf(org, e)] = teams
		}
	}
	f.Guards = snap.guards(g.Repo.String(), above)
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
	var out []string
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
