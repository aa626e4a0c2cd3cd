package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// ErrKeyNotTrusted: the signer may not sign receipts of this ledger. What it signed would be a finding for ever.
var ErrKeyNotTrusted = errors.New("what signs is neither a root of the ledger nor in " + TrustDir + " of the last approved configuration, or was removed from there")

// Append adds receipts to the ledger and returns the files to commit: one for each receipt, and the parts of the state that change, nil
// for one that goes. It sets the Sequence, Previous, Time, Main and Overrun of each. Time is now, or that of the last receipt where that
// is later. On an error the book is as it was; if the files then cannot be pushed, the book must be read again. No receipts give no
// files: that main moved is no fact of its own, and walking its commits again finds the same.
//
// Append replaces what it changes: a copy of the book from before stays good.
//
// A book with findings is appended to as well, after all that is there, so that what is taken back can be recorded.
func (b *Book) Append(ctx context.Context, s Signer, now time.Time, main string, rs ...Receipt) (map[string][]byte, error) {
	files, _, err := b.AppendBy(ctx, []Signer{s}, now, main, rs...)
	return files, err
}

// AppendBy is Append by several signers: each receipt is signed by the first that may, and that the configuration names which is in force
// at its place, else by the first that may. So what replaces a signer is approved by the one that it replaces. It returns the one that
// signed last, too.
func (b *Book) AppendBy(ctx context.Context, signers []Signer, now time.Time, main string, rs ...Receipt) (map[string][]byte, Signer, error) {
	if len(rs) == 0 {
		return nil, nil, nil
	}
	next := b.clone()
	files := make(map[string][]byte, len(rs)+1)
	added, may := make([]opened, len(rs)), make([]Verifiers, len(rs))
	var by Signer
	for i, r := range rs {
		var own Verifier
		var err error
		if by, own, err = next.signer(ctx, signers); err != nil {
			return nil, nil, fmt.Errorf("append to the ledger: %w", err)
		}
		if may[i] = next.pool.all; next.anyKey {
			may[i] = Verifiers{own}
		}
		changes := r.Kind == Approved && r.Configuration != nil // who may sign the next
		if added[i], err = next.add(ctx, by, own, now, main, r, i == len(rs)-1 || changes); err != nil {
			return nil, nil, fmt.Errorf("append to the ledger: %w", err)
		}
		files[added[i].path] = added[i].data
	}
	prove(added)
	for i := range added {
		if _, err := added[i].who(b.trust, may[i]); errors.Is(err, errUnknownKey) {
			return nil, nil, fmt.Errorf("append to the ledger: %w: %w", ErrKeyNotTrusted, err)
		} else if err != nil {
			return nil, nil, fmt.Errorf("append to the ledger: receipt %d cannot be read back: %w", added[i].number, err)
		}
	}
	if err := next.keep(files); err != nil {
		return nil, nil, fmt.Errorf("append to the ledger: %w", err)
	}
	*b = *next
	return files, by, nil
}

// signer is the one to sign the next receipt. One whose identity cannot be had is none, unless there is no other.
func (b *Book) signer(ctx context.Context, signers []Signer) (Signer, Verifier, error) {
	var found Signer
	var own Verifier
	var failed, refused error
	for _, s := range signers {
		v, err := s.Verifier(ctx)
		switch {
		case err != nil:
			failed = err
		case !b.Trusts(v):
			refused = fmt.Errorf("%w: %s", ErrKeyNotTrusted, v.ID)
		case b.pool.names(v):
			return s, v, nil
		case found == nil:
			found, own = s, v
		}
	}
	if found == nil {
		return nil, Verifier{}, cmp.Or(refused, failed)
	}
	return found, own, nil
}

// keep adds the parts of the state that are not on the branch as they must be now; nil for those that must go.
func (b *Book) keep(files map[string][]byte) error {
	state, err := encodeState(b.state)
	if err != nil {
		return err
	}
	kept := map[string]string{}
	for path, data := range state {
		if kept[path] = grants.Digest(data); kept[path] != b.kept[path] {
			files[path] = data
		}
	}
	for path := range b.kept {
		if _, stays := state[path]; !stays {
			files[path] = nil
		}
	}
	b.kept = kept
	return nil
}

// add seals one receipt and folds what was sealed, which is what every later reader folds.
func (b *Book) add(ctx context.Context, s Signer, own Verifier, now time.Time, main string, r Receipt, last bool) (opened, error) {
	r = b.place(r, now, main)
	sealed, err := seal(ctx, s, r, last)
	if err != nil {
		return opened{}, err
	}
	o := opened{file: file{path: Path(r), number: r.Sequence}, data: sealed, sum: grants.Digest(sealed)}
	if o.verify(sealed, b.trust, Verifiers{own}); o.err != nil {
		return opened{}, fmt.Errorf("receipt %d cannot be read back: %w", r.Sequence, o.err)
	}
	if err := b.state.apply(o.receipt); err != nil {
		return opened{}, err
	}
	b.state.Last = o.sum
	b.digests[o.number] = o.sum
	b.receipts, b.keys, b.publics = append(b.receipts, o.receipt), append(b.keys, own.ID), append(b.publics, o.by.public())
	return o, b.follow(o.receipt)
}

// place gives the receipt its place in the chain: after the last that verified, at the first number that no file has.
func (b *Book) place(r Receipt, now time.Time, main string) Receipt {
	r.Sequence = b.state.Sequence + 1
	for b.digests[r.Sequence] != "" {
		r.Sequence++
	}
	r.Previous = ""
	if r.Sequence > 1 {
		r.Previous = b.digests[r.Sequence-1]
	}
	r.Main, r.Repository = main, b.repository
	r.Time = plain(now)
	if r.Time.Before(b.state.Time) {
		r.Time = b.state.Time
	}
	r.Due, r.Until = plain(r.Due), plain(r.Until)
	r.Overrun = overrun(r)
	if r.Grant != nil {
		g := *r.Grant
		g.Interval = grants.Interval{Start: plain(g.Interval.Start), End: plain(g.Interval.End)}
		if r.Kind == Refused {
			g.ID = printable(g.ID)
		}
		r.Grant = &g
	}
	return r
}

// plain is the time without zone and monotonic clock, as it is stored.
func plain(t time.Time) time.Time { return t.UTC().Round(0) }

// printable shows what was refused for its very name. The receipt of a refusal must not fail on it.
func printable(id string) string {
	if isText(id) {
		return id
	}
	id = strings.Trim(strconv.QuoteToASCII(id), `"`)
	return id[:min(len(id), 1000)]
}
