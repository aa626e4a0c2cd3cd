package reconciler

import (
	"sort"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Cause says why a step is taken.
type Cause string

// The causes. Every take but for an expiry counts against the limit of unexplained revocations.
const (
	CauseGranted   Cause = "granted"   // give: a live grant says so
	CauseExtended  Cause = "extended"  // give: held already, with another end
	CauseJoined    Cause = "joined"    // give: held already, to the same end, for other grants than before
	CauseMissing   Cause = "missing"   // give: given before, and gone while due
	CauseExpired   Cause = "expired"   // take: past its end
	CauseEnded     Cause = "ended"     // take: ended before its time (deleted, denied, another account, a smaller role)
	CauseExclusive Cause = "exclusive" // take: held without a live grant where a role is exclusive
	CauseReturned  Cause = "returned"  // take: given by Lapse, taken, and held again without a live grant
)

// Step is one change of the plan, with why.
type Step struct {
	Change
	Name   string    `json:"name,omitempty"`
	Grants []string  `json:"grants,omitempty"`
	Cause  Cause     `json:"cause"`
	Due    time.Time `json:"due,omitzero"`   // when taking: when it should have been gone
	Taken  time.Time `json:"taken,omitzero"` // returned: when it was taken last
}

// Holding is what the step is about.
func (s Step) Holding() ledger.Holding {
	return ledger.Holding{Entitlement: s.Entitlement, Account: s.Account}
}

// Blocked is a step that the plan would hold, and why it does not.
type Blocked struct {
	Step
	Why string `json:"why"`
}

// Plan is what one run does. It is data: sorted, comparable, printable.
type Plan struct {
	Steps   []Step    `json:"steps"`             // takes first, then gives, each sorted by holding
	Confirm []Confirm `json:"confirm,omitempty"` // receipts that are due without touching a target
	Blocked []Blocked `json:"blocked,omitempty"`
}

// Confirm is a fact that the targets show and the ledger does not say yet.
type Confirm struct {
	Kind    ledger.Kind    `json:"kind"` // taken or kept
	Holding ledger.Holding `json:"holding"`
	Grants  []string       `json:"grants,omitempty"`
	Cause   Cause          `json:"cause,omitempty"` // taken
	Until   time.Time      `json:"until,omitzero"`
	Due     time.Time      `json:"due,omitzero"`
	Taken   time.Time      `json:"taken,omitzero"` // returned: when it was taken before
}

// Situation is everything a plan is made from.
type Situation struct {
	Now       time.Time
	Frozen    string // why nothing is given in this run; "" if giving is allowed
	Wanted    []Wanted
	Unsure    map[string]string              // by login: why it is not known whether that is still the person who was approved
	Known     map[string]ledger.HoldingState // by holding key; of those Taken only the ones that are watched
	Listings  map[string]Listing             // by entitlement key
	Exclusive map[string]bool                // entitlement keys that an exclusive role names
	Standing  map[string]bool                // holding keys that need no grant
	Limit     int                            // most takes that are no expiry
}

// Listing is what a target answered about one entitlement.
type Listing struct {
	Entitlement grants.Entitlement
	Holdings    []Holding
	Err         error
}

// find returns what the target shows of the account. Held through something else is not held in a way that Apply can take.
func (l Listing) find(account string) (Holding, bool) {
	for _, h := range l.Holdings {
		if h.Account == account {
			return h, true
		}
	}
	return Holding{}, false
}

func (p *Plan) sort() {
	less := func(a, b Step) bool {
		if a.Action != b.Action {
			return a.Action == Take
		}
		return a.Holding().Key() < b.Holding().Key()
	}
	sort.Slice(p.Steps, func(i, j int) bool { return less(p.Steps[i], p.Steps[j]) })
	sort.Slice(p.Blocked, func(i, j int) bool { return less(p.Blocked[i].Step, p.Blocked[j].Step) })
	sort.Slice(p.Confirm, func(i, j int) bool { return p.Confirm[i].Holding.Key() < p.Confirm[j].Holding.Key() })
}

// Takes and Gives are the steps of one action, in order.
func (p Plan) Takes() []Step { return p.of(Take) }

// Gives are the steps that give.
func (p Plan) Gives() []Step { return p.of(Give) }

func (p Plan) of(a Action) []Step {
	var out []Step
	for _, s := range p.Steps {
		if s.Action == a {
			out = append(out, s)
		}
	}
	return out
}
