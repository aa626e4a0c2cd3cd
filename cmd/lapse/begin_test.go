package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/example"
	"github.com/lapse-access/lapse/github/githubtest"
)

// A person who may approve a change of the configuration begins the ledger, by hand, with the commit they read; nobody and nothing else.
func TestAWorkflowBeginsTheLedgerByTheWordOfWhoMayApproveTheConfiguration(t *testing.T) {
	k := newKeylessTheatre(t, withoutKey(t))
	k.trust(k.identity())
	k.vars["LAPSE_SIGNING_KEY"] = ""
	main := strings.TrimSpace(k.git("rev-parse", "main"))
	by := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_ACTOR": "dan", "GITHUB_ACTOR_ID": "583234"}
	for name, c := range map[string]struct {
		over map[string]string
		at   string
		code int
		want string
	}{
		"by who may push":          {map[string]string{"GITHUB_ACTOR": "mallory", "GITHUB_ACTOR_ID": "583299"}, main, exitRefused, "mallory may not do this"},
		"with another's name":      {map[string]string{"GITHUB_ACTOR_ID": "583299"}, main, exitFailed, "dan is not the account"},
		"by a schedule":            {map[string]string{"GITHUB_EVENT_NAME": "schedule"}, main, exitFailed, "not by hand"},
		"by a push":                {map[string]string{"GITHUB_EVENT_NAME": "push"}, main, exitFailed, "not by hand"},
		"started again by another": {map[string]string{"GITHUB_TRIGGERING_ACTOR": "mallory"}, main, exitFailed, "start a new one"},
		"with what nobody read":    {nil, "", exitUsage, "--at"},
		"with what was before":     {nil, strings.TrimSpace(k.git("rev-parse", "main^")), exitFailed, "main is at " + main},
		"with a part of a name":    {nil, main[:12], exitUsage, "want a whole commit"},
	} {
		vars := maps.Clone(k.vars)
		maps.Copy(k.vars, by)
		maps.Copy(k.vars, c.over)
		args := []string{"reconcile", "--init"}
		if c.at != "" {
			args = append(args, "--at", c.at)
		}
		if a := k.lapse(args...); a.code != c.code || !strings.Contains(a.out+a.err, c.want) {
			t.Errorf("%s: want %q, exit %d: %s", name, c.want, c.code, a)
		}
		if out := k.git("for-each-ref", "refs/heads/lapse-ledger"); out != "" {
			t.Fatalf("%s began a ledger", name)
		}
		k.vars = vars
	}
	maps.Copy(k.vars, by)
	k.want("reconcile", "--init", "--at", main)
	k.hour("alice", "one")

	// Whoever deletes it, and everything on the runner that knew it, has none begun in its place: not with the same identity, and not
	// where something else signs by now.
	k.deleteLedger()
	k.vars["XDG_CACHE_HOME"] = t.TempDir()
	k.refusesToBegin("was at")
	k.trust("")
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		k.vars[name] = ""
	}
	key, public := anotherKey(t)
	k.vars["LAPSE_SIGNING_KEY"] = key
	_, err := k.As("mallory").Push(stage.Repo, "main", githubtest.Commit{Base: "main", Files: map[string]string{
		"lapse.yaml": k.signing(`{key: "${LAPSE_SIGNING_KEY}"}`), ".lapse/trust/new.pub": public}, Message: "Another key"})
	must(t, err)
	k.refusesToBegin("was at")
}

// What would sign must be named on main: else nobody could verify a word of the ledger.
func TestNoLedgerBeginsThatNobodyCouldVerify(t *testing.T) {
	k := newKeylessTheatre(t, withoutKey(t))
	k.vars["LAPSE_SIGNING_KEY"] = ""
	other := k.workflow
	other.RepositoryID++
	k.trust(string(k.sigstore.Issuer.Identity(other).File()))
	k.refusesToBegin("does not name what would sign here")
}

// Where the forge does not say whether there was a ledger, none begins.
func TestNoLedgerBeginsWhileTheForgesRecordCannotBeSeen(t *testing.T) {
	th := emptyTheatre(t, curtain, nil)
	if a := th.lapseOver(broken{"/activity"}, "reconcile", "--init"); a.code == exitFine || th.git("for-each-ref", "refs/heads/lapse-ledger") != "" {
		t.Errorf("begun: %s", a)
	}
}

// trust puts the identity on main, or takes it from there.
func (k *keylessTheatre) trust(identity string) {
	k.t.Helper()
	_, err := k.As("mallory").Push(stage.Repo, "main", githubtest.Commit{Base: "main", Files: map[string]string{identityFile: identity}, Message: "Trust the workflow"})
	must(k.t, err)
}

func (k *keylessTheatre) deleteLedger() {
	k.t.Helper()
	must(k.t, k.As("mallory").Do("DELETE", "/repos/"+stage.Repo+"/git/refs/heads/lapse-ledger", json.RawMessage(nil), nil))
}

func (k *keylessTheatre) refusesToBegin(why string) {
	k.t.Helper()
	a := k.lapse("reconcile", "--init", "--at", strings.TrimSpace(k.git("rev-parse", "main")))
	if a.code == exitFine || !strings.Contains(a.out+a.err, why) {
		k.t.Errorf("want %q: %s", why, a)
	}
	if k.git("for-each-ref", "refs/heads/lapse-ledger") != "" {
		k.t.Errorf("a ledger was begun: %s", a)
	}
}

// Doctor says whether the workflow can sign, and whether it is the one whose signatures count; it wants no key.
func TestDoctorFindsWhatSigningWithoutAKeyLacks(t *testing.T) {
	k := newKeylessTheatre(t, withoutKey(t))
	other := k.workflow
	other.RepositoryID++
	k.trust(string(k.sigstore.Issuer.Identity(other).File()))
	k.vars["LAPSE_TOKEN"] = k.Token("mallory")
	a := k.lapse("doctor")
	for _, want := range []string{"may not ask for the token", "repository is ", "-f begin="} {
		if !strings.Contains(a.out, want) {
			t.Errorf("want %q: %s", want, a)
		}
	}
	files, err := example.For(example.Choices{Org: stage.Org, Branch: "main", Owners: []example.Owner{{Login: "dan", ID: 583234}}, Keyless: true})
	must(t, err)
	const workflow = ".github/workflows/lapse-reconcile.yml"
	_, err = k.As("mallory").Push(stage.Repo, "main", githubtest.Commit{Base: "main", Message: "Sign",
		Files: map[string]string{identityFile: k.identity(), workflow: files[workflow]}})
	must(t, err)
	if a := k.lapse("doctor"); strings.Contains(a.out, "signing:") || strings.Contains(a.out, "LAPSE_SIGNING_KEY") || !strings.Contains(a.out, "never begun") {
		t.Error(a)
	}
}
