package reconciler

import (
	"context"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// Target is one system in which entitlements are held. The conformance suite in targets/targettest holds every
// implementation to this contract.
//
// Both methods honour ctx, may be called concurrently for different entitlements, and return errors that say what and
// where without any secret. Accounts and entitlements have passed the validators of the target's [grants.TargetType];
// an implementation escapes them all the same.
type Target interface {
	// List returns everyone who holds the entitlement now, however they came to hold it, pending invitations included,
	// sorted by account, each account once. All pages or an error, never a part. An entitlement that does not exist is an
	// error, not an empty list.
	List(ctx context.Context, e grants.Entitlement) ([]Holding, error)
	// Apply makes one change true. A change that is true already is a success. An account or entitlement that does not
	// exist is an error when giving; taking from an account that no longer exists is a success.
	Apply(ctx context.Context, c Change) error
}

// Holding is the fact that an account holds an entitlement now, as the target itself answers.
type Holding struct {
	Account string    `json:"account"`           // as in Change
	Name    string    `json:"name,omitempty"`    // what a person would call the account, where that differs (a login for an id)
	Pending bool      `json:"pending,omitempty"` // invited, not yet accepted
	Via     string    `json:"via,omitempty"`     // held through something else (a child team), which Apply cannot take
	Until   time.Time `json:"until,omitzero"`    // the end written at the target; zero: none
}

// Action is what a change does.
type Action string

// The actions of a change. In a plan takes come before gives.
const (
	Take Action = "take"
	Give Action = "give"
)

// Change is one effect on one target. It is plain data; two changes with the same fields are the same change.
type Change struct {
	Action      Action             `json:"action"`
	Entitlement grants.Entitlement `json:"entitlement"`
	Account     string             `json:"account"`
	Until       time.Time          `json:"until,omitzero"` // when giving: the end, for targets that can write it
}
