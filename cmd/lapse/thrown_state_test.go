package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
)

// stateFiles are those of the state on the branch.
func (th *theatre) stateFiles() []string {
	var found []string
	for _, path := range strings.Fields(th.git("ls-tree", "-r", "--name-only", ledger.Branch)) {
		if !strings.HasPrefix(path, "receipts/") {
			found = append(found, path)
		}
	}
	return found
}

// throwAway takes files off the branch: as mallory, by a commit without a signature, or with Lapse's own key.
func (th *theatre) throwAway(own bool, paths ...string) {
	th.t.Helper()
	if !own {
		gone := map[string]string{}
		for _, path := range paths {
			gone[path] = ""
		}
		_, err := th.As("mallory").Push(stage.Repo, ledger.Branch, githubtest.Commit{Base: ledger.Branch, Files: gone, Message: "Clean"})
		must(th.t, err)
		return
	}
	ctx := th.t.Context()
	key, err := ledger.LoadKey(th.Key, nil)
	must(th.t, err)
	signer := commitSigner(th.t, key)
	repo, err := gitrepo.Open(ctx, filepath.Join(th.t.TempDir(), "git"), gitrepo.Remote{URL: th.CloneURL(stage.Repo), Username: "x", Token: th.Token(stage.Bot)})
	must(th.t, err)
	const ref = "refs/heads/" + ledger.Branch
	must(th.t, repo.Fetch(ctx, "+"+ref+":"+ref))
	tip, _, err := repo.Ref(ref)
	must(th.t, err)
	gone := map[string][]byte{}
	for _, path := range paths {
		gone[path] = nil
	}
	who := lapseAuthor()
	who.When = th.Clock()
	next, err := repo.Write(ctx, gitrepo.NewCommit{Parents: []gitrepo.Hash{tip}, Changes: gone, Message: "ledger: clean\n", Author: who, Committer: who, Signer: signer})
	must(th.t, err)
	must(th.t, repo.Push(ctx, ref, tip, next))
}

// The state is what the receipts add up to, and can be thrown away whole, whoever does it: the next run reads the receipts, gives and
// takes as ever, and what it writes brings the state back as if nothing had been.
func TestTheStateCanBeThrownAway(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"without a signature": false, "signed by the key": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := newTheatre(t, nil)
			th.force(th.ask("bob", "bob-staging", plain("grants/bob-staging.yaml", grantWith("user: bob", "duration: 4h"))))
			th.want("reconcile")
			th.throwAway(own, th.stateFiles()...)
			if left := th.stateFiles(); len(left) > 0 {
				t.Fatalf("still there: %v", left)
			}
			th.want("who")
			th.approved("alice-prod") // by check, which reads the state
			th.want("reconcile")
			if team, vault := th.holds(); !team || !vault {
				t.Error("nothing is given after the state was thrown away")
			}
			th.wantState()
			th.throwAway(own, th.stateFiles()...)
			th.vars["XDG_CACHE_HOME"] = t.TempDir() // on another machine
			th.Advance(2 * time.Hour)
			th.want("reconcile")
			if team, vault := th.holds(); team || vault {
				t.Error("nothing is taken after the state was thrown away")
			}
			th.wantState()
		})
	}
}

// wantState fails unless the state on the branch is whole, and what the receipts add up to.
func (th *theatre) wantState() {
	th.t.Helper()
	key, err := ledger.LoadKey(th.Key, nil)
	must(th.t, err)
	own, err := ledger.VerifierOf(key.Public())
	must(th.t, err)
	repo, err := gitrepo.Open(th.t.Context(), filepath.Join(th.t.TempDir(), "git"), gitrepo.Remote{URL: filepath.Join(th.dir, stage.Repo+".git")})
	must(th.t, err)
	must(th.t, repo.Fetch(th.t.Context(), "+refs/heads/"+ledger.Branch+":refs/test/ledger"))
	tip, _, err := repo.Ref("refs/test/ledger")
	must(th.t, err)
	files, err := repo.FS(tip)
	must(th.t, err)
	book, err := ledger.Read(files, ledger.Trust{Roots: ledger.Verifiers{own}})
	must(th.t, err)
	if _, err := ledger.ReadState(files); err != nil || len(book.Findings) > 0 {
		th.t.Errorf("the state: %v, findings %v", err, book.Findings)
	}
}

// A part that is missing while others are there could hide somebody's holdings from who reads that part alone. Giving stops, taking
// does not, and what is then written mends the state.
func TestAStateThatLacksAPartGivesNothingAndTakesOnTime(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"without a signature": false, "signed by the key": true} {
		for _, part := range []string{ledger.StateFile, "state/holdings/"} {
			t.Run(name+" "+part, func(t *testing.T) {
				t.Parallel()
				th := newTheatre(t, nil)
				th.approved("alice-prod")
				th.want("reconcile")
				for _, path := range th.stateFiles() {
					if strings.HasPrefix(path, part) {
						th.throwAway(own, path)
						break
					}
				}
				th.force(th.ask("bob", "bob-staging", plain("grants/bob-staging.yaml", grantWith("user: bob"))))
				if a := th.lapse("reconcile"); a.code != exitRefused || !strings.Contains(a.out, "is not what the receipts add up to") {
					t.Errorf("a run says %s", a)
				}
				if strings.Contains(th.holders(), "staging-readonly") {
					t.Error("bob was given something")
				}
				th.Advance(2 * time.Hour)
				th.lapse("reconcile")
				if team, vault := th.holds(); team || vault {
					t.Error("alice keeps what is due")
				}
				th.wantState()
				th.force(th.ask("bob", "again", plain("grants/again.yaml", grantWith("user: bob"))))
				th.want("reconcile")
				if !strings.Contains(th.holders(), "staging-readonly") {
					t.Error("nothing is given once the state is mended")
				}
			})
		}
	}
}
