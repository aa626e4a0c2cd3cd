package grants

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTheManualsRepositoryLoads(t *testing.T) {
	c := LoadConfiguration(exampleFiles(nil), exampleTypes())
	if len(c.Problems) > 0 || !c.Usable {
		t.Fatalf("usable %v, problems %q", c.Usable, lines(c.Problems))
	}
	want := &Configuration{
		Usable: true,
		Config: Config{
			Version: 1, Branch: "main",
			Targets: map[string]TargetConfig{
				"github":  {Name: "github", Type: "github", Settings: map[string]string{"org": "acme"}, At: Pos{"lapse.yaml", 4, 12}, AccountsAreIDs: true},
				"prod-db": {Name: "prod-db", Type: "postgres", Settings: map[string]string{"dsn": "${PROD_DB_DSN}"}, At: Pos{"lapse.yaml", 5, 12}},
			},
			Configuration: []ApprovalLine{{From: []Party{"@acme/security"}, Count: 2, At: Pos{"lapse.yaml", 6, 29}}},
			Limits:        Limits{MaxDuration: 24 * time.Hour, ApprovalTTL: 72 * time.Hour, UnexplainedRevocations: 10, Watch: 7 * 24 * time.Hour},
			Signing:       Signing{Key: "${LAPSE_SIGNING_KEY}"},
		},
		Roles: map[string]Role{"prod-db-read": {
			Name: "prod-db-read", Description: "Read-only access to the orders database",
			Entitlements: []Entitlement{
				{Target: "prod-db", Values: map[string]string{"role": "readonly"}, At: Pos{"roles/prod-db-read.yaml", 4, 5}},
				{Target: "github", Values: map[string]string{"team": "prod-oncall"}, At: Pos{"roles/prod-db-read.yaml", 5, 5}},
			},
			MaxDuration: 8 * time.Hour, Eligible: []Party{"@acme/engineering", "group:contractors"},
			Approvals: []ApprovalLine{
				{From: []Party{"@acme/data-platform"}, Count: 1, At: Pos{"roles/prod-db-read.yaml", 9, 5}},
				{From: []Party{"group:security"}, Count: 1, WhenLongerThan: 4 * time.Hour, At: Pos{"roles/prod-db-read.yaml", 10, 5}},
			},
			MergeAuto: true,
		}},
		People: People{
			People: map[string]Person{
				"alice": {Login: "alice", ID: 583231, Email: "alice@acme.com", Accounts: map[string]string{"prod-db": "alice_r"}, At: Pos{"people.yaml", 3, 10}},
				"bob":   {Login: "bob", ID: 2, Also: []int64{601122}, Accounts: map[string]string{}, At: Pos{"people.yaml", 4, 8}},
				"carol": {Login: "carol", ID: 3, Accounts: map[string]string{}, At: Pos{"people.yaml", 5, 10}},
				"dan":   {Login: "dan", ID: 4, Accounts: map[string]string{}, At: Pos{"people.yaml", 6, 8}},
			},
			Groups: map[string][]string{"security": {"carol", "dan"}, "contractors": {"bob"}},
		},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreFields(Config{}, "At"), cmpopts.IgnoreFields(Role{}, "At")); diff != "" {
		t.Error(diff)
	}
	if got, want := c.Roles["prod-db-read"].At["approvals[1].from"], (Pos{"roles/prod-db-read.yaml", 10, 12}); got != want {
		t.Errorf("the place of a nested value is %v, want %v", got, want)
	}
	loaded, problems := LoadGrants(exampleFiles(nil))
	if len(problems) > 0 || loaded["alice-prod"] == nil {
		t.Fatalf("%v, %q", loaded, lines(problems))
	}
	if problems := c.CheckGrant(*loaded["alice-prod"]); len(problems) > 0 {
		t.Error(lines(problems))
	}
}
