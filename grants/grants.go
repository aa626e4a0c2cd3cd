// Package grants holds the formats of an access repository: grants, roles, people and configuration.
//
// Everything is loaded from an [io/fs.FS] (a commit, seen as files) by one strict loader, in three steps: the bytes are
// linted, then the YAML node tree, then the document is decoded into the types below. Whatever is wrong is a [Problem]
// with file, line and column. A bad file yields problems and nothing else; it never stops the others.
//
// The package does no I/O beyond the FS it is given, knows neither git nor GitHub, and never reads the clock.
package grants

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// Pos is a place in a file of the access repository. Line and Column count from 1; 0 means the file as a whole.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String is the place as compilers write it: file:line:column.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing wrong with a file: what, where, and (Hint) what next. It is an error.
type Problem struct {
	Pos
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"` // the nearest right spelling, or what to write instead
}

// Error is the problem in one line, the hint in parentheses.
func (p Problem) Error() string {
	s := p.Pos.String() + ": " + p.Text
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Join is problems as one error; nil where there are none.
func Join(ps []Problem) error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// Grant is one file grants/<id>.yaml: one person, one role, a reason, a limited time.
type Grant struct {
	ID       string        // the path below grants/ without .yaml
	User     string        // GitHub login, a key of people.yaml
	Role     string        // names roles/<role>.yaml
	Duration time.Duration // 0 if Expires is set
	Expires  time.Time     // UTC; zero if Duration is set
	Start    time.Time     // UTC; zero: from the merge
	Reason   string
	Ticket   string
	Digest   string         // "sha256:<hex>" of the file's bytes
	At       map[string]Pos // key of the file → place of its value; "" → the document
}

// Path is the grant's file in the access repository.
func (g Grant) Path() string { return PathOf(g.ID) }

// PathOf is the file of the grant with the given id.
func PathOf(id string) string { return "grants/" + id + ".yaml" }

// RolePath is the file of the role with the given name.
func RolePath(name string) string { return "roles/" + name + ".yaml" }

// Interval is the half-open time [Start, End) during which a grant gives access. Both are UTC.
type Interval struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Contains says whether now lies in the interval.
func (i Interval) Contains(now time.Time) bool { return !now.Before(i.Start) && now.Before(i.End) }

// Length is how long the interval lasts.
func (i Interval) Length() time.Duration { return i.End.Sub(i.Start) }

// Interval is the grant's time if it is merged at the given instant: duration counts from the merge, or from Start if that
// is later.
func (g Grant) Interval(merged time.Time) Interval {
	start := merged.UTC()
	if g.Start.After(start) {
		start = g.Start
	}
	if !g.Expires.IsZero() {
		return Interval{Start: start, End: g.Expires}
	}
	return Interval{Start: start, End: start.Add(g.Duration)}
}

// Entitlement is one thing that can be held at one target. Values are the keys beside `target` in a role file, for
// instance {"team": "prod-oncall"}; which keys there may be is said by the target's [TargetType].
type Entitlement struct {
	Target string            `json:"target"`
	Values map[string]string `json:"values"`
	At     Pos               `json:"-"`
}

// Party names people who may hold or approve: a GitHub team ("@acme/data-platform") or a group of people.yaml
// ("group:security").
type Party string

// ApprovalLine is one line of `approvals`: Count different people of the parties in From must approve.
type ApprovalLine struct {
	From           []Party
	Count          int
	WhenLongerThan time.Duration // 0: always; else only for grants that last longer
	At             Pos
}

// Role is one file roles/<name>.yaml: a named bundle of entitlements, who may hold it, who must approve, for how long at most.
type Role struct {
	Name         string
	Description  string
	Entitlements []Entitlement
	MaxDuration  time.Duration
	Eligible     []Party
	Approvals    []ApprovalLine // empty only where the configuration says automatic
	MergeAuto    bool           // merge as soon as the verdict is approved
	Exclusive    bool           // nobody may hold these entitlements but through a live grant
	Standing     []string       // logins of those who may hold these entitlements without a grant; Lapse gives them nothing for it
	GuardsLapse  bool           // `guards_lapse: true`: the role openly gives a hold on Lapse itself (its repository, or a team that approves)
	At           map[string]Pos // key of the file → place of its value; "" → the document
}

// Person is one entry of people.yaml. ID is GitHub's numeric id, which outlives a login; Also are further accounts of the
// same person, who still counts once.
type Person struct {
	Login    string
	ID       int64
	Also     []int64
	Email    string
	Accounts map[string]string // target → account there
	At       Pos
}

// People is people.yaml. Groups name people by their login.
type People struct {
	People map[string]Person
	Groups map[string][]string
}

// TargetConfig is one entry of `targets` in lapse.yaml. A setting that is a secret is "${NAME}", a whole value, and is
// resolved by the command, never here.
type TargetConfig struct {
	Name     string
	Type     string
	Settings map[string]string
	At       Pos
	// AccountsAreIDs and LoginIsAccount are those of the type.
	AccountsAreIDs bool
	LoginIsAccount bool
}

// Same says whether both lead to one system.
func (c TargetConfig) Same(other TargetConfig) bool {
	return c.Type == other.Type && maps.Equal(c.Settings, other.Settings)
}

// Limits bound every grant, and what a mistake can take away at once.
type Limits struct {
	MaxDuration            time.Duration // of any grant
	ApprovalTTL            time.Duration // an approval older than this at the merge does not count
	UnexplainedRevocations int           // most holdings one run takes for any reason but their end
	Watch                  time.Duration // how long what was taken is looked at, in case somebody gives it back by hand; at most MaxWatch
}

// MaxWatch is the longest that what was taken can be watched: the ledger's state remembers it for so long, and no longer.
const MaxWatch = 30 * 24 * time.Hour

// Signing says what receipts and commits are signed with: one of the three.
type Signing struct {
	Key     string // "${NAME}" of the environment, which holds the key
	KMS     string // "${NAME}" of the environment, which holds the address of the key
	Keyless bool
}

// Config is lapse.yaml.
type Config struct {
	Version       int
	Branch        string // the main branch; "main" unless said otherwise
	Targets       map[string]TargetConfig
	Configuration []ApprovalLine // who must approve a change of anything but grants
	RemovalByPull bool           // removal: pull_request
	Limits        Limits
	Automatic     bool // roles may have `approvals: []`
	Signing       Signing
	Anchor        *AnchorConfig // nil: none
	At            map[string]Pos
}

// Configuration is everything in the access repository that decides about grants: lapse.yaml, roles, people (policies are
// read by package policies). A role or person that could not be read is absent, and its problems are in Problems.
type Configuration struct {
	Config   Config
	Roles    map[string]Role
	People   People
	Problems []Problem
	// Unread are the logins of people.yaml whose entries have problems, sorted.
	Unread []string
	// Usable is false where lapse.yaml or people.yaml could not be read: then no request can be judged.
	Usable bool
}

// ChangeKind says what a request does to one grant.
type ChangeKind string

// What a request does to one grant.
const (
	Add  ChangeKind = "add"
	Edit ChangeKind = "change"
	End  ChangeKind = "end"
)

// File is one side of a changed path. Mode is git's (0o100644 for a plain file).
type File struct {
	Mode  uint32
	Bytes []byte // nil where the mode is not a plain file's
}

// FileChange is one path that differs between two trees; a nil side is absent.
type FileChange struct {
	Path          string
	Before, After *File
}

// Change is what a request does to one grant. After is nil for an end, and for a file that is not a valid grant (then the
// request has the problems). Before is nil for an addition, and where the old file was not a valid grant.
type Change struct {
	ID            string
	Kind          ChangeKind
	Before, After *Grant
}

// Request is the difference between two trees: what a pull request would add, change or end.
type Request struct {
	Changes       []Change  // sorted by id
	Configuration []string  // changed paths for which IsConfiguration holds, sorted
	Elsewhere     []string  // other changed paths outside grants/, sorted
	Problems      []Problem // of the grant files that are added or changed
}
