package main

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
)

// chronicle writes the history of an access repository as a year of requests and reconciles leaves it, by the functions that the product
// writes it with, and without a forge: each grant comes by a pull request of its own that was reviewed and squashed, is judged,
// given, taken when it ends, and its file removed.
type chronicle struct {
	t      testing.TB
	repo   *gitrepo.Repo
	dir    string
	key    *ledger.Key
	signer gitrepo.Signer
	book   *ledger.Book
	main   gitrepo.Hash
	ledger gitrepo.Hash
	now    time.Time
	pulls  int
	live   map[string]ledger.Grant
}

const chroniclePeople = 600

func personName(i int) string { return fmt.Sprintf("person-%03d", i%chroniclePeople) }
func personID(i int) int64    { return int64(700_000 + i%chroniclePeople) }

var carolAccount = checks.Account{Login: "carol", ID: 583233}

func newChronicle(t testing.TB) *chronicle {
	t.Helper()
	ctx := context.Background()
	key, _, err := ledger.GenerateKey()
	must(t, err)
	signer := commitSigner(t, key)
	dir := filepath.Join(t.TempDir(), "access.git")
	repo, err := gitrepo.Open(ctx, dir, gitrepo.Remote{URL: dir})
	must(t, err)
	own, err := ledger.VerifierOf(key.Public())
	must(t, err)
	c := &chronicle{t: t, repo: repo, dir: dir, key: key, signer: signer, book: ledger.NewBook(1, ledger.Trust{Roots: ledger.Verifiers{own}}), now: curtain(), live: map[string]ledger.Grant{}}
	files, err := stage.Files()
	must(t, err)
	files[ledger.TrustDir+"/lapse.pub"] = string(key.PublicPEM())
	var people strings.Builder
	people.WriteString("people:\n  carol: {id: 583233}\n  dan: {id: 583234}\n")
	var all []string
	for i := range chroniclePeople {
		all = append(all, personName(i))
		fmt.Fprintf(&people, "  %s: {id: %d, email: %s@acme.com}\n", personName(i), personID(i), personName(i))
	}
	people.WriteString("groups:\n  security: [carol, dan]\n  departed: []\n  engineers: [" + strings.Join(all, ", ") + "]\n")
	files["roles/orders-read.yaml"] = "description: Read-only access to the orders database\nentitlements:\n  - {target: vault, name: orders-db-readonly}\n" +
		"max_duration: 8h\neligible: [\"group:engineers\"]\napprovals:\n  - {from: [\"@acme/data-platform\"], count: 1}\n"
	files["people.yaml"] = people.String()
	c.main = c.write(nil, "Begin", nil, encoded(files))
	c.begin()
	return c
}

func encoded(files map[string]string) map[string][]byte {
	out := map[string][]byte{}
	for path, text := range files {
		out[path] = []byte(text)
	}
	return out
}

// write makes a commit on a parent, or without one.
func (c *chronicle) write(parent *gitrepo.Hash, message string, signer gitrepo.Signer, files map[string][]byte) gitrepo.Hash {
	c.t.Helper()
	var parents []gitrepo.Hash
	if parent != nil && !parent.IsZero() {
		parents = []gitrepo.Hash{*parent}
	}
	who := lapseAuthor()
	who.When = c.now
	h, err := c.repo.Write(context.Background(), gitrepo.NewCommit{Parents: parents, Changes: files, Message: message, Author: who, Committer: who, Signer: signer})
	must(c.t, err)
	return h
}

// append puts receipts on the ledger in one commit, as a reconcile does.
func (c *chronicle) append(rs ...ledger.Receipt) {
	c.t.Helper()
	files, err := c.book.Append(context.Background(), c.key, c.now, c.main.String(), rs...)
	must(c.t, err)
	c.ledger = c.write(&c.ledger, "ledger: more", c.signer, files)
}

func (c *chronicle) gatherer() *requests.Gatherer {
	return &requests.Gatherer{Git: c.repo, Types: targetTypes()}
}

func (c *chronicle) begin() {
	snap, err := c.gatherer().Snapshot(c.main)
	must(c.t, err)
	if ps := snap.Problems(); len(ps) > 0 {
		c.t.Fatal(ps)
	}
	c.append(ledger.Receipt{Kind: ledger.Approved, Commit: c.main.String(), Configuration: &ledger.Configuration{Commit: c.main.String(), Digest: snap.Digest, First: true}})
}

// run has n grants asked for, so many of them between two reconciles, each for four hours, until the last has ended.
func (c *chronicle) run(n, batch int) {
	c.t.Helper()
	g := c.gatherer()
	for made := 0; made < n || len(c.live) > 0; {
		c.now = c.now.Add(10 * time.Minute)
		var decided []ledger.Receipt
		for range min(batch, n-made) {
			decided = append(decided, c.request(g, made))
			made++
		}
		c.reconcile(g, decided)
	}
}

// reconcile gives what was approved and takes what has ended, as a reconcile would: intents first, then what the targets showed, then the
// removal of the files.
func (c *chronicle) reconcile(g *requests.Gatherer, decided []ledger.Receipt) {
	c.t.Helper()
	snap, err := g.Snapshot(c.main)
	must(c.t, err)
	now := map[string]ledger.Grant{}
	for _, r := range decided {
		c.live[r.Grant.ID], now[r.Grant.ID] = *r.Grant, *r.Grant
	}
	var done []ledger.Receipt
	removed := map[string][]byte{}
	ended := map[string]ledger.Grant{}
	for _, id := range slices.Sorted(maps.Keys(c.live)) {
		if g := c.live[id]; !c.now.Before(g.Interval.End) {
			delete(c.live, id)
			ended[id], removed[grants.PathOf(id)] = g, nil
			decided = append(decided, ledger.Receipt{Kind: ledger.Ended, Grant: &g, Reasons: []string{"it ended at " + g.Interval.End.Format(time.RFC3339)}})
		}
	}
	for id, g := range ended {
		was, _ := reconciler.Want(g.Interval.Start, map[string]ledger.Grant{id: g}, snap.Configuration, snap.Configuration)
		for _, w := range was {
			decided = append(decided, ledger.Receipt{Kind: ledger.Intended, Action: "take", Holding: &w.Holding, Grants: w.Grants})
			done = append(done, ledger.Receipt{Kind: ledger.Taken, Holding: &w.Holding, Grants: w.Grants, Due: w.Until})
		}
	}
	wanted, _ := reconciler.Want(c.now, now, snap.Configuration, snap.Configuration)
	for _, w := range wanted {
		decided = append(decided, ledger.Receipt{Kind: ledger.Intended, Action: "give", Holding: &w.Holding, Grants: w.Grants, Until: w.Until})
		done = append(done, ledger.Receipt{Kind: ledger.Given, Holding: &w.Holding, Grants: w.Grants, Until: w.Until})
	}
	for _, rs := range [][]ledger.Receipt{decided, done} {
		if len(rs) > 0 {
			c.append(rs...)
		}
	}
	if len(removed) > 0 {
		c.main = c.write(&c.main, "grants: remove what has ended", c.signer, removed)
	}
}

// held are a user's live grants, as the ledger knows them.
func (c *chronicle) held(user string) []checks.LiveGrant {
	var out []checks.LiveGrant
	for _, id := range slices.Sorted(maps.Keys(c.live)) {
		if g := c.live[id]; g.User == user {
			out = append(out, checks.LiveGrant{ID: id, Role: g.Role, Interval: g.Interval})
		}
	}
	return out
}

// request has somebody ask for a grant by pull request, which carol approves, and is the receipt of the verdict.
func (c *chronicle) request(g *requests.Gatherer, i int) ledger.Receipt {
	c.t.Helper()
	c.pulls++
	id := fmt.Sprintf("%s/r%05d", personName(i), i)
	file := fmt.Appendf(nil, "user: %s\nrole: orders-read\nduration: 4h\nreason: Slow checkout query, INC-%d\n", personName(i), i)
	base, head := c.main, fmt.Sprintf("%040x", c.pulls)
	c.main = c.write(&c.main, fmt.Sprintf("Request (#%d)", c.pulls), nil, map[string][]byte{grants.PathOf(id): file})
	author := checks.Account{Login: personName(i), ID: personID(i)}
	opened := c.now.Add(-6 * time.Minute)
	asked := requests.Evidence{
		Base: base.String(), Repository: "acme/access", Now: c.now.Add(-time.Minute),
		Pull: &checks.Pull{
			Number: c.pulls, Author: author, Base: "main", HeadRef: fmt.Sprintf("request-%d", c.pulls), Head: head, CreatedAt: opened,
			Merge: &checks.Merge{Commit: c.main.String(), Method: "squash", At: c.now.Add(-time.Minute), By: carolAccount},
		},
		Reviews: []checks.Review{{ID: int64(10_000 + c.pulls), By: carolAccount, State: checks.Approved, Commit: head, At: opened.Add(2 * time.Minute), SameBytes: true}},
		Pushes:  []checks.Push{{By: author, At: opened.Add(-time.Minute), Before: strings.Repeat("0", 40), After: head, Kind: "branch_creation", SameBytes: true}},
		Teams:   map[grants.Party]checks.Team{"@acme/data-platform": {Members: approvers()}}, Accounts: map[string]checks.Account{author.Login: author},
		Live: map[string][]checks.LiveGrant{author.Login: c.held(author.Login)}, Held: c.book.State().HeldTargets(),
	}
	facts, snap, err := g.Replay(asked, c.main)
	must(c.t, err)
	j := requests.Judge(context.Background(), facts, snap)
	stored, err := j.Stored(id)
	must(c.t, err)
	if j.Outcome != checks.OutcomeApproved {
		c.t.Fatalf("%s: %+v", id, j.Verdict)
	}
	return ledger.Receipt{Kind: ledger.Approved, Commit: c.main.String(), Judgement: stored, Grant: j.Grant(facts, facts.Request.Changes[0])}
}

// approvers are as many as a team that approves has.
func approvers() []checks.Account {
	out := []checks.Account{carolAccount, {Login: "dan", ID: 583234}}
	for i := range 10 {
		out = append(out, checks.Account{Login: personName(i), ID: personID(i)})
	}
	return out
}

// clone is a plain clone of it, packed as a forge packs.
func (c *chronicle) clone() string {
	c.t.Helper()
	for ref, h := range map[string]gitrepo.Hash{"refs/heads/main": c.main, "refs/heads/" + ledger.Branch: c.ledger} {
		c.git("update-ref", ref, h.String())
	}
	c.git("symbolic-ref", "HEAD", "refs/heads/main")
	c.git("repack", "-adq")
	dir := filepath.Join(c.t.TempDir(), "clone")
	if out, err := exec.Command("git", "clone", "-q", c.dir, dir).CombinedOutput(); err != nil {
		c.t.Fatalf("clone: %v\n%s", err, out)
	}
	return dir
}

func (c *chronicle) git(args ...string) {
	c.t.Helper()
	if out, err := exec.Command("git", append([]string{"--git-dir", c.dir}, args...)...).CombinedOutput(); err != nil {
		c.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
