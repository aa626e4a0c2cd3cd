package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
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
	if err := replace(t.path, data); err != nil {
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

// replace puts a file with data in the place of path, for good: after it returns, a crash leaves the new file, and before,
// the old one. The mode stays; a link stays a link.
func replace(path string, data []byte) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := fill(f, data, mode); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

func fill(f *os.File, data []byte, mode fs.FileMode) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return f.Sync()
}

// syncFolder makes the new name last. Where folders cannot be synced, the file system sees to it or nobody can.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}
