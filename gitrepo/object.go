package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/go-git/go-git/v5/plumbing"
)

// Limits on what is read as one object, in bytes. GitHub itself takes no blob over 100 MiB.
const (
	MaxBlob   = 16 << 20
	maxTree   = 32 << 20
	maxCommit = 1 << 20
)

// Blob reads a blob of at most limit bytes; a larger one is ErrLimit, and is not read.
func (r *Repo) Blob(h Hash, limit int64) ([]byte, error) {
	return r.object(plumbing.BlobObject, h, min(limit, MaxBlob))
}

// object reads an object of the kind, and proves that its bytes have the name h: an index on disk could say otherwise. What it returns
// may be read by others, too, and is not to be changed.
func (r *Repo) object(kind plumbing.ObjectType, h Hash, limit int64) ([]byte, error) {
	if t, content, err := r.shelf.read(h, limit); err == nil && t == kind && plumbing.ComputeHash(kind, content) == h {
		return content, nil
	}
	r.slow.Lock()
	defer r.slow.Unlock()
	found, err := r.store.EncodedObject(plumbing.AnyObject, h)
	if errors.Is(err, plumbing.ErrObjectNotFound) || errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s %s: %w", kind, h, ErrNoObject)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", kind, h, ErrMalformed, err)
	}
	if found.Type() != kind {
		return nil, fmt.Errorf("%w: %s is a %s, not a %s", ErrMalformed, h, found.Type(), kind)
	}
	if found.Size() > limit {
		return nil, fmt.Errorf("%s %s has %d bytes: %w (%d bytes)", kind, h, found.Size(), ErrLimit, limit)
	}
	content, err := readAll(found)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", kind, h, ErrMalformed, err)
	}
	if plumbing.ComputeHash(kind, content) != h {
		return nil, fmt.Errorf("%w: the bytes stored as %s %s have another hash", ErrMalformed, kind, h)
	}
	return content, nil
}

func readAll(o plumbing.EncodedObject) (content []byte, err error) {
	body, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	content = make([]byte, o.Size())
	_, err = io.ReadFull(body, content)
	return content, err
}

// put stores an object, unless it is here.
func (r *Repo) put(kind plumbing.ObjectType, content []byte) (Hash, error) {
	if r.readOnly() {
		return Hash{}, ErrReadOnly
	}
	o := r.store.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	if err != nil {
		return Hash{}, err
	}
	if _, err := w.Write(content); err != nil {
		return Hash{}, err
	}
	o.SetSize(int64(len(content)))
	if h := o.Hash(); r.Has(h) {
		return h, nil
	}
	h, err := r.store.SetEncodedObject(o)
	if err != nil {
		return Hash{}, fmt.Errorf("store %s: %w", kind, err)
	}
	return h, nil
}
