package audit

import (
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Life is what became of one grant, from its request to the removal of its file. An id that was used again has a life for each use.
type Life struct {
	ID           string               `json:"id"`
	User         string               `json:"user,omitempty"`
	UserID       int64                `json:"user_id,omitempty"`
	Role         string               `json:"role,omitempty"`
	Reason       string               `json:"reason,omitempty"`
	Ticket       string               `json:"ticket,omitempty"`
	Pull         int                  `json:"pull,omitempty"` // of the version that stands, or stood last
	Interval     grants.Interval      `json:"interval,omitzero"`
	Entitlements []grants.Entitlement `json:"entitlements,omitempty"`
	Stage        Stage                `json:"stage"`
	Held         []ledger.Holding     `json:"held,omitempty"` // given and not proven taken
	Overrun      time.Duration        `json:"overrun"`        // the longest that something outlived it, in nanoseconds
	Events       []Event              `json:"events"`         // by time

	versions []string // commits that brought it, oldest first
}

// Stage is where a life stands.
type Stage string

// The stages of a life.
const (
	StageRefused Stage = "refused" // reached main and was never approved
	StageComing  Stage = "coming"
	StageLive    Stage = "live"
	StageOver    Stage = "over"
)

// EventKind is what happened.
type EventKind string

// What happens in a life.
const (
	Requested EventKind = "requested" // the pull request was opened
	Approved  EventKind = "approved"  // somebody's review that counted
	Merged    EventKind = "merged"
	Judged    EventKind = "judged" // the reconciler approved this version
	Refused   EventKind = "refused"
	Given     EventKind = "given"
	Kept      EventKind = "kept" // was held before Lapse, and stays
	Taken     EventKind = "taken"
	Ended     EventKind = "ended"
	Removed   EventKind = "removed" // the file left main
)

// Event is one thing that happened.
type Event struct {
	Time    time.Time       `json:"time"`
	Kind    EventKind       `json:"kind"`
	By      string          `json:"by,omitempty"` // login; of a removal, the name that the commit gives
	Pull    int             `json:"pull,omitempty"`
	Commit  string          `json:"commit,omitempty"`
	Holding *ledger.Holding `json:"holding,omitempty"`
	Until   time.Time       `json:"until,omitzero"`
	Overrun time.Duration   `json:"overrun,omitempty"`
	Reasons []string        `json:"reasons,omitempty"`
	Receipt int             `json:"receipt,omitempty"` // that says so; 0: git does
}

// Step is one first-parent commit of main, and the grants whose files it removed.
type Step struct {
	Commit  string
	At      time.Time // by the commit's own word, as By
	By      string
	Removed []string // ids
}
