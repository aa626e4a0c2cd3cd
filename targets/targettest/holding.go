package targettest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/lapse-access/lapse/reconciler"
)

func freshIsEmpty(t testing.TB, h Harness) {
	s := h.New(t)
	wantHolders(t, s.Target, s.Entitlement)
	wantHolders(t, s.Target, s.Other)
}

func givenIsListed(t testing.TB, h Harness) {
	s := h.New(t)
	mustApply(t, s.Target, give(s.Entitlement, s.Accounts[0]))
	wantHolders(t, s.Target, s.Entitlement, s.Accounts[0])
	mustApply(t, s.Target, take(s.Entitlement, s.Accounts[0]))
	wantHolders(t, s.Target, s.Entitlement)
}

func giveTwice(t testing.TB, h Harness) {
	s := h.New(t)
	c := give(s.Entitlement, s.Accounts[0])
	mustApply(t, s.Target, c, c)
	wantHolders(t, s.Target, s.Entitlement, s.Accounts[0])
	// One take must undo any number of gives.
	mustApply(t, s.Target, take(s.Entitlement, s.Accounts[0]))
	wantHolders(t, s.Target, s.Entitlement)
}

func takeTwice(t testing.TB, h Harness) {
	s := h.New(t)
	mustApply(t, s.Target, give(s.Entitlement, s.Accounts[0]))
	c := take(s.Entitlement, s.Accounts[0])
	mustApply(t, s.Target, c, c)
	wantHolders(t, s.Target, s.Entitlement)
}

func takeNeverGiven(t testing.TB, h Harness) {
	s := h.New(t)
	mustApply(t, s.Target, take(s.Entitlement, s.Accounts[0]))
	wantHolders(t, s.Target, s.Entitlement)
}

func changesOnlyItself(t testing.TB, h Harness) {
	s := h.New(t)
	a, b := s.Accounts[0], s.Accounts[1]
	mustApply(t, s.Target, give(s.Entitlement, a), give(s.Entitlement, b), give(s.Other, a))
	wantHolders(t, s.Target, s.Entitlement, a, b)
	wantHolders(t, s.Target, s.Other, a)
	mustApply(t, s.Target, take(s.Entitlement, a))
	wantHolders(t, s.Target, s.Entitlement, b)
	wantHolders(t, s.Target, s.Other, a)
}

func handAddedSurvives(t testing.TB, h Harness) {
	s := h.New(t)
	ours, theirs := s.Accounts[0], s.Accounts[1]
	s.AddByHand(t, s.Entitlement, theirs)
	wantHolders(t, s.Target, s.Entitlement, theirs)
	mustApply(t, s.Target, give(s.Entitlement, ours))
	wantHolders(t, s.Target, s.Entitlement, ours, theirs)
	mustApply(t, s.Target, take(s.Entitlement, ours))
	wantHolders(t, s.Target, s.Entitlement, theirs)
}

func listIsSorted(t testing.TB, h Harness) {
	s := h.New(t)
	// Against the order, and twice over: by hand and by the target.
	s.AddByHand(t, s.Entitlement, s.Accounts[1])
	mustApply(t, s.Target, give(s.Entitlement, s.Accounts[1]), give(s.Entitlement, s.Accounts[0]))
	got := accounts(mustList(t, s.Target, s.Entitlement))
	if !slices.Equal(got, s.Accounts[:]) {
		t.Errorf("list is %q, want %q", got, s.Accounts)
	}
}

func manyAreListed(t testing.TB, h Harness) {
	s := h.New(t)
	want := s.Fill(t, s.Entitlement, h.Many)
	mustApply(t, s.Target, give(s.Entitlement, s.Accounts[0]))
	want = append(want, s.Accounts[0])
	got := accounts(mustList(t, s.Target, s.Entitlement))
	if !slices.IsSorted(got) {
		t.Error("the list is not sorted")
	}
	wantHolders(t, s.Target, s.Entitlement, want...)
	// A holder on the last page must be found to be taken.
	last := got[len(got)-1]
	mustApply(t, s.Target, take(s.Entitlement, last))
	wantHolders(t, s.Target, s.Entitlement, slices.DeleteFunc(want, func(a string) bool { return a == last })...)
}

func pendingIsListed(t testing.TB, h Harness) {
	s := h.New(t)
	mustApply(t, s.Target, give(s.Entitlement, s.Invitee))
	got := mustList(t, s.Target, s.Entitlement)
	if len(got) != 1 || got[0].Account != s.Invitee || !got[0].Pending {
		t.Errorf("after the invitation the list is %+v, want %q, pending", got, s.Invitee)
	}
	mustApply(t, s.Target, give(s.Entitlement, s.Invitee))
	wantHolders(t, s.Target, s.Entitlement, s.Invitee)
	mustApply(t, s.Target, take(s.Entitlement, s.Invitee))
	wantHolders(t, s.Target, s.Entitlement)
}

// twoWriters has two writers change all that can be changed at the same time, over and over; a target that reads, changes
// and writes without care loses one of the changes.
func twoWriters(t testing.TB, h Harness) {
	s := h.New(t)
	second := s.Second
	if second == nil {
		second = s.Target
	}
	a, b := s.Accounts[0], s.Accounts[1]
	for round := range 5 {
		together(t, []writer{
			{s.Target, give(s.Entitlement, a)}, {second, give(s.Entitlement, b)},
			{s.Target, give(s.Other, b)}, {second, give(s.Other, a)},
		})
		wantHolders(t, s.Target, s.Entitlement, a, b)
		wantHolders(t, second, s.Other, a, b)
		together(t, []writer{
			{second, take(s.Entitlement, a)}, {s.Target, take(s.Other, b)}, {second, give(s.Entitlement, b)},
		})
		wantHolders(t, second, s.Entitlement, b)
		wantHolders(t, s.Target, s.Other, a)
		mustApply(t, s.Target, take(s.Entitlement, b), take(s.Other, a))
		if t.Failed() {
			t.Fatalf("lost in round %d", round+1)
		}
	}
}

type writer struct {
	to     reconciler.Target
	change reconciler.Change
}

// together applies the changes at once and waits for all.
func together(t testing.TB, writers []writer) {
	t.Helper()
	ctx := bounded(t)
	errs := make([]error, len(writers))
	start := make(chan struct{})
	var done sync.WaitGroup
	for i, w := range writers {
		done.Go(func() {
			<-start
			if err := w.to.Apply(ctx, w.change); err != nil {
				errs[i] = fmt.Errorf("%s %s to %q: %w", w.change.Action, w.change.Entitlement.Key(), w.change.Account, err)
			}
		})
	}
	close(start)
	done.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}
