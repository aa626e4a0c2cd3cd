// Package audit answers questions to history and ledger. It is given receipts that verified, and what git shows of the main
// branch, and folds them; it reads nothing itself, writes nothing, and knows no clock.
//
//	Lives   what became of each grant: requested, approved, merged, judged, given, taken, ended, removed
//	Who     who holds what now, until when and why, by the ledger's word
//
// What it tells of reviews and merges is the evidence that the verdict was made from, as it was signed into the receipt. What it
// tells of removals is what the commits on main say of themselves.
package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Filter picks lives. Its zero value picks all.
type Filter struct {
	ID    string
	User  string // a login, in any case of letters
	Role  string
	Since time.Time // lives in which something happened at or after
}

func (f Filter) picks(l *Life) bool {
	last := time.Time{}
	for _, e := range l.Events {
		if e.Time.After(last) {
			last = e.Time
		}
	}
	return (f.ID == "" || f.ID == l.ID) && (f.User == "" || strings.EqualFold(f.User, l.User)) && (f.Role == "" || f.Role == l.Role) &&
		(f.Since.IsZero() || !last.Before(f.Since))
}

// Freshness says how much the ledger's word is worth now.
type Freshness struct {
	Now      time.Time `json:"now"`
	Last     time.Time `json:"last,omitzero"` // of the last receipt; nothing is written where nothing happens
	Receipts int       `json:"receipts"`
	Main     string    `json:"main,omitempty"`    // commit of main up to which a reconcile has looked
	LastRun  time.Time `json:"last_run,omitzero"` // when a reconcile last came to its end, by its signed heartbeat; zero: never
	Stale    bool      `json:"stale,omitempty"`   // that is too long ago to rely on
	Behind   bool      `json:"behind,omitempty"`  // main has moved on since: what came is not judged yet
	Findings []string  `json:"findings,omitempty"`
}

// Fresh tells how fresh a state is, at a tip of main.
func Fresh(s ledger.State, tip string, now time.Time, findings []string) Freshness {
	return Freshness{Now: now, Last: s.Time, Receipts: s.Sequence, Main: s.Main, Behind: s.Main != tip, Findings: findings}
}

// Known says whether the ledger has ever told of a grant with that id.
func Known(receipts []ledger.Receipt, id string) bool {
	return slices.ContainsFunc(receipts, func(r ledger.Receipt) bool {
		return r.Grant != nil && r.Grant.ID == id || slices.Contains(r.Grants, id)
	})
}

// FreeID is an id for a new grant: the wanted one, or with the least number behind it that neither the ledger nor the tree knows, in
// any case of letters, so that each id tells of one grant. taken says what the tree has.
func FreeID(want string, receipts []ledger.Receipt, taken func(id string) (bool, error)) (string, error) {
	used := map[string]bool{}
	for _, r := range receipts {
		if r.Grant != nil {
			used[strings.ToLower(r.Grant.ID)] = true
		}
	}
	for n, id := 2, want; ; n++ {
		there, err := taken(id)
		if err != nil {
			return "", err
		}
		if !there && !used[strings.ToLower(id)] {
			return id, nil
		}
		id = fmt.Sprintf("%s-%d", want, n)
	}
}

// sorted is entitlements by their key, so that two tellings are equal.
func sorted(list []grants.Entitlement) []grants.Entitlement {
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b grants.Entitlement) int { return strings.Compare(a.Key(), b.Key()) })
	return out
}
