package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// A crowd is an access repository with as many live grants as a large company has: crowdPeople people, each with a grant for each of
// crowdRoles roles, and everything that they give held at the vault.
const (
	crowdPeople = 500
	crowdRoles  = 20
)

func crowdLogin(i int) string { return fmt.Sprintf("person-%03d", i) }
func crowdRole(i int) string  { return fmt.Sprintf("role-%02d", i) }

// newCrowd sets the stage for it. Its ledger is what a reconciler would have written, made at one go.
func newCrowd(t *testing.T) *theatre {
	t.Helper()
	people := "people:\n  alice: {id: 583231}\n  bob: {id: 583232}\n  carol: {id: 583233}\n  dan: {id: 583234}\n"
	for i := range crowdPeople {
		people += fmt.Sprintf("  %s: {id: %d}\n", crowdLogin(i), 600_000+i)
	}
	files := map[string]string{"people.yaml": people + "groups:\n  security: [carol, dan]\n  departed: []\n"}
	for i := range crowdRoles {
		files["roles/"+crowdRole(i)+".yaml"] = fmt.Sprintf("description: One of many\nentitlements:\n  - {target: vault, name: %s}\n"+
			"max_duration: 8h\neligible: [\"@acme/engineering\"]\napprovals:\n  - {from: [\"group:security\"], count: 1}\n", crowdRole(i))
	}
	// A process of its own goes by the true time, and the server puts each of many changes into a second of its own.
	th := newTheatreAt(t, func() time.Time { return time.Now().Add(-time.Hour) }, files)
	for i := range crowdPeople {
		th.AddUser(crowdLogin(i), githubtest.User{ID: int64(600_000 + i)})
	}
	th.fill()
	return th
}

// fill puts the grants on main, the receipts on the ledger and the holdings into the vault.
func (th *theatre) fill() {
	now := th.Clock()
	until := now.Add(8 * time.Hour)
	grantFiles := map[string]string{}
	held := map[string][]map[string]string{}
	var approved, given []ledger.Receipt
	for i := range crowdPeople {
		for j := range crowdRoles {
			who, role := crowdLogin(i), crowdRole(j)
			g := ledger.Grant{ID: who + "/" + role, User: who, UserID: int64(600_000 + i), Role: role, Interval: grants.Interval{Start: now, End: until},
				Reason: "On call for the week", Pull: i*crowdRoles + j + 2, Author: who, Change: grants.Add,
				Entitlements: []grants.Entitlement{{Target: "vault", Values: map[string]string{"name": role}}}}
			text := fmt.Sprintf("user: %s\nrole: %s\nduration: 8h\nreason: On call for the week\n", who, role)
			g.Digest = grants.Digest([]byte(text))
			grantFiles[grants.PathOf(g.ID)] = text
			approved = append(approved, ledger.Receipt{Kind: ledger.Approved, Grant: &g, Judgement: json.RawMessage(`{}`)})
			h := &ledger.Holding{Entitlement: g.Entitlements[0], Account: who}
			given = append(given, ledger.Receipt{Kind: ledger.Intended, Action: "give", Holding: h, Grants: []string{g.ID}, Until: until},
				ledger.Receipt{Kind: ledger.Given, Holding: h, Grants: []string{g.ID}, Until: until})
			held[role] = append(held[role], map[string]string{"account": who, "until": until.Format(time.RFC3339)})
		}
	}
	main, err := th.As("mallory").Push(stage.Repo, "main", githubtest.Commit{Files: grantFiles, Message: "Many"})
	if err != nil {
		th.t.Fatal(err)
	}
	for i := range approved {
		approved[i].Commit = main
	}
	th.record(now, main, append(approved, given...))
	vault, err := json.Marshal(map[string]any{"version": 1, "holdings": held})
	if err == nil {
		err = os.WriteFile(th.Vault, vault, 0o600)
	}
	if err != nil {
		th.t.Fatal(err)
	}
}

// record appends to the ledger as a reconciler does.
func (th *theatre) record(now time.Time, main string, receipts []ledger.Receipt) {
	ctx := th.t.Context()
	repo, err := gitrepo.Open(ctx, filepath.Join(th.t.TempDir(), "git"), gitrepo.Remote{URL: th.CloneURL(stage.Repo), Username: "x", Token: th.Token(stage.Bot)})
	must(th.t, err)
	const ref = "refs/heads/" + ledger.Branch
	must(th.t, repo.Fetch(ctx, "+"+ref+":"+ref))
	tip, _, err := repo.Ref(ref)
	must(th.t, err)
	files, err := repo.FS(tip)
	must(th.t, err)
	key, err := ledger.LoadKey(th.Key, nil)
	must(th.t, err)
	own, err := ledger.VerifierOf(key.Public())
	must(th.t, err)
	book, err := ledger.Read(files, ledger.Trust{Roots: ledger.Verifiers{own}})
	must(th.t, err)
	added, err := book.Append(ctx, key, now, main, receipts...)
	must(th.t, err)
	signer := commitSigner(th.t, key)
	who := lapseAuthor()
	who.When = now
	next, err := repo.Write(ctx, gitrepo.NewCommit{Parents: []gitrepo.Hash{tip}, Changes: added, Message: "ledger: many\n", Author: who, Committer: who, Signer: signer})
	must(th.t, err)
	must(th.t, repo.Push(ctx, ref, tip, next))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAtTenThousandGrants(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "lapse") // as people have it, without the race detector
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	th := newCrowd(t)
	n := th.ask("alice", "calls", plain("grants/alice-prod.yaml", production))
	_, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "fine")
	must(t, err)
	th.checkCostsLittle(program, fmt.Sprint(n))
	th.Advance(time.Since(th.Clock())) // giving stops where the clocks disagree
	th.nothingToDoCostsLittle(program)
}

// checkCostsLittle holds the calls of a check and the processor time of its process, all of it: it reads what changed and one
// person's grants.
func (th *theatre) checkCostsLittle(program, pull string) {
	const most = 150 * time.Millisecond
	var cold, best time.Duration
	for i := range 6 {
		th.ForgetRequests()
		cmd := th.process(program, "check", "--pull", pull, "--verbose")
		out, _ := cmd.CombinedOutput() // that it is refused is no matter
		if !strings.Contains(string(out), "Judged at commit") {
			th.t.Fatalf("check: %s", out)
		}
		spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		all, counted := th.called()
		th.t.Logf("check %d: %d calls, %d count, %s of its own", i, len(all), counted, spent)
		if told := strings.Count(string(out), `msg="github: asked"`); told != len(all) {
			th.t.Errorf("check --verbose tells of %d calls, there were %d", told, len(all))
		}
		switch {
		case i == 0:
			if cold = spent; len(all) > 12 {
				th.t.Errorf("cold: %d calls\n%s", len(all), spelled(all))
			}
		case len(all) > 9 || counted > 0 && i > 1: // once GitHub has computed whether it can be merged
			th.t.Errorf("warm: %d calls, of which %d count\n%s", len(all), counted, spelled(all))
		}
		if i > 0 && (best == 0 || spent < best) {
			best = spent
		}
	}
	th.t.Logf("check: %s with nothing kept, %s warm", cold, best)
	if best > most {
		th.t.Errorf("a warm check takes %s of its own, want at most %s", best, most)
	}
}

// process is the program in a process of its own.
func (th *theatre) process(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	for k, v := range th.vars {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Env = append(cmd.Env, "HOME="+th.dir)
	return cmd
}

// nothingToDoCostsLittle holds that a reconcile asks of each person, of no grant, and what did not change for nothing.
func (th *theatre) nothingToDoCostsLittle(program string) {
	for i := range 2 {
		th.ForgetRequests()
		begin := time.Now()
		out, err := th.process(program, "reconcile").CombinedOutput()
		took := time.Since(begin)
		all, counted := th.called()
		th.t.Logf("reconcile %d: %d calls, %d count, in %s", i, len(all), counted, took)
		if err != nil || !strings.Contains(string(out), "Nothing to do") {
			th.t.Fatalf("%v: %.3000s", err, out)
		}
		if len(all) > crowdPeople+10 || i > 0 && counted > 0 {
			th.t.Errorf("%d calls for %d grants, of which %d count", len(all), crowdPeople*crowdRoles, counted)
		}
	}
}
