package main

import (
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

// otherLedger pushes, to a branch, the ledger of another repository whose Lapse signs with the same key. There bob may have what
// he never asked for here, by a configuration that is on main here, too.
func (th *theatre) otherLedger(branch string) {
	th.t.Helper()
	ctx, now := th.t.Context(), th.Clock()
	key, err := ledger.LoadKey(th.Key, nil)
	must(th.t, err)
	own, err := ledger.VerifierOf(key.Public())
	must(th.t, err)
	repo, err := gitrepo.Open(ctx, filepath.Join(th.t.TempDir(), "git"), gitrepo.Remote{URL: th.CloneURL(stage.Repo), Username: "x", Token: th.Token(stage.Bot)})
	must(th.t, err)
	const ref = "refs/heads/" + ledger.Branch
	must(th.t, repo.Fetch(ctx, "+"+ref+":"+ref))
	tip, _, err := repo.Ref(ref)
	must(th.t, err)
	files, err := repo.FS(tip)
	must(th.t, err)
	here, err := ledger.ReadState(files)
	must(th.t, err)
	text := grantFile("bob", "prod-db-read", "8h", "Slow checkout query, INC-4211")
	role := []grants.Entitlement{{Target: "vault", Values: map[string]string{"name": "orders-db-readonly"}}, {Target: "github", Values: map[string]string{"team": "prod-oncall"}}}
	added, err := ledger.NewBook(here.Repository+1, ledger.Trust{Roots: ledger.Verifiers{own}}).Append(ctx, key, now, here.Main,
		ledger.Receipt{Kind: ledger.Approved, Commit: here.Configuration.Commit, Configuration: here.Configuration},
		ledger.Receipt{Kind: ledger.Approved, Commit: here.Main, Judgement: []byte(`{}`), Grant: &ledger.Grant{
			ID: "bob-prod", Digest: grants.Digest([]byte(text)), User: "bob", UserID: 583232, Role: "prod-db-read",
			Interval: grants.Interval{Start: now, End: now.Add(8 * time.Hour)}, Entitlements: role, Change: grants.Add,
		}})
	must(th.t, err)
	signer := commitSigner(th.t, key)
	who := lapseAuthor()
	who.When = now
	next, err := repo.Write(ctx, gitrepo.NewCommit{Changes: added, Message: "ledger\n", Author: who, Committer: who, Signer: signer})
	must(th.t, err)
	must(th.t, repo.Push(ctx, "refs/heads/"+branch, gitrepo.Hash{}, next))
	_, err = th.As("mallory").Push(stage.Repo, "main", githubtest.Commit{Base: "main", Files: map[string]string{"grants/bob-prod.yaml": text}, Message: "More"})
	must(th.t, err)
}

// mallory carries the ledger of another repository across, which the same key signed, by a merge that keeps this one's behind it. It
// gives nobody anything, and what Lapse gave is taken on time by what it wrote itself, also where the local copy is new.
func TestA60TheLedgerOfAnotherRepositoryGivesNothingAndStopsNoRevocation(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	th.approved("alice-prod")
	th.want("reconcile")
	th.otherLedger("theirs")
	_, err := th.As("mallory").Push(stage.Repo, ledger.Branch, githubtest.Commit{Base: "theirs", Parents: []string{ledger.Branch}, Message: "Merge"})
	must(t, err)
	for _, later := range []time.Duration{0, 2 * time.Hour} {
		th.Advance(later)
		th.vars["XDG_CACHE_HOME"] = t.TempDir()
		a := th.lapse("reconcile")
		if a.code == exitFine || !strings.Contains(a.out+a.err, "is a receipt of repository") {
			t.Errorf("after %s: %s", later, a)
		}
		if strings.Contains(th.holders(), "bob") {
			t.Errorf("after %s bob holds something:\n%s", later, a)
		}
		if team, vault := th.holds(); team != (later == 0) || vault != (later == 0) {
			t.Errorf("after %s alice holds: team %v, vault %v\n%s", later, team, vault, a)
		}
	}
}
