package checks

import "testing"

func TestRecordOfPushes(t *testing.T) {
	const reach = "does not reach the head"
	check(t, []expectation{
		{"none", func(s *situation) { s.Pushes = nil }, OutcomeDenied, "no record of pushes"},
		{"the head is not the last", func(s *situation) { s.push(alice, otherSHA, true, 5); s.Pull.Head = headSHA }, OutcomeDenied, reach},
		{"the head is not there", func(s *situation) { s.Pull.Head = otherSHA }, OutcomeDenied, reach},
		{"the head has no name", func(s *situation) { s.Pull.Head, s.Pushes[0].After = "", "" }, OutcomeDenied, reach},
		{"the head's bytes are not known", func(s *situation) { s.Pushes[0].SameBytes = false }, OutcomeDenied, reach},
		{"no creation", func(s *situation) { s.Pushes[0].Kind, s.Pushes[0].Before = "push", otherSHA }, OutcomeDenied, "does not reach back"},
		{"no creation before the request, and older pushes", func(s *situation) {
			s.Pull.CreatedAt = minutes(-1)
			s.Pushes = append(s.Pushes, Push{By: alice, At: minutes(-2), Before: otherSHA, After: thirdSHA, Kind: "push", SameBytes: true})
		}, OutcomeDenied, "does not reach back"},
		{"a creation told a second after the request", func(s *situation) { s.Pull.CreatedAt = minutes(-1) }, OutcomeApproved, ""},
		{"a creation known by where it began", func(s *situation) { s.Pushes[0].Kind = "push" }, OutcomeApproved, ""},
		{"pusher unknown", func(s *situation) { s.Pushes[0].By.ID = 0 }, OutcomeDenied, "does not say who pushed"},
		{"an earlier pusher unknown", func(s *situation) {
			s.push(Account{}, otherSHA, true, 4)
			s.push(alice, headSHA, true, 5)
		}, OutcomeDenied, "does not say who pushed"},
		{"time unknown", func(s *situation) {
			s.Pushes = append(s.Pushes, Push{By: alice, Before: headSHA, After: otherSHA, Kind: "push"})
		}, OutcomeDenied, "does not say when"},
		{"a push within the second of the review comes after it", func(s *situation) { s.push(alice, otherSHA, false, 9); s.push(alice, headSHA, true, 10) },
			OutcomeWaiting, "not given after the push"},
		{"pushes with the same bytes keep an approval", func(s *situation) {
			s.push(alice, otherSHA, true, 11)
			s.push(alice, thirdSHA, true, 12)
		}, OutcomeApproved, ""},
		{"within one second other bytes count against an approval", func(s *situation) {
			s.push(alice, otherSHA, false, 5)
			s.push(alice, thirdSHA, true, 5)
			s.push(alice, headSHA, true, 12)
		}, OutcomeWaiting, "not given after the push"},
		{"within the last second other bytes count against an approval", func(s *situation) {
			s.push(alice, otherSHA, false, 12)
			s.push(alice, thirdSHA, true, 12)
		}, OutcomeWaiting, "not given after the push"},
		{"within the last second other bytes do not hide the head", func(s *situation) {
			s.push(alice, otherSHA, false, 5)
			s.push(alice, thirdSHA, true, 5)
		}, OutcomeApproved, ""},
		{"a pull request merged into the branch is a push", func(s *situation) {
			s.push(carol, otherSHA, true, 5)
			s.Pushes[1].Kind = "pr_merge"
		}, OutcomeWaiting, "carol: pushed to the branch"},
		{"a merge queue's push is a push", func(s *situation) {
			s.push(carol, otherSHA, true, 5)
			s.Pushes[1].Kind = "merge_queue_merge"
		}, OutcomeWaiting, "carol: pushed to the branch"},
		{"an earlier branch of the same name is no matter", func(s *situation) {
			s.Pushes = append(s.Pushes,
				Push{By: carol, At: minutes(-9), Before: zeroSHA, After: thirdSHA, Kind: "branch_creation"},
				Push{By: carol, At: minutes(-8), Before: thirdSHA, After: zeroSHA, Kind: "branch_deletion"})
		}, OutcomeApproved, ""},
		{"pushes before the request was opened are", func(s *situation) {
			s.push(carol, otherSHA, true, 1)
			s.Pull.CreatedAt = minutes(2)
		}, OutcomeWaiting, "carol: pushed to the branch"},
		{"a deletion after the merge is no matter", func(s *situation) {
			s.merge(20)
			s.Pushes = append(s.Pushes, Push{By: carol, At: minutes(20), Before: headSHA, After: zeroSHA, Kind: "branch_deletion"})
		}, OutcomeApproved, ""},
		{"nor is what was pushed after it", func(s *situation) {
			s.merge(20)
			s.Pushes = append(s.Pushes, Push{By: carol, At: minutes(21), Before: headSHA, After: otherSHA, Kind: "push"})
		}, OutcomeApproved, ""},
		{"an open branch that was deleted reaches no head", func(s *situation) {
			s.Pushes = append(s.Pushes, Push{By: carol, At: minutes(20), Before: headSHA, After: zeroSHA, Kind: "branch_deletion"})
		}, OutcomeDenied, reach},
		{"a deletion and a restoration bring the bytes again", func(s *situation) {
			s.Pushes = append(s.Pushes,
				Push{By: alice, At: minutes(11), Before: headSHA, After: zeroSHA, Kind: "branch_deletion"},
				Push{By: alice, At: minutes(12), Before: zeroSHA, After: headSHA, Kind: "branch_creation", SameBytes: true})
		}, OutcomeWaiting, "not given after the push"},
		{"what calls itself a deletion and brings a commit is a push", func(s *situation) {
			s.push(carol, otherSHA, true, 5)
			s.Pushes[1].Kind = "branch_deletion"
		}, OutcomeWaiting, "carol: pushed to the branch"},
	})
}

func TestNothingCountsWhileTheRecordOfPushesIsNotWhole(t *testing.T) {
	s := sound()
	s.push(Account{}, otherSHA, true, 5)
	v := s.judge()
	expect(t, v, OutcomeDenied, "carol: it is not known when the bytes were pushed")
	if len(v.Needs[0].Have) > 0 {
		t.Errorf("%+v", v.Needs[0])
	}
}
