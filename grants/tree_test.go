package grants

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func tree(files map[string]fs.FileMode) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, mode := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(grantWith()), Mode: mode}
	}
	return fsys
}

func TestA35OnlyPlainFilesAreGrants(t *testing.T) {
	loaded, problems := LoadGrants(tree(map[string]fs.FileMode{
		"grants/good.yaml":           0o644,
		"grants/team/good.yaml":      0o644,
		"grants/.gitkeep":            0o644,
		"grants/README.md":           0o644,
		"grants/link.yaml":           fs.ModeSymlink | 0o777,
		"grants/module.yaml":         fs.ModeIrregular | 0o644,
		"grants/exec.yaml":           0o755,
		"grants/dir.yaml/a.yaml":     0o644,
		"grants/Dir/a.yaml":          0o644,
		"grants/notes.txt":           0o644,
		"grants/a.yml":               0o644,
		"grants/team/.gitkeep":       0o644,
		"grants/team/linkdir":        fs.ModeSymlink | 0o777,
		"grants/.hidden.yaml":        0o644,
		"elsewhere/grants/bad file!": 0o644,
	}))
	if diff := cmp.Diff([]string{"good", "team/good"}, slices.Sorted(maps.Keys(loaded))); diff != "" {
		t.Error(diff)
	}
	want := []string{
		`grants/.hidden.yaml: grant id ".hidden": character '.' at column 1: want lower-case letters, digits and ._- in segments joined by slashes, a letter or digit first`,
		`grants/Dir: a directory whose name cannot be part of a grant's id: grant id "Dir": character 'D' at column 1: want lower-case letters, digits and ._- in segments joined by slashes, a letter or digit first`,
		`grants/a.yml: a file under grants/ that is no grant: the name of a grant ends in .yaml (rename it to grants/a.yaml)`,
		`grants/dir.yaml: a directory whose name cannot be part of a grant's id: grant id "dir.yaml": character '.' at column 4: no name ends in ".yaml"`,
		`grants/exec.yaml: an executable file: want a plain file`,
		`grants/link.yaml: a symbolic link: want a plain file`,
		`grants/module.yaml: something that is no file, such as a submodule: want a plain file`,
		`grants/notes.txt: a file under grants/ that is no grant: the name of a grant ends in .yaml`,
		`grants/team/.gitkeep: a file under grants/ that is no grant: the name of a grant ends in .yaml`,
		`grants/team/linkdir: a symbolic link: want a plain file`,
	}
	if diff := cmp.Diff(want, lines(problems)); diff != "" {
		t.Error(diff)
	}
}

func TestA35RolesArePlainFilesToo(t *testing.T) {
	fsys := exampleFiles(nil)
	role := []byte(roleYAML)
	for name, mode := range map[string]fs.FileMode{
		"link.yaml": fs.ModeSymlink | 0o777, "exec.yaml": 0o755, "README.md": 0o644, ".gitkeep": 0o644, "notes.txt": 0o644, "a.yml": 0o644, "sub/a.yaml": 0o644, "Prod-DB-read.yaml": 0o644,
	} {
		fsys["roles/"+name] = &fstest.MapFile{Data: role, Mode: mode}
	}
	c := LoadConfiguration(fsys, exampleTypes())
	if diff := cmp.Diff([]string{"prod-db-read"}, slices.Collect(maps.Keys(c.Roles))); diff != "" {
		t.Error(diff)
	}
	want := []string{
		`roles/Prod-DB-read.yaml: role "Prod-DB-read": character 'P' at column 1: want lower-case letters, digits, dots, hyphens and underscores, a letter or digit first`,
		`roles/Prod-DB-read.yaml: the name differs from roles/prod-db-read.yaml only in case or Unicode form (rename one of them)`,
		`roles/a.yml: a file under roles/ that is no role: the name of a role ends in .yaml (rename it to roles/a.yaml)`,
		`roles/exec.yaml: an executable file: want a plain file`,
		`roles/link.yaml: a symbolic link: want a plain file`,
		`roles/notes.txt: a file under roles/ that is no role: the name of a role ends in .yaml`,
		`roles/prod-db-read.yaml: the name differs from roles/Prod-DB-read.yaml only in case or Unicode form (rename one of them)`,
		`roles/sub: a directory: want a plain file`,
	}
	if diff := cmp.Diff(want, lines(c.Problems)); diff != "" {
		t.Error(diff)
	}
	if !c.Usable {
		t.Error("the configuration is not usable")
	}
}

func TestA36PathsThatDifferOnlyInFormAreProblemsOfBoth(t *testing.T) {
	loaded, problems := LoadGrants(tree(map[string]fs.FileMode{"grants/alice.yaml": 0o644, "grants/Alice.yaml": 0o644, "grants/ａlice.yaml": 0o644, "grants/bob.yaml": 0o644}))
	if diff := cmp.Diff([]string{"alice", "bob"}, slices.Sorted(maps.Keys(loaded))); diff != "" {
		t.Error(diff)
	}
	clashing := map[string]bool{}
	for _, p := range problems {
		if p.Hint == "rename one of them" {
			clashing[p.File] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"grants/alice.yaml": true, "grants/Alice.yaml": true, `"grants/\uff41lice.yaml"`: true}, clashing); diff != "" {
		t.Error(diff)
	}
}

func TestA36CaseClashFindsTheOtherID(t *testing.T) {
	others := []string{"bob", "team/alice", "Team/Alice", "stra\u00dfe", "caf\u00e9"}
	for id, want := range map[string]string{
		"TEAM/ALICE": "Team/Alice", "team/alice": "Team/Alice", "strasse": "stra\u00dfe", "cafe\u0301": "caf\u00e9", "bob": "", "carol": "",
	} {
		if got, ok := CaseClash(id, slices.Values(others)); got != want || ok != (want != "") {
			t.Errorf("%q clashes with %q, want %q", id, got, want)
		}
	}
}

func TestA54OneBadGrantStopsNoOther(t *testing.T) {
	fsys := tree(map[string]fs.FileMode{"grants/a.yaml": 0o644, "grants/b.yaml": 0o644, "grants/c.yaml": 0o644})
	fsys["grants/b.yaml"].Data = []byte("user: *x")
	loaded, problems := LoadGrants(fsys)
	if diff := cmp.Diff([]string{"a", "c"}, slices.Sorted(maps.Keys(loaded))); diff != "" || len(problems) != 1 {
		t.Error(diff, lines(problems))
	}
	loaded, problems = LoadGrants(failing{tree(map[string]fs.FileMode{"grants/a.yaml": 0o644, "grants/b.yaml": 0o644})})
	if diff := cmp.Diff([]string{"a"}, slices.Sorted(maps.Keys(loaded))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"grants/b.yaml: cannot be read: disk on fire"}, lines(problems)); diff != "" {
		t.Error(diff)
	}
}

// failing is a file system that cannot read grants/b.yaml.
type failing struct{ fstest.MapFS }

func (f failing) Open(name string) (fs.File, error) {
	if name == "grants/b.yaml" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("disk on fire")}
	}
	return f.MapFS.Open(name)
}

func TestA55NoGrantsDirectoryHoldsNoGrants(t *testing.T) {
	loaded, problems := LoadGrants(fstest.MapFS{})
	if len(loaded)+len(problems) > 0 {
		t.Error(loaded, lines(problems))
	}
	_, problems = LoadGrants(tree(map[string]fs.FileMode{"grants": 0o644}))
	if diff := cmp.Diff([]string{"grants: want a directory, found a file"}, lines(problems)); diff != "" {
		t.Error(diff)
	}
}

func TestA38AFileOverTheLimitIsNotReadInPart(t *testing.T) {
	fsys := tree(map[string]fs.FileMode{"grants/a.yaml": 0o644, "grants/b.yaml": 0o644})
	fsys["grants/a.yaml"].Data = append([]byte(grantWith()), bytes.Repeat([]byte("#\n"), MaxFileSize/2)...)
	fsys["grants/b.yaml"].Data = fsys["grants/a.yaml"].Data[:MaxFileSize]
	loaded, problems := LoadGrants(fsys)
	if diff := cmp.Diff([]string{"grants/a.yaml: the file has more than 16384 bytes"}, lines(problems)); diff != "" || loaded["a"] != nil || loaded["b"] == nil {
		t.Error(diff, loaded)
	}
}
