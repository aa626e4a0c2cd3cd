package checks

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
)

func TestSoundRequestIsApprovedWithEveryFactTold(t *testing.T) {
	s := sound()
	s.Live["alice"] = []LiveGrant{{ID: "z", Role: "r"}, {ID: "alice-prod", Role: "r"}, {ID: "b", Role: "r"}}
	want := Verdict{
		Outcome: OutcomeApproved, Pull: 7, Head: headSHA,
		Grants: []GrantVerdict{{
			ID: "alice-prod", Kind: grants.Add, Digest: "sha256:aa", User: "alice", UserID: 1, Role: "prod-db-read",
			Reason: "slow query", Ticket: "INC-4211", FromMerge: true, EndMoves: true,
			Interval: grants.Interval{Start: minutes(30), End: minutes(30).Add(4 * time.Hour)},
			Entitlements: []grants.Entitlement{
				{Target: "github", Values: map[string]string{"team": "prod-oncall"}, At: grants.Pos{File: "roles/prod-db-read.yaml", Line: 4, Column: 5}},
				{Target: "prod-db", Values: map[string]string{"role": "readonly"}, At: grants.Pos{File: "roles/prod-db-read.yaml", Line: 3, Column: 5}},
			},
			Held: []LiveGrant{{ID: "b", Role: "r"}, {ID: "z", Role: "r"}},
		}},
		Needs: []Need{{
			From: []grants.Party{dataTeam}, Count: 1, Why: grants.Pos{File: "roles/prod-db-read.yaml", Line: 8, Column: 5},
			Have:   []Approval{{Review: 50, Login: "carol", ID: 3, Commit: headSHA, At: "2026-11-02T09:10:00Z"}},
			Grants: []string{"alice-prod"},
		}},
	}
	if diff := cmp.Diff(want, s.judge()); diff != "" {
		t.Error(diff)
	}
}

func TestIntervalIsOfTheMergeOnceMerged(t *testing.T) {
	s := sound()
	s.merge(25)
	v := s.judge()
	expect(t, v, OutcomeApproved, "")
	g := v.Grants[0]
	if want := (grants.Interval{Start: minutes(25), End: minutes(25).Add(4 * time.Hour)}); g.Interval != want || g.FromMerge || g.EndMoves {
		t.Errorf("interval %v, from merge %t, end moves %t", g.Interval, g.FromMerge, g.EndMoves)
	}
}

func TestEndMovesOnlyWithADurationFromTheMerge(t *testing.T) {
	s := sound()
	s.grant().Duration, s.grant().Expires = 0, minutes(120)
	if g := s.judge().Grants[0]; !g.FromMerge || g.EndMoves {
		t.Errorf("with expires: from merge %t, end moves %t", g.FromMerge, g.EndMoves)
	}
	s = sound()
	s.grant().Start = minutes(90)
	if g := s.judge().Grants[0]; g.FromMerge || g.EndMoves {
		t.Errorf("with a later start: from merge %t, end moves %t", g.FromMerge, g.EndMoves)
	}
}

func TestScope(t *testing.T) {
	problem := grants.Problem{Pos: grants.Pos{File: "grants/x.yaml", Line: 3}, Text: "unknown field"}
	check(t, []expectation{
		{"grants and configuration are denied", func(s *situation) { s.Request.Configuration = []string{"roles/x.yaml"} }, OutcomeDenied, "roles/x.yaml: a request that changes grants may change nothing else"},
		{"grants and a readme are denied", func(s *situation) { s.Request.Elsewhere = []string{"README.md"} }, OutcomeDenied, "README.md: a request that changes grants"},
		{"an end and a readme are denied", func(s *situation) {
			onlyEnds(s)
			s.Request.Elsewhere = []string{"README.md"}
		}, OutcomeDenied, "README.md"},
		{"a bad grant file is denied", func(s *situation) { s.Request.Problems = []grants.Problem{problem} }, OutcomeDenied, "grants/x.yaml:3: unknown field"},
		{"a bad file alone is denied", func(s *situation) {
			s.Request = grants.Request{Problems: []grants.Problem{problem}}
		}, OutcomeDenied, "unknown field"},
		{"an end beside a bad file is denied", func(s *situation) {
			onlyEnds(s)
			s.Request.Problems = []grants.Problem{problem}
		}, OutcomeDenied, "unknown field"},
		{"a bad file beside configuration is denied", func(s *situation) {
			s.Request = grants.Request{Problems: []grants.Problem{problem}, Configuration: []string{"lapse.yaml"}}
		}, OutcomeDenied, "unknown field"},
		{"a change to nothing without a problem is denied", func(s *situation) { s.Request.Changes[0].After = nil }, OutcomeDenied, "grants/alice-prod.yaml: not a valid grant"},
		{"an end that leaves a grant is judged as a grant", func(s *situation) {
			s.Request.Changes[0].Kind = grants.End
			s.Reviews = nil
		}, OutcomeWaiting, ""},
		{"findings of the gatherer deny", func(s *situation) { s.Unjudgeable = []Reason{{Text: "bytes in neither parent"}} }, OutcomeDenied, "bytes in neither parent"},
		{"findings of the gatherer deny other paths too", func(s *situation) {
			s.Request = grants.Request{Elsewhere: []string{"README.md"}}
			s.Unjudgeable = []Reason{{Text: "bytes in neither parent"}}
		}, OutcomeDenied, "bytes in neither parent"},
	})
}

func TestOtherPathsAloneNeedNothing(t *testing.T) {
	s := sound()
	s.Request = grants.Request{Elsewhere: []string{"README.md"}}
	s.Reviews, s.Pull.Fork = nil, true
	want := Verdict{Outcome: OutcomeApproved, Pull: 7, Head: headSHA}
	if diff := cmp.Diff(want, s.judge()); diff != "" {
		t.Error(diff)
	}
}

// onlyEnds makes the request one that ends alice's grant.
func onlyEnds(s *situation) {
	g := s.grant()
	s.Request = grants.Request{Changes: []grants.Change{{ID: g.ID, Kind: grants.End, Before: g}}}
	s.Reviews = nil
}

func TestEndingIsApprovedWhateverElseIsWrong(t *testing.T) {
	for name, break_ := range map[string]func(*situation){
		"nothing":                 func(s *situation) {},
		"no configuration":        func(s *situation) { s.Configuration = nil },
		"unusable configuration":  func(s *situation) { s.Configuration = &grants.Configuration{} },
		"no pull request":         func(s *situation) { s.Pull = nil },
		"a fork":                  func(s *situation) { s.Pull.Fork = true },
		"broken policies":         func(s *situation) { s.rego.problems = []grants.Problem{{Text: "no"}} },
		"unjudgeable":             func(s *situation) { s.Unjudgeable = []Reason{{Text: "no"}} },
		"no pushes, no accounts":  func(s *situation) { s.Pushes, s.Accounts, s.Teams = nil, nil, nil },
		"an old file of no grant": func(s *situation) { s.Request.Changes[0].Before = nil },
		"no time":                 func(s *situation) { s.Now = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			s := sound()
			onlyEnds(s)
			break_(s)
			v := s.judge()
			expect(t, v, OutcomeApproved, "")
			if v.Merge || len(v.Needs) > 0 || len(v.Grants) != 1 || v.Grants[0].Kind != grants.End {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestConfigurationIsJudgedByTheBasesApprovers(t *testing.T) {
	alone := func(s *situation) {
		s.Request = grants.Request{Configuration: []string{"lapse.yaml"}, Elsewhere: []string{"README.md"}}
	}
	check(t, []expectation{
		{"one of two is not enough", alone, OutcomeWaiting, ""},
		{"two are", func(s *situation) { alone(s); s.review(dan, Approved, 11) }, OutcomeApproved, ""},
		{"broken policies can be mended", func(s *situation) {
			alone(s)
			s.review(dan, Approved, 11)
			s.rego.problems = []grants.Problem{{Text: "does not compile"}}
		}, OutcomeApproved, ""},
		{"the author does not count", func(s *situation) {
			alone(s)
			s.review(dan, Approved, 11)
			s.Pull.Author = dan
		}, OutcomeWaiting, "dan: opened the request"},
		{"a pusher does not count", func(s *situation) {
			alone(s)
			s.review(dan, Approved, 11)
			s.Pushes[0].By = dan
		}, OutcomeWaiting, "dan: pushed to the branch"},
		{"without approvers it is denied", func(s *situation) { alone(s); s.Configuration.Config.Configuration = nil }, OutcomeDenied, "lapse.yaml: nobody is named"},
		{"a line for longer grants applies", func(s *situation) {
			alone(s)
			s.Configuration.Config.Configuration[0].WhenLongerThan = time.Hour
		}, OutcomeWaiting, ""},
		{"an unusable base denies", func(s *situation) { alone(s); s.Configuration.Usable = false }, OutcomeDenied, "could not be read"},
		{"without a pull request it is denied", func(s *situation) { alone(s); s.Pull = nil }, OutcomeDenied, "without a pull request"},
		{"a fork is denied", func(s *situation) { alone(s); s.Pull.Fork = true }, OutcomeDenied, "fork"},
		{"findings of the gatherer deny", func(s *situation) { alone(s); s.Unjudgeable = []Reason{{Text: "no"}} }, OutcomeDenied, "no"},
	})
}

func TestBaseMustBeFitToJudge(t *testing.T) {
	check(t, []expectation{
		{"no configuration", func(s *situation) { s.Configuration = nil }, OutcomeDenied, "lapse.yaml: the configuration of the base could not be read"},
		{"unusable configuration tells its problems", func(s *situation) {
			s.Configuration.Usable = false
			s.Configuration.Problems = []grants.Problem{{Pos: grants.Pos{File: "lapse.yaml", Line: 2}, Text: "unknown field"}}
		}, OutcomeDenied, "lapse.yaml:2: unknown field"},
		{"problems of policies deny", func(s *situation) {
			s.rego.problems = []grants.Problem{{Pos: grants.Pos{File: "policies/request.rego", Line: 4}, Text: "no rules"}}
		}, OutcomeDenied, "policies/request.rego:4: no rules"},
		{"a broken role that is not asked for is no matter", func(s *situation) {
			s.Configuration.Problems = []grants.Problem{{Pos: grants.Pos{File: "roles/other.yaml"}, Text: "unknown field"}}
		}, OutcomeApproved, ""},
		{"one id for two people denies", func(s *situation) {
			s.Configuration.People.People["eve"] = grants.Person{Login: "eve", ID: 9, Also: []int64{4}, At: grants.Pos{File: "people.yaml", Line: 9}}
		}, OutcomeDenied, "people.yaml:9: id 4 stands for two people"},
		{"no time denies", func(s *situation) { s.Now = time.Time{} }, OutcomeDenied, "the time is not known"},
	})
}

func TestNoPoliciesIsNotAPass(t *testing.T) {
	expect(t, Judge(context.Background(), sound().Facts, nil), OutcomeDenied, "policies: there are no policies to ask")
}

func TestPullRequest(t *testing.T) {
	check(t, []expectation{
		{"none", func(s *situation) { s.Pull = nil }, OutcomeDenied, "reached the main branch without a pull request"},
		{"fork", func(s *situation) { s.Pull.Fork = true }, OutcomeDenied, "fork"},
		{"closed unmerged", func(s *situation) { s.Pull.Closed = true }, OutcomeDenied, "pull request 7 is closed"},
		{"draft", func(s *situation) { s.Pull.Draft = true }, OutcomeWaiting, "a draft is never approved"},
		{"merged draft", func(s *situation) { s.Pull.Draft = true; s.merge(20) }, OutcomeWaiting, "a draft is never approved"},
		{"author unknown", func(s *situation) { s.Pull.Author = Account{Login: "ghost"} }, OutcomeDenied, "account that opened the pull request is not known"},
		{"merged without a time", func(s *situation) { s.merge(20); s.Pull.Merge.At = time.Time{} }, OutcomeDenied, "time of the merge"},
		{"merged in the future", func(s *situation) { s.merge(20); s.Now = minutes(17) }, OutcomeDenied, "time of the merge"},
	})
}

func TestMergesByItselfOnlyWhenAllRolesSaySo(t *testing.T) {
	auto := func(s *situation) { s.role(func(r *grants.Role) { r.MergeAuto = true }) }
	for _, c := range []struct {
		name   string
		change func(*situation)
		want   bool
	}{
		{"role says auto", auto, true},
		{"role says nothing", func(s *situation) {}, false},
		{"merged already", func(s *situation) { auto(s); s.merge(20) }, false},
		{"one of two roles says auto", func(s *situation) {
			auto(s)
			g := grantFor("bob-prod", "bob")
			r := s.Configuration.Roles["prod-db-read"]
			r.Name, r.MergeAuto, g.Role = "manual", false, "manual"
			s.Configuration.Roles["manual"] = r
			s.Request.Changes = append(s.Request.Changes, grants.Change{ID: g.ID, Kind: grants.Add, After: g})
		}, false},
		{"only waiting", func(s *situation) { auto(s); s.Reviews = nil }, false},
		{"only ends", func(s *situation) { auto(s); onlyEnds(s) }, true},
		{"only ends, of a role that says nothing", onlyEnds, false},
		{"only ends, merged already", func(s *situation) { auto(s); onlyEnds(s); s.merge(20) }, false},
		{"only ends, closed", func(s *situation) { auto(s); onlyEnds(s); s.Pull.Closed = true }, false},
		{"only ends, a draft", func(s *situation) { auto(s); onlyEnds(s); s.Pull.Draft = true }, false},
		{"only ends, from a fork", func(s *situation) { auto(s); onlyEnds(s); s.Pull.Fork = true }, false},
		{"only ends, by nobody", func(s *situation) { auto(s); onlyEnds(s); s.Pull.Author = Account{} }, false},
		{"only ends, of another branch", func(s *situation) { auto(s); onlyEnds(s); s.Pull.Base = "release" }, false},
		{"only ends, and ambiguous", func(s *situation) { auto(s); onlyEnds(s); s.Unjudgeable = []Reason{{Text: "no"}} }, false},
		{"only ends, without a configuration", func(s *situation) { auto(s); onlyEnds(s); s.Configuration.Usable = false }, false},
		{"only ends, of a file that is no grant", func(s *situation) { auto(s); onlyEnds(s); s.Request.Changes[0].Before = nil }, false},
		{"gives beside an end of another role", func(s *situation) {
			auto(s)
			g := grantFor("bob-prod", "bob")
			g.Role = "manual"
			s.Request.Changes = append(s.Request.Changes, grants.Change{ID: g.ID, Kind: grants.End, Before: g})
		}, true},
	} {
		s := sound()
		c.change(s)
		if v := s.judge(); v.Merge != c.want {
			t.Errorf("%s: merge %t, outcome %s", c.name, v.Merge, v.Outcome)
		}
	}
}

func TestPoliciesDenyWarnAndLift(t *testing.T) {
	at := grants.Pos{File: "policies/request.rego", Line: 12}
	say := func(a policies.Answer) func(policies.Input) policies.Answer {
		return func(policies.Input) policies.Answer { return a }
	}
	deny := func(l *policies.Lift) policies.Answer {
		return policies.Answer{Denials: []policies.Message{{Text: "at night", Rule: "request.deny", At: at, Lift: l}}}
	}
	bySecurity := &policies.Lift{From: []grants.Party{security}, Count: 2}
	check(t, []expectation{
		{"a denial", func(s *situation) { s.rego.answer = say(deny(nil)) }, OutcomeDenied, "policies/request.rego:12: at night"},
		{"a broken evaluation", func(s *situation) {
			s.rego.answer = say(policies.Answer{Broken: []grants.Problem{{Pos: at, Text: "division by zero"}}})
		}, OutcomeDenied, "policies/request.rego:12: division by zero"},
		{"a denial that may be lifted waits", func(s *situation) { s.rego.answer = say(deny(bySecurity)) }, OutcomeWaiting, ""},
		{"and is gone when lifted", func(s *situation) {
			s.rego.answer = say(deny(bySecurity))
			s.review(dan, Approved, 12)
		}, OutcomeApproved, ""},
		{"a lift by nobody is no lift", func(s *situation) { s.rego.answer = say(deny(&policies.Lift{Count: 1})) }, OutcomeDenied, "at night"},
		{"a lift by 0 approvals is no lift", func(s *situation) { s.rego.answer = say(deny(&policies.Lift{From: []grants.Party{security}})) }, OutcomeDenied, "at night"},
		{"a lift by a team that was not looked up is denied", func(s *situation) {
			s.rego.answer = say(deny(&policies.Lift{From: []grants.Party{"@acme/gone"}, Count: 1}))
		}, OutcomeDenied, "team @acme/gone could not be looked up"},
	})

	s := sound()
	s.rego.answer = say(deny(bySecurity))
	s.review(dan, Approved, 12)
	lifted := s.judge().Needs[0]
	if lifted.Lifts != "at night" || lifted.Why != at || len(lifted.Have) != 2 {
		t.Errorf("the lifted denial is not told: %+v", lifted)
	}
	s.rego.answer = say(policies.Answer{Warnings: []policies.Message{{Text: "long", Rule: "request.warn", At: at}}})
	v := s.judge()
	want := []Reason{{Pos: at, Text: "long", Policy: "request.warn at policies/request.rego:12", Grant: "alice-prod"}}
	if diff := cmp.Diff(want, v.Warnings); diff != "" || v.Outcome != OutcomeApproved {
		t.Errorf("outcome %s\n%s", v.Outcome, diff)
	}
}

func TestDenialsOfOneRuleAreLiftedEachByItsOwnApprovals(t *testing.T) {
	s := sound()
	at := grants.Pos{File: "policies/request.rego", Line: 12}
	lift := func(text string, count int) policies.Message {
		return policies.Message{Text: text, At: at, Lift: &policies.Lift{From: []grants.Party{security}, Count: count}}
	}
	s.rego.answer = func(policies.Input) policies.Answer {
		return policies.Answer{Denials: []policies.Message{lift("at night", 1), lift("at night", 2), lift("on a Sunday", 1)}}
	}
	v := s.judge()
	expect(t, v, OutcomeWaiting, "")
	if len(v.Needs) != 4 { // the role's own too
		t.Errorf("%+v", v.Needs)
	}
}

func TestFactsThatWereStoredGiveTheSameVerdict(t *testing.T) {
	s := sound()
	s.review(dan, ChangesRequested, 12)
	s.merge(25)
	stored, err := json.Marshal(s.Facts)
	if err != nil {
		t.Fatal(err)
	}
	again := situation{rego: s.rego}
	if err := json.Unmarshal(stored, &again.Facts); err != nil {
		t.Fatal(err)
	}
	again.Guards = s.Guards
	asJSON := func(v Verdict) string { b, _ := json.Marshal(v); return string(b) }
	if diff := cmp.Diff(asJSON(s.judge()), asJSON(again.judge())); diff != "" {
		t.Error(diff)
	}
}

func TestTargetThatMovesWhileAccessIsHeldThereIsDenied(t *testing.T) {
	moving := func(held ...string) func(*situation) {
		return func(s *situation) {
			s.Request = grants.Request{Configuration: []string{"lapse.yaml"}}
			s.Moved = []Moved{{Target: "prod-db", At: grants.Pos{File: "lapse.yaml", Line: 4, Column: 3}}}
			s.Held = held
			s.review(dan, Approved, 12)
		}
	}
	check(t, []expectation{
		{"held there", moving("github", "prod-db"), OutcomeDenied, "lapse.yaml:4:3: target prod-db changes while Lapse holds access there"},
		{"held elsewhere", moving("github"), OutcomeApproved, ""},
		{"nothing held", moving(), OutcomeApproved, ""},
	})
}
