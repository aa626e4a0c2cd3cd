package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/audit/clone"
	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// victim is a copy of a small real history, to be tampered with: two grants, of which one is extended, a change of the configuration, and
// a push that was refused. Whoever tampers here may even sign as Lapse.
type victim struct {
	t      *testing.T
	dir    string
	repo   *gitrepo.Repo
	own    ledger.Verifier
	signer gitrepo.Signer
	now    time.Time
	main   gitrepo.Hash
	ledger gitrepo.Hash
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	th := newTheatre(t, nil)
	merged := func(who, path, text, by string) {
		t.Helper()
		n := th.ask(who, fmt.Sprintf("request-%d", th.Clock().Unix()), plain(path, text))
		_, err := th.As(by).Review(stage.Repo, n, "APPROVE", "fine")
		must(t, err)
		th.want("check", "--pull", fmt.Sprint(n), "--publish")
		if !grants.UnderGrants(path) {
			th.force(n) // grants merge themselves
		}
		th.want("reconcile")
	}
	merged("alice", "grants/alice-prod.yaml", grantFile("alice", "prod-db-read", "1h", "Slow checkout query, INC-4211"), "carol")
	merged("bob", "grants/bob-prod.yaml", grantFile("bob", "prod-db-read", "1h", "Slow checkout query, INC-4211"), "carol")
	merged("alice", "grants/alice-prod.yaml", grantFile("alice", "prod-db-read", "2h", "Slow checkout query, INC-4211"), "carol")
	lapse := strings.Replace(th.git("show", "main:lapse.yaml"), "max_duration: 24h", "max_duration: 23h", 1)
	merged("alice", "lapse.yaml", lapse, "dan")
	th.push("mallory", "main", githubtest.Commit{Files: map[string]string{"grants/mallory.yaml": grantFile("mallory", "prod-db-read", "1h", "Slow checkout query, INC-4211")}, Message: "More"})
	th.lapse("reconcile")
	th.Advance(3 * time.Hour)
	th.lapse("reconcile")

	key, err := ledger.LoadKey(th.Key, nil)
	must(t, err)
	v := &victim{t: t, dir: filepath.Join(t.TempDir(), "access.git"), now: th.Clock().Add(time.Hour)}
	v.own, err = ledger.VerifierOf(key.Public())
	must(t, err)
	v.signer = commitSigner(t, key)
	if out, err := exec.Command("git", "clone", "-q", "--bare", filepath.Join(th.dir, stage.Repo+".git"), v.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	v.repo, err = gitrepo.Open(t.Context(), v.dir, gitrepo.Remote{URL: v.dir})
	must(t, err)
	v.main, _, err = v.repo.CloneRef("main")
	must(t, err)
	v.ledger, _, err = v.repo.CloneRef(ledger.Branch)
	must(t, err)
	if found := v.findings(); len(found) != 1 || found[0].Rule != audit.RuleUnasked {
		t.Fatalf("untouched: %+v", found)
	}
	return v
}

// findings are those of the history as the branches are now.
func (v *victim) findings() []audit.Finding {
	v.t.Helper()
	c, err := clone.Read(v.t.Context(), clone.Options{Dir: v.dir, Branch: "main", Now: v.now, Types: targetTypes(), Roots: ledger.Verifiers{v.own}})
	must(v.t, err)
	return audit.Verify(c.History).Findings
}

// found wants a finding by one of the rules, with the branches where they are put; then they are put back.
func (v *victim) found(what string, main, tip gitrepo.Hash, rules ...audit.Rule) {
	v.t.Helper()
	v.point(main, tip)
	found := v.findings()
	v.point(v.main, v.ledger)
	if !slices.ContainsFunc(found, func(f audit.Finding) bool { return slices.Contains(rules, f.Rule) }) {
		v.t.Errorf("%s: want one of %v, found %+v", what, rules, found)
	}
}

func (v *victim) point(main, tip gitrepo.Hash) {
	v.t.Helper()
	for ref, h := range map[string]gitrepo.Hash{"refs/heads/main": main, "refs/heads/" + ledger.Branch: tip} {
		if out, err := exec.Command("git", "--git-dir", v.dir, "update-ref", ref, h.String()).CombinedOutput(); err != nil {
			v.t.Fatalf("%v\n%s", err, out)
		}
	}
}

// files are those of the ledger.
func (v *victim) files() fstest.MapFS {
	v.t.Helper()
	tree, err := v.repo.FS(v.ledger)
	must(v.t, err)
	out := fstest.MapFS{}
	must(v.t, fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, path)
		out[path] = &fstest.MapFile{Data: data, Mode: 0o644}
		return err
	}))
	return out
}

// chain is the first parents, oldest first.
func (v *victim) chain(tip gitrepo.Hash) []gitrepo.Hash {
	v.t.Helper()
	chain, err := v.repo.FirstParents(tip, gitrepo.Hash{}, 0)
	must(v.t, err)
	slices.Reverse(chain)
	return chain
}

func (v *victim) write(parent *gitrepo.Hash, changes map[string][]byte, signer gitrepo.Signer) gitrepo.Hash {
	v.t.Helper()
	var parents []gitrepo.Hash
	if parent != nil && !parent.IsZero() {
		parents = []gitrepo.Hash{*parent}
	}
	who := lapseAuthor()
	who.When = v.now
	h, err := v.repo.Write(context.Background(), gitrepo.NewCommit{Parents: parents, Changes: changes, Message: "again", Author: who, Committer: who, Signer: signer})
	must(v.t, err)
	return h
}

// changed is what a commit changed of its own parent, as far as that can be changed on another, and more.
func (v *victim) changed(on *gitrepo.Hash, commit gitrepo.Hash, more map[string][]byte) map[string][]byte {
	v.t.Helper()
	c, err := v.repo.Commit(commit)
	must(v.t, err)
	var parent gitrepo.Hash
	if len(c.Parents) > 0 {
		parent = c.Parents[0]
	}
	diff, err := v.repo.Diff(parent, commit)
	must(v.t, err)
	out := map[string][]byte{}
	for _, d := range diff {
		if d.After != nil {
			out[d.Path], err = v.repo.Blob(d.After.Hash, 1<<24)
			must(v.t, err)
		} else if on != nil && !on.IsZero() {
			if e, err := v.repo.Entry(*on, d.Path); err == nil && e != nil {
				out[d.Path] = nil
			}
		}
	}
	maps.Copy(out, more)
	return out
}

// replay makes the commits anew in another order, signed by Lapse but for some.
func (v *victim) replay(order []gitrepo.Hash, by map[gitrepo.Hash]gitrepo.Signer, signer gitrepo.Signer) gitrepo.Hash {
	v.t.Helper()
	var tip gitrepo.Hash
	for _, h := range order {
		s, other := by[h]
		if !other {
			s = signer
		}
		tip = v.write(&tip, v.changed(&tip, h, nil), s)
	}
	return tip
}

// rebase makes commits of main anew, the first of them with other bytes.
func (v *victim) rebase(chain []gitrepo.Hash, on *gitrepo.Hash, with map[string][]byte) gitrepo.Hash {
	v.t.Helper()
	tip := *on
	for i, h := range chain {
		changes := v.changed(&tip, h, nil)
		if i == 0 {
			maps.Copy(changes, with)
		}
		tip = v.write(&tip, changes, nil)
	}
	return tip
}
