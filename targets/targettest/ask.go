package targettest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

// patience bounds every call, so that a target that hangs fails its case instead of the whole run.
const patience = time.Minute

func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func give(e grants.Entitlement, account string) reconciler.Change {
	return reconciler.Change{Action: reconciler.Give, Entitlement: e, Account: account}
}

func take(e grants.Entitlement, account string) reconciler.Change {
	return reconciler.Change{Action: reconciler.Take, Entitlement: e, Account: account}
}

// mustApply makes the changes true, one after the other.
func mustApply(t testing.TB, to reconciler.Target, changes ...reconciler.Change) {
	t.Helper()
	for _, c := range changes {
		if err := to.Apply(bounded(t), c); err != nil {
			t.Fatalf("%s %s to %q: %v", c.Action, c.Entitlement.Key(), c.Account, err)
		}
	}
}

func mustList(t testing.TB, from reconciler.Target, e grants.Entitlement) []reconciler.Holding {
	t.Helper()
	holdings, err := from.List(bounded(t), e)
	if err != nil {
		t.Fatalf("list %s: %v", e.Key(), err)
	}
	return holdings
}

func accounts(holdings []reconciler.Holding) []string {
	names := make([]string, 0, len(holdings))
	for _, h := range holdings {
		names = append(names, h.Account)
	}
	return names
}

// wantHolders fails unless exactly these accounts hold the entitlement, whatever their order.
func wantHolders(t testing.TB, from reconciler.Target, e grants.Entitlement, want ...string) {
	t.Helper()
	got := accounts(mustList(t, from, e))
	want = append([]string{}, want...)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("holders of %s (-want +got):\n%s", e.Key(), diff)
	}
}

// wantListError fails unless List refuses, and refuses with empty hands.
func wantListError(t testing.TB, ctx context.Context, from reconciler.Target, e grants.Entitlement, why string) {
	t.Helper()
	holdings, err := from.List(ctx, e)
	if err == nil {
		t.Errorf("list %s, %s: no error, and the answer %v", e.Key(), why, accounts(holdings))
	} else if len(holdings) > 0 {
		t.Errorf("list %s, %s: a part of the answer beside the error: %v", e.Key(), why, accounts(holdings))
	}
}

func wantApplyError(t testing.TB, ctx context.Context, to reconciler.Target, c reconciler.Change, why string) {
	t.Helper()
	if err := to.Apply(ctx, c); err == nil {
		t.Errorf("%s %s to %q, %s: no error", c.Action, c.Entitlement.Key(), c.Account, why)
	}
}
