package ledger

import (
	"bytes"
	"cmp"
	"crypto"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/lapse-access/lapse/grants"
)

// item is one stored file that verified.
type item struct {
	path, digest, key string
	public            crypto.PublicKey
	receipt           Receipt
}

// Read reads a ledger from the tree of its branch and checks all of it: signatures, the chain, names, and that nothing else
// is there. It does not stop at what is wrong but lists it in Findings; it fails only if the tree cannot be listed. An
// empty tree is an empty ledger.
//
// Who may sign which receipt is said at [Trust].
//
// A ledger that was cut short as a whole, state.json included, cannot be told from a younger one by its tree. That the
// branch still descends from what was last seen is for its reader to check.
//
// Whose ledger it is its first receipt says; [ReadOf] is for who knows.
func Read(fsys fs.FS, t Trust) (*Book, error) {
	return ReadOf(0, fsys, t)
}

// ReadOf is Read of the ledger of the repository with that id. Receipts of another are findings, whoever signed them.
func ReadOf(repository int64, fsys fs.FS, t Trust) (*Book, error) {
	b := NewBook(repository, t)
	b.anyKey = false
	files, err := b.files(fsys)
	if err != nil {
		return nil, err
	}
	var items []item
	opened := openAll(fsys, files, t, b.pool.all)
	prove(opened)
	for i := range opened {
		it, changed, ok := b.admit(&opened[i])
		if ok {
			items = append(items, it)
		}
		if changed {
			openAgain(fsys, opened[i+1:], t, b.pool.all)
			prove(opened[i+1:])
		}
	}
	slices.SortStableFunc(items, func(x, y item) int { return cmp.Compare(x.receipt.Sequence, y.receipt.Sequence) })
	b.chain(items)
	b.checkState(fsys)
	return b, nil
}

// file is a stored file that is named like a receipt.
type file struct {
	path   string
	number int
	object string // name of its content, where the tree tells one: what has the same is the same; "": unknown
}

// object names the content of a file of a git tree without reading it.
type object interface{ Object() string }

// files lists the files that are named like receipts by number, and finds everything else.
func (b *Book) files(fsys fs.FS) ([]file, error) {
	var files []file
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == ".":
			return fmt.Errorf("list the ledger: %w", err)
		case err != nil:
			b.find(path, "cannot be listed: %v", err)
			return nil
		case d.IsDir():
			return nil
		}
		number, ok := receiptNumber(path)
		switch {
		case !d.Type().IsRegular():
			b.find(path, "not a plain file")
		case ok:
			f := file{path: path, number: number}
			if o, named := d.(object); named {
				f.object = o.Object()
			}
			files = append(files, f)
		case !isStateFile(path):
			b.find(path, "does not belong in a ledger")
		}
		return nil
	})
	slices.SortFunc(files, func(x, y file) int {
		return cmp.Or(cmp.Compare(x.number, y.number), cmp.Compare(x.path, y.path))
	})
	return files, err
}

// admit takes a file that was opened, if one of the keys that are trusted at its number signed it. changed: other keys are trusted from
// here on.
func (b *Book) admit(o *opened) (it item, changed, ok bool) {
	f := o.file
	if o.sum != "" {
		b.digests[f.number] = o.sum
	}
	v, err := o.who(b.trust, b.pool.all)
	if err != nil {
		b.find(f.path, "%v", err)
		return item{}, false, false
	}
	r := o.receipt
	if b.repository == 0 {
		b.repository = r.Repository
	}
	if r.Repository != b.repository {
		b.find(f.path, "is a receipt of repository %d, and this is the ledger of %d", r.Repository, b.repository)
		return item{}, false, false
	}
	if want := Path(r); want != f.path {
		b.find(f.path, "holds the receipt that belongs at %s", want)
		return item{f.path, o.sum, v.ID, o.by.public(), r}, false, true
	}
	before := b.pool.all
	if err := b.follow(r); err != nil {
		b.find(f.path, "%v", err)
	}
	return item{f.path, o.sum, v.ID, o.by.public(), r}, !slices.EqualFunc(before, b.pool.all, Verifier.same), true
}

// follow lets what a newly approved configuration names sign, as [Trust] says. If that cannot be read, all stays as it was.
func (b *Book) follow(r Receipt) error {
	if r.Kind != Approved || r.Configuration == nil || b.trust.At == nil {
		return nil
	}
	vs, err := b.trust.At(r.Configuration.Commit)
	if err != nil {
		return fmt.Errorf("read "+TrustDir+" of commit %s: %w", r.Configuration.Commit, err)
	}
	b.pool.follow(vs)
	return nil
}

// chain checks that the items, sorted by sequence, are one chain without a gap, and folds them.
func (b *Book) chain(items []item) {
	follow := map[string]bool{} // what another builds upon
	for _, it := range items {
		follow[it.receipt.Previous] = true
	}
	for len(items) > 0 {
		same := 1
		for same < len(items) && items[same].receipt.Sequence == items[0].receipt.Sequence {
			same++
		}
		it := b.choose(items[:same], follow)
		items = items[same:]
		b.link(it)
		if err := b.state.apply(it.receipt); err != nil {
			b.find(it.path, "%v", err)
			continue
		}
		b.state.Last = it.digest
		b.digests[it.receipt.Sequence] = it.digest
		b.receipts, b.keys, b.publics = append(b.receipts, it.receipt), append(b.keys, it.key), append(b.publics, it.public)
	}
}

// choose picks from receipts with one sequence the one that others build upon, or else one at its place.
func (b *Book) choose(same []item, follow map[string]bool) item {
	if len(same) == 1 {
		return same[0]
	}
	best, rank := same[0], -1
	for _, it := range same {
		score := 0
		if Path(it.receipt) == it.path {
			score = 1
		}
		if follow[it.digest] {
			score += 2
		}
		if score > rank {
			best, rank = it, score
		}
	}
	for _, it := range same {
		if it.path != best.path {
			b.find(it.path, "a second receipt with sequence %d, beside %s", it.receipt.Sequence, best.path)
		}
	}
	return best
}

// link checks that the receipt follows the one before it.
func (b *Book) link(it item) {
	r, last := it.receipt, b.state.Sequence
	for n := last + 1; n < r.Sequence; n++ {
		if b.digests[n] == "" {
			b.find(it.path, "receipt %d, which comes before it, is missing", n)
			break // the rest of the gap says no more
		}
	}
	before, known := b.state.Last, r.Sequence == last+1
	if !known {
		before, known = b.digests[r.Sequence-1]
	}
	if known && r.Previous != before {
		b.find(it.path, "does not follow the receipt before it, which was changed or exchanged")
	}
	if r.Time.Before(b.state.Time) {
		b.find(it.path, "its time is before that of the receipt before it")
	}
}

// checkState compares the state that was kept with what the receipts add up to. None need be kept. What is there is read no further than
// what is to be there: whoever may push there may make it as large as they like.
func (b *Book) checkState(fsys fs.FS) {
	found, err := statePaths(fsys)
	if err != nil {
		b.find(StateFile, "cannot be listed: %v", err)
		return
	}
	b.kept = map[string]string{}
	if len(found) == 0 {
		return
	}
	want, err := encodeState(b.state)
	if err != nil {
		b.find(StateFile, "cannot be compared: %v", err)
		return
	}
	differs := map[string]bool{}
	for path := range want {
		differs[path] = true
	}
	for _, path := range found {
		data, there := want[path]
		if there {
			is, err := readSmall(fsys, path, int64(len(data)))
			there = err == nil && bytes.Equal(is, data)
		}
		if b.kept[path], differs[path] = "", !there; there {
			b.kept[path] = grants.Digest(data)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(differs)) {
		if differs[path] {
			b.find(path, "is not what the receipts add up to")
		}
	}
}
