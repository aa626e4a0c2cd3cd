package checks

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
)

// world makes situations out of random reviews, pushes and people; the same seed makes the same one.
func world(seed uint64) *situation {
	r := rand.New(rand.NewPCG(seed, 1))
	s := sound()
	s.Pull.Author = pick(r, alice, bob, carol, mallory)
	s.Pushes[0].By = pick(r, alice, alice, bob, mallory)
	s.Reviews = nil
	s.role(func(role *grants.Role) {
		role.Approvals[0].Count = 1 + r.IntN(2)
		role.Approvals[0].From = pick(r, []grants.Party{dataTeam}, []grants.Party{security}, []grants.Party{dataTeam, security})
	})
	s.grant().Duration = pick(r, 4*time.Hour, 6*time.Hour)
	if r.IntN(4) == 0 {
		s.Request.Changes[0].Kind, s.Request.Changes[0].Before = grants.Edit, grantFor("alice-prod", pick(r, "alice", "dan"))
	}
	s.Configuration.Config.Limits.ApprovalTTL = pick(r, 72*time.Hour, 20*time.Minute)
	for i, n := 0, r.IntN(4); i < n; i++ {
		s.push(pick(r, alice, alice, bob, carol, mallory), pick(r, headSHA, otherSHA, thirdSHA), r.IntN(3) > 0, 1+r.IntN(12))
	}
	slices.SortStableFunc(s.Pushes, func(a, b Push) int { return a.At.Compare(b.At) })
	s.Pushes[len(s.Pushes)-1].SameBytes = true
	s.Pull.Head = s.Pushes[len(s.Pushes)-1].After
	if r.IntN(3) == 0 {
		s.merge(20 + r.IntN(10))
	}
	for i, n := 0, r.IntN(7); i < n; i++ {
		s.Reviews = append(s.Reviews, randomReview(r, int64(100+i), anyAccount(r)))
	}
	return s
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func anyAccount(r *rand.Rand) Account {
	return pick(r, alice, bob, carol, carolTwo, dan, dan, carol, mallory,
		Account{Login: "dan", ID: 4, Suspended: true}, Account{Login: "carol-two", ID: 33, Bot: true}, Account{Login: "ghost"})
}

func randomReview(r *rand.Rand, id int64, by Account) Review {
	return Review{
		ID: id, By: by, State: pick(r, Approved, Approved, Approved, ChangesRequested, Dismissed, Commented, Pending),
		Commit: headSHA, At: minutes(r.IntN(36)), SameBytes: r.IntN(5) > 0,
	}
}

const worlds = 1500

func rank(o Outcome) int {
	return slices.Index([]Outcome{OutcomeDenied, OutcomeWaiting, OutcomeApproved}, o)
}

func dump(f Facts) string {
	b, _ := json.MarshalIndent(struct {
		Pull    *Pull
		Pushes  []Push
		Reviews []Review
		TTL     time.Duration
		Roles   map[string]grants.Role
	}{f.Pull, f.Pushes, f.Reviews, f.Configuration.Config.Limits.ApprovalTTL, f.Configuration.Roles}, "", " ")
	return string(b)
}

// The worlds must reach every outcome, else the properties below say little.
func TestWorldsReachEveryOutcome(t *testing.T) {
	seen := map[Outcome]int{}
	for seed := range uint64(worlds) {
		seen[world(seed).judge().Outcome]++
	}
	for _, o := range []Outcome{OutcomeWaiting, OutcomeApproved} {
		if seen[o] < worlds/20 {
			t.Errorf("too few worlds are %s: %v", o, seen)
		}
	}
}

func TestOrderOfFactsNeverMatters(t *testing.T) {
	for seed := range uint64(worlds) {
		s := world(seed)
		g := grantFor("bob-prod", "bob")
		s.Request.Changes = append(s.Request.Changes, grants.Change{ID: g.ID, Kind: grants.Add, After: g})
		want := s.judge()
		r := rand.New(rand.NewPCG(seed, 2))
		shuffle(r, s.Reviews)
		shuffle(r, s.Pushes)
		shuffle(r, s.Pull.Labels)
		shuffle(r, s.Request.Changes)
		for _, team := range s.Teams {
			shuffle(r, team.Members)
		}
		s.Teams, s.Accounts = maps.Clone(s.Teams), maps.Clone(s.Accounts)
		if diff := cmp.Diff(want, s.judge()); diff != "" {
			t.Fatalf("seed %d: %s\n%s", seed, diff, dump(s.Facts))
		}
	}
}

func shuffle[T any](r *rand.Rand, list []T) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

func TestJudgingChangesNoFacts(t *testing.T) {
	s := world(3)
	for _, id := range []string{"c", "a"} { // out of order
		s.Request.Changes = append(s.Request.Changes, grants.Change{ID: id, Kind: grants.Add, After: grantFor(id, "bob")})
	}
	s.Unjudgeable = []Reason{{Text: "b"}, {Text: "a"}}
	before, _ := json.Marshal(s.Facts)
	s.judge()
	after, _ := json.Marshal(s.Facts)
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Error(diff)
	}
}

// Nobody who may not approve can move a request towards approval, whatever they say and whenever.
func TestReviewsOfThoseWhoMayNotApproveNeverHelp(t *testing.T) {
	for seed := range uint64(worlds) {
		s := world(seed)
		before := s.judge()
		r := rand.New(rand.NewPCG(seed, 3))
		barred := []Account{s.Pull.Author, alice, mallory, {Login: "ghost"}, {Login: "acme-bot", ID: 70, Bot: true},
			{Login: "dan", ID: 4, Suspended: true}, {Login: "carol-two", ID: 33, Bot: true}}
		for _, p := range s.Pushes {
			barred = append(barred, p.By)
		}
		s.Reviews = append(s.Reviews, randomReview(r, int64(90+r.IntN(30)), pick(r, barred...)))
		if after := s.judge(); rank(after.Outcome) > rank(before.Outcome) {
			t.Fatalf("seed %d: from %s to %s\n%s", seed, before.Outcome, after.Outcome, dump(s.Facts))
		}
	}
}

func TestTakingAwayAnApprovalThatCountsNeverHelps(t *testing.T) {
	for seed := range uint64(worlds) {
		s := world(seed)
		before := s.judge()
		all := s.Reviews
		for _, n := range before.Needs {
			for _, have := range n.Have {
				s.Reviews = without(all, func(r Review) bool { return r.ID == have.Review })
				if after := s.judge(); rank(after.Outcome) > rank(before.Outcome) {
					t.Fatalf("seed %d: from %s to %s without review %d\n%s", seed, before.Outcome, after.Outcome, have.Review, dump(s.Facts))
				}
			}
		}
	}
}

func TestTakingAwayAllApprovalsOfAPersonNeverHelps(t *testing.T) {
	for seed := range uint64(worlds) {
		s := world(seed)
		before := s.judge()
		all := s.Reviews
		for _, ids := range [][]int64{{1}, {2}, {3, 33}, {4}, {6}, {0}} {
			s.Reviews = without(all, func(r Review) bool { return r.State == Approved && slices.Contains(ids, r.By.ID) })
			if after := s.judge(); rank(after.Outcome) > rank(before.Outcome) {
				t.Fatalf("seed %d: from %s to %s without approvals of %v\n%s", seed, before.Outcome, after.Outcome, ids, dump(s.Facts))
			}
		}
	}
}

func without(reviews []Review, drop func(Review) bool) []Review {
	return slices.DeleteFunc(slices.Clone(reviews), drop)
}

// What is approved is approved by enough people who each pass the plainest reading of the rule.
func TestApprovedMeansApprovedByOthersForTheseBytes(t *testing.T) {
	for seed := range uint64(worlds) {
		s := world(seed)
		v := s.judge()
		if !slices.ContainsFunc(v.Needs, func(n Need) bool { return n.Lifts == "" && slices.Contains(n.Grants, "alice-prod") }) {
			t.Fatalf("seed %d: needs nobody", seed)
		}
		for _, n := range v.Needs {
			people := map[int64]bool{}
			for _, have := range n.Have {
				people[have.ID] = true
				if why := s.wrong(have); why != "" {
					t.Fatalf("seed %d: review %d counts, but %s\n%s", seed, have.Review, why, dump(s.Facts))
				}
			}
			if v.Outcome == OutcomeApproved && len(people) < n.Count {
				t.Fatalf("seed %d: approved by %d of %d", seed, len(people), n.Count)
			}
		}
	}
}

// wrong says what is wrong with an approval that counts, by a reading of the facts that shares no code with the rules.
func (s *situation) wrong(have Approval) string {
	person := func(a Account) int64 {
		if a.ID == 33 {
			return 3
		}
		return a.ID
	}
	i := slices.IndexFunc(s.Reviews, func(r Review) bool { return r.ID == have.Review })
	review := s.Reviews[i]
	if review.State != Approved || !review.SameBytes || review.By.Bot || review.By.Suspended {
		return fmt.Sprintf("it is %+v", review)
	}
	if who := person(review.By); who != have.ID || who == person(s.Pull.Author) || who == 1 {
		return "it is by the author or the subject"
	}
	deadline := s.Now
	if s.Pull.Merge == nil {
		deadline = deadline.Add(2 * time.Minute)
	}
	if review.At.After(deadline) || s.Now.Sub(review.At) > s.Configuration.Config.Limits.ApprovalTTL {
		return "it is not of this time"
	}
	for _, p := range s.Pushes {
		if person(p.By) == have.ID {
			return "the person pushed"
		}
		if !p.SameBytes && !review.At.After(p.At) {
			return "other bytes were pushed after it"
		}
	}
	for _, other := range s.Reviews {
		later := other.At.After(review.At) || other.At.Equal(review.At) && other.ID > review.ID
		takes := other.State == ChangesRequested || other.State == Dismissed
		if later && takes && person(other.By) == have.ID && !(s.Pull.Merge != nil && other.At.After(s.Now)) {
			return fmt.Sprintf("review %d took it back", other.ID)
		}
	}
	return ""
}
