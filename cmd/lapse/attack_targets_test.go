package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/grants"
)

const oncall = "/orgs/acme/teams/prod-oncall/"

// over lets alice have the team and the vault for an hour, which is past.
func (th *theatre) over() {
	th.t.Helper()
	th.approved("alice-prod")
	th.want("reconcile")
	if team, vault := th.holds(); !team || !vault {
		th.t.Fatalf("given: team %v, vault %v", team, vault)
	}
	th.Advance(time.Hour)
}

// However a target fails to take what is over, that is said, the run fails, the other target goes on, nothing counts as taken that was
// not seen gone, and the next run tries again until it is.
func TestA52ATargetThatDoesNotTakeIsToldOfAndTriedAgain(t *testing.T) {
	t.Parallel()
	const member = oncall + "memberships/alice"
	for name, f := range map[string]githubtest.Failure{
		"is down":                             {Path: oncall + ".*", Status: http.StatusServiceUnavailable},
		"cuts the line":                       {Path: oncall + ".*", Cut: true},
		"refuses to be asked":                 {Path: oncall + ".*", Status: http.StatusForbidden},
		"answers by half":                     {Path: oncall + "members", Keep: 1},
		"denies that there is such a team":    {Path: oncall + "members", Status: http.StatusNotFound},
		"denies that she is a member":         {Method: http.MethodDelete, Path: member, Status: http.StatusNotFound},
		"says that it is done and does not":   {Method: http.MethodDelete, Path: member, Status: http.StatusNoContent},
		"answers in another language":         {Path: oncall + "members", Status: http.StatusOK, Body: "<html>maintenance</html>"},
		"cannot be read back once it is done": {Path: oncall + "members", Status: http.StatusForbidden, Skip: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := newTheatre(t, nil)
			th.over()
			f.Times = -1
			mend := th.Fail(f)
			runs := 2
			if f.Method == "" && f.Status != http.StatusForbidden && f.Status != http.StatusNotFound {
				runs = 1 // each waits and asks again by itself
			}
			for range runs {
				a := th.lapse("reconcile")
				if a.code != exitFailed || !strings.Contains(a.out, "prod-oncall") {
					t.Errorf("%s", a)
				}
				if _, vault := th.holds(); vault {
					t.Errorf("the vault waits for the team: %s", a)
				}
			}
			if got := th.receipts("taken"); len(got) != 1 {
				t.Errorf("taken by the ledger, of which one is proven: %v", got)
			}
			if _, there := th.File(stage.Repo, "main", grants.PathOf("alice-prod")); !there {
				t.Error("the file left main before what it gave was proven gone")
			}
			if who := th.lapse("who"); !strings.Contains(who.out, "not proven taken") {
				t.Errorf("%s", who)
			}
			th.Advance(30 * time.Minute)
			mend()
			th.want("reconcile")
			if team, vault := th.holds(); team || vault {
				t.Errorf("still held: team %v, vault %v", team, vault)
			}
			if log := th.lapse("log", "alice-prod"); !strings.Contains(log.out, "over, 30 minutes ") {
				t.Errorf("the overrun is not told: %s", log)
			}
			th.want("reconcile")
			if _, there := th.File(stage.Repo, "main", grants.PathOf("alice-prod")); there {
				t.Error("its file is still on main")
			}
		})
	}
}

// A target that takes and is not heard, or is slow to answer, has taken: it was read back.
func TestA52ATargetThatTakesAndIsNotHeardHasTaken(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]githubtest.Failure{
		"not heard": {Method: http.MethodDelete, Path: oncall + ".*", Cut: true, After: true, Times: -1},
		"slow":      {Path: oncall + ".*", Delay: 300 * time.Millisecond, Times: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := newTheatre(t, nil)
			th.over()
			th.Fail(f)
			a := th.lapse("reconcile")
			if team, vault := th.holds(); a.code != exitFine || team || vault || len(th.receipts("taken")) != 2 {
				t.Errorf("team %v, vault %v, receipts %v\n%s", team, vault, th.receipts("taken"), a)
			}
		})
	}
}

// A target that lies when it is read back is believed, for there is no other witness, and only until it tells the truth.
func TestA52ATargetThatDeniesAHoldingIsFoundOut(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	th.over()
	mend := th.Fail(githubtest.Failure{Path: oncall + "members", Status: http.StatusOK, Body: "[]", Times: -1})
	th.want("reconcile")
	if team, _ := th.holds(); !team {
		t.Fatal("the target did not lie")
	}
	mend()
	a := th.lapse("reconcile")
	if team, _ := th.holds(); a.code != exitRefused || team || !strings.Contains(a.out, "again") {
		t.Errorf("team %v: %s", team, a)
	}
}

// The same of a target that is a file: broken, half-written, or gone in a folder's stead.
func TestA52AFileThatCannotBeReadIsNoEmptyFile(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string, was []byte) error{
		"half":     func(path string, was []byte) error { return os.WriteFile(path, was[:len(was)/2], 0o600) },
		"no JSON":  func(path string, _ []byte) error { return os.WriteFile(path, []byte("maintenance\n"), 0o600) },
		"empty":    func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"a folder": func(path string, _ []byte) error { _ = os.Remove(path); return os.Mkdir(path, 0o700) },
		"of others": func(path string, _ []byte) error {
			return os.WriteFile(path, []byte(`{"version": 2, "holdings": {}}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := newTheatre(t, nil)
			th.over()
			was, err := os.ReadFile(th.Vault)
			must(t, err)
			must(t, spoil(th.Vault, was))
			a := th.lapse("reconcile")
			if a.code != exitFailed || !strings.Contains(a.out, "orders-db-readonly") || len(th.receipts("taken")) != 1 || len(th.Members(stage.Org, "prod-oncall")) > 0 {
				t.Errorf("receipts %v, team %v\n%s", th.receipts("taken"), th.Members(stage.Org, "prod-oncall"), a)
			}
			_ = os.Remove(th.Vault)
			must(t, os.WriteFile(th.Vault, was, 0o600))
			th.want("reconcile")
			if _, vault := th.holds(); vault || len(th.receipts("taken")) != 2 {
				t.Errorf("vault %v, receipts %v", vault, th.receipts("taken"))
			}
		})
	}
}
