package checks

import (
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// approvers makes the team that must approve out of the given accounts and takes all reviews away.
func approvers(s *situation, members ...Account) {
	s.Teams[dataTeam] = Team{Members: members}
	s.Reviews = nil
}

func TestA01AuthorCannotApproveTheirOwnRequest(t *testing.T) {
	s := sound()
	s.Pull.Author = carol
	expect(t, s.judge(), OutcomeWaiting, "carol: opened the request")
	s.Pull.Author = carolTwo
	expect(t, s.judge(), OutcomeWaiting, "carol: opened the request")
}

func TestA02SubjectCannotApproveWhatAFriendOpened(t *testing.T) {
	s := sound()
	s.Pull.Author, s.Pushes[0].By = mallory, mallory
	approvers(s, alice)
	s.review(alice, Approved, 12)
	expect(t, s.judge(), OutcomeWaiting, "alice: a grant in the request is theirs")
}

func TestA02SubjectCannotApproveWithAnotherAccount(t *testing.T) {
	s := sound()
	s.Pull.Author, s.Pushes[0].By = mallory, mallory
	s.Configuration.People.People["alice"] = grants.Person{Login: "alice", ID: 1, Also: []int64{11}}
	approvers(s, alice, Account{Login: "alice-two", ID: 11})
	s.review(Account{Login: "alice-two", ID: 11}, Approved, 12)
	expect(t, s.judge(), OutcomeWaiting, "alice-two: a grant in the request is theirs")
}

func TestA02SubjectOfOneGrantCannotApproveAnother(t *testing.T) {
	for name, c := range map[string]grants.Change{
		"added":   {ID: "carol-prod", Kind: grants.Add, After: grantFor("carol-prod", "carol")},
		"ended":   {ID: "carol-prod", Kind: grants.End, Before: grantFor("carol-prod", "carol")},
		"changed": {ID: "carol-prod", Kind: grants.Edit, Before: grantFor("carol-prod", "carol"), After: grantFor("carol-prod", "bob")},
	} {
		t.Run(name, func(t *testing.T) {
			s := sound()
			s.Accounts["carol"] = carol
			s.role(func(r *grants.Role) { r.Eligible = append(r.Eligible, security) })
			s.Request.Changes = append(s.Request.Changes, c)
			expect(t, s.judge(), OutcomeWaiting, "carol: a grant in the request is theirs")
		})
	}
}

func TestA03PusherCannotApprove(t *testing.T) {
	for name, change := range map[string]func(*situation){
		"first push":            func(s *situation) { s.Pushes[0].By = carol },
		"with another account":  func(s *situation) { s.Pushes[0].By = carolTwo },
		"an old push":           func(s *situation) { s.push(carol, otherSHA, false, 3); s.push(alice, headSHA, true, 4) },
		"a push of same bytes":  func(s *situation) { s.push(carol, otherSHA, true, 12); s.review(carol, Approved, 13) },
		"a forced push":         func(s *situation) { s.push(carol, otherSHA, true, 5); s.Pushes[1].Kind = "force_push" },
		"a push of unread kind": func(s *situation) { s.push(carol, otherSHA, true, 5); s.Pushes[1].Kind = "something_new" },
	} {
		t.Run(name, func(t *testing.T) {
			s := sound()
			change(s)
			expect(t, s.judge(), OutcomeWaiting, "carol: pushed to the branch")
		})
	}
	s := sound()
	s.Unjudgeable = []Reason{{Text: "a foreign merge in the branch"}}
	expect(t, s.judge(), OutcomeDenied, "a foreign merge in the branch")
}

func TestA03BotsPushIsDeniedWhereSomebodyMustApprove(t *testing.T) {
	helper := Account{Login: "helper[bot]", ID: 90, Bot: true}
	s := sound()
	s.push(helper, otherSHA, true, 5)
	expect(t, s.judge(), OutcomeDenied, "pushed by helper[bot], a bot")
	s.Configuration.Config.Automatic = true
	s.role(func(r *grants.Role) { r.Approvals = nil })
	expect(t, s.judge(), OutcomeApproved, "")
	s = sound()
	s.Pull.Author = helper // opening brings no bytes
	expect(t, s.judge(), OutcomeApproved, "")
}

func TestA05ApprovalOfOtherBytesIsStale(t *testing.T) {
	s := sound()
	s.push(alice, otherSHA, true, 12)
	s.Pushes[0].SameBytes, s.Reviews[0].SameBytes = false, false
	expect(t, s.judge(), OutcomeWaiting, "carol: given on other bytes")
	s.review(carol, Approved, 13)
	expect(t, s.judge(), OutcomeApproved, "")
}

// The forge has moved the review to a commit with the new bytes, or to none.
func TestA06ApprovalBeforeThePushIsStaleWhereverTheForgeMovedIt(t *testing.T) {
	for name, review := range map[string]Review{
		"moved to the head": {ID: 50, By: carol, State: Approved, Commit: thirdSHA, At: minutes(10), SameBytes: true},
		"moved to nothing":  {ID: 50, By: carol, State: Approved, At: minutes(10)},
	} {
		t.Run(name, func(t *testing.T) {
			s := sound()
			s.push(alice, otherSHA, true, 12)
			s.push(alice, thirdSHA, true, 14) // update branch
			s.Pushes[0].SameBytes = false
			s.Reviews[0] = review
			expect(t, s.judge(), OutcomeWaiting, "carol: ")
		})
	}
}

func TestA07ForcedAwayAndBackIsJudgedAgain(t *testing.T) {
	s := sound()
	s.push(alice, otherSHA, false, 12)
	s.push(alice, headSHA, true, 14)
	expect(t, s.judge(), OutcomeWaiting, "carol: not given after the push that brought the bytes")
	s.review(dan, Approved, 13) // of whichever bytes, but before they came back
	expect(t, s.judge(), OutcomeWaiting, "dan: not given after the push that brought the bytes")
	s.review(dan, Approved, 15)
	expect(t, s.judge(), OutcomeApproved, "")
}

func TestA09ChangesRequestedAfterApprovalIsNoApproval(t *testing.T) {
	for _, after := range []ReviewState{ChangesRequested, Dismissed} {
		for _, by := range []Account{carol, carolTwo} {
			s := sound()
			s.review(by, after, 12)
			s.role(func(r *grants.Role) { r.Approvals[0].Count = 1 })
			v := s.judge()
			expect(t, v, OutcomeWaiting, "carol: a later review of the same person decides")
			if len(v.Needs[0].Have) > 0 {
				t.Errorf("%s by %s: counted all the same", after, by.Login)
			}
		}
	}
}

func TestA10CommentIsNoApproval(t *testing.T) {
	s := sound()
	s.Reviews[0].State = Commented
	expect(t, s.judge(), OutcomeWaiting, "")
}

func TestA11BotCannotApprove(t *testing.T) {
	s := sound()
	s.Reviews[0].By.Bot = true
	expect(t, s.judge(), OutcomeWaiting, "carol: given by a bot")
}

func TestA12DeletedOrSuspendedAccountCannotApprove(t *testing.T) {
	s := sound()
	s.Reviews[0].By = Account{Login: "ghost"}
	s.Configuration.People.People["ghost"] = grants.Person{Login: "ghost"} // id 0
	s.Teams[dataTeam] = Team{Members: []Account{{Login: "ghost"}, dan}}
	expect(t, s.judge(), OutcomeWaiting, "ghost: the account was deleted")
	s = sound()
	s.Reviews[0].By.Suspended = true
	expect(t, s.judge(), OutcomeWaiting, "carol: the account is suspended")
	s = sound()
	s.Teams[dataTeam] = Team{Members: []Account{{Login: "carol", ID: 3, Suspended: true}}}
	expect(t, s.judge(), OutcomeWaiting, "carol: not in any group or team")
}

func TestA14SomebodyWhoLeftTheTeamBeforeTheMergeDoesNotCount(t *testing.T) {
	s := sound()
	s.merge(20)
	s.Teams[dataTeam] = Team{Members: []Account{dan}}
	expect(t, s.judge(), OutcomeWaiting, "carol: not in any group or team")
}

func TestA15OnePersonCountsOnce(t *testing.T) {
	for name, change := range map[string]func(*situation){
		"in two groups": func(s *situation) {
			s.role(func(r *grants.Role) { r.Approvals[0].From = []grants.Party{dataTeam, security} })
		},
		"with two accounts": func(s *situation) {
			s.review(carolTwo, Approved, 12)
			s.Teams[dataTeam] = Team{Members: []Account{carol, carolTwo, dan}}
		},
		"twice": func(s *situation) { s.review(carol, Approved, 12) },
		"one party twice": func(s *situation) {
			s.role(func(r *grants.Role) { r.Approvals[0].From = []grants.Party{dataTeam, dataTeam} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := sound()
			s.role(func(r *grants.Role) { r.Approvals[0].Count = 2 })
			change(s)
			v := s.judge()
			expect(t, v, OutcomeWaiting, "")
			if len(v.Needs[0].Have) != 1 || name == "one party twice" && len(v.Needs[0].From) != 1 {
				t.Errorf("counted %+v", v.Needs[0].Have)
			}
			s.review(dan, Approved, 13)
			expect(t, s.judge(), OutcomeApproved, "")
		})
	}
}

func TestA16UnmappedLoginCannotApprove(t *testing.T) {
	s := sound()
	s.Reviews[0].By = mallory
	s.Teams[dataTeam] = Team{Members: []Account{mallory}}
	expect(t, s.judge(), OutcomeWaiting, "mallory: id 6 is not in people.yaml")
	s.Reviews[0].By = Account{Login: "carol", ID: 99} // the name is right, the account is not
	expect(t, s.judge(), OutcomeWaiting, "carol: id 99 is not in people.yaml")
}

func TestA17TeamThatWasNotLookedUpIsDenied(t *testing.T) {
	s := sound()
	delete(s.Teams, dataTeam)
	expect(t, s.judge(), OutcomeDenied, "roles/prod-db-read.yaml:8:5: team @acme/data-platform could not be looked up")
	s = sound()
	s.role(func(r *grants.Role) { r.Approvals[0].From = []grants.Party{security, "@acme/gone"} })
	expect(t, s.judge(), OutcomeDenied, "team @acme/gone could not be looked up")
}

func TestA20BaseOtherThanTheMainBranchIsDenied(t *testing.T) {
	s := sound()
	s.Pull.Base = "release"
	expect(t, s.judge(), OutcomeDenied, `goes to branch "release", not to "main"`)
	s.Pull.Base = ""
	expect(t, s.judge(), OutcomeDenied, `goes to branch ""`)
	s.Configuration.Config.Branch = ""
	expect(t, s.judge(), OutcomeDenied, `goes to branch ""`)
}

func TestA20ApprovalFromBeforeTheBaseMovedDoesNotCount(t *testing.T) {
	s := sound()
	s.Pull.BaseMoves = []time.Time{minutes(10), minutes(5)}
	expect(t, s.judge(), OutcomeWaiting, "carol: not given after the base of the pull request changed")
	s.review(carol, Approved, 12)
	expect(t, s.judge(), OutcomeApproved, "")
	// What happens to the branch after the merge takes nothing from it.
	s.merge(20)
	s.Pull.BaseMoves = append(s.Pull.BaseMoves, minutes(21))
	expect(t, s.judge(), OutcomeApproved, "")
	s.Pull.BaseMoves = append(s.Pull.BaseMoves, minutes(20))
	expect(t, s.judge(), OutcomeWaiting, "carol: not given after the base")
}

func TestA21ReviewAfterTheMergeDoesNotCount(t *testing.T) {
	s := sound()
	s.merge(9)
	expect(t, s.judge(), OutcomeWaiting, "carol: given after the merge")
}

func TestA22LineThatAsksForNobodyIsDenied(t *testing.T) {
	check(t, []expectation{
		{"count 0", func(s *situation) { s.role(func(r *grants.Role) { r.Approvals[0].Count = 0 }) }, OutcomeDenied, "asks for 0 approvals"},
		{"count below 0", func(s *situation) { s.role(func(r *grants.Role) { r.Approvals[0].Count = -1 }) }, OutcomeDenied, "asks for -1 approvals"},
		{"from empty", func(s *situation) { s.role(func(r *grants.Role) { r.Approvals[0].From = nil }) }, OutcomeDenied, "names nobody"},
		{"no lines", func(s *situation) { s.role(func(r *grants.Role) { r.Approvals = nil }) }, OutcomeDenied, "roles/prod-db-read.yaml:7:5: role prod-db-read asks for no approval"},
		{"no line for so short a grant", func(s *situation) {
			s.role(func(r *grants.Role) { r.Approvals = r.Approvals[1:] })
		}, OutcomeDenied, "asks for no approval of a grant of 4h"},
		{"configuration, count 0", func(s *situation) {
			s.Request = grants.Request{Configuration: []string{"lapse.yaml"}}
			s.Configuration.Config.Configuration[0].Count = 0
		}, OutcomeDenied, "lapse.yaml:5:3: an approval line asks for 0 approvals"},
	})
}

func TestA23GrantsWithConfigurationAreDenied(t *testing.T) {
	for _, path := range []string{"policies/request.rego", "roles/x.yaml", "people.yaml", "lapse.yaml", ".github/workflows/lapse.yml"} {
		s := sound()
		s.Request.Configuration = []string{path}
		expect(t, s.judge(), OutcomeDenied, path+": a request that changes grants may change nothing else")
	}
}

func TestA24ReachingMainWithoutAPullRequestIsDenied(t *testing.T) {
	s := sound()
	s.Pull = nil
	expect(t, s.judge(), OutcomeDenied, "reached the main branch without a pull request")
}

func TestA30AnotherUserInPlaceIsANewRequest(t *testing.T) {
	s := sound()
	s.Request.Changes[0].Kind, s.Request.Changes[0].Before = grants.Edit, grantFor("alice-prod", "dan")
	s.review(dan, Approved, 12)
	v := s.judge()
	expect(t, v, OutcomeApproved, "dan: a grant in the request is theirs")
	if v.Grants[0].Kind != grants.Add {
		t.Errorf("kind %s", v.Grants[0].Kind)
	}
	s.Reviews = nil
	expect(t, s.judge(), OutcomeWaiting, "")
	s.role(func(r *grants.Role) { r.Eligible = []grants.Party{"group:contractors"} })
	expect(t, s.judge(), OutcomeDenied, "alice may not hold")
}

func TestA30AnotherRoleInPlaceIsANewRequest(t *testing.T) {
	s := sound()
	before := grantFor("alice-prod", "alice")
	before.Role = "dev"
	s.Request.Changes[0].Kind, s.Request.Changes[0].Before = grants.Edit, before
	if v := s.judge(); v.Grants[0].Kind != grants.Add {
		t.Errorf("kind %s", v.Grants[0].Kind)
	}
}

func TestA30RenameIsANewRequest(t *testing.T) {
	s := sound()
	old := grantFor("alice-old", "alice")
	s.Request.Changes = append(s.Request.Changes, grants.Change{ID: old.ID, Kind: grants.End, Before: old})
	s.Reviews = nil
	v := s.judge()
	expect(t, v, OutcomeWaiting, "")
	if len(v.Grants) != 2 || v.Grants[0].Kind != grants.End || v.Grants[1].Kind != grants.Add {
		t.Errorf("%+v", v.Grants)
	}
}

func TestA31ExtendingNeedsTheApprovalsOfANewRequest(t *testing.T) {
	s := sound()
	before := grantFor("alice-prod", "alice")
	before.Duration = time.Hour
	s.Request.Changes[0].Kind, s.Request.Changes[0].Before = grants.Edit, before
	v := s.judge()
	expect(t, v, OutcomeApproved, "")
	if v.Grants[0].Kind != grants.Edit {
		t.Errorf("kind %s", v.Grants[0].Kind)
	}
	s.Reviews = nil
	expect(t, s.judge(), OutcomeWaiting, "")
}

func TestA40GrantThatIsOverIsDenied(t *testing.T) {
	s := sound()
	s.grant().Duration, s.grant().Expires = 0, minutes(29)
	expect(t, s.judge(), OutcomeDenied, "grants/alice-prod.yaml")
}

func TestA41ApprovalHasATimeToLive(t *testing.T) {
	s := sound()
	s.Now = minutes(10).Add(72 * time.Hour)
	expect(t, s.judge(), OutcomeApproved, "")
	s.Now = s.Now.Add(time.Second)
	expect(t, s.judge(), OutcomeWaiting, "carol: older than limits.approval_ttl (72h)")
	s.Pull.Closed, s.Pull.Merge = true, &Merge{At: s.Now}
	expect(t, s.judge(), OutcomeWaiting, "carol: older than limits.approval_ttl (72h)")
}

func TestA43LoginTakenBySomebodyElseIsDenied(t *testing.T) {
	s := sound()
	s.Accounts["alice"] = Account{Login: "alice", ID: 77}
	expect(t, s.judge(), OutcomeDenied, `account "alice" has id 77, people.yaml says 1`)
	// Another account of hers is not the one that is pinned.
	s.Configuration.People.People["alice"] = grants.Person{Login: "alice", ID: 1, Also: []int64{77}}
	expect(t, s.judge(), OutcomeDenied, "people.yaml says 1")
}

func TestA43WhoeverHasTheLoginNowCannotApproveForIt(t *testing.T) {
	s := sound()
	s.Accounts["alice"] = carol
	v := s.judge()
	expect(t, v, OutcomeDenied, "carol: a grant in the request is theirs")
}

func TestA44HoldOnLapseItselfMustBeOpen(t *testing.T) {
	guarding := func(s *situation) {
		s.role(func(r *grants.Role) { r.Entitlements[1].Values = map[string]string{"team": "security"} })
	}
	s := sound()
	guarding(s)
	expect(t, s.judge(), OutcomeDenied, "roles/prod-db-read.yaml:4:5: role prod-db-read gives a hold on Lapse itself (github?team=security)")
	s.role(func(r *grants.Role) { r.GuardsLapse = true })
	expect(t, s.judge(), OutcomeApproved, "")
	s = sound()
	s.Guards = nil
	expect(t, s.judge(), OutcomeDenied, "a hold on Lapse itself")
}

func TestA47EmptyConfigurationDeniesEverythingNew(t *testing.T) {
	s := sound()
	s.Configuration = &grants.Configuration{Usable: true}
	v := s.judge()
	if v.Outcome != OutcomeDenied {
		t.Errorf("outcome %s", v.Outcome)
	}
	s = sound()
	s.rego.problems = []grants.Problem{{Pos: grants.Pos{File: "policies"}, Text: "no policies"}}
	expect(t, s.judge(), OutcomeDenied, "policies: no policies")
}

func TestReasonsSayWhereAndWhatNext(t *testing.T) {
	s := sound()
	delete(s.Accounts, "alice")
	delete(s.Teams, dataTeam)
	delete(s.Configuration.Config.Targets, "prod-db")
	s.Pull.Fork, s.Pull.Base, s.Pushes[0].By.ID = true, "x", 0
	s.Request.Elsewhere = []string{"README.md"}
	for _, r := range s.judge().Denials {
		if r.Hint == "" || strings.ToLower(r.Text[:1]) != r.Text[:1] && !strings.HasPrefix(r.Text, "GitHub") {
			t.Errorf("%+v", r)
		}
	}
}
