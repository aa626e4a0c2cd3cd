package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/ledger/keyless/keylesstest"
	"github.com/lapse-access/lapse/requests"
)

// keylessTheatre is a theatre in which Lapse runs in a workflow, with a Sigstore and without a key.
type keylessTheatre struct {
	*theatre
	sigstore *keylesstest.Sigstore
	workflow keylesstest.Workflow
}

const identityFile = ledger.TrustDir + "/reconcile.identity.yaml"

// newKeylessTheatre has no ledger yet.
func newKeylessTheatre(t *testing.T, files map[string]string) *keylessTheatre {
	t.Helper()
	k := &keylessTheatre{theatre: emptyTheatre(t, curtain, files)}
	var err error
	k.sigstore, err = keylesstest.Start(t.Context(), tools(t), t.TempDir())
	must(t, err)
	t.Cleanup(k.sigstore.Close)
	k.workflow = keylesstest.Workflow{
		Repository: stage.Repo, RepositoryID: k.repositoryID(), File: "lapse-reconcile.yml", Ref: "refs/heads/main", Server: k.URL(),
	}
	k.runAs(k.workflow)
	return k
}

// withoutKey is a stage that never had one.
func withoutKey(t *testing.T) map[string]string {
	return map[string]string{"lapse.yaml": signedBy(t, "{keyless: true}"), ledger.TrustDir + "/lapse.pub": "", requests.SignersFile: ""}
}

// runAs makes what runs from now on that workflow.
func (k *keylessTheatre) runAs(w keylesstest.Workflow) { maps.Copy(k.vars, k.sigstore.Environment(w)) }

func (k *keylessTheatre) repositoryID() int64 {
	k.t.Helper()
	req, err := http.NewRequest(http.MethodGet, k.APIURL()+"repos/"+stage.Repo, nil)
	must(k.t, err)
	req.Header.Set("Authorization", "Bearer "+k.Token(stage.Bot))
	resp, err := http.DefaultClient.Do(req)
	must(k.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(k.t, err)
	var repo struct{ ID int64 }
	must(k.t, json.Unmarshal(text, &repo))
	if repo.ID == 0 {
		k.t.Fatalf("no id in %s", text)
	}
	return repo.ID
}

// identity is the workflow as a file of .lapse/trust.
func (k *keylessTheatre) identity() string {
	return string(k.sigstore.Issuer.Identity(k.workflow).File())
}

// begin starts the ledger, with the workflow's identity under .lapse/trust.
func (k *keylessTheatre) begin() {
	k.t.Helper()
	_, err := k.As("mallory").Push(stage.Repo, "main", githubtest.Commit{Base: "main", Files: map[string]string{identityFile: k.identity()}, Message: "Trust the workflow"})
	must(k.t, err)
	k.vars["LAPSE_SIGNING_KEY"] = ""
	k.want("reconcile", "--init")
}

// hour lets bob, or whoever, have an hour of access, and take it back: the whole life of a grant.
func (th *theatre) hour(who, id string) {
	th.t.Helper()
	th.force(th.ask(who, id, plain("grants/"+id+".yaml", grantWith("user: "+who))))
	th.want("reconcile")
	if !strings.Contains(th.holders(), who) {
		th.t.Fatalf("%s was given nothing", who)
	}
	th.Advance(61 * time.Minute)
	th.want("reconcile")
	if strings.Contains(th.holders(), who) {
		th.t.Fatalf("what %s had was not taken", who)
	}
}

// A user of GitHub Actions has no key to keep: the workflow's identity signs, and everyone else reads what it signed.
func TestAWorkflowWithoutAKeyGivesAndTakes(t *testing.T) {
	k := newKeylessTheatre(t, withoutKey(t))
	k.begin()
	k.hour("alice", "one")
	for _, path := range strings.Fields(k.git("ls-tree", "-r", "--name-only", "lapse-ledger", "receipts")) {
		if !strings.Contains(k.git("show", "lapse-ledger:"+path), "application/vnd.dev.sigstore.bundle.v0.3+json") {
			t.Errorf("%s is no bundle", path)
		}
	}
	k.want("reconcile")

	// Others are no such workflow, and trust what main names.
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "LAPSE_SIGNING_CONFIG"} {
		k.vars[name] = ""
	}
	if a := k.lapse("who"); a.code != exitFine {
		t.Errorf("who: %s", a)
	}
	n := k.ask("bob", "two", plain("grants/two.yaml", grantWith("user: bob")))
	a := k.lapse("check", "--pull", strconv.Itoa(n))
	if !strings.Contains(a.out, "The reconciler last ran") {
		t.Errorf("check: %s", a)
	}
	if a := k.lapse("reconcile"); a.code == exitFine || !strings.Contains(a.err, "id-token: write") {
		t.Errorf("a reconcile outside of a workflow: %s", a)
	}
}

// Whoever may push can run a workflow, and so sign something: it is a finding, gives nothing, and stops no revocation.
func TestAnotherWorkflowSignsNothing(t *testing.T) {
	for name, change := range map[string]func(w *keylesstest.Workflow){
		"another file":           func(w *keylesstest.Workflow) { w.File = "evil.yml" },
		"another branch":         func(w *keylesstest.Workflow) { w.Ref = "refs/heads/evil" },
		"another with that name": func(w *keylesstest.Workflow) { w.RepositoryID++ },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeylessTheatre(t, withoutKey(t))
			k.begin()
			k.force(k.ask("alice", "one", plain("grants/one.yaml", honest)))
			k.want("reconcile")
			before := k.git("rev-parse", "lapse-ledger")
			evil := k.workflow
			change(&evil)
			k.runAs(evil)
			k.force(k.ask("bob", "two", plain("grants/two.yaml", grantWith("user: bob"))))
			if a := k.lapse("reconcile"); a.code == exitFine {
				t.Errorf("as another workflow: %s", a)
			}
			if k.git("rev-parse", "lapse-ledger") != before || strings.Contains(k.holders(), "bob") {
				t.Error("another workflow wrote, or gave")
			}
			k.runAs(k.workflow)
			k.Advance(61 * time.Minute)
			k.want("reconcile")
			if strings.Contains(k.holders(), "alice") {
				t.Error("not taken")
			}
		})
	}
}

// While an authority is out of order nothing is given, for nothing can be proven. What is due is taken, and recorded later.
func TestAuthoritiesThatAreDownStopGivingAndNoRevocation(t *testing.T) {
	for name, which := range map[string]func(s *keylesstest.Sigstore) string{
		"timestamps":   func(s *keylesstest.Sigstore) string { return s.Timestamps },
		"certificates": func(s *keylesstest.Sigstore) string { return s.Certificates },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeylessTheatre(t, withoutKey(t))
			k.begin()
			k.force(k.ask("alice", "one", plain("grants/one.yaml", honest)))
			k.want("reconcile")
			k.force(k.ask("bob", "two", plain("grants/two.yaml", grantWith("user: bob"))))
			k.sigstore.Stop(which(k.sigstore))
			k.Advance(61 * time.Minute)
			if a := k.lapse("reconcile"); a.code != exitFailed || !strings.Contains(a.out, "nothing is given, what is due is taken") {
				t.Errorf("without %s: %s", name, a)
			}
			if h := k.holders(); strings.Contains(h, "alice") || strings.Contains(h, "bob") {
				t.Errorf("the targets show %s", h)
			}
		})
	}
}

// change brings files to main as the owners of the configuration approve them; an empty text takes one away.
func (th *theatre) change(branch string, files map[string]string) {
	th.t.Helper()
	_, err := th.As("alice").PushFiles(stage.Repo, branch, "", files, "Change what signs")
	must(th.t, err)
	n, err := th.As("alice").OpenPull(stage.Repo, branch, "Change what signs")
	must(th.t, err)
	_, err = th.As("dan").Review(stage.Repo, n, "APPROVE", "")
	must(th.t, err)
	th.want("check", "--pull", strconv.Itoa(n))
	th.force(n)
}

// signing is lapse.yaml as main has it, with another way to sign.
func (th *theatre) signing(how string) string {
	th.t.Helper()
	text, ok := th.File(stage.Repo, "main", "lapse.yaml")
	if !ok {
		th.t.Fatal("main has no lapse.yaml")
	}
	before, _, _ := strings.Cut(text, "signing:")
	return before + "signing: " + how + "\n"
}

// sound fails unless everything on the ledger verifies for who reads it by what main names.
func (th *theatre) sound() {
	th.t.Helper()
	if a := th.lapse("who"); a.code != exitFine {
		th.t.Errorf("who: %s", a)
	}
}

// From a key to the workflow's identity and back to another key, each by one change that the owners approve. What was signed before stays
// good, and what is named no more signs nothing.
func TestSigningMovesFromAKeyToTheWorkflowAndBack(t *testing.T) {
	k := newKeylessTheatre(t, nil)
	k.want("reconcile", "--init")
	k.hour("alice", "one")
	oldKey := k.vars["LAPSE_SIGNING_KEY"]
	oldPublic, _ := k.File(stage.Repo, "main", ledger.TrustDir+"/lapse.pub")

	// In the run that finds the change approved, the old key begins and the workflow takes over.
	k.change("to-keyless", map[string]string{
		"lapse.yaml": k.signing("{keyless: true}"), identityFile: k.identity(), ledger.TrustDir + "/lapse.pub": "", requests.SignersFile: "",
	})
	k.want("reconcile")
	k.vars["LAPSE_SIGNING_KEY"], k.vars["LAPSE_EARLIER_SIGNERS"] = "", oldPublic
	k.hour("bob", "two")
	k.sound()

	// Who has the old key still may not sign with it.
	k.vars["LAPSE_SIGNING_KEY"], k.vars["ACTIONS_ID_TOKEN_REQUEST_URL"] = oldKey, ""
	before := k.git("rev-parse", "lapse-ledger")
	k.force(k.ask("alice", "three", plain("grants/three.yaml", honest)))
	if a := k.lapse("reconcile"); a.code == exitFine || !strings.Contains(a.out, "was removed from there") {
		t.Errorf("with the key of before: %s", a)
	}
	if k.git("rev-parse", "lapse-ledger") != before || strings.Contains(k.holders(), "alice") {
		t.Error("a key that is named no more signed, and gave")
	}
	k.runAs(k.workflow)
	k.vars["LAPSE_SIGNING_KEY"] = ""
	k.want("reconcile")
	k.Advance(61 * time.Minute)
	k.want("reconcile")

	// And back, to another key.
	secret, public := anotherKey(t)
	k.change("to-key", map[string]string{
		"lapse.yaml": k.signing(`{key: "${LAPSE_SIGNING_KEY}"}`), identityFile: "", ledger.TrustDir + "/new.pub": public,
	})
	k.vars["LAPSE_EARLIER_SIGNERS"] = oldPublic + "---\n" + k.identity()
	k.vars["LAPSE_SIGNING_KEY"] = secret
	k.want("reconcile")
	k.vars["ACTIONS_ID_TOKEN_REQUEST_URL"] = ""
	k.hour("bob", "four")
	k.sound()
}

// What nobody approved changes nothing: a verifier that somebody pushed to main, or merged without its owners, signs nothing.
func TestAVerifierThatNobodyApprovedSignsNothing(t *testing.T) {
	for name, bring := range map[string]func(k *keylessTheatre, files map[string]string){
		"pushed": func(k *keylessTheatre, files map[string]string) {
			_, err := k.As("mallory").Push(stage.Repo, "main", githubtest.Commit{Base: "main", Files: files, Message: "Trust me"})
			must(k.t, err)
		},
		"merged": func(k *keylessTheatre, files map[string]string) {
			_, err := k.As("mallory").PushFiles(stage.Repo, "trust-me", "", files, "Trust me")
			must(k.t, err)
			n, err := k.As("mallory").OpenPull(stage.Repo, "trust-me", "Trust me")
			must(k.t, err)
			k.force(n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeylessTheatre(t, nil)
			k.want("reconcile", "--init")
			k.force(k.ask("alice", "one", plain("grants/one.yaml", honest)))
			k.want("reconcile")
			secret, public := anotherKey(t)
			evil := k.workflow
			evil.File = "evil.yml"
			bring(k, map[string]string{
				"lapse.yaml": k.signing("{keyless: true}"), ledger.TrustDir + "/evil.pub": public,
				identityFile: string(k.sigstore.Issuer.Identity(evil).File()),
			})
			own := k.vars["LAPSE_SIGNING_KEY"]
			k.vars["ACTIONS_ID_TOKEN_REQUEST_URL"] = ""
			if a := k.lapse("reconcile"); a.code != exitRefused {
				t.Errorf("reconcile: %s", a)
			}
			before := k.git("rev-parse", "lapse-ledger")
			k.vars["LAPSE_SIGNING_KEY"] = secret
			k.lapse("reconcile")
			k.vars["LAPSE_SIGNING_KEY"] = ""
			k.runAs(evil)
			k.lapse("reconcile")
			if k.git("rev-parse", "lapse-ledger") != before {
				t.Error("what nobody approved signed")
			}
			k.vars["LAPSE_SIGNING_KEY"], k.vars["ACTIONS_ID_TOKEN_REQUEST_URL"] = own, ""
			k.Advance(61 * time.Minute)
			k.lapse("reconcile")
			if strings.Contains(k.holders(), "alice") || len(k.receipts("taken")) != 1 {
				t.Error("what is over was not taken, or not recorded")
			}
		})
	}
}
