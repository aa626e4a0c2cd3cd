// Package policies evaluates the Rego policies of an access repository through conftest's packages, failing closed.
//
// Any policies/*.rego runs unchanged under the stock conftest command. Package `request` is asked of each request, package
// `active` of each live grant on every reconcile. The input of both is one [Input].
package policies

import (
	"github.com/lapse-access/lapse/grants"
)

// Input is the one document that a policy sees as `input`. Times are in the form of [Time]. Its JSON Schema is published,
// and policies are type-checked against it.
type Input struct {
	Grant   Grant   `json:"grant"`
	Role    Role    `json:"role"`
	Person  Person  `json:"person"`
	Request Request `json:"request"`
	Live    []Live  `json:"live"` // the person's other live grants; never null
	Now     Time    `json:"now"`
}

// Time is an instant, as text and as a number, so that a policy need not parse.
type Time struct {
	RFC3339 string `json:"rfc3339"`
	NS      int64  `json:"ns"` // nanoseconds since 1970-01-01T00:00:00Z
}

// Grant is the grant asked for. Start and End are its interval if merged now (as merged, for a live one).
type Grant struct {
	ID              string `json:"id"`
	User            string `json:"user"`
	Role            string `json:"role"`
	Reason          string `json:"reason"`
	Ticket          string `json:"ticket"`           // "" if none
	DurationSeconds int64  `json:"duration_seconds"` // the interval's length
	Start           Time   `json:"start"`
	End             Time   `json:"end"`
}

// Role is the role asked for.
type Role struct {
	Name               string        `json:"name"`
	Description        string        `json:"description"`
	Entitlements       []Entitlement `json:"entitlements"`
	MaxDurationSeconds int64         `json:"max_duration_seconds"`
	Exclusive          bool          `json:"exclusive"`
	Automatic          bool          `json:"automatic"` // the role itself asks for no approval
}

// Entitlement is one entitlement of the role; Values are its keys beside target.
type Entitlement struct {
	Target string            `json:"target"`
	Type   string            `json:"type"` // of the target
	Values map[string]string `json:"values"`
}

// Person is the subject of the grant.
type Person struct {
	Login  string   `json:"login"`
	ID     int64    `json:"id"`
	Email  string   `json:"email"`
	Groups []string `json:"groups"` // of people.yaml, sorted; never null
}

// Request is the pull request that brings the grant. For a live grant (package active) it is the one that brought it.
type Request struct {
	Number int      `json:"number"`
	Author string   `json:"author"` // login
	Labels []string `json:"labels"` // sorted; never null
	Change string   `json:"change"` // add or change
}

// Live is another live grant of the same person.
type Live struct {
	ID    string `json:"id"`
	Role  string `json:"role"`
	Start Time   `json:"start"`
	End   Time   `json:"end"`
}

// Message is one denial or warning that a policy gave. The place is the rule's.
type Message struct {
	Text string     `json:"text"`
	Rule string     `json:"rule"` // "request.deny", "active.violation", …
	At   grants.Pos `json:"at"`
	Lift *Lift      `json:"lift,omitempty"` // approvals that lift it; nil: nothing does
}

// Lift is what a denial says lifts it.
type Lift struct {
	From  []grants.Party `json:"from"`
	Count int            `json:"count"`
}

// Answer is what the policies of one package say of one input, sorted. Broken lists what makes the policies themselves unfit
// to be asked (see [Set.Problems]) and errors of this evaluation; each is to be treated as a denial of anything new.
type Answer struct {
	Denials  []Message        `json:"denials,omitempty"`
	Warnings []Message        `json:"warnings,omitempty"`
	Broken   []grants.Problem `json:"broken,omitempty"`
}
