package targettest

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

func unknownEntitlement(t testing.TB, h Harness) {
	s := h.New(t)
	wantListError(t, bounded(t), s.Target, s.Unknown, "which does not exist")
	wantApplyError(t, bounded(t), s.Target, give(s.Unknown, s.Accounts[0]), "which does not exist")
	// Trying must not have made it.
	wantListError(t, bounded(t), s.Target, s.Unknown, "which does not exist though something was given")
	wantHolders(t, s.Target, s.Entitlement)
}

func unknownAccount(t testing.TB, h Harness) {
	s := h.New(t)
	wantApplyError(t, bounded(t), s.Target, give(s.Entitlement, s.UnknownAccount), "which does not exist")
	mustApply(t, s.Target, take(s.Entitlement, s.UnknownAccount))
	wantHolders(t, s.Target, s.Entitlement)
}

func unknownAction(t testing.TB, h Harness) {
	s := h.New(t)
	mustApply(t, s.Target, give(s.Entitlement, s.Accounts[0]))
	for _, action := range []reconciler.Action{"", "remove", "GIVE"} {
		for _, account := range s.Accounts {
			c := reconciler.Change{Action: action, Entitlement: s.Entitlement, Account: account}
			wantApplyError(t, bounded(t), s.Target, c, "which is no action")
		}
	}
	wantHolders(t, s.Target, s.Entitlement, s.Accounts[0])
}

func cancelled(t testing.TB, h Harness) {
	s := h.New(t)
	mustApply(t, s.Target, give(s.Entitlement, s.Accounts[0]))
	ctx, cancel := context.WithCancel(bounded(t))
	cancel()
	wantListError(t, ctx, s.Target, s.Entitlement, "after cancelling")
	wantApplyError(t, ctx, s.Target, give(s.Entitlement, s.Accounts[1]), "after cancelling")
	wantApplyError(t, ctx, s.Target, take(s.Entitlement, s.Accounts[0]), "after cancelling")
	wantHolders(t, s.Target, s.Entitlement, s.Accounts[0])
}

func downIsError(t testing.TB, h Harness) {
	s := h.New(t)
	mustApply(t, s.Target, give(s.Entitlement, s.Accounts[0]))
	s.Down()
	wantListError(t, bounded(t), s.Target, s.Entitlement, "on a server that is down")
	wantListError(t, bounded(t), s.Target, s.Other, "on a server that is down")
	wantApplyError(t, bounded(t), s.Target, give(s.Entitlement, s.Accounts[1]), "on a server that is down")
	wantApplyError(t, bounded(t), s.Target, take(s.Entitlement, s.Accounts[0]), "on a server that is down")
}

// hostileForms turn one name into texts that a careless client would take for that name, for another, or for all.
func hostileForms(name, other string) []string {
	first := name[:1]
	return []string{
		"", ".", "..", "*", "%", "_", "allUsers", "allAuthenticatedUsers", "PUBLIC", "null",
		name + "/", "/" + name, "./" + name, other + "/../" + name, name + "/..", name + "//", `\` + name, name + `\`,
		name + "?", name + "?x=1", name + "#", name + "#x", name + "&x=1", name + "%2f", name + "%00", name + "%20",
		"%" + hex(first[0]) + name[1:], name + "%2e%2e%2f" + other,
		name + "\x00", name + " ", " " + name, name + "\t", name + "\n", name + "\r\nX-Evil: 1", name + "\n" + other,
		name + "\u200b", "\u202e" + name, "\ufeff" + name, name + "\u0301",
		name + "'", name + `"`, name + "`", name + ";", name + "--", name + "'; DROP TABLE holders; --", name + `" OR 1=1 --`,
		name + "," + other, name + ", " + other, name + ",cn=admin", name + "=" + other, name + "+" + other, name + "*",
		first + "*", "(" + name + ")", name + ")(uid=*", "<" + name + ">", "$" + name, "${" + name + "}", name + "\xff",
		"-" + name, "--" + name, "@" + name, "[" + name + "]", "{" + name + "}", name + "|" + other, "~", name + "~1",
		strings.Repeat(name, 5000),
	}
}

func hex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// hostileAccounts tries names that are not the known accounts. Whatever the target makes of one, nobody but that very
// name may come to hold or lose anything.
func hostileAccounts(t testing.TB, h Harness) {
	s := h.New(t)
	holder, bystander := s.Accounts[0], s.Accounts[1]
	mustApply(t, s.Target, give(s.Entitlement, holder))
	names := append(hostileForms(bystander, holder), hostileForms(holder, bystander)...)
	for _, name := range names {
		want := []string{holder}
		if err := s.Target.Apply(bounded(t), give(s.Entitlement, name)); err == nil {
			want = append(want, name)
		}
		wantHolders(t, s.Target, s.Entitlement, want...)
		if err := s.Target.Apply(bounded(t), take(s.Entitlement, name)); err == nil {
			want = want[:1]
		}
		wantHolders(t, s.Target, s.Entitlement, want...)
		if t.Failed() {
			t.Fatalf("the account was %q", name)
		}
	}
}

// hostileEntitlements tries values that are not those of a known entitlement; none of them exists.
func hostileEntitlements(t testing.TB, h Harness) {
	s := h.New(t)
	mustApply(t, s.Target, give(s.Entitlement, s.Accounts[0]), give(s.Other, s.Accounts[0]))
	for key, value := range s.Entitlement.Values {
		other := s.Other.Values[key]
		if other == "" || other == value {
			continue // not what tells one entitlement from another
		}
		for _, name := range hostileForms(value, other) {
			e := grants.Entitlement{Target: s.Entitlement.Target, Values: maps.Clone(s.Entitlement.Values)}
			e.Values[key] = name
			wantListError(t, bounded(t), s.Target, e, "which is a hostile name")
			wantApplyError(t, bounded(t), s.Target, give(e, s.Accounts[1]), "which is a hostile name")
			// A take may be refused or find nothing to take, but it must not reach the real entitlement.
			_ = s.Target.Apply(bounded(t), take(e, s.Accounts[0]))
			wantHolders(t, s.Target, s.Entitlement, s.Accounts[0])
			wantHolders(t, s.Target, s.Other, s.Accounts[0])
			if t.Failed() {
				t.Fatalf("the entitlement's %s was %q", key, name)
			}
		}
	}
}

// errorsAreClean provokes an error in every way the harness knows and looks for credentials in each.
func errorsAreClean(t testing.TB, h Harness) {
	s := h.New(t)
	try := func(what string, err error) {
		t.Helper()
		for _, secret := range h.Secrets {
			if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error carries a credential", what)
			}
		}
	}
	list := func(what string, ctx context.Context, e grants.Entitlement) {
		t.Helper()
		_, err := s.Target.List(ctx, e)
		try("list, "+what, err)
	}
	apply := func(what string, ctx context.Context, c reconciler.Change) {
		t.Helper()
		try(string(c.Action)+", "+what, s.Target.Apply(ctx, c))
	}
	all := func(what string, ctx context.Context, e grants.Entitlement, account string) {
		t.Helper()
		list(what, ctx, e)
		apply(what, ctx, give(e, account))
		apply(what, ctx, take(e, account))
	}
	all("unknown entitlement", bounded(t), s.Unknown, s.Accounts[0])
	if h.UnknownAccounts {
		all("unknown account", bounded(t), s.Entitlement, s.UnknownAccount)
	}
	all("hostile account", bounded(t), s.Entitlement, s.Accounts[0]+"\r\n/../?#'")
	ctx, cancel := context.WithCancel(bounded(t))
	cancel()
	all("cancelled", ctx, s.Entitlement, s.Accounts[0])
	s.Down()
	all("down", bounded(t), s.Entitlement, s.Accounts[0])
}
