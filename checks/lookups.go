package checks

import (
	"context"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/grants"
)

// Teams are the "@org/team" parties that a verdict on these facts has to know, sorted: those of the roles asked for, of the
// configuration's approvers, and those that a policy names to lift a denial. The facts need no teams, reviews or pushes yet;
// the policies are asked with what there is.
func Teams(ctx context.Context, f Facts, p Policies) []grants.Party {
	j := newJudgement(f, p)
	var parties []grants.Party
	switch j.kind {
	case scopeConfiguration:
		for _, l := range j.Configuration.Config.Configuration {
			parties = append(parties, l.From...)
		}
	case scopeGrants:
		for _, c := range j.Request.Changes {
			parties = append(parties, j.named(ctx, c)...)
		}
	}
	for _, l := range j.lines {
		parties = append(parties, l.from...)
	}
	return slices.DeleteFunc(sortedParties(parties), func(p grants.Party) bool { return !strings.HasPrefix(string(p), "@") })
}

// named are the parties that one grant's role names. The lines of the policies are left in the judgement.
func (j *judgement) named(ctx context.Context, c grants.Change) []grants.Party {
	if c.After == nil {
		return nil
	}
	role, ok := j.Configuration.Roles[c.After.Role]
	if !ok {
		return nil
	}
	if _, found := j.Configuration.People.People[c.After.User]; found {
		j.ask(ctx, c, role)
	}
	parties := slices.Clone(role.Eligible)
	for _, l := range role.Approvals {
		parties = append(parties, l.From...)
	}
	return parties
}
