package gitrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lapse-access/lapse/durable"
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

// setRef exchanges the file of the ref as a whole: go-git writes it in place, and a process that is killed then leaves an empty one,
// which nobody could read past.
func (r *Repo) setRef(name string, h Hash) error {
	if r.readOnly() {
		return ErrReadOnly
	}
	return r.lock.hold(func() error {
		root := r.store.Filesystem().Root()
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		part := filepath.Join(root, "ref.part") // not under refs, where a reader would take half of one for a whole
		if err := durable.Replace(part, []byte(h.String()+"\n"), 0o600); err != nil {
			return err
		}
		return os.Rename(part, path)
	})
}
