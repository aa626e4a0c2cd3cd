package checks

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// MaxSkew is how far two clocks may be apart without one of them being wrong.
const MaxSkew = 2 * time.Minute

// voters knows who may not approve this request, and why. The keys of barred are logins of people.yaml, so that every
// account of a person is barred with any of them.
type voters struct {
	directory
	barred map[string]string
}

// bar keeps the person who has the account from approving. The first reason given stays.
func (v voters) bar(login, why string) {
	if _, already := v.barred[login]; login != "" && !already {
		v.barred[login] = why
	}
}

// unfit says why a review by this account can never be an approval of this request; "" if it can.
func (v voters) unfit(a Account) string {
	switch {
	case a.ID == 0:
		return "the account was deleted"
	case a.Bot:
		return "given by a bot"
	case a.Suspended:
		return "the account is suspended"
	case v.person(a) == "":
		return fmt.Sprintf("id %d is not in people.yaml", a.ID)
	}
	return v.barred[v.person(a)]
}

// stance is where one person stands after all of their decisive reviews, over all of their accounts.
type stance struct {
	approval *Review // the latest decisive review, if it approves
	objects  *Review // the latest decisive review, if it asks for changes
}

// tally is what the reviews come to.
type tally struct {
	approvals map[string]Review // by login of the person: approvals that count, each person once
	objects   map[string]Review // by login: reviews that ask for changes and stand
	ignored   []Ignored         // approving reviews that do not count
}

func (t *tally) ignore(r Review, why string) {
	if r.State == Approved {
		t.ignored = append(t.ignored, Ignored{Review: r.ID, Login: r.By.Login, Why: why})
	}
}

// count goes through the reviews in the order they were given. A review that can never be an approval has no weight: it can
// take an approval away or object, never add one or withdraw an objection.
func count(reviews []Review, v voters, c clock) tally {
	t := tally{approvals: map[string]Review{}, objects: map[string]Review{}}
	stances := map[string]*stance{}
	for _, r := range decisive(reviews) {
		if c.merged && r.At.After(c.merge) {
			t.ignore(r, "given after the merge")
			continue
		}
		why := v.unfit(r.By)
		if why == "" {
			why = c.unsure(r.At)
		}
		s := stances[v.person(r.By)]
		if s == nil {
			s = &stance{}
			stances[v.person(r.By)] = s
		}
		if why != "" {
			t.ignore(r, why)
		}
		s.take(r, why == "", &t)
	}
	delete(stances, "") // of people.yaml nobody
	for login, s := range stances {
		t.settle(login, s, c)
	}
	return t
}

// take moves the stance by the next review.
func (s *stance) take(r Review, weighs bool, t *tally) {
	if r.State == Approved && !weighs {
		return
	}
	if s.approval != nil {
		t.ignore(*s.approval, fmt.Sprintf("a later review of the same person decides (review %d)", r.ID))
		s.approval = nil
	}
	switch {
	case r.State == Approved:
		s.approval, s.objects = &r, nil
	case r.State == ChangesRequested:
		s.objects = &r
	case weighs: // dismissed
		s.objects = nil
	}
}

// settle asks of the latest approval alone whether it is for these bytes and of this time. An earlier one is not revived.
func (t *tally) settle(login string, s *stance, c clock) {
	if s.objects != nil {
		t.objects[login] = *s.objects
	}
	if s.approval == nil {
		return
	}
	if why := c.stale(*s.approval); why != "" {
		t.ignore(*s.approval, why)
		return
	}
	t.approvals[login] = *s.approval
}

// clock holds the instants that an approval is measured by.
type clock struct {
	now     time.Time
	merged  bool
	merge   time.Time     // if merged
	brought time.Time     // when the bytes were last pushed
	based   time.Time     // when the base last moved other than forward; zero: never
	unknown bool          // brought could not be told: nothing counts
	ttl     time.Duration // of an approval
}

// unsure says why the time of a review cannot be relied on; "" if it can.
func (c clock) unsure(at time.Time) string {
	switch {
	case at.IsZero():
		return "the forge does not say when it was given"
	case at.After(c.now.Add(MaxSkew)):
		return "given in the future"
	}
	return ""
}

// stale says why an approval is not, or no longer, one of these bytes; "" if it is.
func (c clock) stale(r Review) string {
	switch {
	case !r.SameBytes:
		return "given on other bytes than the head's"
	case c.unknown:
		return "it is not known when the bytes were pushed"
	case !r.At.After(c.brought):
		return "not given after the push that brought the bytes"
	case !r.At.After(c.based):
		return "not given after the base of the pull request changed"
	case c.now.Sub(r.At) > c.ttl:
		return fmt.Sprintf("older than limits.approval_ttl (%s)", grants.FormatDuration(c.ttl))
	}
	return ""
}

// decisive are the reviews that say yes or no, in the order they were given. One without a time comes last, and of two with
// the same time and id the less willing one, so that neither can hide a refusal.
func decisive(reviews []Review) []Review {
	var out []Review
	for _, r := range reviews {
		if severity(r.State) > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, compareReviews)
	return out
}

func severity(s ReviewState) int {
	switch s {
	case Approved:
		return 1
	case Dismissed:
		return 2
	case ChangesRequested:
		return 3
	}
	return 0
}

func compareReviews(a, b Review) int {
	if a.At.IsZero() != b.At.IsZero() {
		if a.At.IsZero() {
			return 1
		}
		return -1
	}
	return cmp.Or(
		a.At.Compare(b.At),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(severity(a.State), severity(b.State)),
		cmp.Compare(a.By.ID, b.By.ID),
		cmp.Compare(a.By.Login, b.By.Login),
		cmp.Compare(a.Commit, b.Commit),
		falseLast(a.SameBytes, b.SameBytes),
		falseLast(!a.By.Bot, !b.By.Bot),
		falseLast(!a.By.Suspended, !b.By.Suspended),
	)
}

func falseLast(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
