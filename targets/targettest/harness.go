// Package targettest is the conformance suite that every implementation of [reconciler.Target] passes. It holds a target
// to the contract written on the interface: what is listed is what is held, changes are idempotent, whatever was there
// before survives, names mean what they say, and doubt is an error and never an empty list.
//
// A target's test builds a [Harness] around a server that really keeps state, and calls [Run]. A target that only passes
// because the harness leaves an ability out must say so in its documentation.
package targettest

import (
	"testing"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

// Harness says what the target under test can do, and makes fresh systems to try it on.
type Harness struct {
	// New starts a system in which nobody holds anything, and a target that talks to it. It cleans up through t.Cleanup.
	New func(t testing.TB) System

	NativeEnd       bool          // the target writes the end of a holding, and List reads it back
	EndPrecision    time.Duration // how exactly it does; 0: one second
	UnknownAccounts bool          // the target can tell that an account does not exist; System.UnknownAccount is set
	Pending         bool          // a give may end in an invitation; System.Invitee is set
	Many            int           // so many holders need several pages; System.Fill is set. 0: nothing is paged
	Secrets         []string      // texts that no error may contain, for instance the token the target was built with
}

// System is one fresh system, seen through a target and from behind it.
type System struct {
	Target reconciler.Target
	// Second talks to the same system from another process or connection; nil: Target is used by both writers.
	Second reconciler.Target

	Entitlement grants.Entitlement // exists
	Other       grants.Entitlement // exists, and differs from Entitlement
	Unknown     grants.Entitlement // passes the validators and does not exist

	Accounts       [2]string // exist, and hold nothing
	UnknownAccount string    // passes the validators and does not exist
	Invitee        string    // exists, and must accept before it holds

	// AddByHand makes the account a holder without any Target, as an administrator would.
	AddByHand func(t testing.TB, e grants.Entitlement, account string)
	// Fill makes n further accounts holders by hand and returns them.
	Fill func(t testing.TB, e grants.Entitlement, n int) []string
	// Down makes every later call fail: the server is gone, or answers with errors.
	Down func()
}

// Run runs the whole suite, one subtest for each thing that must hold.
func Run(t *testing.T, h Harness) {
	t.Helper()
	checkHarness(t, h)
	for _, c := range cases(h) {
		t.Run(c.name, func(t *testing.T) { c.run(t, h) })
	}
}

// kase is one thing that must hold. It is given a testing.TB so that the suite's own tests can watch it fail.
type kase struct {
	name string
	run  func(t testing.TB, h Harness)
}

// cases lists what applies to a target with the abilities of h.
func cases(h Harness) []kase {
	all := []kase{
		{"what was given is listed", givenIsListed},
		{"nobody holds anything at first", freshIsEmpty},
		{"giving twice is giving once", giveTwice},
		{"taking twice is taking once", takeTwice},
		{"taking what was never given is a success", takeNeverGiven},
		{"a change touches one account of one entitlement", changesOnlyItself},
		{"a holder added by hand is listed and survives", handAddedSurvives},
		{"the list is sorted and names each account once", listIsSorted},
		{"an unknown entitlement is an error", unknownEntitlement},
		{"an unknown action is an error and changes nothing", unknownAction},
		{"a hostile account is refused or is the one name it is", hostileAccounts},
		{"a hostile entitlement never stands for another", hostileEntitlements},
		{"a cancelled context is an error and changes nothing", cancelled},
		{"a server that is down is an error and never an empty list", downIsError},
		{"two writers at once lose nothing", twoWriters},
	}
	if h.UnknownAccounts {
		all = append(all, kase{"an unknown account cannot be given anything and holds nothing to take", unknownAccount})
	}
	if h.Pending {
		all = append(all, kase{"an invitation is listed as pending and can be taken back", pendingIsListed})
	}
	if h.Many > 0 {
		all = append(all, kase{"many holders are all listed", manyAreListed})
	}
	if h.NativeEnd {
		all = append(all, kase{"the end is written, read back, extended and shortened", nativeEnd})
	} else {
		all = append(all, kase{"no end is claimed that the target does not write", noNativeEnd})
	}
	if len(h.Secrets) > 0 {
		all = append(all, kase{"no error carries a credential", errorsAreClean})
	}
	return all
}

// checkHarness refuses a harness that would let a case pass for want of something to try.
func checkHarness(t testing.TB, h Harness) {
	t.Helper()
	s := h.New(t)
	switch {
	case s.Target == nil, s.AddByHand == nil, s.Down == nil:
		t.Fatal("harness: Target, AddByHand and Down must be set")
	case s.Accounts[0] == "" || s.Accounts[0] >= s.Accounts[1]:
		t.Fatalf("harness: Accounts must be two different accounts in order, not %q", s.Accounts)
	case s.Entitlement.Key() == s.Other.Key() || s.Unknown.Key() == s.Entitlement.Key() || s.Unknown.Key() == s.Other.Key():
		t.Fatal("harness: Entitlement, Other and Unknown must differ")
	case h.UnknownAccounts && s.UnknownAccount == "":
		t.Fatal("harness: UnknownAccounts without UnknownAccount")
	case h.Pending && s.Invitee == "":
		t.Fatal("harness: Pending without Invitee")
	case h.Many > 0 && s.Fill == nil:
		t.Fatal("harness: Many without Fill")
	}
}
