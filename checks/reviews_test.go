package checks

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
)

func TestWhichReviewsCount(t *testing.T) {
	first := func(change func(*Review)) func(*situation) { return func(s *situation) { change(&s.Reviews[0]) } }
	check(t, []expectation{
		{"none", func(s *situation) { s.Reviews = nil }, OutcomeWaiting, ""},
		{"other bytes", first(func(r *Review) { r.SameBytes = false }), OutcomeWaiting, "carol: given on other bytes"},
		{"at the second of the push", first(func(r *Review) { r.At = t0 }), OutcomeWaiting, "carol: not given after the push"},
		{"no time", first(func(r *Review) { r.At = time.Time{} }), OutcomeWaiting, "does not say when"},
		{"a little ahead of our clock", first(func(r *Review) { r.At = minutes(32) }), OutcomeApproved, ""},
		{"in the future", first(func(r *Review) { r.At = minutes(33) }), OutcomeWaiting, "carol: given in the future"},
		{"pending", first(func(r *Review) { r.State = Pending }), OutcomeWaiting, ""},
		{"a state nobody knows", first(func(r *Review) { r.State = "BLESSED" }), OutcomeWaiting, ""},
		{"lower case", first(func(r *Review) { r.State = "approved" }), OutcomeWaiting, ""},
		{"dismissed", first(func(r *Review) { r.State = Dismissed }), OutcomeWaiting, ""},
		{"of somebody in no line", func(s *situation) { s.Teams[dataTeam] = Team{Members: []Account{dan}} }, OutcomeWaiting, "carol: not in any group or team"},
		{"a later comment takes nothing away", func(s *situation) { s.review(carol, Commented, 12) }, OutcomeApproved, ""},
		{"a second approval replaces the first", func(s *situation) { s.review(carol, Approved, 12) }, OutcomeApproved, "carol: a later review of the same person decides (review 101)"},
		{"the latest approval alone is looked at", func(s *situation) { s.review(carol, Approved, 12).SameBytes = false }, OutcomeWaiting, "carol: given on other bytes"},
		{"of the same second the higher id is later", func(s *situation) {
			s.review(carol, Dismissed, 10)
		}, OutcomeWaiting, ""},
		{"of the same second the higher id is later, an approval too", func(s *situation) {
			s.review(carol, ChangesRequested, 10).ID = 49
		}, OutcomeApproved, ""},
		{"within the time to live", func(s *situation) { s.Configuration.Config.Limits.ApprovalTTL = 20 * time.Minute }, OutcomeApproved, ""},
		{"without a time to live nothing counts", func(s *situation) { s.Configuration.Config.Limits.ApprovalTTL = 0 }, OutcomeWaiting, "approval_ttl"},
		{"merged in the second of the approval", func(s *situation) { s.merge(10) }, OutcomeApproved, ""},
	})
}

func TestChangesAskedForHoldARequest(t *testing.T) {
	byDan := func(s *situation) { s.review(dan, ChangesRequested, 12) }
	check(t, []expectation{
		{"by somebody who could approve", byDan, OutcomeWaiting, "roles/prod-db-read.yaml:8:5: dan asked for changes (review 101)"},
		{"on other bytes too", func(s *situation) { s.review(dan, ChangesRequested, 12).SameBytes = false }, OutcomeWaiting, "dan asked for changes"},
		{"until they approve", func(s *situation) { byDan(s); s.review(dan, Approved, 13) }, OutcomeApproved, ""},
		{"until it is dismissed", func(s *situation) { s.review(dan, Dismissed, 12) }, OutcomeApproved, ""},
		{"not by their comment", func(s *situation) { byDan(s); s.review(dan, Commented, 13) }, OutcomeWaiting, "dan asked for changes"},
		{"not by another's approval", func(s *situation) { byDan(s); s.review(bob, Approved, 13) }, OutcomeWaiting, "dan asked for changes"},
		{"not by their approval in the future", func(s *situation) { byDan(s); s.review(dan, Approved, 60) }, OutcomeWaiting, "dan asked for changes"},
		{"not by the approval of a suspended account", func(s *situation) {
			s.review(carol, ChangesRequested, 12)
			s.review(Account{Login: "carol-two", ID: 33, Suspended: true}, Approved, 13)
			s.review(dan, Approved, 13)
		}, OutcomeWaiting, "carol asked for changes"},
		{"not by the dismissal of what a suspended account said", func(s *situation) {
			s.review(carol, ChangesRequested, 12)
			s.review(Account{Login: "carol-two", ID: 33, Suspended: true}, Dismissed, 13)
			s.review(dan, Approved, 13)
		}, OutcomeWaiting, "carol asked for changes"},
		{"not by an approval, where the forge does not say when they objected", func(s *situation) {
			byDan(s)
			s.Reviews[1].At = time.Time{}
			s.review(dan, Approved, 13)
		}, OutcomeWaiting, "dan asked for changes"},
		{"by another account of the person", func(s *situation) { s.review(carolTwo, ChangesRequested, 12) }, OutcomeWaiting, "carol asked for changes"},
		{"by somebody who then pushed, until it is dismissed", func(s *situation) {
			byDan(s)
			s.push(dan, otherSHA, true, 13)
			s.review(dan, Approved, 14)
		}, OutcomeWaiting, "the review must be dismissed"},
		{"not by somebody in no line", func(s *situation) { s.review(mallory, ChangesRequested, 12) }, OutcomeApproved, ""},
		{"not by somebody who left the team", func(s *situation) {
			byDan(s)
			s.Teams[dataTeam] = Team{Members: []Account{carol}}
		}, OutcomeApproved, ""},
		{"not after the merge", func(s *situation) { s.merge(11); byDan(s) }, OutcomeApproved, ""},
	})
}

func TestLaterReviewsDoNotUndoAMerge(t *testing.T) {
	s := sound()
	s.merge(20)
	s.review(carol, ChangesRequested, 21)
	s.review(carol, Approved, 22)
	expect(t, s.judge(), OutcomeApproved, "carol: given after the merge")
}

func TestOnePersonMaySatisfySeveralLines(t *testing.T) {
	s := sound()
	s.grant().Duration = 5 * time.Hour
	v := s.judge()
	expect(t, v, OutcomeApproved, "")
	if len(v.Needs) != 2 {
		t.Errorf("%+v", v.Needs)
	}
}

func TestEveryLineMustBeSatisfied(t *testing.T) {
	s := sound()
	s.grant().Duration = 5 * time.Hour
	s.Reviews[0].By = bob // of data-platform, not of security
	s.Pull.Author = mallory
	expect(t, s.judge(), OutcomeWaiting, "")
}

func TestEveryApprovalThatDoesNotCountIsTold(t *testing.T) {
	s := sound()
	s.review(alice, Approved, 11)
	s.review(mallory, Approved, 11)
	s.review(Account{Login: "ghost"}, Approved, 11)
	s.review(Account{Login: "acme-bot", ID: 70, Bot: true}, Approved, 11)
	s.review(Account{Login: "dan", ID: 4, Suspended: true}, Approved, 11)
	s.review(bob, Commented, 11)
	want := []Ignored{
		{101, "alice", "opened the request"},
		{102, "mallory", "id 6 is not in people.yaml"},
		{103, "ghost", "the account was deleted"},
		{104, "acme-bot", "given by a bot"},
		{105, "dan", "the account is suspended"},
	}
	if diff := cmp.Diff(want, s.judge().Ignored); diff != "" {
		t.Error(diff)
	}
}

func TestALineOfTheRoleMustBeLookedUpInFull(t *testing.T) {
	check(t, []expectation{
		{"group unknown", func(s *situation) {
			s.role(func(r *grants.Role) { r.Approvals[0].From = []grants.Party{dataTeam, "group:gone"} })
		}, OutcomeDenied, `roles/prod-db-read.yaml:8:5: people.yaml has no group "gone"`},
		{"an empty group approves nothing", func(s *situation) {
			s.Configuration.People.Groups["security"] = nil
			s.role(func(r *grants.Role) { r.Approvals[0].From = []grants.Party{security} })
		}, OutcomeWaiting, "only 0 can"},
		{"a login in a group that people.yaml does not have approves nothing", func(s *situation) {
			s.Configuration.People.Groups["security"] = []string{"mallory"}
			s.role(func(r *grants.Role) { r.Approvals[0].From = []grants.Party{security} })
			s.review(mallory, Approved, 12)
		}, OutcomeWaiting, "mallory: id 6 is not in people.yaml"},
	})
}
