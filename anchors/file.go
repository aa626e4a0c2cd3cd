package anchors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/lapse-access/lapse/durable"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
)

// file is a plain file at an absolute path.
type file string

// Read is nil where there is no file. Its folder must be there: that it is not looks like a disk that was not mounted.
func (f file) Read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return inTime(ctx, f.read, func([]byte) {})
}

// inTime does what a dead disk, or whoever else may use the place, can hold up for ever, and waits no longer than ctx says. What comes of
// it after that is handed to late.
func inTime[T any](ctx context.Context, do func() (T, error), late func(T)) (T, error) {
	type done struct {
		is  T
		err error
	}
	came := make(chan done, 1)
	go func() {
		is, err := do()
		came <- done{is, err}
	}()
	select {
	case d := <-came:
		return d.is, d.err
	case <-ctx.Done():
		go func() {
			if d := <-came; d.err == nil {
				late(d.is)
			}
		}()
		var none T
		return none, fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

func (f file) read() ([]byte, error) {
	info, err := os.Lstat(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		if folder, folderErr := os.Stat(filepath.Dir(string(f))); folderErr != nil || !folder.IsDir() {
			return nil, fmt.Errorf("%w, nor its folder", err)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file", string(f))
	}
	r, err := os.Open(string(f))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, ledger.MaxCheckpoint+1))
	if err == nil && data == nil {
		data = []byte{}
	}
	return data, errors.Join(err, r.Close())
}

// Write compares and replaces while nobody else does. Whoever can read the lock can hold it.
func (f file) Write(ctx context.Context, old, new []byte, _ time.Time) error {
	if _, err := f.Read(ctx); err != nil {
		return err // before a lock file is made beside nothing
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	unlock, err := inTime(ctx, lockedfile.MutexAt(string(f)+".lock").Lock, func(unlock func()) { unlock() })
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	defer unlock()
	now, err := f.Read(ctx)
	if err != nil {
		return err
	}
	if (now == nil) != (old == nil) || !bytes.Equal(now, old) {
		return reconciler.ErrAnchorMoved
	}
	return durable.Replace(string(f), new, 0o600)
}
