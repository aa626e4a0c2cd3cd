package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
	th := newTheatre(t, files)
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
			given = append(given, ledger.Receipt{Kind: ledger.Given, Holding: &ledger.Holding{Entitlement: g.Entitlements[0], Account: who}, Grants: []string{g.ID}, Until: until})
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
	book, err := ledger.Read(files, ledger.Verifiers{own}, nil)
	must(th.t, err)
	added, err := book.Append(key, now, main, receipts...)
	must(th.t, err)
	signer, err := gitrepo.SSHSigner(key.CryptoSigner())
	must(th.t, err)
	who := gitrepo.Signature{Name: "Lapse", Email: "lapse@users.noreply.github.com", When: now}
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
	begin := time.Now()
	th := newCrowd(t)
	t.Logf("set up in %s", time.Since(begin))
	n := th.ask("alice", "calls", plain("grants/alice-prod.yaml", production))
	if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "fine"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		th.ForgetRequests()
		begin := time.Now()
		a := th.lapse("check", "--pull", fmt.Sprint(n))
		took := time.Since(begin)
		all, counted := th.called()
		t.Logf("check %d: exit %d in %s, %d calls, %d count", i, a.code, took, len(all), counted)
		if i == 0 {
			t.Log(a.out, a.err)
		}
	}
	for i := range 2 {
		th.ForgetRequests()
		begin := time.Now()
		a := th.lapse("reconcile")
		took := time.Since(begin)
		all, counted := th.called()
		t.Logf("reconcile %d: exit %d in %s, %d calls, %d count\n%.2000s", i, a.code, took, len(all), counted, a.out+a.err)
	}
}
