package checks

import "github.com/lapse-access/lapse/grants"

// Outcome is the verdict in a word.
type Outcome string

// The outcomes, from worst to best.
const (
	OutcomeDenied   Outcome = "denied"
	OutcomeWaiting  Outcome = "waiting"
	OutcomeApproved Outcome = "approved"
)

// Verdict is what check says of a request, with every reason. It is data: sorted, comparable, printable as JSON.
type Verdict struct {
	Outcome  Outcome        `json:"outcome"`
	Pull     int            `json:"pull,omitempty"`
	Head     string         `json:"head,omitempty"`
	Denials  []Reason       `json:"denials,omitempty"`
	Waiting  []Reason       `json:"waiting,omitempty"` // what beside unmet needs keeps it from being approved for now: a draft, changes asked for
	Warnings []Reason       `json:"warnings,omitempty"`
	Grants   []GrantVerdict `json:"grants,omitempty"`  // one for each change, sorted by id
	Needs    []Need         `json:"needs,omitempty"`   // every approval line that applies, satisfied or not
	Ignored  []Ignored      `json:"ignored,omitempty"` // reviews that do not count, and why
	Merge    bool           `json:"merge"`             // approved, and every role that it gives, or else takes, says merge: auto
}

// Reason is one denial or warning: what, where, and what next.
type Reason struct {
	grants.Pos
	Text   string `json:"text"`
	Hint   string `json:"hint,omitempty"`
	Policy string `json:"policy,omitempty"` // the Rego rule that said it, e.g. "request.deny at policies/request.rego:12"; "" for our own rules
	Grant  string `json:"grant,omitempty"`  // id of the grant it is about; "" for the request as a whole
}

// GrantVerdict is what would become of one grant.
type GrantVerdict struct {
	ID           string               `json:"id"`
	Kind         grants.ChangeKind    `json:"kind"`
	Digest       string               `json:"digest,omitempty"` // of the new bytes
	User         string               `json:"user,omitempty"`
	UserID       int64                `json:"user_id,omitempty"`
	Role         string               `json:"role,omitempty"`
	Reason       string               `json:"reason,omitempty"`
	Ticket       string               `json:"ticket,omitempty"`
	Interval     grants.Interval      `json:"interval,omitzero"`    // if merged at Now (open) or as merged
	FromMerge    bool                 `json:"from_merge,omitempty"` // the interval starts at the merge, so it still moves
	EndMoves     bool                 `json:"end_moves,omitempty"`  // with FromMerge: written as a duration, so the end moves too
	Entitlements []grants.Entitlement `json:"entitlements,omitempty"`
	Automatic    bool                 `json:"automatic,omitempty"` // the role needs no person
	Held         []LiveGrant          `json:"held,omitempty"`      // what the person holds already
}

// Need is one approval line that applies: Count people of From, of whom Have approved. It is satisfied when len(Have) >= Count.
type Need struct {
	From   []grants.Party `json:"from"`
	Count  int            `json:"count"`
	Have   []Approval     `json:"have,omitempty"`
	Could  []string       `json:"could,omitempty"`  // logins of those who could still satisfy it, sorted
	Why    grants.Pos     `json:"why"`              // the line of the role, configuration or policy that asks for it
	Grants []string       `json:"grants,omitempty"` // ids of the grants that need it
	Lifts  string         `json:"lifts,omitempty"`  // the policy message that these approvals lift
}

// Satisfied says whether enough people have approved.
func (n Need) Satisfied() bool { return len(n.Have) >= n.Count }

// Approval is one review that counts.
type Approval struct {
	Review int64  `json:"review"`
	Login  string `json:"login"`
	ID     int64  `json:"id"` // the person: the first id of people.yaml, whichever account reviewed
	Commit string `json:"commit"`
	At     string `json:"at"` // RFC 3339
}

// Ignored is a review that was given and does not count.
type Ignored struct {
	Review int64  `json:"review"`
	Login  string `json:"login"`
	Why    string `json:"why"` // "pushed to the branch", "given before the bytes were pushed", …
}
