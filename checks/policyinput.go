package checks

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
)

// LiveSubject is a live grant as it was approved, with the request that brought it.
type LiveSubject struct {
	ID           string
	User         string
	UserID       int64 // as it was approved
	Role         string
	Reason       string
	Ticket       string
	Interval     grants.Interval
	Pull         int
	Author       string
	Labels       []string
	Change       grants.ChangeKind
	Entitlements []grants.Entitlement // what the grant gives now
}

// LiveInput is what the policies of package active are asked about one live grant. Live may hold the grant itself, which is
// left out. If people.yaml no longer has the person under the id that was approved, the input has no e-mail and no groups:
// whoever goes by the login now is somebody else. If the role is gone, only its name is told.
func LiveInput(c *grants.Configuration, g LiveSubject, live []LiveGrant, now time.Time) policies.Input {
	role, known := c.Roles[g.Role]
	role.Name = g.Role
	role.Entitlements = g.Entitlements
	in := policyInput(c, g, role, live, now)
	in.Role.Automatic = in.Role.Automatic && known
	return in
}

// policyInput is the one way an input is made, for requests and for live grants. Lists are sorted and never nil.
func policyInput(c *grants.Configuration, g LiveSubject, role grants.Role, live []LiveGrant, now time.Time) policies.Input {
	return policies.Input{
		Grant: policies.Grant{
			ID: g.ID, User: g.User, Role: g.Role, Reason: g.Reason, Ticket: g.Ticket,
			DurationSeconds: int64(g.Interval.Length() / time.Second),
			Start:           policyTime(g.Interval.Start),
			End:             policyTime(g.Interval.End),
		},
		Role:   policyRole(c, role),
		Person: policyPerson(c, g.User, g.UserID),
		Request: policies.Request{
			Number: g.Pull, Author: g.Author, Labels: sortedStrings(g.Labels), Change: string(g.Change),
		},
		Live: policyLive(live, g.ID),
		Now:  policyTime(now),
	}
}

func policyTime(t time.Time) policies.Time {
	return policies.Time{RFC3339: t.UTC().Format(time.RFC3339), NS: t.UnixNano()}
}

func policyRole(c *grants.Configuration, r grants.Role) policies.Role {
	out := policies.Role{
		Name:               r.Name,
		Description:        r.Description,
		Entitlements:       make([]policies.Entitlement, 0, len(r.Entitlements)),
		MaxDurationSeconds: int64(r.MaxDuration / time.Second),
		Exclusive:          r.Exclusive,
		Automatic:          len(r.Approvals) == 0,
	}
	for _, e := range sortedEntitlements(r.Entitlements) {
		values := map[string]string{}
		maps.Copy(values, e.Values)
		out.Entitlements = append(out.Entitlements, policies.Entitlement{
			Target: e.Target, Type: c.Config.Targets[e.Target].Type, Values: values,
		})
	}
	return out
}

func policyPerson(c *grants.Configuration, login string, id int64) policies.Person {
	p, ok := c.People.People[login]
	if !ok || p.ID != id {
		return policies.Person{Login: login, ID: id, Groups: []string{}}
	}
	return policies.Person{
		Login: login, ID: id, Email: p.Email,
		Groups: groupsOf(c, login),
	}
}

func groupsOf(c *grants.Configuration, login string) []string {
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(c.People.Groups)) {
		if slices.Contains(c.People.Groups[name], login) {
			out = append(out, name)
		}
	}
	return out
}

func policyLive(live []LiveGrant, except string) []policies.Live {
	out := make([]policies.Live, 0, len(live))
	for _, g := range sortedLive(live, except) {
		out = append(out, policies.Live{ID: g.ID, Role: g.Role, Start: policyTime(g.Start), End: policyTime(g.End)})
	}
	return out
}

// sortedLive are the live grants but the one named, by id.
func sortedLive(live []LiveGrant, except string) []LiveGrant {
	out := slices.DeleteFunc(slices.Clone(live), func(g LiveGrant) bool { return g.ID == except })
	slices.SortFunc(out, func(a, b LiveGrant) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Role, b.Role), a.Start.Compare(b.Start), a.End.Compare(b.End))
	})
	return out
}

func sortedEntitlements(list []grants.Entitlement) []grants.Entitlement {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b grants.Entitlement) int { return cmp.Compare(a.Key(), b.Key()) })
	return out
}

func sortedStrings(s []string) []string {
	out := append([]string{}, s...)
	slices.Sort(out)
	return out
}
