package main

import "testing"

func TestA35WhatIsNoPlainFileGivesNothing(t *testing.T) {
	refuseEach(t, []hostile{
		{"grants/link.yaml", "120000", "../elsewhere.yaml", "grants/link.yaml: a symbolic link: want a plain file"},
		{"grants/data.yaml", "120000", honest, "grants/data.yaml: a symbolic link: want a plain file"},
		{"grants/module.yaml", "160000", "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "grants/module.yaml: a submodule: want a plain file"},
		{"grants/run.yaml", "100755", honest, "grants/run.yaml: an executable file: want a plain file"},
	})
}

func TestA35WhatIsNoGrantAtAllIsAFinding(t *testing.T) {
	const other = "FILE: a file under grants/ that is no grant: "
	refuseEach(t, []hostile{
		{"grants/dir.yaml/x", "100644", honest, other},
		{"grants/nested.yaml/x.yaml", "100644", honest, `FILE: grant id "nested.yaml/x": character '.' at column 7`},
		{"grants/x.yml", "100644", honest, other},
		{"grants/x.json", "100644", `{"user": "alice"}`, other},
		{"grants/x", "100644", honest, other},
		{"grants/team/README.md", "100644", "Read me", other},
		{"grants/README.md", "120000", "../lapse.yaml", "FILE: a symbolic link: want a plain file"},
		{"Grants/other.yaml", "100644", honest, "FILE: a grant is a file under grants/"},
	})
}
