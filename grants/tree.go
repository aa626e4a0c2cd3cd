package grants

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/lapse-access/lapse/names"
)

// beside are the files under grants/ and roles/ that are neither and may be there, at the top.
var beside = []string{".gitkeep", "README.md"}

// LoadGrants reads every grant under grants/ by its id. Whatever else is there is a problem and stops nothing; a missing
// grants/ holds no grants. Of two paths that differ only in case or Unicode form both are problems; the one whose name is
// right is still loaded, so that a bad neighbour cannot end it.
func LoadGrants(fsys fs.FS) (map[string]*Grant, []Problem) {
	loaded := map[string]*Grant{}
	var problems []Problem
	paths := map[string]bool{}
	err := fs.WalkDir(fsys, "grants", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && name == "grants" && errors.Is(err, fs.ErrNotExist):
			return fs.SkipAll
		case err != nil:
			problems = append(problems, unreadable(name, err))
			return nil
		case name == "grants":
			if !entry.IsDir() {
				problems = append(problems, Problem{Pos: Pos{File: name}, Text: "want a directory, found " + typeOf(entry)})
			}
			return nil
		}
		paths[name] = true
		if entry.IsDir() {
			return lintDirectory(name, &problems)
		}
		g, bad := loadEntry(fsys, name, entry)
		problems = append(problems, bad...)
		if g != nil {
			loaded[g.ID] = g
		}
		return nil
	})
	if err != nil {
		problems = append(problems, unreadable("grants", err))
	}
	problems = append(problems, clashes(maps.Keys(paths))...)
	sortProblems(problems)
	return loaded, problems
}

func loadEntry(fsys fs.FS, name string, entry fs.DirEntry) (*Grant, []Problem) {
	if what := notPlain(entry); what != "" {
		return nil, []Problem{{Pos: Pos{File: showPath(name)}, Text: what + ": want a plain file"}}
	}
	if path.Dir(name) == "grants" && slices.Contains(beside, path.Base(name)) {
		return nil, nil
	}
	data, err := readFile(fsys, name, MaxFileSize)
	if err != nil {
		return nil, []Problem{unreadable(name, err)}
	}
	return LoadGrant(name, data)
}

// lintDirectory wants a directory that can be part of an id; what is in another is reported once, as the directory.
func lintDirectory(name string, problems *[]Problem) error {
	if err := names.GrantID(name[len("grants/"):]); err != nil {
		*problems = append(*problems, Problem{Pos: Pos{File: showPath(name)}, Text: "a directory whose name cannot be part of a grant's id: " + err.Error()})
		return fs.SkipDir
	}
	return nil
}

// notPlain says what an entry is if it is not a plain, non-executable file.
func notPlain(entry fs.DirEntry) string {
	if !entry.Type().IsRegular() {
		return typeOf(entry)
	}
	if info, err := entry.Info(); err != nil {
		return "a file whose mode cannot be read"
	} else if info.Mode().Perm()&0o111 != 0 {
		return "an executable file"
	}
	return ""
}

func typeOf(entry fs.DirEntry) string {
	switch t := entry.Type(); {
	case t&fs.ModeSymlink != 0:
		return "a symbolic link"
	case t.IsDir():
		return "a directory"
	case t.IsRegular():
		return "a file"
	}
	return "something that is no file, such as a submodule"
}

// readFile reads at most one byte more than allowed, which the byte lint then refuses.
func readFile(fsys fs.FS, name string, most int) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	return data, errors.Join(err, f.Close())
}

func unreadable(name string, err error) Problem {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // the place is the problem's
	}
	return Problem{Pos: Pos{File: showPath(name)}, Text: "cannot be read: " + printable(err.Error())}
}

// fold is the same for two names that some file system, or a reader's eye, takes for one.
func fold(name string) string {
	if !strings.ContainsFunc(name, func(c rune) bool { return c >= utf8.RuneSelf }) {
		return strings.ToLower(name) // the same, and quick: all names of a folder are asked
	}
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
}

// CaseClash finds, among others, an id that differs from id but is equal to it in case-insensitive and Unicode-normalising
// file systems. The first in order is given.
func CaseClash(id string, others iter.Seq[string]) (string, bool) {
	folded, found, ok := fold(id), "", false
	for other := range others {
		if other != id && fold(other) == folded && (!ok || other < found) {
			found, ok = other, true
		}
	}
	return found, ok
}

// clashes gives a problem for each of the paths that another equals but for case or Unicode form.
func clashes(paths iter.Seq[string]) []Problem {
	alike := map[string][]string{}
	for p := range paths {
		alike[fold(p)] = append(alike[fold(p)], p)
	}
	var problems []Problem
	for _, group := range alike {
		slices.Sort(group)
		for i, p := range group {
			if len(group) > 1 {
				other := group[(i+1)%len(group)]
				problems = append(problems, Problem{Pos: Pos{File: showPath(p)}, Text: "the name differs from " + showPath(other) + " only in case or Unicode form", Hint: "rename one of them"})
			}
		}
	}
	return problems
}

// sortProblems orders problems by place, then text.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
}

// modeName says what a mode of git other than a plain file's stands for.
func modeName(mode uint32) string {
	switch mode {
	case 0o120000:
		return "a symbolic link"
	case 0o160000:
		return "a submodule"
	case 0o100755:
		return "an executable file"
	case 0o040000:
		return "a directory"
	}
	return fmt.Sprintf("an entry of mode %06o", mode)
}
