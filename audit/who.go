package audit

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Holder is somebody who holds a role through a grant, or will.
type Holder struct {
	User     string          `json:"user"`
	UserID   int64           `json:"user_id,omitempty"`
	Role     string          `json:"role"`
	Grant    string          `json:"grant"`
	Interval grants.Interval `json:"interval"`
	Reason   string          `json:"reason,omitempty"`
	Ticket   string          `json:"ticket,omitempty"`
	Pull     int             `json:"pull,omitempty"`
	Status   Status          `json:"status"`
	Holdings []Held          `json:"holdings,omitempty"`
}

// Status is how a holder's grant stands.
type Status string

// How a grant stands, by the ledger's word.
const (
	StatusLive    Status = "live"
	StatusComing  Status = "coming"
	StatusOverdue Status = "overdue" // over, and not all that it gave is proven taken
)

// Held is what the ledger says of one holding.
type Held struct {
	Entitlement grants.Entitlement `json:"entitlement"`
	Account     string             `json:"account,omitempty"`
	State       HeldState          `json:"state"`
	Until       time.Time          `json:"until,omitzero"`
	Since       time.Time          `json:"since,omitzero"`
}

// HeldState is how a holding stands.
type HeldState string

// How a holding stands, by the ledger's word.
const (
	IsHeld    HeldState = "held"     // the target, read back, showed it
	IsPending HeldState = "pending"  // not given yet, or not read back
	IsTaking  HeldState = "taking"   // being taken, not yet proven
	WasBefore HeldState = "kept"     // held before Lapse, which leaves it
	IsNotYet  HeldState = "not_yet"  // the grant has not begun
	IsMissing HeldState = "not_held" // live, and the ledger tells of no holding
)

// Who tells who holds what at now, by user, role and grant. about is a user, a role or a target; "" is everything.
func Who(b *ledger.Book, about string, now time.Time) []Holder {
	s := b.State()
	last := lastGrants(b.Receipts())
	holders := map[string]*Holder{}
	for id, g := range s.Grants {
		holders[id] = holder(g, now)
	}
	for _, key := range sortedKeys(s.Holdings) {
		h := s.Holdings[key]
		if h.Kind == ledger.Taken {
			continue
		}
		for _, id := range h.Grants {
			if holders[id] == nil {
				g, known := last[id]
				if !known || h.Kind == ledger.Kept {
					continue // what was there before a grant that is over is nobody's by a grant
				}
				holders[id] = holder(g, now)
				holders[id].Status = StatusOverdue
			}
			holders[id].Holdings = append(holders[id].Holdings, held(h))
		}
	}
	var out []Holder
	for _, id := range sortedKeys(holders) {
		h := holders[id]
		h.complete(s.Grants[id])
		if h.matches(about) {
			out = append(out, *h)
		}
	}
	slices.SortStableFunc(out, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.User), strings.ToLower(b.User)), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Grant, b.Grant))
	})
	return out
}

func lastGrants(receipts []ledger.Receipt) map[string]ledger.Grant {
	last := map[string]ledger.Grant{}
	for _, r := range receipts {
		if r.Grant != nil && r.Kind == ledger.Approved {
			last[r.Grant.ID] = *r.Grant
		}
	}
	return last
}

func holder(g ledger.Grant, now time.Time) *Holder {
	h := &Holder{
		User: g.User, UserID: g.UserID, Role: g.Role, Grant: g.ID, Interval: g.Interval, Reason: g.Reason, Ticket: g.Ticket, Pull: g.Pull,
		Status: StatusLive,
	}
	switch {
	case now.Before(g.Interval.Start):
		h.Status = StatusComing
	case !now.Before(g.Interval.End):
		h.Status = StatusOverdue
	}
	return h
}

func held(h ledger.HoldingState) Held {
	out := Held{Entitlement: h.Entitlement, Account: h.Account, Until: h.Until, Since: h.Since, State: IsHeld}
	switch {
	case h.Action == "take":
		out.State = IsTaking
	case h.Kind == ledger.Kept:
		out.State = WasBefore
	case h.Kind == ledger.Intended:
		out.State = IsPending
	}
	return out
}

// complete adds the entitlements of a live grant of which the ledger has no holding.
func (h *Holder) complete(g ledger.Grant) {
	state := IsMissing
	if h.Status == StatusComing {
		state = IsNotYet
	}
	if h.Status != StatusOverdue {
		for _, e := range g.Entitlements {
			if !slices.ContainsFunc(h.Holdings, func(x Held) bool { return x.Entitlement.Key() == e.Key() }) {
				h.Holdings = append(h.Holdings, Held{Entitlement: e, State: state})
			}
		}
	}
	slices.SortStableFunc(h.Holdings, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.Entitlement.Key(), b.Entitlement.Key()), cmp.Compare(a.Account, b.Account))
	})
}

func (h *Holder) matches(about string) bool {
	return about == "" || strings.EqualFold(about, h.User) || about == h.Role ||
		slices.ContainsFunc(h.Holdings, func(x Held) bool { return x.Entitlement.Target == about })
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Complete says whether everything that the grant gives is held.
func (h Holder) Complete() bool {
	return !slices.ContainsFunc(h.Holdings, func(x Held) bool { return x.State != IsHeld && x.State != WasBefore })
}
