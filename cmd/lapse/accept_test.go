package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/reconciler"
)

const because = "main was rewritten to remove a key, INC-4300"

// acceptAs runs the command with somebody's own token.
func (th *theatre) acceptAs(who string, args ...string) ending {
	th.t.Helper()
	before := th.vars["LAPSE_TOKEN"]
	th.vars["LAPSE_TOKEN"] = th.Token(who)
	defer func() { th.vars["LAPSE_TOKEN"] = before }()
	return th.lapse(append([]string{"accept"}, args...)...)
}

// losses are the names of what there is to accept.
func (th *theatre) losses() []string {
	th.t.Helper()
	a := th.acceptAs("dan", "--json")
	var found reconciler.Acceptable
	if err := json.Unmarshal([]byte(a.out), &found); err != nil {
		th.t.Fatalf("%v: %s", err, a)
	}
	var names []string
	for _, l := range found.Losses {
		names = append(names, l.Name())
	}
	return names
}

// acceptAll accepts whatever is lost, and wants so many receipts of it.
func (th *theatre) acceptAll(want int) ending {
	th.t.Helper()
	args := []string{"--because", because}
	for _, n := range th.losses() {
		args = append(args, "--yes", n)
	}
	a := th.acceptAs("dan", args...)
	if a.code != exitFine || !strings.Contains(a.out, "accepted by dan (583234)") {
		th.t.Fatalf("accept: %s", a)
	}
	if n := len(th.receipts("accepted")); n != want {
		th.t.Errorf("%d receipts of what was accepted, want %d: %s", n, want, a)
	}
	return a
}

// works says that all is well: somebody is given what they ask for, also by a copy that remembers nothing.
func (th *theatre) works(who, id string) {
	th.t.Helper()
	th.grant(who, id)
	th.fresh()
	th.want("reconcile")
	if names := th.losses(); len(names) > 0 {
		th.t.Errorf("there is still to accept: %q", names)
	}
}

// mallory rewinds, rewrites or replaces main behind the forge's record of pushes. By a copy that remembers nothing, and a ledger that
// was rewound with it, only the anchor knows; by the ledger alone it is known as well.
func TestA32AMainThatLostCommitsGivesNothingUntilSomebodyAcceptsThat(t *testing.T) {
	for name, replace := range map[string]func(th *theatre, start string) string{
		"rewound": func(_ *theatre, start string) string { return start },
		"rewritten": func(th *theatre, start string) string {
			return th.commitOn(start, "grants/alice-prod.yaml", production)
		},
		"replaced": func(th *theatre, start string) string { return th.commitOn("", "grants/alice-prod.yaml", production) },
	} {
		for _, both := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " with the ledger"}[both], func(t *testing.T) {
				th := anchoredTheatre(t, fileAnchor(t))
				start, empty := th.tip("main"), th.tip("lapse-ledger")
				th.grant("alice", "alice-prod")
				seen, full := th.tip("main"), th.tip("lapse-ledger")
				th.behind("main", replace(th, start))
				if both {
					th.behind("lapse-ledger", empty)
				}
				th.approve("bob", "bob-prod")
				now := th.tip("main")
				th.fresh()
				stuck := exitRefused // but what is taken cannot be written after a ledger that lacks receipts
				if both && name == "rewound" {
					stuck = exitFailed
				}
				a := th.expect(stuck, "main was at "+seen[:12]+", by the ", "git push --force origin "+seen+":refs/heads/main", "lapse accept", `"Merge pull request #1`)
				if both && !strings.Contains(a.out, "by the anchor") {
					t.Errorf("the anchor was not asked: %s", a)
				}
				th.shows("bob", false)
				th.Advance(4*time.Hour + time.Minute)
				th.fresh()
				th.expect(map[bool]int{false: exitRefused, true: exitFailed}[both], "main was at "+seen[:12])
				th.shows("alice", false)
				th.shows("bob", false)

				want := 1
				if both {
					want = 2
				}
				names := strings.Join(th.losses(), " ")
				if !strings.Contains(names, "main:"+seen+".."+now) || strings.Contains(names, "ledger:"+full) != both {
					t.Errorf("there is to accept: %s", names)
				}
				th.acceptAll(want)
				th.lapse("reconcile") // refuses what came without a pull request, and takes what lost receipts gave
				th.fresh()
				th.lapse("reconcile")
				th.shows("alice", false)
				switch name {
				case "rewound":
					th.works("bob", "bob-again")
				case "rewritten": // GitHub does not tell who pushed that commit, so that nothing is said of it
					th.approve("bob", "bob-again")
					th.fresh()
					th.lapse("reconcile")
					th.shows("bob", true)
				case "replaced": // nothing of that history was approved, its configuration least of all
					th.expect(exitRefused, "the configuration on main is not the one that was approved")
					th.shows("bob", false)
				}
			})
		}
	}
}

// commitOn makes a commit with one more file on a parent, or on none, behind the forge's back.
func (th *theatre) commitOn(parent, path, text string) string {
	th.t.Helper()
	return commitOn(th.t, th.dir, parent, path, text)
}

func TestA60ALedgerThatLostReceiptsGivesNothingUntilSomebodyAcceptsThat(t *testing.T) {
	for name, replace := range map[string]func(th *theatre, empty string) string{
		"rewound": func(_ *theatre, empty string) string { return empty },
		"deleted": func(_ *theatre, _ string) string { return "" },
		"forked": func(th *theatre, empty string) string { // by a reconciler with the right key, on the ledger as it was
			th.behind("lapse-ledger", empty)
			must(th.t, os.Rename(th.vars["ANCHOR"], th.vars["ANCHOR"]+".away"))
			th.fresh()
			th.lapse("reconcile")
			must(th.t, os.Rename(th.vars["ANCHOR"]+".away", th.vars["ANCHOR"]))
			return th.tip("lapse-ledger")
		},
	} {
		for _, gone := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " for good"}[gone], func(t *testing.T) {
				place := fileAnchor(t)
				place.vars = map[string]string{"ANCHOR": place.file}
				th := anchoredTheatre(t, place)
				empty := th.tip("lapse-ledger")
				th.grant("alice", "alice-prod")
				full := th.tip("lapse-ledger")
				th.behind("lapse-ledger", replace(th, empty))
				if gone {
					th.prune()
				}
				th.approve("bob", "bob-prod")
				th.fresh()
				if name == "deleted" && gone {
					th.expect(exitFailed, "by the anchor it was at "+full, "nobody can read any more")
					if a := th.lapse("reconcile", "--init"); a.code == exitFine {
						t.Errorf("another ledger is begun: %s", a)
					}
				} else {
					th.expect(exitRefused, "the ledger was rewritten: ", "by the anchor", "lapse accept")
				}
				th.shows("bob", false)
				names := th.losses()
				if len(names) != 1 || !strings.HasPrefix(names[0], "ledger:"+full+"..") {
					t.Fatalf("there is to accept: %q", names)
				}
				a := th.acceptAll(1)
				if !gone && !strings.Contains(a.out, "known by lost receipts alone") && name != "forked" {
					t.Errorf("what lost receipts gave is not told: %s", a)
				}
				th.lapse("reconcile")
				th.fresh()
				th.lapse("reconcile")
				th.Advance(4*time.Hour + time.Minute)
				th.want("reconcile")
				th.shows("alice", false)
				th.shows("bob", false)
				th.works("bob", "bob-again")
			})
		}
	}
}

func TestAcceptIsForThoseWhoMayAndForWhatTheySaw(t *testing.T) {
	th := anchoredTheatre(t, fileAnchor(t))
	start := th.tip("main")
	th.grant("alice", "alice-prod")
	seen := th.tip("main")
	must(t, th.As("mallory").ForcePush(stage.Repo, "main", start))
	name := "main:" + seen + ".." + start
	before := th.tip("lapse-ledger")
	for what, try := range map[string]struct {
		who  string
		code int
		args []string
		vars map[string]string
	}{
		"shown only":           {"dan", exitRefused, []string{"--because", because}, nil},
		"without a reason":     {"dan", exitUsage, []string{"--yes", name}, nil},
		"another commit":       {"dan", exitRefused, []string{"--because", because, "--yes", "main:" + seen + ".." + seen}, nil},
		"the other way round":  {"dan", exitRefused, []string{"--because", because, "--yes", "main:" + start + ".." + seen}, nil},
		"who rewrote it":       {"mallory", exitRefused, []string{"--because", because, "--yes", name}, nil},
		"who may only approve": {"alice", exitRefused, []string{"--because", because, "--yes", name}, nil},
		"a bot":                {stage.Bot, exitRefused, []string{"--because", because, "--yes", name}, nil},
		"without the key":      {"dan", exitFailed, []string{"--because", because, "--yes", name}, map[string]string{"LAPSE_SIGNING_KEY": ""}},
		"by a schedule": {"dan", exitFailed, []string{"--because", because, "--yes", name},
			map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "schedule", "GITHUB_ACTOR": "dan", "GITHUB_ACTOR_ID": "583234"}},
		"by somebody who started again what dan did": {"dan", exitFailed, []string{"--because", because, "--yes", name},
			map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_ACTOR": "dan", "GITHUB_ACTOR_ID": "583234", "GITHUB_TRIGGERING_ACTOR": "mallory"}},
		"by another's login": {"dan", exitFailed, []string{"--because", because, "--yes", name},
			map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_ACTOR": "dan", "GITHUB_ACTOR_ID": "583299"}},
		"by mallory's workflow": {stage.Bot, exitRefused, []string{"--because", because, "--yes", name},
			map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_ACTOR": "mallory", "GITHUB_ACTOR_ID": "583299"}},
		"with another key": {"dan", exitFailed, []string{"--because", because, "--yes", name}, map[string]string{"LAPSE_SIGNING_KEY": func() string { k, _ := anotherKey(t); return k }()}},
	} {
		old := map[string]string{}
		for k, v := range try.vars {
			old[k], th.vars[k] = th.vars[k], v
		}
		if a := th.acceptAs(try.who, try.args...); a.code != try.code {
			t.Errorf("%s: want exit %d: %s", what, try.code, a)
		}
		for k, v := range old {
			th.vars[k] = v
		}
		if th.tip("lapse-ledger") != before {
			t.Fatalf("%s: something was written", what)
		}
	}
	th.vars["GITHUB_ACTIONS"], th.vars["GITHUB_EVENT_NAME"], th.vars["GITHUB_ACTOR"], th.vars["GITHUB_ACTOR_ID"] = "true", "workflow_dispatch", "carol", "583233"
	if a := th.lapse("accept", "--because", because, "--yes", name); a.code != exitFine || !strings.Contains(a.out, "accepted by carol (583233)") {
		t.Errorf("in a workflow: %s", a)
	}
	delete(th.vars, "GITHUB_ACTIONS")
	th.lapse("reconcile")
	th.shows("alice", false)

	// What was accepted once is not accepted for another loss.
	th.works("bob", "bob-prod")
	seen = th.tip("main")
	must(t, th.As("mallory").ForcePush(stage.Repo, "main", start))
	th.fresh()
	th.expect(exitRefused, "main was at "+seen[:12])
	if a := th.acceptAs("dan", "--because", because, "--yes", name); a.code != exitRefused {
		t.Errorf("an old name is taken: %s", a)
	}
}

// A commit that was refused stays so; that somebody looked at it is told once.
func TestARefusedCommitCanBeAccepted(t *testing.T) {
	th := newTheatre(t, nil)
	_, err := th.As("mallory").PushFiles(stage.Repo, "main", "", map[string]string{"grants/mallory-prod.yaml": strings.Replace(production, "alice", "mallory", 1)}, "Push it")
	must(t, err)
	evil := th.tip("main")
	th.expect(exitRefused, "is refused")
	for name, args := range map[string][]string{
		"one that was not refused": {strings.Repeat("a", 40)},
		"too little of its name":   {evil[:5]},
	} {
		if a := th.acceptAs("dan", append(args, "--because", because)...); a.code == exitFine {
			t.Errorf("%s: %s", name, a)
		}
	}
	if a := th.acceptAs("dan", evil[:10], "--because", because, "--yes", "commit:"+evil); a.code != exitFine {
		t.Errorf("accept: %s", a)
	}
	if a := th.acceptAs("dan", evil[:10], "--because", because); a.code == exitFine || !strings.Contains(a.err, "was accepted by dan") {
		t.Errorf("accepted twice: %s", a)
	}
	th.lapse("reconcile")
	th.shows("mallory", false)
}
