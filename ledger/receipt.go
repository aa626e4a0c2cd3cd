// Package ledger holds receipts: signed statements, one fact each, on the append-only branch lapse-ledger.
//
// A receipt is stored as a DSSE envelope around an in-toto statement whose subject is the digest of the grant file and
// whose predicate is a [Receipt]. Receipts form one chain: each carries its sequence number and the digest of the stored
// envelope before it. [Fold] turns the chain into a [State]; state.json and the folder state on the branch are that state, kept for
// speed, and can be thrown away.
package ledger

import (
	"encoding/json"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// Branch is where the ledger lives in the access repository.
const Branch = "lapse-ledger"

// Kind is the one fact a receipt states.
type Kind string

// The kinds of receipt.
const (
	Approved Kind = "approved" // a version of a grant, or of the configuration, may take effect
	Refused  Kind = "refused"  // it reached the main branch and may not
	Intended Kind = "intended" // a target is about to be touched
	Given    Kind = "given"    // the target, read back, shows the holding
	Taken    Kind = "taken"    // the target, read back, no longer shows it
	Kept     Kind = "kept"     // the holding was there before Lapse, and stays
	Ended    Kind = "ended"    // the grant is over: expired, deleted, replaced or denied while live
	Anchored Kind = "anchored" // from here on a checkpoint is kept at a place outside the forge, or no longer
	Accepted Kind = "accepted" // a person accepted what cannot, or shall not, be put back
)

// Receipt is one fact. Which fields are set depends on the kind. The stored form is versioned by the predicate type; fields may be
// added, never removed or given another meaning.
type Receipt struct {
	Sequence int       `json:"sequence"`           // 1, 2, 3 …
	Previous string    `json:"previous,omitempty"` // "sha256:<hex>" of the envelope before; "" for the first
	Kind     Kind      `json:"kind"`
	Time     time.Time `json:"time"` // the run's now, UTC

	// Repository is the forge's numeric id of the access repository, which a rename or a transfer leaves as it is. Two repositories may
	// share a key; neither takes the other's receipts.
	Repository int64 `json:"repository"`

	Main   string `json:"main"`             // main commit that the run saw
	Push   int64  `json:"push,omitempty"`   // id of the last push of main, in the forge's record, that was taken account of; 0: none yet
	Commit string `json:"commit,omitempty"` // approved, refused: the commit that brought it to main

	Grant         *Grant          `json:"grant,omitempty"`         // approved, refused, ended
	Configuration *Configuration  `json:"configuration,omitempty"` // approved, refused: of configuration instead of a grant
	Judgement     json.RawMessage `json:"judgement,omitempty"`     // approved, refused: the facts and the verdict, to judge again offline; ended by policies: what they saw
	Reasons       []string        `json:"reasons,omitempty"`       // refused, ended: why; intended take, taken: why, where it is neither that its end came nor that its grant ended

	Holding *Holding  `json:"holding,omitempty"` // intended, given, taken, kept
	Action  string    `json:"action,omitempty"`  // intended: "give" or "take"
	Grants  []string  `json:"grants,omitempty"`  // intended, given, taken, kept: the grants it is for
	Until   time.Time `json:"until,omitzero"`    // intended give, given, kept: the last end of those grants
	Due     time.Time `json:"due,omitzero"`      // taken: when it should have been gone
	Overrun string    `json:"overrun,omitempty"` // taken: Time minus Due, as Go writes durations; never negative

	Anchor   *Anchor     `json:"anchor,omitempty"`   // anchored
	Accepted *Acceptance `json:"accepted,omitempty"` // accepted
}

// Grant is one version of a grant as it was judged.
type Grant struct {
	ID           string               `json:"id"`
	Digest       string               `json:"digest"` // "sha256:<hex>" of the file's bytes
	User         string               `json:"user"`
	UserID       int64                `json:"user_id"`
	Role         string               `json:"role"`
	Interval     grants.Interval      `json:"interval,omitzero"`
	Entitlements []grants.Entitlement `json:"entitlements,omitempty"` // what the role named when it was approved
	Exclusive    bool                 `json:"exclusive,omitempty"`
	Reason       string               `json:"reason,omitempty"`
	Ticket       string               `json:"ticket,omitempty"`
	Pull         int                  `json:"pull,omitempty"`
	Author       string               `json:"author,omitempty"`
	Labels       []string             `json:"labels,omitempty"`
	Change       grants.ChangeKind    `json:"change,omitempty"`
}

// Configuration is one version of the configuration: the commit on main, and the digest of all its files.
type Configuration struct {
	Commit string `json:"commit"`
	Digest string `json:"digest"`
	First  bool   `json:"first,omitempty"` // accepted as it was found when the ledger began, by whoever ran `reconcile --init`
}

// Holding names one holding: what, and whose account.
type Holding struct {
	Entitlement grants.Entitlement `json:"entitlement"`
	Account     string             `json:"account"`
}

// Key identifies the holding.
func (h Holding) Key() string { return h.Entitlement.Key() + " " + h.Account }

// State is what the receipts add up to.
type State struct {
	Version       int            `json:"version"`
	Sequence      int            `json:"sequence"`                // of the last receipt
	Last          string         `json:"last"`                    // digest of the last envelope
	Repository    int64          `json:"repository"`              // whose ledger it is
	Main          string         `json:"main"`                    // last main commit that was walked
	Push          int64          `json:"push,omitempty"`          // last push of main that was taken account of
	Time          time.Time      `json:"time"`                    // of the last receipt
	Configuration *Configuration `json:"configuration,omitempty"` // last approved
	Anchor        *Anchor        `json:"anchor,omitempty"`        // where a checkpoint is kept; nil: nowhere yet, or no longer
	Doubt         time.Time      `json:"doubt,omitzero"`          // until then receipts are lost for good: what was given, nobody can read
	// Grants are the live and coming grants: the last approved version of each, until it has ended.
	Grants map[string]Grant `json:"grants"`
	// Holdings are those that Lapse gave, or set out to give, and has not proven taken, those it found and left (Kept), and for a while
	// those that it gave and took (Taken).
	Holdings map[string]HoldingState `json:"holdings"`
}

// HoldingState is the last word of the ledger on one holding.
type HoldingState struct {
	Holding
	Kind   Kind      `json:"kind"` // Intended, Given, Kept or Taken
	Action string    `json:"action,omitempty"`
	Grants []string  `json:"grants"`
	Until  time.Time `json:"until,omitzero"` // as the receipt said; kept from before by an intended take
	Since  time.Time `json:"since"`          // that it is of this kind; Taken: when it was taken last
	// Before: Intended, and Lapse had given it before, and taken it.
	Before bool `json:"before,omitempty"`
}
