// Package checks turns facts about a request into a verdict: facts in, verdict out. [Judge] is the one place where a request is
// judged, for check, reconcile and verify alike. The package makes no call but to the policies, knows neither HTTP nor git,
// and reads no clock.
//
// What a request touches decides which rules it is judged by:
//
//	only ends of grants            approved, whatever else is wrong
//	no grants, no configuration    approved; nothing to judge
//	configuration and no grants    the base's configuration.approvals
//	grants, and nothing else       role, people, policies and approvals of the base
//	grants and anything else       denied
//
// A denial outweighs everything. Without one, a request waits while an approval line is not satisfied, somebody who could
// satisfy one asks for changes, or the pull request is a draft. An approval counts if all of this holds:
//
//	by        an account that is mapped to one person, no bot, neither deleted nor suspended; not the author, the subject of any
//	          grant in the request, or a pusher, with any of the person's accounts; now in a party of the line
//	says      approved, as the latest decisive review of the person over all their accounts
//	for       the same bytes as the head's, and later than the push that last brought them
//	when      not after the merge, not in the future, within limits.approval_ttl
//
// What a bot pushed is denied where approvals are asked for, because whoever made the bot push may be the one who approves.
//
// A later refusal of the person, from any of their accounts, takes an earlier approval back; dismissing the refusal does not
// revive it. Somebody who may not approve can refuse, and not withdraw the refusal by approving: it has to be dismissed.
package checks

import (
	"time"

	"github.com/lapse-access/lapse/grants"
)

// Facts is all that a verdict is made from: plain data, gathered before any rule is asked.
type Facts struct {
	// Now is the instant at which the verdict must hold: the run's now for an open pull request, the time of the merge (by
	// the forge) for a merged one.
	Now           time.Time
	Configuration *grants.Configuration // of the base
	Request       grants.Request
	// Pull is the pull request that brings or brought the request; nil if it reached the main branch without one.
	Pull *Pull
	// Unjudgeable are findings of the gatherer that forbid an approval whatever the reviews say (bytes in neither parent,
	// more than one pull request for a commit, a foreign merge in the branch). Each becomes a denial.
	Unjudgeable []Reason
	// Warnings are what the gatherer found that whoever approves should know, and that forbids nothing.
	Warnings []Reason
	Reviews  []Review
	Pushes   []Push                // of the head branch, by the forge's own record
	Teams    map[grants.Party]Team // every "@org/team" that the configuration's lines for this request name
	Accounts map[string]Account    // the forge's answer for each user named in the request, by login; absent: no such account
	// Moved are the targets that the request would make lead to another system; Held those at which Lapse has given what it has
	// not proven taken. Both sorted by name.
	Moved      []Moved
	Held       []string
	Live       map[string][]LiveGrant        // the live grants of each user named in the request, by login
	Repository string                        // owner/name of the access repository itself
	Above      map[string][]string           // teams that each team of the request's entitlements lies in, from the nearest; "@org/slug" in lower case
	Guards     func(grants.Entitlement) bool `json:"-"` // may the entitlement give a hold on Lapse itself? (owning repository, approving teams); nil: any may
}

// Account is who the forge says somebody is. The id is what lasts; the login may be renamed and taken by another.
type Account struct {
	Login     string `json:"login"`
	ID        int64  `json:"id"` // 0: the account was deleted
	Bot       bool   `json:"bot,omitempty"`
	Suspended bool   `json:"suspended,omitempty"`
}

// Pull is a pull request as the forge tells of it.
type Pull struct {
	Number    int       `json:"number"`
	Author    Account   `json:"author"`
	Base      string    `json:"base"` // branch
	HeadRef   string    `json:"head_ref"`
	Head      string    `json:"head"` // SHA
	Fork      bool      `json:"fork,omitempty"`
	Draft     bool      `json:"draft,omitempty"`
	Closed    bool      `json:"closed,omitempty"`
	Labels    []string  `json:"labels,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// BaseMoves are when it was pointed at another branch, or the branch that it goes to was rewound: what reviewers were shown
	// before is not what would be merged, though every byte of the head is the same.
	BaseMoves []time.Time `json:"base_moves,omitempty"`
	Merge     *Merge      `json:"merge,omitempty"` // nil while not merged
}

// Merge is how and when a pull request was merged, by the forge's record.
type Merge struct {
	Commit string    `json:"commit"`
	Method string    `json:"method"` // merge, squash or rebase, told from the commits
	At     time.Time `json:"at"`
	By     Account   `json:"by"`
}

// ReviewState is the forge's word for what a review said.
type ReviewState string

// The states of a review; Commented and Pending decide nothing.
const (
	Approved         ReviewState = "APPROVED"
	ChangesRequested ReviewState = "CHANGES_REQUESTED"
	Dismissed        ReviewState = "DISMISSED"
	Commented        ReviewState = "COMMENTED"
	Pending          ReviewState = "PENDING"
)

// Review is one review of the pull request. SameBytes says that the commit it was given on holds, at every path the
// request changes, the very bytes the head holds; an unknown commit is not the same.
type Review struct {
	ID        int64       `json:"id"`
	By        Account     `json:"by"`
	State     ReviewState `json:"state"`
	Commit    string      `json:"commit"`
	At        time.Time   `json:"at"`
	SameBytes bool        `json:"same_bytes"`
}

// Push is one entry of the forge's record of who moved the head branch. SameBytes is as for Review, of the commit After.
type Push struct {
	By        Account   `json:"by"`
	At        time.Time `json:"at"`
	Before    string    `json:"before"`
	After     string    `json:"after"`
	Kind      string    `json:"kind"` // push, force_push, branch_creation, branch_deletion, pr_merge, merge_queue_merge
	SameBytes bool      `json:"same_bytes"`
}

// Team is a GitHub team with its active members, those of its child teams included. A team that could not be looked up is
// an error of the gatherer, never an empty team.
type Team struct {
	Members []Account `json:"members"`
}

// Moved is a target whose type or settings a request changes, or which it takes away, and the place that says so.
type Moved struct {
	Target string     `json:"target"`
	At     grants.Pos `json:"at"`
}

// LiveGrant is another grant that its person holds, or will hold, at Now.
type LiveGrant struct {
	ID   string `json:"id"`
	Role string `json:"role"`
	grants.Interval
}
