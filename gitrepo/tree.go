package gitrepo

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// The modes that a tree may hold (git-fast-import(1) lists them); old ones, such as 100664, are not canonical.
const (
	ModeDir        uint32 = 0o040000
	ModeFile       uint32 = 0o100644
	ModeExecutable uint32 = 0o100755
	ModeSymlink    uint32 = 0o120000
	ModeSubmodule  uint32 = 0o160000
)

// Entry is what stands at a path: its mode, one of the constants, and the object.
type Entry struct {
	Mode uint32
	Hash Hash
}

type treeEntry struct {
	name string
	Entry
}

// tree is one directory, in git's order.
type tree struct {
	entries []treeEntry
	files   bool // not all are directories
}

// find is the entry of that name, be it a directory, which stands elsewhere in git's order than anything else.
func (t *tree) find(name string) *Entry {
	for _, dir := range []bool{false, true} {
		i, ok := slices.BinarySearchFunc(t.entries, name, func(e treeEntry, name string) int {
			return compareNames(e.name, e.Mode == ModeDir, name, dir)
		})
		if ok {
			return &t.entries[i].Entry
		}
	}
	return nil
}

// tree reads a tree; the zero hash is the empty one.
func (r *Repo) tree(h Hash) (*tree, error) {
	if h.IsZero() {
		return &tree{}, nil
	}
	raw, err := r.object(plumbing.TreeObject, h, maxTree)
	if err != nil {
		return nil, err
	}
	t, err := parseTree(raw)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w: %w", h, ErrMalformed, err)
	}
	return t, nil
}

// parseTree reads a tree in its canonical form: the modes above as git writes them, names that are safe everywhere, sorted,
// none twice, not even as a file and as a directory.
func parseTree(raw []byte) (*tree, error) {
	t := &tree{entries: make([]treeEntry, 0, len(raw)/40)}
	names := string(raw) // which all entries share
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, 0)
		if end < 0 || len(raw)-end-1 < len(Hash{}) {
			return nil, fmt.Errorf("it is cut off")
		}
		head, rest := names[:end], raw[end+1:]
		names = names[end+1+len(Hash{}):]
		mode, name, ok := strings.Cut(head, " ")
		if !ok {
			return nil, fmt.Errorf("entry %q has no mode", head)
		}
		e := treeEntry{name: name, Entry: Entry{Hash: Hash(rest[:len(Hash{})])}}
		raw = rest[len(Hash{}):]
		if e.Mode, ok = parseMode(mode); !ok {
			return nil, fmt.Errorf("entry %q has mode %q", name, mode)
		}
		if err := checkName(name); err != nil {
			return nil, err
		}
		if e.Hash.IsZero() {
			return nil, fmt.Errorf("entry %q names no object", name)
		}
		if err := t.follows(e); err != nil {
			return nil, err
		}
		t.entries = append(t.entries, e)
		t.files = t.files || e.Mode != ModeDir
	}
	return t, nil
}

// follows wants the entry to come after all that are there, and to have a name of its own.
func (t *tree) follows(e treeEntry) error {
	if len(t.entries) == 0 {
		return nil
	}
	last := t.entries[len(t.entries)-1]
	if last.name == e.name || e.Mode == ModeDir && t.files && t.find(e.name) != nil {
		return fmt.Errorf("two entries %q", e.name)
	}
	if compareNames(last.name, last.Mode == ModeDir, e.name, e.Mode == ModeDir) >= 0 {
		return fmt.Errorf("entry %q is not in order", e.name)
	}
	return nil
}

func parseMode(text string) (uint32, bool) {
	switch text {
	case "40000":
		return ModeDir, true
	case "100644":
		return ModeFile, true
	case "100755":
		return ModeExecutable, true
	case "120000":
		return ModeSymlink, true
	case "160000":
		return ModeSubmodule, true
	}
	return 0, false
}

// compareNames orders entries as git does: a directory stands where its name with a slash would.
func compareNames(a string, aDir bool, b string, bDir bool) int {
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	return cmp.Compare(nextByte(a, aDir, n), nextByte(b, bDir, n))
}

func nextByte(name string, dir bool, at int) int {
	switch {
	case at < len(name):
		return int(name[at])
	case dir:
		return '/'
	}
	return -1
}

// encodeTree is the inverse of parseTree, for entries in any order.
func encodeTree(entries []treeEntry) []byte {
	slices.SortFunc(entries, func(a, b treeEntry) int { return compareNames(a.name, a.Mode == ModeDir, b.name, b.Mode == ModeDir) })
	var raw []byte
	for _, e := range entries {
		raw = fmt.Appendf(raw, "%o %s\x00", e.Mode, e.name)
		raw = append(raw, e.Hash[:]...)
	}
	return raw
}

// checkName accepts what can be one element of a path on every system, and cannot be taken for a repository's own folder.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == ".." || strings.Contains(name, "/"):
		return fmt.Errorf("bad name %q", name)
	case strings.Contains(name, "\x00"):
		return fmt.Errorf("bad name %q", name)
	case isDotGit(name):
		return fmt.Errorf("name %q can be taken for .git", name)
	}
	return nil
}

// isDotGit tells whether some file system takes the name for ".git": ignoring case; HFS+, which ignores some runes; NTFS, which
// ignores trailing dots and spaces and what follows a colon, knows the short name git~1, and divides at backslashes.
func isDotGit(name string) bool {
	if plainName(name) && !strings.ContainsRune(".gG", rune(name[0])) {
		return false // nearly every name
	}
	if strings.EqualFold(strings.Map(dropIgnorable, name), ".git") {
		return true
	}
	for part := range strings.SplitSeq(name, `\`) {
		part, _, _ = strings.Cut(part, ":")
		part = strings.TrimRight(part, ". ")
		if strings.EqualFold(part, ".git") || strings.EqualFold(part, "git~1") {
			return true
		}
	}
	return false
}

// plainName says whether every file system takes the name as it stands: nothing in it is divided at, cut off at or ignored.
func plainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c >= 0x80 || c == '\\' || c == ':' {
			return false
		}
	}
	return name != ""
}

// dropIgnorable drops the runes that HFS+ ignores in names (Apple Technical Note TN1150, as git's utf8.c applies it).
func dropIgnorable(r rune) rune {
	switch {
	case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
		return -1
	}
	return r
}
