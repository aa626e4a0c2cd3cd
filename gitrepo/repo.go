package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Hash is the SHA-1 name of an object. The zero Hash names none.
type Hash = plumbing.Hash

// Repo is a bare repository in a folder, and the remote it is a copy of. What it holds may be read by many goroutines at once, while
// none fetches, writes or pushes.
type Repo struct {
	store  *filesystem.Storage
	shelf  *shelf
	slow   sync.Mutex // go-git's reader is for one goroutine
	remote Remote
	link   transporter
	lock   lock
	// parents remembers the parents of commits: they cannot change, and every walk asks again.
	parents map[Hash][]Hash
	known   sync.Mutex // parents
}

// Open opens the bare repository in dir, or makes one if dir is absent or empty. It asks nothing of the remote. A
// repository that is not bare, that is not whole, or that holds what could change history for its reader alone, is refused
// with ErrIncomplete: delete the folder, and let it be made again.
func Open(ctx context.Context, dir string, remote Remote) (*Repo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	remote.used = &tokens{}
	link, err := remote.transport()
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	store := filesystem.NewStorageWithOptions(osfs.New(dir), cache.NewObjectLRUDefault(), filesystem.Options{
		LargeObjectThreshold: MaxBlob,
	})
	only, err := lockFor(dir)
	if err != nil {
		return nil, fmt.Errorf("open git repository %s: %w", dir, err)
	}
	if err := only.hold(func() error { return openOrInit(dir, store) }); err != nil {
		return nil, fmt.Errorf("open git repository %s: %w", dir, err)
	}
	if err := only.hold(func() error { return checkWhole(dir, store) }); err != nil {
		return nil, fmt.Errorf("open git repository %s: %w; find out who did that, then delete the folder: it is made again", dir, err)
	}
	return &Repo{store: store, shelf: &shelf{dir: filepath.Join(dir, "objects")}, remote: remote, link: link, lock: only, parents: map[Hash][]Hash{}}, nil
}

func openOrInit(dir string, store *filesystem.Storage) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) == 0 {
		return makeRepo(dir)
	}
	if _, err := git.Open(store, nil); errors.Is(err, git.ErrRepositoryNotExists) {
		return errors.New("the folder is not empty and not a git repository; name another one")
	} else if err != nil {
		return err
	}
	config, err := store.Config()
	if err != nil {
		return err
	}
	if !config.Core.IsBare {
		return errors.New("not a bare repository; name an empty folder")
	}
	return nil
}

// makeRepo makes an empty repository beside the folder and puts it there as a whole: a process that is killed meanwhile leaves none.
func makeRepo(dir string) error {
	made := dir + ".new"
	if err := os.RemoveAll(made); err != nil { // somebody was
		return err
	}
	if err := os.MkdirAll(made, 0o700); err != nil {
		return err
	}
	if _, err := git.Init(filesystem.NewStorage(osfs.New(made), cache.NewObjectLRUDefault()), nil); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // it is empty
		return err
	}
	return os.Rename(made, dir)
}

// checkWhole refuses everything that makes stock git, or go-git, read another history than the objects tell.
func checkWhole(dir string, store *filesystem.Storage) error {
	for _, file := range []struct{ name, what string }{
		{"shallow", "a shallow clone"},
		{"info/grafts", "a graft file"},
		{"objects/info/alternates", "alternate object folders"},
		{"objects/info/http-alternates", "alternate object folders"},
		{"commondir", "a linked working tree"},
	} {
		if _, err := os.Lstat(filepath.Join(dir, file.name)); err == nil {
			return fmt.Errorf("%w: it has %s (%s)", ErrIncomplete, file.what, file.name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if left, err := filepath.Glob(filepath.Join(globQuote(dir), "objects", "pack", "*.promisor")); err != nil || len(left) > 0 {
		return errors.Join(err, fmt.Errorf("%w: it has promisor packs, a partial clone", ErrIncomplete))
	}
	refs, err := store.IterReferences()
	if err != nil {
		return err
	}
	return refs.ForEach(func(ref *plumbing.Reference) error {
		if strings.HasPrefix(string(ref.Name()), replacePrefix) {
			return fmt.Errorf("%w: it has a replace ref (%s)", ErrIncomplete, ref.Name())
		}
		return nil
	})
}

const replacePrefix = "refs/replace/"

// checkRefName accepts full names only: a short one could mean a branch or a tag.
func checkRefName(name string) error {
	ref := plumbing.ReferenceName(name)
	if !strings.HasPrefix(name, "refs/") || strings.HasPrefix(name, replacePrefix) || ref.Validate() != nil {
		return fmt.Errorf("bad ref name %q: give it in full, as in refs/heads/main", name)
	}
	return nil
}

// Ref tells where the local ref is, and whether there is one. The name is in full, or HEAD.
func (r *Repo) Ref(name string) (Hash, bool, error) {
	if name != string(plumbing.HEAD) {
		if err := checkRefName(name); err != nil {
			return Hash{}, false, err
		}
	}
	var ref *plumbing.Reference
	err := r.lock.hold(func() (err error) {
		ref, err = storer.ResolveReference(r.store, plumbing.ReferenceName(name))
		return err
	})
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return Hash{}, false, nil
	}
	if err != nil {
		return Hash{}, false, fmt.Errorf("read ref %s: %w", name, err)
	}
	return ref.Hash(), true, nil
}

// Has tells whether the object is here. It does not read it.
func (r *Repo) Has(h Hash) bool {
	r.slow.Lock()
	defer r.slow.Unlock()
	return r.store.HasEncodedObject(h) == nil
}
