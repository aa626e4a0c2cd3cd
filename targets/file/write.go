package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/lapse-access/lapse/durable"
)

// none is the document of a file that is not there. The folder must be: that it is missing looks like a disk that was
// not mounted, and then nobody knows who holds what.
func (t *target) none(missing error) (*document, error) {
	if info, err := os.Stat(filepath.Dir(t.path)); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("read holdings: %w, nor its folder", missing)
	}
	if _, err := os.Lstat(t.path); err == nil {
		return nil, fmt.Errorf("read holdings: %s is a link to nothing", t.path)
	}
	return &document{Version: version, Holdings: map[string][]holder{}}, nil
}

// change reads, changes and writes the file while nobody else does.
func (t *target) change(ctx context.Context, edit func(*document) (changed bool, err error)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("change %s: %w", t.path, err)
	}
	if _, err := t.read(); err != nil {
		return err // before a lock file is made beside nothing
	}
	unlock, err := t.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := t.read()
	if err != nil {
		return err
	}
	changed, err := edit(d)
	if err != nil || !changed {
		return err
	}
	data, err := d.encode()
	if err != nil {
		return fmt.Errorf("change %s: %w", t.path, err)
	}
	if err := durable.Replace(t.path, data, 0o644); err != nil {
		return fmt.Errorf("change holdings: %w", err)
	}
	return nil
}

// lock waits for the lock among processes. The system lets go of it when a process dies. If ctx ends first, the lock is
// given back as soon as it is got.
func (t *target) lock(ctx context.Context) (unlock func(), err error) {
	type answer struct {
		unlock func()
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		unlock, err := lockedfile.MutexAt(t.path + ".lock").Lock()
		got <- answer{unlock, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return nil, fmt.Errorf("lock holdings: %w", a.err)
		}
		if err := ctx.Err(); err != nil {
			a.unlock()
			return nil, fmt.Errorf("change %s: %w", t.path, err)
		}
		return a.unlock, nil
	case <-ctx.Done():
		go func() {
			if a := <-got; a.err == nil {
				a.unlock()
			}
		}()
		return nil, fmt.Errorf("change %s: wait for its lock: %w", t.path, ctx.Err())
	}
}
