package main

import "testing"

func TestA35WhatIsNoPlainFileGivesNothing(t *testing.T) {
	refuseEach(t, []hostile{
		{"grants/link.yaml", "120000", "../elsewhere.yaml", "grants/link.yaml: a symbolic link: want a plain file"},
		{"grants/data.yaml", "120000", honest, "grants/data.yaml: a symbolic link: want a plain file"},
		{"grants/module.yaml", "160000", "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "grants/module.yaml: a submodule: want a plain file"},
		{"grants/run.yaml", "100755", honest, "grants/run.yaml: an executable file: want a plain file"},
		{"grants/dir.yaml/x", "100644", honest, "grants/dir.yaml/x: the name of a grant ends in .yaml"},
		{"grants/nested.yaml/x.yaml", "100644", honest, "grants/nested.yaml/x.yaml: "},
		{"grants/x.yml", "100644", honest, "grants/x.yml: the name of a grant ends in .yaml"},
		{"grants/x.json", "100644", `{"user": "alice"}`, "grants/x.json: the name of a grant ends in .yaml"},
		{"grants/x", "100644", honest, "grants/x: the name of a grant ends in .yaml"},
		{"grants/team/README.md", "100644", "Read me", "grants/team/README.md: the name of a grant ends in .yaml"},
		{"grants/README.md", "120000", "../lapse.yaml", "grants/README.md: a symbolic link: want a plain file"},
		{"Grants/other.yaml", "100644", honest, "Grants/other.yaml: a grant is a file under grants/"},
	})
}
