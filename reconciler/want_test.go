package reconciler

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// configuration is one in which alice may hold team and other through role r.
func configuration(change func(*grants.Configuration)) *grants.Configuration {
	c := &grants.Configuration{
		Usable: true,
		Config: grants.Config{Targets: map[string]grants.TargetConfig{
			"github": {Name: "github", Type: "github", AccountsAreIDs: true},
			"vault":  {Name: "vault", Type: "file"},
		}},
		Roles: map[string]grants.Role{"r": {Name: "r", Entitlements: []grants.Entitlement{team, other}}},
		People: grants.People{People: map[string]grants.Person{
			"alice": {Login: "alice", ID: 7, Accounts: map[string]string{"vault": "alice_v"}},
		}},
	}
	if change != nil {
		change(c)
	}
	return c
}

func person(c *grants.Configuration, change func(*grants.Person)) {
	p := c.People.People["alice"]
	change(&p)
	c.People.People["alice"] = p
}

func grant(id string, from, to time.Time, es ...grants.Entitlement) map[string]ledger.Grant {
	return map[string]ledger.Grant{id: {
		ID: id, User: "alice", UserID: 7, Role: "r", Interval: grants.Interval{Start: from, End: to}, Entitlements: es,
	}}
}

// held says who holds what until when, in words.
func heldBy(ws []Wanted) []string {
	out := []string{}
	for _, w := range ws {
		out = append(out, w.Holding.Entitlement.Target+" "+w.Holding.Account+" until "+w.Until.Format("15:04"))
	}
	return out
}

func TestLiveGrantsGiveWhatWasApprovedAndNeverMore(t *testing.T) {
	before, after := noon.Add(-time.Hour), noon.Add(time.Hour)
	both := grant("a", before, after, team, other)
	tests := []struct {
		name          string
		live          map[string]ledger.Grant
		approved, tip func(*grants.Configuration)
		want          []string
	}{
		{"a live grant gives all it named", both, nil, nil, []string{"github 7 until 13:00", "vault alice_v until 13:00"}},
		{"nothing before the start", grant("a", noon.Add(time.Second), after, team), nil, nil, []string{}},
		{"the start belongs to the grant", grant("a", noon, after, team), nil, nil, []string{"github 7 until 13:00"}},
		{"the end does not", grant("a", before, noon, team), nil, nil, []string{}},
		{"a role that grows gives no more to who has it", grant("a", before, after, team), nil, nil, []string{"github 7 until 13:00"}},
		{"a role that shrinks on main gives less, even unapproved", both, nil, func(c *grants.Configuration) {
			c.Roles["r"] = grants.Role{Name: "r", Entitlements: []grants.Entitlement{team}}
		}, []string{"github 7 until 13:00"}},
		{"what was approved away does not come back by a push", both, func(c *grants.Configuration) {
			c.Roles["r"] = grants.Role{Name: "r", Entitlements: []grants.Entitlement{team}}
		}, nil, []string{"github 7 until 13:00"}},
		{"a role that is deleted on main gives nothing", both, nil, func(c *grants.Configuration) { delete(c.Roles, "r") }, []string{}},
		{"a role that cannot be read takes nothing before its time", both, nil, func(c *grants.Configuration) {
			delete(c.Roles, "r")
			c.Problems = []grants.Problem{{Pos: grants.Pos{File: "roles/r.yaml"}}}
		}, []string{"github 7 until 13:00", "vault alice_v until 13:00"}},
		{"a configuration on main that cannot be read takes nothing before its time", both, nil, func(c *grants.Configuration) {
			*c = grants.Configuration{}
		}, []string{"github 7 until 13:00", "vault alice_v until 13:00"}},
		{"an account changed on main without approval gets nothing", both, nil, func(c *grants.Configuration) {
			person(c, func(p *grants.Person) { p.Accounts = map[string]string{"vault": "mallory"} })
		}, []string{"github 7 until 13:00"}},
		{"an account changed with approval is the one that holds", both, func(c *grants.Configuration) {
			person(c, func(p *grants.Person) { p.Accounts = map[string]string{"vault": "alice2"} })
		}, func(c *grants.Configuration) {
			person(c, func(p *grants.Person) { p.Accounts = map[string]string{"vault": "alice2"} })
		}, []string{"github 7 until 13:00", "vault alice2 until 13:00"}},
		{"A43: another person under the same login holds nothing", both, nil, func(c *grants.Configuration) {
			person(c, func(p *grants.Person) { p.ID = 8 })
		}, []string{}},
		{"somebody who left people.yaml holds nothing", both, nil, func(c *grants.Configuration) { delete(c.People.People, "alice") }, []string{}},
		{"no account at the target, no holding there", both, func(c *grants.Configuration) {
			person(c, func(p *grants.Person) { p.Accounts = nil })
		}, nil, []string{"github 7 until 13:00"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, _ := Want(noon, test.live, configuration(test.approved), configuration(test.tip))
			if d := cmp.Diff(test.want, heldBy(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOverlappingGrantsHoldUntilTheLastEnd(t *testing.T) {
	live := grant("a", noon, noon.Add(time.Hour), team)
	maps.Copy(live, grant("b", noon, noon.Add(2*time.Hour), team))
	maps.Copy(live, grant("c", noon, noon.Add(30*time.Minute), team))
	got, _ := Want(noon, live, configuration(nil), configuration(nil))
	if d := cmp.Diff([]string{"github 7 until 14:00"}, heldBy(got)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, got[0].Grants); d != "" {
		t.Error(d)
	}
}

func TestWhatAGrantDoesNotGiveIsExplained(t *testing.T) {
	_, notes := Want(noon, grant("a", noon, noon.Add(time.Hour), team), configuration(nil), configuration(func(c *grants.Configuration) {
		delete(c.People.People, "alice")
	}))
	if d := cmp.Diff([]Note{{Grant: "a", Text: "alice is no longer in people.yaml"}}, notes); d != "" {
		t.Error(d)
	}
}
