package reconciler

import (
	"fmt"
	"slices"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Wanted is one holding that live grants give: held until the last of their ends.
type Wanted struct {
	Holding ledger.Holding `json:"holding"`
	User    string         `json:"user"` // login of people.yaml
	Until   time.Time      `json:"until"`
	Grants  []string       `json:"grants"` // ids, sorted
}

// Note says why a live grant gives less than it names.
type Note struct {
	Grant string `json:"grant"`
	Text  string `json:"text"`
}

// Want says what live grants give at now.
//
// What a grant gives was fixed when it was approved; the configuration at the tip of main can only make it less, whoever put it
// there, and the approved configuration alone says whose account it is:
//
//	approved names it | tip names it        | held
//	yes               | yes                 | by the account of the approved configuration
//	yes               | no, or not the same | nothing
//	yes               | cannot be read      | as approved: a broken file takes nothing before its time
//	no                | yes                 | nothing: what was approved away does not come back by a push
func Want(now time.Time, live map[string]ledger.Grant, approved, tip *grants.Configuration) ([]Wanted, []Note) {
	byKey := map[string]*Wanted{}
	var notes []Note
	for _, id := range sortedKeys(live) {
		g := live[id]
		if !g.Interval.Contains(now) {
			continue
		}
		note := func(format string, args ...any) {
			notes = append(notes, Note{Grant: id, Text: fmt.Sprintf(format, args...)})
		}
		if why := identity(g, approved, tip); why != "" {
			note("%s", why)
			continue
		}
		for _, e := range g.Entitlements {
			account, why := accountFor(g, e, approved, tip)
			if why != "" {
				note("%s", why)
				continue
			}
			join(byKey, ledger.Holding{Entitlement: e, Account: account}, g)
		}
	}
	return sortedWanted(byKey), notes
}

// join adds a grant to the holding it gives: overlapping grants hold until the last of their ends.
func join(byKey map[string]*Wanted, h ledger.Holding, g ledger.Grant) {
	w := byKey[h.Key()]
	if w == nil {
		w = &Wanted{Holding: h, User: g.User}
		byKey[h.Key()] = w
	}
	w.Grants = append(w.Grants, g.ID)
	if g.Interval.End.After(w.Until) {
		w.Until = g.Interval.End
	}
}

// identity says why the grant's person is no longer who was approved; "" if they are.
func identity(g ledger.Grant, approved, tip *grants.Configuration) string {
	for _, c := range []*grants.Configuration{approved, tip} {
		if !c.Usable {
			continue
		}
		p, ok := c.People.People[g.User]
		switch {
		case !ok:
			return fmt.Sprintf("%s is no longer in people.yaml", g.User)
		case p.ID != g.UserID:
			return fmt.Sprintf("%s was approved as account %d, and people.yaml now says %d", g.User, g.UserID, p.ID)
		}
	}
	return ""
}

// accountFor says whose account at the target holds the entitlement, or why nobody's does.
func accountFor(g ledger.Grant, e grants.Entitlement, approved, tip *grants.Configuration) (account, why string) {
	if !approved.Usable {
		return "", "the approved configuration cannot be read"
	}
	account, ok := approved.Account(approved.People.People[g.User], e.Target)
	if !ok {
		return "", fmt.Sprintf("people.yaml names no account of %s at %s", g.User, e.Target)
	}
	if !names(approved, g.Role, e) {
		return "", fmt.Sprintf("role %s no longer names %s, by the configuration that was approved", g.Role, e.Key())
	}
	if !tip.Usable {
		return account, ""
	}
	if now, ok := tip.Account(tip.People.People[g.User], e.Target); !ok || now != account {
		return "", fmt.Sprintf("the account of %s at %s changed on main without approval", g.User, e.Target)
	}
	if !names(tip, g.Role, e) {
		return "", fmt.Sprintf("role %s no longer names %s", g.Role, e.Key())
	}
	return account, ""
}

// names says whether the role still names the entitlement. A role file that cannot be read names what it named before.
func names(c *grants.Configuration, role string, e grants.Entitlement) bool {
	r, ok := c.Roles[role]
	if !ok {
		return slices.ContainsFunc(c.Problems, func(p grants.Problem) bool { return p.File == grants.RolePath(role) || p.File == "roles" })
	}
	return slices.ContainsFunc(r.Entitlements, func(o grants.Entitlement) bool { return o.Key() == e.Key() })
}

func sortedWanted(m map[string]*Wanted) []Wanted {
	out := make([]Wanted, 0, len(m))
	for _, k := range sortedKeys(m) {
		out = append(out, *m[k])
	}
	return out
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
