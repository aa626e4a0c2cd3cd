package gitrepo

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// NewHash reads a hash of 40 hexadecimal digits; anything else gives the zero Hash, which names no object.
func NewHash(s string) Hash {
	h, err := parseHash(strings.ToLower(s))
	if err != nil {
		return Hash{}
	}
	return h
}

// ownRefs is where the local repository keeps its own notes.
const ownRefs = "refs/lapse/"

// SetRef moves a ref of the local repository under refs/lapse/ to an object that is here. No remote hears of it.
func (r *Repo) SetRef(name string, h Hash) error {
	if err := checkRefName(name); err != nil {
		return err
	}
	if !strings.HasPrefix(name, ownRefs) {
		return fmt.Errorf("set %s: only refs under %s are ours", name, ownRefs)
	}
	if !r.Has(h) {
		return fmt.Errorf("set %s to %s: %w", name, h, ErrNoObject)
	}
	if err := r.setRef(name, h); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

func (r *Repo) setRef(name string, h Hash) error {
	if r.readOnly() {
		return ErrReadOnly
	}
	return r.lock.hold(func() error {
		return r.store.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(name), h))
	})
}
