package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// NewCommit is a commit to be made.
type NewCommit struct {
	Parents []Hash
	// BaseTree is the tree that Changes are made to: nil for the first parent's (or none, without parents), a zero Hash for none.
	BaseTree *Hash
	// Changes are the new contents by path; nil deletes the file. A new file is a plain one, a changed one keeps its mode. To
	// write over a link, a submodule or a directory, or to delete what is not there, is an error.
	Changes map[string][]byte
	// Message gets a line break at its end if it has none.
	Message           string
	Author, Committer Signature
	Signer            Signer // nil: not signed
}

// Signer signs the bytes of a commit, and returns the signature in armour.
type Signer interface {
	Sign(message []byte) (armoured string, err error)
}

// Write makes a commit and stores what it needs. Its cost grows with the directories that are changed, not with the tree; a directory
// that loses its last file goes. No ref is moved.
func (r *Repo) Write(ctx context.Context, n NewCommit) (Hash, error) {
	if err := ctx.Err(); err != nil {
		return Hash{}, err
	}
	base, err := r.baseTree(n)
	if err != nil {
		return Hash{}, fmt.Errorf("write commit: %w", err)
	}
	root, err := r.writeTree(base, n.Changes, "")
	if err == nil && root.IsZero() {
		root, err = r.put(plumbing.TreeObject, nil)
	}
	if err != nil {
		return Hash{}, fmt.Errorf("write commit: %w", err)
	}
	raw, err := n.encode(root)
	if err != nil {
		return Hash{}, fmt.Errorf("write commit: %w", err)
	}
	return r.put(plumbing.CommitObject, raw)
}

func (r *Repo) baseTree(n NewCommit) (Hash, error) {
	for _, parent := range n.Parents {
		if _, err := r.links(parent); err != nil {
			return Hash{}, err
		}
	}
	if n.BaseTree != nil {
		return *n.BaseTree, nil
	}
	if len(n.Parents) == 0 {
		return Hash{}, nil
	}
	c, err := r.Commit(n.Parents[0])
	return c.Tree, err
}

// writeTree returns base with the changes made, or a zero Hash if that leaves nothing.
func (r *Repo) writeTree(base Hash, changes map[string][]byte, prefix string) (Hash, error) {
	old, err := r.tree(base)
	if err != nil {
		return Hash{}, err
	}
	entries := map[string]Entry{}
	for _, e := range old.entries {
		entries[e.name] = e.Entry
	}
	below := map[string]map[string][]byte{}
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		name, rest, deeper := strings.Cut(path, "/")
		if err := checkName(name); err != nil {
			return Hash{}, fmt.Errorf("path %q: %w", prefix+path, err)
		}
		if deeper {
			if below[name] == nil {
				below[name] = map[string][]byte{}
			}
			below[name][rest] = changes[path]
			continue
		}
		if err := r.writeFile(entries, name, changes[path]); err != nil {
			return Hash{}, fmt.Errorf("path %q: %w", prefix+path, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(below)) {
		if err := r.writeDir(entries, name, below[name], prefix); err != nil {
			return Hash{}, err
		}
	}
	if len(entries) == 0 {
		return Hash{}, nil
	}
	list := make([]treeEntry, 0, len(entries))
	for name, e := range entries {
		list = append(list, treeEntry{name, e})
	}
	return r.put(plumbing.TreeObject, encodeTree(list))
}

func (r *Repo) writeFile(entries map[string]Entry, name string, content []byte) error {
	old, exists := entries[name]
	switch {
	case exists && old.Mode == ModeDir:
		return errors.New("is a directory")
	case content == nil && !exists:
		return fmt.Errorf("cannot be deleted: %w", fs.ErrNotExist)
	case content == nil:
		delete(entries, name)
		return nil
	case exists && old.Mode != ModeFile && old.Mode != ModeExecutable:
		return errors.New("is a link or a submodule, which is not written over")
	case len(content) > MaxBlob:
		return fmt.Errorf("has %d bytes: %w (%d bytes)", len(content), ErrLimit, MaxBlob)
	case !exists:
		old.Mode = ModeFile
	}
	h, err := r.put(plumbing.BlobObject, content)
	entries[name] = Entry{old.Mode, h}
	return err
}

func (r *Repo) writeDir(entries map[string]Entry, name string, changes map[string][]byte, prefix string) error {
	old, exists := entries[name]
	if exists && old.Mode != ModeDir {
		return fmt.Errorf("path %q: is not a directory", prefix+name)
	}
	h, err := r.writeTree(old.Hash, changes, prefix+name+"/")
	if err != nil {
		return err
	}
	if h.IsZero() {
		delete(entries, name)
		return nil
	}
	entries[name] = Entry{ModeDir, h}
	return nil
}

// encode writes the commit, and reads it back with the strict parser: a name with a bracket or a line break must not make a header.
func (n NewCommit) encode(root Hash) ([]byte, error) {
	if strings.TrimSpace(n.Message) == "" {
		return nil, errors.New("a commit needs a message")
	}
	var head strings.Builder
	fmt.Fprintf(&head, "tree %s\n", root)
	for _, parent := range n.Parents {
		fmt.Fprintf(&head, "parent %s\n", parent)
	}
	fmt.Fprintf(&head, "author %s\ncommitter %s\n", n.Author, n.Committer)
	message := "\n" + strings.TrimSuffix(n.Message, "\n") + "\n"
	signature, err := n.sign(head.String() + message)
	if err != nil {
		return nil, err
	}
	raw := []byte(head.String() + signature + message)
	c, _, err := parseCommit(raw)
	if err != nil {
		return nil, err
	}
	if c.Author.String() != n.Author.String() || c.Committer.String() != n.Committer.String() || "\n"+c.Message != message {
		return nil, errors.New("it would not read back as it was written; look at the names and addresses")
	}
	return raw, nil
}

// sign returns the header that holds the signature, or nothing.
func (n NewCommit) sign(message string) (string, error) {
	if n.Signer == nil {
		return "", nil
	}
	armoured, err := n.Signer.Sign([]byte(message))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return "gpgsig " + strings.ReplaceAll(strings.TrimSuffix(armoured, "\n"), "\n", "\n ") + "\n", nil
}

// String is the form in which a commit has it.
func (s Signature) String() string {
	return fmt.Sprintf("%s <%s> %d %s", s.Name, s.Email, s.When.Unix(), s.When.Format("-0700"))
}
