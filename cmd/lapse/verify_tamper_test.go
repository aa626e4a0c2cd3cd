package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
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
	"github.com/lapse-access/lapse/requests"
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
	v.signer, err = gitrepo.SSHSigner(key.CryptoSigner())
	must(t, err)
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

// places are the bytes of a stored file that are flipped: a few of each field, and some at every distance.
func places(data []byte) []int {
	var at []int
	for i := 0; i < len(data); i += 1 + len(data)/25 {
		at = append(at, i)
	}
	var envelope struct {
		Payload string `json:"payload"`
	}
	if json.Unmarshal(data, &envelope) != nil || envelope.Payload == "" {
		for i := range data { // the first byte of each value of a state
			if i > 1 && (data[i-2] == ':' || data[i-1] == '"' && data[i-2] != '\\') {
				at = append(at, i)
			}
		}
		return thin(at, 80)
	}
	payload, _ := base64.StdEncoding.DecodeString(envelope.Payload)
	begin := bytes.Index(data, []byte(envelope.Payload))
	var fields []int
	for i := range payload {
		if i > 1 && payload[i-1] == ':' && payload[i-2] == '"' {
			fields = append(fields, begin+i*4/3) // base64 has four for three
		}
	}
	return append(at, thin(fields, 60)...)
}

// thin is at most n of them, evenly.
func thin(at []int, n int) []int {
	if len(at) <= n {
		return at
	}
	var out []int
	for i := range n {
		out = append(out, at[i*len(at)/n])
	}
	return out
}

func TestA60AFlippedByteInAnyReceiptOrStateIsFound(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	files := v.files()
	known := map[string]ledger.Verifiers{}
	g := &requests.Gatherer{Git: v.repo, Types: targetTypes()}
	trust := ledger.Trust{Roots: ledger.Verifiers{v.own}, At: func(commit string) (ledger.Verifiers, error) {
		if vs, ok := known[commit]; ok {
			return vs, nil
		}
		vs, err := g.TrustAt(commit)
		known[commit] = vs
		return vs, err
	}}
	flips, receipts := 0, 0
	for path, f := range files {
		whole := f.Data
		if strings.HasPrefix(path, "receipts/") {
			receipts++
		}
		for _, i := range places(whole) {
			f.Data = bytes.Clone(whole)
			f.Data[i] ^= 1
			flips++
			book, err := ledger.Read(files, trust)
			must(t, err)
			if len(book.Findings) == 0 {
				t.Errorf("%s: byte %d is %q instead of %q, and nobody noticed", path, i, f.Data[i], whole[i])
			}
		}
		f.Data = whole
	}
	t.Logf("%d bytes of %d files, %d of them receipts", flips, len(files), receipts)
	if receipts < 25 || flips < 1000 {
		t.Errorf("only %d bytes of %d receipts were flipped", flips, receipts)
	}
}

// Where a byte of a file is another, its blob, trees and commits are others, too. Whoever can sign as Lapse signs them again.
func TestA60ATamperedLedgerIsFoundThoughItIsSignedAgain(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	chain := v.chain(v.ledger)
	last := len(chain) - 1
	for path, f := range v.files() {
		data := bytes.Clone(f.Data)
		data[len(data)/2] ^= 1
		v.found(path, v.main, v.write(&chain[last-1], v.changed(&chain[last-1], chain[last], map[string][]byte{path: data}), v.signer), audit.RuleReceipt, audit.RuleState)
	}
	_, other, err := otherSigner()
	must(t, err)
	ledgerRules := []audit.Rule{audit.RuleReceipt, audit.RuleState, audit.RuleCommit, audit.RuleSignature, audit.RuleHeld, audit.RuleRemoval}
	for i := range chain {
		for what, order := range map[string][]gitrepo.Hash{
			"dropped":   slices.Delete(slices.Clone(chain), i, i+1),
			"exchanged": exchanged(chain, i),
			"twice":     slices.Insert(slices.Clone(chain), i, chain[i]),
		} {
			if len(order) == 0 || slices.Equal(order, chain) {
				continue
			}
			v.found(fmt.Sprintf("commit %d of %d %s", i+1, len(chain), what), v.main, v.replay(order, nil, v.signer), ledgerRules...)
		}
		v.found(fmt.Sprintf("commit %d signed by another", i+1), v.main, v.replay(chain, map[gitrepo.Hash]gitrepo.Signer{chain[i]: other}, v.signer), audit.RuleSignature)
		v.found(fmt.Sprintf("commit %d not signed", i+1), v.main, v.replay(chain, map[gitrepo.Hash]gitrepo.Signer{chain[i]: nil}, v.signer), audit.RuleSignature)
	}
}

func otherSigner() (*ledger.Key, gitrepo.Signer, error) {
	key, _, err := ledger.GenerateKey()
	if err != nil {
		return nil, nil, err
	}
	s, err := gitrepo.SSHSigner(key.CryptoSigner())
	return key, s, err
}

func exchanged(chain []gitrepo.Hash, i int) []gitrepo.Hash {
	out := slices.Clone(chain)
	if i+1 < len(out) {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return out
}

func TestA32AFlippedByteInAnyGrantOnMainIsFound(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	chain := v.chain(v.main)
	flips := 0
	for i, h := range chain {
		var before gitrepo.Hash
		if i > 0 {
			before = chain[i-1]
		}
		diff, err := v.repo.Diff(before, h)
		must(t, err)
		for _, d := range diff {
			if _, isGrant := grants.IDOf(d.Path); !isGrant || d.After == nil {
				continue
			}
			data, err := v.repo.Blob(d.After.Hash, 1<<20)
			must(t, err)
			for at := 0; at < len(data); at += 13 {
				flipped := bytes.Clone(data)
				flipped[at] ^= 1
				tip := v.rebase(chain[i:], &before, map[string][]byte{d.Path: flipped})
				v.found(fmt.Sprintf("%s at %.12s, byte %d", d.Path, h, at), tip, v.ledger, audit.RuleOffMain)
				flips++
			}
		}
	}
	if flips < 20 {
		t.Errorf("only %d bytes were flipped", flips)
	}
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
	who := gitrepo.Signature{Name: "Lapse", Email: requests.CommitEmail, When: v.now}
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
