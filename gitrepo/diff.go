package gitrepo

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
)

// Change is one path that differs between two commits. Before is nil for a path that came, After for one that went.
type Change struct {
	Path          string
	Before, After *Entry
}

// Limits of one difference. Small objects can describe an endless tree: ten trees, each with ten times the next in it.
const (
	maxChanges = 100_000 // paths, and pairs of trees that are read to find them
	maxPath    = 4096
)

// Diff lists the paths that differ between commits a and b, sorted; a may be the zero Hash, for nothing. Directories are not
// listed, nothing is taken for a rename, and a file that became a directory is a path that went and others that came. Equal subtrees
// are not read, so that the cost grows with what changed.
func (r *Repo) Diff(a, b Hash) ([]Change, error) {
	var before Hash
	if !a.IsZero() {
		c, err := r.Commit(a)
		if err != nil {
			return nil, err
		}
		before = c.Tree
	}
	after, err := r.Commit(b)
	if err != nil {
		return nil, err
	}
	d := differ{repo: r}
	if err := d.trees(before, after.Tree, ""); err != nil {
		return nil, fmt.Errorf("compare %s with %s: %w", a, b, err)
	}
	slices.SortFunc(d.changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	return d.changes, nil
}

type differ struct {
	repo    *Repo
	changes []Change
	read    int // pairs of trees
}

func (d *differ) trees(a, b Hash, prefix string) error {
	if a == b {
		return nil
	}
	if d.read++; d.read > maxChanges {
		return fmt.Errorf("more than %d folders that differ: %w", maxChanges, ErrLimit)
	}
	before, err := d.repo.tree(a)
	if err != nil {
		return err
	}
	after, err := d.repo.tree(b)
	if err != nil {
		return err
	}
	old, new := before.entries, after.entries
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(old) > 0 && len(new) > 0 && old[0] == new[0]: // nearly all of them
			old, new = old[1:], new[1:]
		case len(new) == 0 || len(old) > 0 && compareNames(old[0].name, old[0].Mode == ModeDir, new[0].name, new[0].Mode == ModeDir) <= 0:
			e := old[0]
			if err := d.entry(prefix+e.name, &e.Entry, after.find(e.name)); err != nil {
				return err
			}
			if old = old[1:]; len(new) > 0 && new[0].name == e.name && (new[0].Mode == ModeDir) == (e.Mode == ModeDir) {
				new = new[1:]
			}
		default:
			e := new[0]
			if before.find(e.name) == nil {
				if err := d.entry(prefix+e.name, nil, &e.Entry); err != nil {
					return err
				}
			}
			new = new[1:]
		}
	}
	return nil
}

// entry compares what stands at a path; at least one of the two is not nil.
func (d *differ) entry(path string, before, after *Entry) error {
	if before != nil && after != nil && *before == *after {
		return nil
	}
	if len(path) > maxPath {
		return fmt.Errorf("a path of more than %d bytes: %w", maxPath, ErrLimit)
	}
	var trees [2]Hash
	change := Change{Path: path}
	for i, e := range []*Entry{before, after} {
		switch {
		case e == nil:
		case e.Mode == ModeDir:
			trees[i] = e.Hash
		case i == 0:
			change.Before = &Entry{e.Mode, e.Hash}
		default:
			change.After = &Entry{e.Mode, e.Hash}
		}
	}
	if change.Before != nil || change.After != nil {
		if d.changes = append(d.changes, change); len(d.changes) > maxChanges {
			return fmt.Errorf("more than %d changes: %w", maxChanges, ErrLimit)
		}
	}
	return d.trees(trees[0], trees[1], path+"/")
}

// Entry tells what stands at a path of the commit: nil if nothing does. "." is the root.
func (r *Repo) Entry(commit Hash, path string) (*Entry, error) {
	if !validPath(path) {
		return nil, fmt.Errorf("%q is not a path in a tree: %w", path, fs.ErrInvalid)
	}
	c, err := r.Commit(commit)
	if err != nil {
		return nil, err
	}
	e, err := findEntry(r.tree, Entry{ModeDir, c.Tree}, path)
	if err != nil {
		return nil, fmt.Errorf("%s in commit %s: %w", path, commit, err)
	}
	return e, nil
}
