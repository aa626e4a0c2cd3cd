package githubtest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Commit describes a commit to make.
type Commit struct {
	Base    string            // branch or SHA of its first parent; "" for a branch that does not exist: no parent
	Files   map[string]string // by path, on top of the first parent's; an empty text deletes
	Entries map[string]Entry  // files that are more than text
	Parents []string          // further parents, branches or SHAs
	Orphan  bool              // no parent at all, and none of its files
	Message string
	// Author and Committer as the commit claims: "Name <email>". "" means the account that pushes. Nothing checks them.
	Author, Committer string
}

// Entry is a file with its git mode: 100644, 100755, 120000 for a symlink (Data is its target) or 160000 for a submodule
// (Data is a SHA).
type Entry struct {
	Mode string
	Data string
}

// writeCommit writes a commit object, without moving a branch.
func (s *Server) writeCommit(r *repo, by *account, c Commit) (string, error) {
	at := s.tick()
	author, committer := claim(c.Author, personOf(by, at)), claim(c.Committer, personOf(by, at))
	var in bytes.Buffer
	fmt.Fprintf(&in, "commit refs/githubtest/new\nmark :1\nauthor %s <%s> %d +0000\ncommitter %s <%s> %d +0000\n",
		author.name, author.email, at.Unix(), committer.name, committer.email, at.Unix())
	fmt.Fprintf(&in, "data %d\n%s\n", len(c.Message), c.Message)
	if c.Base != "" && !c.Orphan {
		base := s.resolve(r, c.Base)
		if base == "" && r.branch(r.defaultBranch) != "" {
			return "", fmt.Errorf("githubtest: %s has no commit %q", r.fullName(), c.Base)
		}
		if base != "" {
			fmt.Fprintf(&in, "from %s\n", base)
		}
	}
	for _, name := range c.Parents {
		sha := s.resolve(r, name)
		if sha == "" {
			return "", fmt.Errorf("githubtest: %s has no commit %q", r.fullName(), name)
		}
		fmt.Fprintf(&in, "merge %s\n", sha)
	}
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		if c.Files[path] == "" {
			fmt.Fprintf(&in, "D %s\n", quotePath(path))
			continue
		}
		writeEntry(&in, path, Entry{"100644", c.Files[path]})
	}
	for _, path := range slices.Sorted(maps.Keys(c.Entries)) {
		writeEntry(&in, path, c.Entries[path])
	}
	in.WriteString("\nget-mark :1\nreset refs/githubtest/new\nfrom " + zeroSHA + "\n\ndone\n")
	return s.git(r).input(&in).line("fast-import", "--quiet", "--force", "--done")
}

func claim(text string, otherwise person) person {
	if text == "" {
		return otherwise
	}
	p := parsePerson(text + " 0 +0000")
	p.at = otherwise.at
	return p
}

func writeEntry(in *bytes.Buffer, path string, e Entry) {
	if e.Mode == "160000" {
		fmt.Fprintf(in, "M 160000 %s %s\n", e.Data, quotePath(path))
		return
	}
	fmt.Fprintf(in, "M %s inline %s\ndata %d\n%s\n", e.Mode, quotePath(path), len(e.Data), e.Data)
}

// quotePath writes a path as fast-import reads it, in C's quotes.
func quotePath(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(path) {
		if c == '"' || c == '\\' || c < ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
