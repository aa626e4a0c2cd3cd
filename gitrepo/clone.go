package gitrepo

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// OpenClone opens what `git clone` made in dir, with or without a working tree, to be read: it has no remote, nothing is written to it, and
// no lock is taken. A clone that is not whole is refused with ErrIncomplete.
func OpenClone(dir string) (*Repo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if inner := filepath.Join(dir, ".git"); isFolder(inner) {
		dir = inner
	}
	if !isFolder(filepath.Join(dir, "objects")) {
		return nil, fmt.Errorf("open git repository %s: not what `git clone` makes; name the folder of a clone", dir)
	}
	store := filesystem.NewStorageWithOptions(osfs.New(dir), cache.NewObjectLRUDefault(), filesystem.Options{LargeObjectThreshold: MaxBlob})
	if err := checkWhole(dir, store); err != nil {
		return nil, fmt.Errorf("open git repository %s: %w; make a clone anew, with `git clone` and no options", dir, err)
	}
	return &Repo{store: store, shelf: &shelf{dir: filepath.Join(dir, "objects")}, remote: Remote{used: &tokens{}}, parents: map[Hash][]Hash{}}, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// readOnly says whether it was opened by [OpenClone].
func (r *Repo) readOnly() bool { return r.lock == "" }

// CloneRef is where a branch of the forge is in a clone: as the remote origin had it, or, in a bare or mirrored clone, as a branch of its
// own. The name of the ref that was found comes with it.
func (r *Repo) CloneRef(branch string) (h Hash, ref string, err error) {
	for _, ref := range []string{"refs/remotes/origin/" + branch, "refs/heads/" + branch} {
		h, ok, err := r.Ref(ref)
		if err != nil || ok {
			return h, ref, err
		}
	}
	return Hash{}, "", fmt.Errorf("the clone has no branch %s of origin; run `git fetch origin`, or clone with `git clone` and no options; if a fresh clone has none either, it was never there or was deleted", branch)
}
