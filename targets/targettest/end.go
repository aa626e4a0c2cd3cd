package targettest

import (
	"testing"
	"time"

	"github.com/lapse-access/lapse/reconciler"
)

func nativeEnd(t testing.TB, h Harness) {
	s := h.New(t)
	c := give(s.Entitlement, s.Accounts[0])
	// Far enough ahead that the server never finds one of them past.
	soon := time.Now().UTC().Add(3 * time.Hour).Truncate(time.Second)
	for _, step := range []struct {
		what  string
		until time.Time
	}{
		{"written", soon},
		{"written again", soon},
		{"extended", soon.Add(4 * time.Hour)},
		{"shortened", soon.Add(-time.Hour)},
	} {
		c.Until = step.until
		mustApply(t, s.Target, c)
		wantEnd(t, h, s, c, step.what)
	}
	mustApply(t, s.Target, take(s.Entitlement, s.Accounts[0]))
	wantHolders(t, s.Target, s.Entitlement)
	// A new holding must not inherit the end of the one before.
	c.Until = soon.Add(30 * time.Minute)
	mustApply(t, s.Target, c)
	wantEnd(t, h, s, c, "given anew")
}

func wantEnd(t testing.TB, h Harness, s System, c reconciler.Change, what string) {
	t.Helper()
	got := mustList(t, s.Target, c.Entitlement)
	if len(got) != 1 || got[0].Account != c.Account {
		t.Fatalf("end %s: the list is %+v, want %q alone", what, got, c.Account)
	}
	precision := h.EndPrecision
	if precision == 0 {
		precision = time.Second
	}
	if off := got[0].Until.Sub(c.Until).Abs(); off > precision {
		t.Errorf("end %s: the target says %s, want %s", what, got[0].Until.Format(time.RFC3339), c.Until.Format(time.RFC3339))
	}
	if got[0].Until.Location() != time.UTC {
		t.Errorf("end %s: not in UTC: %s", what, got[0].Until)
	}
}

func noNativeEnd(t testing.TB, h Harness) {
	s := h.New(t)
	c := give(s.Entitlement, s.Accounts[0])
	c.Until = time.Now().UTC().Add(3 * time.Hour).Truncate(time.Second)
	mustApply(t, s.Target, c)
	for _, got := range mustList(t, s.Target, s.Entitlement) {
		if !got.Until.IsZero() {
			t.Errorf("the list claims the end %s; set NativeEnd in the harness, or leave it out", got.Until)
		}
	}
}
