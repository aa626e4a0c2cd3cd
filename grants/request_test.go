package grants

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func plainFile(text string) *File { return &File{Mode: 0o100644, Bytes: []byte(text)} }

func TestRequestIsTheDifferenceOfTwoTrees(t *testing.T) {
	old, edited := grantWith(), grantWith("duration: 8h")
	r := NewRequest([]FileChange{
		{Path: "grants/z.yaml", Before: plainFile(old)},
		{Path: "grants/team/b.yaml", Before: plainFile(old), After: plainFile(edited)},
		{Path: "grants/a.yaml", After: plainFile(edited)},
		{Path: "grants/was-bad.yaml", Before: plainFile("x"), After: plainFile(old)},
		{Path: "grants/was-link.yaml", Before: &File{Mode: 0o120000}, After: plainFile(old)},
		{Path: "grants/was-exec.yaml", Before: &File{Mode: 0o100755, Bytes: []byte(old)}, After: plainFile(old)},
		{Path: "grants/Stray.yaml", Before: plainFile(old)},
		{Path: "grants/README.md", Before: plainFile("x"), After: plainFile("y")},
		{Path: "roles/x.yaml", After: plainFile("x")},
		{Path: "lapse.yaml", Before: plainFile("x")},
		{Path: "README.md", After: plainFile("x")},
	})
	load := func(path, text string) *Grant {
		g, problems := LoadGrant(path, []byte(text))
		if g == nil {
			t.Fatal(lines(problems))
		}
		return g
	}
	want := Request{
		Changes: []Change{
			{ID: "a", Kind: Add, After: load("grants/a.yaml", edited)},
			{ID: "team/b", Kind: Edit, Before: load("grants/team/b.yaml", old), After: load("grants/team/b.yaml", edited)},
			{ID: "was-bad", Kind: Edit, After: load("grants/was-bad.yaml", old)},
			{ID: "was-exec", Kind: Edit, After: load("grants/was-exec.yaml", old)},
			{ID: "was-link", Kind: Edit, After: load("grants/was-link.yaml", old)},
			{ID: "z", Kind: End, Before: load("grants/z.yaml", old)},
		},
		Configuration: []string{"lapse.yaml", "roles/x.yaml"},
		Elsewhere:     []string{"README.md", "grants/README.md", "grants/Stray.yaml"},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestA35ARequestBringsOnlyPlainFiles(t *testing.T) {
	link := func(mode uint32) *File { return &File{Mode: mode} }
	r := NewRequest([]FileChange{
		{Path: "grants/link.yaml", Before: plainFile(grantWith()), After: link(0o120000)},
		{Path: "grants/module.yaml", After: link(0o160000)},
		{Path: "grants/exec.yaml", After: &File{Mode: 0o100755, Bytes: []byte(grantWith())}},
		{Path: "grants/dir.yaml", After: link(0o040000)},
		{Path: "grants/odd.yaml", After: &File{Mode: 0o100664, Bytes: []byte(grantWith())}},
		{Path: "grants/README.md", After: link(0o120000)},
		{Path: "grants/notes.txt", After: plainFile("x")},
		{Path: "grants", After: link(0o120000)},
		{Path: "Grants/a.yaml", After: plainFile(grantWith())},
		{Path: "grants/bad.yaml", After: plainFile("user: alice\n")},
		{Path: "grants/again.yaml", After: plainFile(grantWith())},
		{Path: "grants/again.yaml", Before: plainFile(grantWith())},
	})
	want := []string{
		`Grants/a.yaml: a grant is a file under grants/`,
		`grants: a symbolic link: want a plain file (git's mode of a grant is 100644)`,
		`grants/README.md: a symbolic link: want a plain file (git's mode of a grant is 100644)`,
		`grants/again.yaml: the path is changed twice`,
		`grants/bad.yaml:1:1: the key "reason" is missing`,
		`grants/bad.yaml:1:1: the key "role" is missing`,
		`grants/dir.yaml: a directory: want a plain file (git's mode of a grant is 100644)`,
		`grants/exec.yaml: an executable file: want a plain file (git's mode of a grant is 100644)`,
		`grants/link.yaml: a symbolic link: want a plain file (git's mode of a grant is 100644)`,
		`grants/module.yaml: a submodule: want a plain file (git's mode of a grant is 100644)`,
		`grants/notes.txt: a file under grants/ that is no grant: the name of a grant ends in .yaml`,
		`grants/odd.yaml: an entry of mode 100664: want a plain file (git's mode of a grant is 100644)`,
	}
	if diff := cmp.Diff(want, lines(r.Problems)); diff != "" {
		t.Error(diff)
	}
	for _, c := range r.Changes {
		if c.After != nil && c.ID != "again" {
			t.Errorf("%s is brought", c.ID)
		}
	}
	if len(r.Elsewhere)+len(r.Configuration) > 0 {
		t.Error(r.Elsewhere, r.Configuration)
	}
}

func TestA36ARequestWithTwoFormsOfOneNameHasTheProblemTwice(t *testing.T) {
	r := NewRequest([]FileChange{{Path: "grants/alice.yaml", After: plainFile(grantWith())}, {Path: "grants/ALICE.yaml", After: plainFile(grantWith())}})
	want := []string{
		`grants/ALICE.yaml: grant id "ALICE": character 'A' at column 1: want lower-case letters, digits and ._- in segments joined by slashes, a letter or digit first`,
		`grants/ALICE.yaml: the name differs from grants/alice.yaml only in case or Unicode form (rename one of them)`,
		`grants/alice.yaml: the name differs from grants/ALICE.yaml only in case or Unicode form (rename one of them)`,
	}
	if diff := cmp.Diff(want, lines(r.Problems)); diff != "" {
		t.Error(diff)
	}
	renamed := NewRequest([]FileChange{{Path: "grants/alice.yaml", After: plainFile(grantWith())}, {Path: "grants/ALICE.yaml", Before: plainFile(grantWith())}})
	if len(renamed.Problems) > 0 || len(renamed.Changes) != 1 {
		t.Error(lines(renamed.Problems))
	}
}

func TestA30ARenameEndsOneGrantAndRequestsAnother(t *testing.T) {
	r := NewRequest([]FileChange{{Path: "grants/a.yaml", Before: plainFile(grantWith())}, {Path: "grants/b.yaml", After: plainFile(grantWith())}})
	got := map[string]ChangeKind{}
	for _, c := range r.Changes {
		got[c.ID] = c.Kind
	}
	if diff := cmp.Diff(map[string]ChangeKind{"a": End, "b": Add}, got); diff != "" {
		t.Error(diff)
	}
}

func TestA23WhatDecidesAboutGrantsIsConfiguration(t *testing.T) {
	for path, want := range map[string]bool{
		"lapse.yaml": true, "people.yaml": true, "roles/a.yaml": true, "roles/deep/a": true, "roles": true, "policies/request.rego": true,
		".lapse/trust/key.pub": true, ".lapse": true, ".github/workflows/x.yml": true, ".github/actions/a/action.yml": true, ".github": true,
		"Lapse.yaml": true, "ROLES/a.yaml": true, ".GitHub/Workflows/x.yml": true, "ro\u017fles": false, "role\u017f/a.yaml": true,
		"grants/a.yaml": false, "README.md": false, ".github/CODEOWNERS": false, "rolesx/a": false, "docs/roles/a.yaml": false, "lapse.yaml.md": false, "": false,
	} {
		if got := IsConfiguration(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestProblemsNeverHoldBytesOfAPath(t *testing.T) {
	r := NewRequest([]FileChange{{Path: "grants/\x1b]0;x\x07\n::error::.yaml", After: plainFile(grantWith())}})
	want := []Problem{{Pos: Pos{File: `"grants/\x1b]0;x\a\n::error::.yaml"`}, Text: `grant id "\x1b]0;x\a\n::error::": character '\x1b' at column 1: want lower-case letters, digits and ._- in segments joined by slashes, a letter or digit first`}}
	if diff := cmp.Diff(want, r.Problems, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}
