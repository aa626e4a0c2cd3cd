package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
)

// FS is the tree of a commit as a file system. Trees and blobs are read when they are asked for; a tree that is not
// canonical is ErrMalformed. Symbolic links show as [fs.ModeSymlink] and submodules as [fs.ModeIrregular]; neither can be opened,
// and no path leads through them. Executables have permission 0755. A file of more than [MaxBlob] bytes is ErrLimit, and so is a path of
// more than 4096 bytes, or a listing of one tree at more than a thousand paths: whoever walks a tree comes to an end.
// FileInfo.Sys is the *[Entry]; there are no modification times.
func (r *Repo) FS(commit Hash) (fs.FS, error) {
	c, err := r.Commit(commit)
	if err != nil {
		return nil, err
	}
	return &treeFS{repo: r, root: Entry{ModeDir, c.Tree}, trees: map[Hash]*tree{}, paths: map[Hash]map[string]bool{}}, nil
}

type treeFS struct {
	repo  *Repo
	root  Entry
	mu    sync.Mutex
	trees map[Hash]*tree // those read so far: a walk opens each path from the root
	// paths are where each tree was listed. Few objects can describe a tree without end, which is one tree at ever more paths.
	paths map[Hash]map[string]bool
}

// maxPlaces is at how many paths of a commit one and the same tree may be listed.
const maxPlaces = 1000

var (
	_ fs.ReadDirFS  = (*treeFS)(nil)
	_ fs.ReadFileFS = (*treeFS)(nil)
	_ fs.StatFS     = (*treeFS)(nil)

	errNotFollowed = errors.New("a symbolic link or submodule, which is never followed")
)

func (f *treeFS) tree(h Hash) (*tree, error) {
	f.mu.Lock()
	t, ok := f.trees[h]
	f.mu.Unlock()
	if ok {
		return t, nil
	}
	t, err := f.repo.tree(h)
	if err == nil {
		f.mu.Lock()
		f.trees[h] = t
		f.mu.Unlock()
	}
	return t, err
}

func (f *treeFS) find(op, name string) (*Entry, error) {
	if !validPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if len(name) > maxPath {
		return nil, &fs.PathError{Op: op, Path: name[:maxPath], Err: fmt.Errorf("a path of more than %d bytes: %w", maxPath, ErrLimit)}
	}
	e, err := findEntry(f.tree, f.root, name)
	if err == nil && e == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return e, nil
}

// validPath is [fs.ValidPath] less its demand for UTF-8, which git does not make of names: one odd name must not make the whole
// tree unreadable.
func validPath(name string) bool { return fs.ValidPath(strings.ToValidUTF8(name, "?")) }

// findEntry goes down from root; nil is for a path where nothing stands.
func findEntry(read func(Hash) (*tree, error), root Entry, name string) (*Entry, error) {
	e := &root
	if name == "." {
		return e, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if e.Mode != ModeDir {
			return nil, nil
		}
		t, err := read(e.Hash)
		if err != nil {
			return nil, err
		}
		if e = t.find(part); e == nil {
			return nil, nil
		}
	}
	return &Entry{e.Mode, e.Hash}, nil
}

func (f *treeFS) Open(name string) (fs.File, error) {
	e, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	info := &fileInfo{name: base(name), entry: *e}
	if e.Mode == ModeDir {
		entries, err := f.readDir(name, *e)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &openDir{info: info, path: name, entries: entries}, nil
	}
	content, err := f.content(*e)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	info.size = int64(len(content))
	return &openFile{info: info, Reader: bytes.NewReader(content)}, nil
}

func (f *treeFS) content(e Entry) ([]byte, error) {
	switch e.Mode {
	case ModeFile, ModeExecutable:
		return f.repo.Blob(e.Hash, MaxBlob)
	case ModeDir:
		return nil, errors.New("is a directory")
	}
	return nil, errNotFollowed
}

func (f *treeFS) ReadFile(name string) ([]byte, error) {
	e, err := f.find("read", name)
	if err != nil {
		return nil, err
	}
	content, err := f.content(*e)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return bytes.Clone(content), nil
}

func (f *treeFS) Stat(name string) (fs.FileInfo, error) {
	e, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	info, err := f.info(base(name), *e)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return info, nil
}

func (f *treeFS) info(name string, e Entry) (fs.FileInfo, error) {
	info := &fileInfo{name: name, entry: e}
	switch e.Mode {
	case ModeDir, ModeSubmodule:
		return info, nil
	}
	f.repo.slow.Lock()
	size, err := f.repo.store.EncodedObjectSize(e.Hash)
	f.repo.slow.Unlock()
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", e.Hash, ErrNoObject)
	}
	info.size = size
	return info, nil
}

func (f *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if e.Mode != ModeDir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	entries, err := f.readDir(name, *e)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return entries, nil
}

// listed notes that a tree is listed at a path, and at how many it was.
func (f *treeFS) listed(h Hash, name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.paths[h] == nil {
		f.paths[h] = map[string]bool{}
	}
	f.paths[h][name] = true
	return len(f.paths[h])
}

func (f *treeFS) readDir(name string, e Entry) ([]fs.DirEntry, error) {
	if f.listed(e.Hash, name) > maxPlaces {
		return nil, fmt.Errorf("tree %s at more than %d paths: %w", e.Hash, maxPlaces, ErrLimit)
	}
	t, err := f.tree(e.Hash)
	if err != nil {
		return nil, err
	}
	entries := make([]fs.DirEntry, 0, len(t.entries))
	for _, e := range t.entries {
		entries = append(entries, &dirEntry{f, e})
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func fileMode(mode uint32) fs.FileMode {
	switch mode {
	case ModeDir:
		return fs.ModeDir | 0o755
	case ModeExecutable:
		return 0o755
	case ModeSymlink:
		return fs.ModeSymlink | 0o777
	case ModeFile:
		return 0o644
	}
	return fs.ModeIrregular
}

type fileInfo struct {
	name  string
	entry Entry
	size  int64
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return fileMode(i.entry.Mode) }
func (i *fileInfo) ModTime() time.Time { return time.Time{} }
func (i *fileInfo) IsDir() bool        { return i.entry.Mode == ModeDir }
func (i *fileInfo) Sys() any           { return &i.entry }

type dirEntry struct {
	fs *treeFS
	treeEntry
}

func (d *dirEntry) Name() string      { return d.name }
func (d *dirEntry) IsDir() bool       { return d.Mode == ModeDir }
func (d *dirEntry) Type() fs.FileMode { return fileMode(d.Mode).Type() }

// Object is the name of what stands there: where it is the same, so is the content.
func (d *dirEntry) Object() string { return d.Hash.String() }

func (d *dirEntry) Info() (fs.FileInfo, error) { return d.fs.info(d.name, d.Entry) }

type openFile struct {
	info *fileInfo
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info    *fileInfo
	path    string
	entries []fs.DirEntry // not yet returned
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errors.New("is a directory")}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	entries := d.entries[:n]
	d.entries = d.entries[n:]
	return entries, nil
}
