package ledger

import (
	"crypto"
	"fmt"
	"maps"
)

// Finding is one thing wrong with a ledger.
type Finding struct {
	Path string `json:"path"` // the file it is about
	Text string `json:"text"`
}

func (f Finding) String() string { return f.Path + ": " + f.Text }

// Book is a ledger that was read: every receipt that verified, in order, and what they add up to.
//
// A finding means that nothing new may be given. What verified is in the receipts and the state all the same, so that
// revoking goes on. What did not verify is in neither: it could make Lapse take what it never gave.
type Book struct {
	Findings []Finding

	receipts []Receipt
	keys     []string // keys[i] is the ID of what signed receipts[i]
	publics  []crypto.PublicKey
	state    State

	repository int64 // whose ledger it is; 0: its first receipt says

	anyKey  bool // made by NewBook without roots
	trust   Trust
	pool    pool              // who may sign the next receipt
	digests map[int]string    // of the stored file with that number, verified or not
	kept    map[string]string // digests of the state's parts, by path, as they are on the branch
}

// NewBook is an empty ledger, to begin that of a repository. Only the roots may sign its receipts, until a configuration is approved; without
// any root every key may, and whether the ledger was begun with the right one is for its readers' roots to say.
func NewBook(repository int64, t Trust) *Book {
	return &Book{
		repository: repository, state: newState(), anyKey: len(t.Roots) == 0, trust: t,
		pool: pool{all: t.Roots, roots: t.Roots}, digests: map[int]string{},
	}
}

// Receipts are those that verified, by sequence. The slice is the book's own: it is not to be changed.
func (b *Book) Receipts() []Receipt { return b.receipts }

// Keys are the IDs of what signed the [Book.Receipts], in the same order.
func (b *Book) Keys() []string { return b.keys }

// Publics are the public keys with which the [Book.Receipts] are signed, in the same order: of a workflow's identity, that which its
// certificate names. The commit that brings a receipt is signed with the same one.
func (b *Book) Publics() []crypto.PublicKey { return b.publics }

// Digest is that of the stored receipt with a sequence number; "" if there is none.
func (b *Book) Digest(sequence int) string { return b.digests[sequence] }

// State is what the receipts add up to. The caller may change its maps.
func (b *Book) State() State {
	s := b.state
	s.Grants, s.Holdings = maps.Clone(s.Grants), maps.Clone(s.Holdings)
	return s
}

// Trusts says whether the next receipt may be signed by v.
func (b *Book) Trusts(v Verifier) bool {
	return b.anyKey || b.pool.all.hasEver(v)
}

func (b *Book) find(path, format string, args ...any) {
	b.Findings = append(b.Findings, Finding{Path: path, Text: fmt.Sprintf(format, args...)})
}

// clone is a book that can be added to without changing b.
func (b *Book) clone() *Book {
	c := *b
	c.state.Grants, c.state.Holdings = maps.Clone(b.state.Grants), maps.Clone(b.state.Holdings)
	c.digests = maps.Clone(b.digests)
	c.receipts, c.keys = b.receipts[:len(b.receipts):len(b.receipts)], b.keys[:len(b.keys):len(b.keys)]
	c.publics = b.publics[:len(b.publics):len(b.publics)]
	c.Findings = b.Findings[:len(b.Findings):len(b.Findings)]
	return &c
}
