package gitrepo

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// lock lets one process at a time make the folder, and read or write refs. Objects need none, for they appear whole. It is a file beside
// the folder, held for as long as one such step takes.
type lock string

func lockFor(dir string) (lock, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	return lock(dir + ".lock"), nil
}

func (l lock) hold(step func() error) error {
	if l == "" {
		return step() // a clone, of which nothing is written
	}
	unlock, err := lockedfile.MutexAt(string(l)).Lock()
	if err != nil {
		return fmt.Errorf("lock the local copy: %w", err)
	}
	defer unlock()
	return step()
}
