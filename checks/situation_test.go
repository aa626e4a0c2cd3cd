package checks

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
)

// t0 is when the branch of the sound request was pushed.
var t0 = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

func minutes(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }

const (
	headSHA  = "1111111111111111111111111111111111111111"
	otherSHA = "2222222222222222222222222222222222222222"
	thirdSHA = "3333333333333333333333333333333333333333"
	zeroSHA  = "0000000000000000000000000000000000000000"
	dataTeam = grants.Party("@acme/data-platform")
	engTeam  = grants.Party("@acme/engineering")
	secTeam  = grants.Party("@acme/security")
	security = grants.Party("group:security")
)

var (
	alice    = Account{Login: "alice", ID: 1}
	bob      = Account{Login: "bob", ID: 2}
	carol    = Account{Login: "carol", ID: 3}
	carolTwo = Account{Login: "carol-two", ID: 33}
	dan      = Account{Login: "dan", ID: 4}
	mallory  = Account{Login: "mallory", ID: 6} // in no group, no team and not in people.yaml
)

// rego is a set of policies that answers as it is told.
type rego struct {
	problems []grants.Problem
	answer   func(policies.Input) policies.Answer
}

func (r rego) Problems() []grants.Problem { return r.problems }

func (r rego) Request(_ context.Context, in policies.Input) policies.Answer {
	if r.answer == nil {
		return policies.Answer{}
	}
	return r.answer(in)
}

// situation is a request and all that is known about it. The sound one: alice asks for prod-db-read for 4h, carol approves.
type situation struct {
	Facts
	rego rego
}

func (s *situation) judge() Verdict { return Judge(context.Background(), s.Facts, s.rego) }

// grant is the grant that the request adds.
func (s *situation) grant() *grants.Grant { return s.Request.Changes[0].After }

// role changes the role that the request asks for.
func (s *situation) role(change func(*grants.Role)) {
	r := s.Configuration.Roles["prod-db-read"]
	change(&r)
	s.Configuration.Roles["prod-db-read"] = r
}

func (s *situation) review(by Account, state ReviewState, minute int) *Review {
	s.Reviews = append(s.Reviews, Review{
		ID: int64(100 + len(s.Reviews)), By: by, State: state, Commit: s.Pull.Head, At: minutes(minute), SameBytes: true,
	})
	return &s.Reviews[len(s.Reviews)-1]
}

// push moves the branch to another commit.
func (s *situation) push(by Account, sha string, same bool, minute int) {
	s.Pushes = append(s.Pushes, Push{
		By: by, At: minutes(minute), Before: s.Pull.Head, After: sha, Kind: "push", SameBytes: same,
	})
	s.Pull.Head = sha
}

// merge merges the pull request; the verdict is then of that instant.
func (s *situation) merge(minute int) {
	s.Now = minutes(minute)
	s.Pull.Closed = true
	s.Pull.Merge = &Merge{Commit: thirdSHA, Method: "squash", At: s.Now, By: dan}
}

func sound() *situation {
	g := grantFor("alice-prod", "alice")
	return &situation{Facts: Facts{
		Now:           minutes(30),
		Configuration: configuration(),
		Request:       grants.Request{Changes: []grants.Change{{ID: g.ID, Kind: grants.Add, After: g}}},
		Pull: &Pull{
			Number: 7, Author: alice, Base: "main", HeadRef: "alice-prod", Head: headSHA, CreatedAt: minutes(1),
			Labels: []string{"oncall", "db"},
		},
		Reviews: []Review{{ID: 50, By: carol, State: Approved, Commit: headSHA, At: minutes(10), SameBytes: true}},
		Pushes:  []Push{{By: alice, At: t0, Before: zeroSHA, After: headSHA, Kind: "branch_creation", SameBytes: true}},
		Teams: map[grants.Party]Team{
			engTeam:  {Members: []Account{alice, bob}},
			dataTeam: {Members: []Account{bob, carol, dan}},
			secTeam:  {Members: []Account{carol, dan}},
		},
		Accounts:   map[string]Account{"alice": alice, "bob": bob},
		Live:       map[string][]LiveGrant{},
		Repository: "acme/access",
		Guards:     func(e grants.Entitlement) bool { return e.Values["team"] == "security" },
	}}
}

func grantFor(id, user string) *grants.Grant {
	path := grants.PathOf(id)
	return &grants.Grant{
		ID: id, User: user, Role: "prod-db-read", Duration: 4 * time.Hour, Reason: "slow query", Ticket: "INC-4211",
		Digest: "sha256:aa",
		At: map[string]grants.Pos{
			"":         {File: path, Line: 1, Column: 1},
			"user":     {File: path, Line: 1, Column: 7},
			"role":     {File: path, Line: 2, Column: 7},
			"duration": {File: path, Line: 3, Column: 11},
		},
	}
}

func configuration() *grants.Configuration {
	rolePos := func(line int) grants.Pos { return grants.Pos{File: "roles/prod-db-read.yaml", Line: line, Column: 5} }
	return &grants.Configuration{
		Usable: true,
		Config: grants.Config{
			Version: 1, Branch: "main",
			Targets: map[string]grants.TargetConfig{
				"github":  {Name: "github", Type: "github", AccountsAreIDs: true, Settings: map[string]string{"org": "acme"}},
				"prod-db": {Name: "prod-db", Type: "postgres", LoginIsAccount: true},
			},
			Configuration: []grants.ApprovalLine{{From: []grants.Party{secTeam}, Count: 2, At: grants.Pos{File: "lapse.yaml", Line: 5, Column: 3}}},
			Limits:        grants.Limits{MaxDuration: 24 * time.Hour, ApprovalTTL: 72 * time.Hour, UnexplainedRevocations: 10},
		},
		Roles: map[string]grants.Role{"prod-db-read": {
			Name: "prod-db-read", Description: "read-only access to the orders database",
			Entitlements: []grants.Entitlement{
				{Target: "prod-db", Values: map[string]string{"role": "readonly"}, At: rolePos(3)},
				{Target: "github", Values: map[string]string{"team": "prod-oncall"}, At: rolePos(4)},
			},
			MaxDuration: 8 * time.Hour,
			Eligible:    []grants.Party{engTeam, "group:contractors"},
			Approvals: []grants.ApprovalLine{
				{From: []grants.Party{dataTeam}, Count: 1, At: rolePos(8)},
				{From: []grants.Party{security}, Count: 1, WhenLongerThan: 4 * time.Hour, At: rolePos(9)},
			},
			At: map[string]grants.Pos{"": rolePos(1), "eligible": rolePos(6), "approvals": rolePos(7)},
		}},
		People: grants.People{
			People: map[string]grants.Person{
				"alice": {Login: "alice", ID: 1, Email: "alice@acme.com", Accounts: map[string]string{"prod-db": "alice_r"}, At: grants.Pos{File: "people.yaml", Line: 2}},
				"bob":   {Login: "bob", ID: 2, Accounts: map[string]string{"prod-db": "bob_r"}, At: grants.Pos{File: "people.yaml", Line: 3}},
				"carol": {Login: "carol", ID: 3, Also: []int64{33}, Accounts: map[string]string{"prod-db": "carol_r"}, At: grants.Pos{File: "people.yaml", Line: 4}},
				"dan":   {Login: "dan", ID: 4, Accounts: map[string]string{"prod-db": "dan_r"}, At: grants.Pos{File: "people.yaml", Line: 5}},
			},
			Groups: map[string][]string{"security": {"carol", "dan"}, "contractors": {"bob"}, "night": {"alice"}},
		},
	}
}

// expectation is an outcome and words that must be among its reasons: a denial for denied, else a thing waited for, an ignored
// review, or an unmet need.
type expectation struct {
	name    string
	change  func(*situation)
	outcome Outcome
	says    string
}

func check(t *testing.T, cases []expectation) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := sound()
			c.change(s)
			expect(t, s.judge(), c.outcome, c.says)
		})
	}
}

func expect(t *testing.T, v Verdict, outcome Outcome, says string) {
	t.Helper()
	if v.Outcome != outcome {
		t.Errorf("outcome %s, want %s\n%+v", v.Outcome, outcome, v)
	}
	var told []string
	for _, r := range slices.Concat(v.Denials, v.Waiting) {
		told = append(told, r.Pos.String()+": "+r.Text+" ("+r.Hint+")")
		if r.Text == "" {
			t.Errorf("a reason without words: %+v", r)
		}
	}
	for _, i := range v.Ignored {
		told = append(told, i.Login+": "+i.Why)
	}
	if says != "" && !strings.Contains(strings.Join(told, "\n"), says) {
		t.Errorf("nothing says %q in:\n%s", says, strings.Join(told, "\n"))
	}
	if outcome != OutcomeApproved && v.Merge {
		t.Error("would merge by itself without an approval")
	}
}
