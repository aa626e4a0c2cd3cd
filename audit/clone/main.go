package clone

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// readMain reads the first parents of main since the ledger began.
func (r *reader) readMain(ctx context.Context) error {
	begin := gitrepo.NewHash(r.out.Begin)
	anew := slices.ContainsFunc(r.out.Receipts, func(s audit.Sealed) bool { return s.Accepted != nil && s.Accepted.What == ledger.LossOfLedger })
	if anew {
		begin = gitrepo.Hash{}
	}
	chain, err := r.git.FirstParents(r.main, begin, 0)
	if errors.Is(err, gitrepo.ErrNotAncestor) || r.out.Begin == "" {
		r.out.Adrift = r.out.Begin != ""
		begin = gitrepo.Hash{}
		chain, err = r.git.FirstParents(r.main, begin, 0)
	}
	if err != nil {
		return fmt.Errorf("read the commits of main: %w", err)
	}
	if at := slices.Index(chain, gitrepo.NewHash(r.out.Begin)); anew && at >= 0 {
		r.out.Before = len(chain) - at
	}
	own := r.ownKeys()
	r.out.Main = make([]audit.MainStep, len(chain))
	r.each(ctx, len(chain), func(g *requests.Gatherer, i int) {
		at := len(chain) - 1 - i // oldest first
		before := begin
		if at+1 < len(chain) {
			before = chain[at+1]
		}
		r.out.Main[i] = r.readStep(g, before, chain[at], own)
	})
	return nil
}

// ownKeys are those that ever signed a receipt. Whether they may still sign on main is no matter: what Lapse signed only removes.
func (r *reader) ownKeys() []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, k := range r.book.Publics() {
		if len(keys) == 0 || !sameKey(keys[len(keys)-1], k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func (r *reader) readStep(g *requests.Gatherer, before, h gitrepo.Hash, own []crypto.PublicKey) audit.MainStep {
	s := audit.MainStep{Hash: h.String()}
	c, err := r.git.Commit(h)
	if err != nil {
		s.Err = err
		return s
	}
	s.At = c.Committer.When.UTC()
	diff, err := r.git.Diff(before, h)
	if err != nil {
		s.Err = err
		return s
	}
	configuration := false
	for _, d := range diff {
		if !grants.UnderGrants(d.Path) {
			s.Others++
			configuration = configuration || grants.IsConfiguration(d.Path)
			continue
		}
		f, err := readFile(g, d)
		if err != nil {
			s.Err = err
			return s
		}
		s.Files = append(s.Files, f)
	}
	if configuration {
		snap, err := g.Snapshot(h)
		if err != nil {
			s.Err = err
			return s
		}
		s.Configuration = snap.Digest
	}
	s.Own = strings.HasPrefix(c.Signature, "-----BEGIN SSH SIGNATURE-----") && r.git.VerifyCommit(h, own) == nil
	return s
}

func readFile(g *requests.Gatherer, d gitrepo.Change) (audit.FileStep, error) {
	id, _ := grants.IDOf(d.Path)
	f := audit.FileStep{Path: d.Path, ID: id}
	inPlace := d.Before != nil && d.After != nil
	for _, side := range []struct {
		entry *gitrepo.Entry
		to    **audit.FileVersion
	}{{d.Before, &f.Before}, {d.After, &f.After}} {
		if side.entry == nil {
			continue
		}
		*side.to = &audit.FileVersion{}
		if !inPlace {
			continue
		}
		grant, err := g.Grant(gitrepo.Change{Path: d.Path, After: side.entry})
		if err != nil {
			return f, err
		}
		if grant != nil {
			(*side.to).User, (*side.to).Role = grant.User, grant.Role
		}
	}
	return f, nil
}
