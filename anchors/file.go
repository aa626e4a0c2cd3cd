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
	if err := ctx.Err(); err != nil {
		return nil, err
	}
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

// Write compares and replaces while nobody else does.
func (f file) Write(ctx context.Context, old, new []byte, _ time.Time) error {
	if _, err := f.Read(ctx); err != nil {
		return err // before a lock file is made beside nothing
	}
	unlock, err := lockedfile.MutexAt(string(f) + ".lock").Lock()
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
