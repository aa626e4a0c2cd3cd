package checks

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
)

func TestSubject(t *testing.T) {
	const user = "grants/alice-prod.yaml:1:7: "
	account := func(a Account) func(*situation) { return func(s *situation) { s.Accounts["alice"] = a } }
	check(t, []expectation{
		{"not in people.yaml", func(s *situation) { delete(s.Configuration.People.People, "alice") }, OutcomeDenied, "alice"},
		{"other case than people.yaml", func(s *situation) { s.grant().User = "Alice"; s.Accounts["Alice"] = alice }, OutcomeDenied, "Alice"},
		{"no account", func(s *situation) { delete(s.Accounts, "alice") }, OutcomeDenied, user + `GitHub has no account "alice"`},
		{"deleted", account(Account{Login: "alice"}), OutcomeDenied, user + `GitHub has no account "alice"`},
		{"bot", account(Account{Login: "alice", ID: 1, Bot: true}), OutcomeDenied, user + `account "alice" is a bot`},
		{"suspended", account(Account{Login: "alice", ID: 1, Suspended: true}), OutcomeDenied, user + `account "alice" is suspended`},
		{"a person without an id", func(s *situation) {
			s.Configuration.People.People["alice"] = grants.Person{Login: "alice"}
		}, OutcomeDenied, "people.yaml says 0"},
		{"not eligible", func(s *situation) { s.role(func(r *grants.Role) { r.Eligible = []grants.Party{security} }) }, OutcomeDenied,
			user + "alice may not hold role prod-db-read (roles/prod-db-read.yaml:6:5 says who may: group:security)"},
		{"nobody eligible", func(s *situation) { s.role(func(r *grants.Role) { r.Eligible = nil }) }, OutcomeDenied, "may not hold"},
		{"eligible by a group", func(s *situation) { s.role(func(r *grants.Role) { r.Eligible = []grants.Party{"group:night"} }) }, OutcomeApproved, ""},
		{"eligible by a team's id, not its login", func(s *situation) {
			s.Teams[engTeam] = Team{Members: []Account{{Login: "alice", ID: 99}}}
		}, OutcomeDenied, "may not hold"},
		{"suspended in the team", func(s *situation) {
			s.Teams[engTeam] = Team{Members: []Account{{Login: "alice", ID: 1, Suspended: true}}}
		}, OutcomeDenied, "may not hold"},
		{"eligible team not looked up", func(s *situation) { delete(s.Teams, engTeam) }, OutcomeDenied,
			"roles/prod-db-read.yaml:6:5: team @acme/engineering could not be looked up"},
		{"eligible group unknown", func(s *situation) { s.role(func(r *grants.Role) { r.Eligible = append(r.Eligible, "group:gone") }) }, OutcomeDenied,
			`people.yaml has no group "gone"`},
		{"eligible party unreadable", func(s *situation) { s.role(func(r *grants.Role) { r.Eligible = append(r.Eligible, "everyone") }) }, OutcomeDenied, "everyone"},
	})
}

func TestAnyoneMayAskForAnyone(t *testing.T) {
	s := sound()
	s.Pull.Author, s.Pushes[0].By = mallory, mallory
	expect(t, s.judge(), OutcomeApproved, "")
}

func TestRole(t *testing.T) {
	check(t, []expectation{
		{"unknown", func(s *situation) { s.grant().Role = "prod" }, OutcomeDenied, `"prod"`},
		{"misspelt tells the nearest", func(s *situation) { s.grant().Role = "prod-db-raed" }, OutcomeDenied, `"prod-db-read"`},
		{"unreadable tells why", func(s *situation) {
			delete(s.Configuration.Roles, "prod-db-read")
			s.Configuration.Problems = []grants.Problem{{Pos: grants.Pos{File: "roles/prod-db-read.yaml", Line: 2}, Text: "unknown field"}}
		}, OutcomeDenied, "roles/prod-db-read.yaml:2: unknown field"},
		{"unknown target", func(s *situation) { delete(s.Configuration.Config.Targets, "prod-db") }, OutcomeDenied,
			`roles/prod-db-read.yaml:3:5: lapse.yaml has no target "prod-db"`},
		{"at a target where the person has no account", func(s *situation) {
			s.Configuration.Config.Targets["prod-db"] = grants.TargetConfig{Name: "prod-db", Type: "postgres"}
			p := s.Configuration.People.People["alice"]
			p.Accounts = nil
			s.Configuration.People.People["alice"] = p
		}, OutcomeDenied, "people.yaml"},
		{"longer than the role allows", func(s *situation) { s.grant().Duration = 9 * time.Hour }, OutcomeDenied, "grants/alice-prod.yaml"},
		{"longer than the role allows, as an edit", func(s *situation) {
			s.Request.Changes[0].Kind, s.Request.Changes[0].Before = grants.Edit, grantFor("alice-prod", "alice")
			s.grant().Duration = 9 * time.Hour
		}, OutcomeDenied, "grants/alice-prod.yaml"},
		{"longer than anything may last", func(s *situation) { s.Configuration.Config.Limits.MaxDuration = time.Hour }, OutcomeDenied, "grants/alice-prod.yaml"},
	})
}

func TestApprovalLinesApplyByLength(t *testing.T) {
	for _, c := range []struct {
		length time.Duration
		needs  int
	}{{0, 1}, {4 * time.Hour, 1}, {4*time.Hour + time.Second, 2}} {
		s := sound()
		s.grant().Duration = c.length
		if v := s.judge(); len(v.Needs) != c.needs {
			t.Errorf("%s: %d needs, want %d", c.length, len(v.Needs), c.needs)
		}
	}
}

func TestGrantsOfOneRoleShareItsNeeds(t *testing.T) {
	s := sound()
	s.Pull.Author, s.Pushes[0].By = mallory, mallory
	s.Teams[dataTeam] = Team{Members: []Account{carol, dan}}
	g := grantFor("bob-prod", "bob")
	s.Request.Changes = append(s.Request.Changes, grants.Change{ID: g.ID, Kind: grants.Add, After: g})
	v := s.judge()
	expect(t, v, OutcomeApproved, "")
	if len(v.Needs) != 1 || !cmp.Equal(v.Needs[0].Grants, []string{"alice-prod", "bob-prod"}) {
		t.Errorf("%+v", v.Needs)
	}
}

func TestAutomaticRolesNeedNobodyButWhomPoliciesName(t *testing.T) {
	automatic := func(s *situation) {
		s.Configuration.Config.Automatic = true
		s.role(func(r *grants.Role) { r.Approvals = nil })
	}
	s := sound()
	automatic(s)
	s.Reviews = nil
	v := s.judge()
	expect(t, v, OutcomeApproved, "")
	if !v.Grants[0].Automatic || len(v.Needs) > 0 {
		t.Errorf("%+v", v)
	}
	check(t, []expectation{
		{"a policy may ask for people", func(s *situation) {
			automatic(s)
			s.Reviews = nil
			s.rego.answer = func(policies.Input) policies.Answer {
				return policies.Answer{Denials: []policies.Message{{Text: "at night", Lift: &policies.Lift{From: []grants.Party{security}, Count: 1}}}}
			}
		}, OutcomeWaiting, ""},
		{"a review that nobody asked for is told", automatic, OutcomeApproved, "carol: no approval is asked for"},
		{"pushes must be known all the same", func(s *situation) { automatic(s); s.Pushes = nil }, OutcomeDenied, "no record of pushes"},
	})
}

func TestHeadroomOfANeedIsTold(t *testing.T) {
	s := sound()
	s.Reviews = nil
	v := s.judge()
	if diff := cmp.Diff([]string{"bob", "carol", "dan"}, v.Needs[0].Could); diff != "" || v.Outcome != OutcomeWaiting {
		t.Errorf("%s: %s", v.Outcome, diff)
	}
	s.Pushes[0].By = dan
	s.Pull.Author = bob
	if diff := cmp.Diff([]string{"carol"}, s.judge().Needs[0].Could); diff != "" {
		t.Error(diff)
	}
	s.role(func(r *grants.Role) { r.Approvals[0].Count = 2 })
	expect(t, s.judge(), OutcomeWaiting, "only 1 can")
}

func TestPolicyInput(t *testing.T) {
	s := sound()
	s.Live["alice"] = []LiveGrant{
		{ID: "z", Role: "r", Interval: grants.Interval{Start: t0, End: minutes(60)}},
		{ID: "alice-prod", Role: "r"},
	}
	var got policies.Input
	s.rego.answer = func(in policies.Input) policies.Answer { got = in; return policies.Answer{} }
	s.judge()
	end := minutes(30).Add(4 * time.Hour)
	want := policies.Input{
		Grant: policies.Grant{
			ID: "alice-prod", User: "alice", Role: "prod-db-read", Reason: "slow query", Ticket: "INC-4211", DurationSeconds: 14400,
			Start: policies.Time{RFC3339: "2026-11-02T09:30:00Z", NS: minutes(30).UnixNano()},
			End:   policies.Time{RFC3339: "2026-11-02T13:30:00Z", NS: end.UnixNano()},
		},
		Role: policies.Role{
			Name: "prod-db-read", Description: "read-only access to the orders database", MaxDurationSeconds: 28800,
			Entitlements: []policies.Entitlement{
				{Target: "github", Type: "github", Values: map[string]string{"team": "prod-oncall"}},
				{Target: "prod-db", Type: "postgres", Values: map[string]string{"role": "readonly"}},
			},
		},
		Person:  policies.Person{Login: "alice", ID: 1, Email: "alice@acme.com", Groups: []string{"night"}},
		Request: policies.Request{Number: 7, Author: "alice", Labels: []string{"db", "oncall"}, Change: "add"},
		Live: []policies.Live{{ID: "z", Role: "r",
			Start: policies.Time{RFC3339: "2026-11-02T09:00:00Z", NS: t0.UnixNano()},
			End:   policies.Time{RFC3339: "2026-11-02T10:00:00Z", NS: minutes(60).UnixNano()}}},
		Now: policies.Time{RFC3339: "2026-11-02T09:30:00Z", NS: minutes(30).UnixNano()},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	role := s.Configuration.Roles["prod-db-read"]
	live := LiveInput(s.Configuration, LiveSubject{
		ID: "alice-prod", User: "alice", UserID: 1, Role: "prod-db-read", Reason: "slow query", Ticket: "INC-4211",
		Interval: grants.Interval{Start: minutes(30), End: end}, Pull: 7, Author: "alice", Labels: []string{"oncall", "db"},
		Change: grants.Add, Entitlements: role.Entitlements,
	}, s.Live["alice"], s.Now)
	if diff := cmp.Diff(want, live); diff != "" {
		t.Errorf("a live grant is told otherwise than a request: %s", diff)
	}
}

func TestLiveInputTellsNothingOfWhoeverTookTheLogin(t *testing.T) {
	s := sound()
	in := LiveInput(s.Configuration, LiveSubject{ID: "x", User: "alice", UserID: 77, Role: "gone"}, nil, s.Now)
	want := policies.Person{Login: "alice", ID: 77, Groups: []string{}}
	if diff := cmp.Diff(want, in.Person); diff != "" {
		t.Error(diff)
	}
	if in.Role.Name != "gone" || in.Role.Automatic || in.Role.Entitlements == nil || in.Live == nil || in.Request.Labels == nil {
		t.Errorf("%+v", in)
	}
}

// A policy that allows one live grant at a time must not be passed by asking for two in one request.
func TestPoliciesSeeTheOtherGrantsOfTheRequest(t *testing.T) {
	s := sound()
	g := grantFor("alice-two", "alice")
	old := grantFor("alice-old", "alice")
	s.Request.Changes = append(s.Request.Changes,
		grants.Change{ID: g.ID, Kind: grants.Add, After: g}, grants.Change{ID: old.ID, Kind: grants.End, Before: old})
	s.Live["alice"] = []LiveGrant{{ID: "alice-old", Role: "r"}}
	seen := map[string][]string{}
	s.rego.answer = func(in policies.Input) policies.Answer {
		for _, l := range in.Live {
			seen[in.Grant.ID] = append(seen[in.Grant.ID], l.ID)
		}
		return policies.Answer{}
	}
	s.judge()
	want := map[string][]string{"alice-prod": {"alice-two"}, "alice-two": {"alice-prod"}}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func TestTeamsAreAllThatAVerdictAsksFor(t *testing.T) {
	s := sound()
	s.Teams = nil
	s.rego.answer = func(policies.Input) policies.Answer {
		return policies.Answer{Denials: []policies.Message{{Text: "x", Lift: &policies.Lift{From: []grants.Party{secTeam, security}, Count: 1}}}}
	}
	ctx := context.Background()
	if diff := cmp.Diff([]grants.Party{dataTeam, engTeam, secTeam}, Teams(ctx, s.Facts, s.rego)); diff != "" {
		t.Error(diff)
	}
	s.Request = grants.Request{Configuration: []string{"lapse.yaml"}}
	if diff := cmp.Diff([]grants.Party{secTeam}, Teams(ctx, s.Facts, s.rego)); diff != "" {
		t.Error(diff)
	}
	s = sound()
	onlyEnds(s)
	if got := Teams(ctx, s.Facts, s.rego); len(got) > 0 {
		t.Errorf("an end asks for %v", got)
	}
}

func TestUsersAreAllWhomTheRequestNames(t *testing.T) {
	r := grants.Request{Changes: []grants.Change{
		{ID: "a", Kind: grants.Edit, Before: grantFor("a", "bob"), After: grantFor("a", "alice")},
		{ID: "b", Kind: grants.End, Before: grantFor("b", "dan")},
		{ID: "c", Kind: grants.Add},
	}}
	if diff := cmp.Diff([]string{"alice", "bob", "dan"}, Users(r)); diff != "" {
		t.Error(diff)
	}
}
