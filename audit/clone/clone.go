// Package clone reads what `git clone` made of an access repository into an [audit.History]: the ledger, main, and every recorded verdict
// come to again. It holds no rule and writes nothing; the forge is not asked.
package clone

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// Options say what is read, and who is believed.
type Options struct {
	Dir     string
	Branch  string // that main is
	Now     time.Time
	Types   grants.Types
	Roots   ledger.Verifiers // trusted from the first; none: those of the commit with which the ledger says that it began
	Keyless ledger.Keyless
	// Checkpoints that were kept outside the forge, by a name for each.
	Checkpoints map[string][]byte
}

// Clone is what was read.
type Clone struct {
	audit.History
	MainTip, LedgerTip string
	MainRef, LedgerRef string // where in the clone
	Repository         int64  // the forge's id of it, by the ledger
	Roots              ledger.Verifiers
	OnTrust            string // the commit from which the roots were taken; "": they were given
	Approved           []Pull // the pull requests that brought what was approved, oldest first
}

// Pull is a pull request as the receipt of what was approved has it.
type Pull struct {
	Receipt string
	Number  int
	Facts   audit.PullFacts
}

// reader is one reading.
type reader struct {
	Options
	git      *gitrepo.Repo
	gatherer []*requests.Gatherer // one for each goroutine: each reads the configurations for itself
	out      *Clone
	book     *ledger.Book
	main     gitrepo.Hash
	ledger   gitrepo.Hash
}

// Read reads a clone. What is wrong with the history is in it; the error is that there is none to read.
func Read(ctx context.Context, o Options) (*Clone, error) {
	git, err := gitrepo.OpenClone(o.Dir)
	if err != nil {
		return nil, err
	}
	r := &reader{Options: o, git: git, out: &Clone{Roots: o.Roots}}
	r.out.Now = o.Now
	for range runtime.GOMAXPROCS(0) {
		r.gatherer = append(r.gatherer, &requests.Gatherer{Git: git, Types: o.Types})
	}
	if r.main, r.out.MainRef, err = git.CloneRef(o.Branch); err != nil {
		return nil, err
	}
	if r.ledger, r.out.LedgerRef, err = git.CloneRef(ledger.Branch); err != nil {
		return nil, err
	}
	r.out.MainTip, r.out.LedgerTip = r.main.String(), r.ledger.String()
	for _, read := range []func(context.Context) error{r.readBook, r.readCommits, r.readMain, r.judgeAgain, r.readKept} {
		if err := read(ctx); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return r.out, nil
}

// readBook reads the receipts, with the keys that are trusted at the place of each.
func (r *reader) readBook(context.Context) error {
	files, err := r.git.FS(r.ledger)
	if err != nil {
		return fmt.Errorf("read the ledger at %.12s: %w", r.ledger, err)
	}
	if len(r.Roots) == 0 {
		if r.out.OnTrust, err = ledger.Begun(files); err != nil {
			return err
		}
		if r.Roots, err = r.gatherer[0].TrustAt(r.out.OnTrust); err != nil {
			return err
		}
		if len(r.Roots) == 0 {
			return fmt.Errorf("there is nothing to verify the ledger with: %s at %.12s, with which it says that it began, is empty; name what signs with --key", ledger.TrustDir, r.out.OnTrust)
		}
		r.out.Roots = r.Roots
	}
	r.book, err = ledger.Read(files, ledger.Trust{Roots: r.Roots, At: r.gatherer[0].TrustAt, Keyless: r.Keyless})
	if err != nil {
		return fmt.Errorf("read the ledger at %.12s: %w", r.ledger, err)
	}
	r.out.Spoilt, r.out.Repository = r.book.Findings, r.book.State().Repository
	keys := r.book.Keys()
	for i, rec := range r.book.Receipts() {
		r.out.Receipts = append(r.out.Receipts, audit.Sealed{Receipt: rec, Path: ledger.Path(rec), Signer: keys[i]})
	}
	if len(r.out.Receipts) > 0 {
		r.out.Begin = r.out.Receipts[0].Commit
	}
	return nil
}

// each calls do for 0 to n-1, on every processor, with the gatherer of its goroutine.
func (r *reader) each(ctx context.Context, n int, do func(g *requests.Gatherer, i int)) {
	const stretch = 64 // what lies together in a pack is read together
	var at int
	var mu sync.Mutex
	next := func() int {
		mu.Lock()
		defer mu.Unlock()
		at += stretch
		return at - stretch
	}
	var all sync.WaitGroup
	for _, g := range r.gatherer {
		all.Go(func() {
			for from := next(); from < n && ctx.Err() == nil; from = next() {
				for i := from; i < min(from+stretch, n); i++ {
					do(g, i)
				}
			}
		})
	}
	all.Wait()
}

// readCommits reads the ledger's own commits.
func (r *reader) readCommits(ctx context.Context) error {
	chain, err := r.git.FirstParents(r.ledger, gitrepo.Hash{}, 0)
	if err != nil {
		return fmt.Errorf("read the commits of the ledger: %w", err)
	}
	byPath := map[string]int{}
	for i, s := range r.out.Receipts {
		byPath[s.Path] = i
	}
	r.out.Ledger = make([]audit.LedgerCommit, len(chain))
	adds := make([][]int, len(chain))
	r.each(ctx, len(chain), func(_ *requests.Gatherer, i int) {
		var parent gitrepo.Hash
		at := len(chain) - 1 - i // oldest first
		if at+1 < len(chain) {
			parent = chain[at+1]
		}
		r.out.Ledger[i], adds[i] = r.readCommit(parent, chain[at], byPath)
	})
	for i, added := range adds {
		for _, n := range added {
			r.out.Receipts[n].In = r.out.Ledger[i].Hash
		}
	}
	return nil
}

// readCommit reads one commit of the ledger, and which receipts it adds.
func (r *reader) readCommit(parent, h gitrepo.Hash, byPath map[string]int) (audit.LedgerCommit, []int) {
	out := audit.LedgerCommit{Hash: h.String()}
	c, err := r.git.Commit(h)
	if err != nil {
		out.Err = err
		return out, nil
	}
	diff, err := r.git.Diff(parent, h)
	if err != nil {
		out.Err = err
		return out, nil
	}
	var adds []int
	var keys []crypto.PublicKey
	changes := make([]grants.FileChange, 0, len(diff))
	for _, d := range diff {
		changes = append(changes, grants.FileChange{Path: d.Path, Before: mode(d.Before), After: mode(d.After)})
		if n, ok := byPath[d.Path]; ok && d.Before == nil {
			adds = append(adds, n)
			out.Adds = append(out.Adds, r.out.Receipts[n].Sequence)
			if key := r.book.Publics()[n]; len(keys) == 0 || !sameKey(keys[len(keys)-1], key) {
				keys = append(keys, key)
			}
		}
	}
	out.Spoilt = ledger.CheckCommit(parent.IsZero(), len(c.Parents), changes)
	out.Throws = !parent.IsZero() && ledger.ThrowsStateAway(changes)
	out.Trouble = r.trouble(h, keys)
	return out, adds
}

func mode(e *gitrepo.Entry) *grants.File {
	if e == nil {
		return nil
	}
	return &grants.File{Mode: e.Mode}
}

func sameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// trouble says what is wrong with the signature of a commit that adds receipts signed with the keys.
func (r *reader) trouble(h gitrepo.Hash, keys []crypto.PublicKey) string {
	if len(keys) == 0 {
		return "it adds no receipt that verifies, so that nothing says who may sign it"
	}
	err := r.git.VerifyCommit(h, keys)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, gitrepo.ErrUnsigned):
		return "it is not signed"
	}
	return "it is not signed with the key of its receipts: " + err.Error()
}
