package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/github/githubtest"
)

func TestA35WhatIsNoPlainFileGivesNothing(t *testing.T) {
	t.Parallel()
	refuseEach(t, []hostile{
		{"grants/link.yaml", "120000", "../elsewhere.yaml", "grants/link.yaml: a symbolic link: want a plain file"},
		{"grants/data.yaml", "120000", honest, "grants/data.yaml: a symbolic link: want a plain file"},
		{"grants/module.yaml", "160000", "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "grants/module.yaml: a submodule: want a plain file"},
		{"grants/run.yaml", "100755", honest, "grants/run.yaml: an executable file: want a plain file"},
	})
}

func TestA35WhatIsNoGrantAtAllIsAFinding(t *testing.T) {
	t.Parallel()
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

// A live grant whose file becomes something else on main keeps what was approved, to its own end; a folder in its place has
// removed the file, which ends it.
func TestA35ALiveGrantThatBecomesNoFileIsNotChangedByIt(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	modes := map[string]string{"link": "120000", "module": "160000", "run": "100755"}
	for id := range modes {
		th.force(th.ask("bob", id, map[string]githubtest.Entry{"grants/" + id + ".yaml": {Mode: "100644", Data: honest}}))
	}
	if _, code := th.reconcile(); code != exitFine || !strings.Contains(th.holders(), "staging-readonly") {
		t.Fatalf("a run leaves with %d: %s", code, th.holders())
	}
	for id, mode := range modes {
		data := honest
		if mode == "160000" {
			data = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
		}
		n := th.ask("alice", id+"-again", map[string]githubtest.Entry{"grants/" + id + ".yaml": {Mode: mode, Data: data}})
		denied(t, id, th.check(n), "grants/"+id+".yaml: ")
		th.force(n)
	}
	if _, code := th.reconcile(); code != exitRefused || !strings.Contains(th.holders(), "staging-readonly") || len(th.receipts("refused")) != 3 {
		t.Errorf("a run leaves with %d, refused %v: %s", code, th.receipts("refused"), th.holders())
	}
	th.Advance(61 * time.Minute)
	rep, _ := th.reconcile()
	if strings.Contains(th.holders(), "staging-readonly") || len(rep.Removed) != 3 {
		t.Errorf("after the end: %s, removed %v", th.holders(), rep.Removed)
	}
	if left := th.git("ls-tree", "-r", "--name-only", "main", "grants/"); left != "" {
		t.Errorf("main holds %s", left)
	}
}

func TestA35AFolderInPlaceOfALiveGrantEndsIt(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	th.force(th.ask("bob", "first", map[string]githubtest.Entry{"grants/alice.yaml": {Mode: "100644", Data: honest}}))
	th.reconcile()
	n := th.ask("alice", "second", map[string]githubtest.Entry{"grants/alice.yaml/forever.yaml": {Mode: "100644", Data: honest}})
	denied(t, "the folder", th.check(n), `grants/alice.yaml/forever.yaml: grant id "alice.yaml/forever"`)
	th.force(n)
	if _, code := th.reconcile(); code != exitRefused || strings.Contains(th.holders(), "staging-readonly") {
		t.Errorf("a run leaves with %d: %s", code, th.holders())
	}
}

func TestA36IDsOfAnyOtherFormGiveNothing(t *testing.T) {
	t.Parallel()
	all := []hostile{{"grants/" + strings.Repeat("a", 201) + ".yaml", "100644", honest, "FILE: grant id "}}
	for id, shown := range map[string]string{
		"Alice": "Alice", "aLice": "aLice", // case
		"al\u0131ce": `al\u0131ce`, "\uff41lice": `\uff41lice`, "e\u0301lise": `e\u0301lise`, "\u00e9lise": `\u00e9lise`, "\u0430lice": `\u0430lice`, // Unicode forms
		"a\u202eb": `a\u202eb`, "a\u200bb": `a\u200bb`, "a\u2066b": `a\u2066b`, "a\ufeffb": `a\ufeffb`, "a\u00adb": `a\u00adb`, // bidi and zero-width
		".alice": ".alice", "alice.": "alice.", "a..b": "a..b", "-rf": "-rf", "_a": "_a", // dots
		"a b": "a b", "a%2fb": "a%2fb", `a\b`: `a\\b`, "a:b": "a:b", "a*": "a*", "~a": "~a", "a?b": "a?b", `a"b`: `a\"b`, // what other systems read
		"a\nb": `a\nb`, "a\tb": `a\tb`, "a\x1b[31m": `a\x1b[31m`, "a\xff": `a\xff`, "\x7fa": `\x7fa`, // not text
		"x/.y": "x/.y", "X/y": "X/y", "x.lock": "x.lock", "x/y.yaml": "x/y.yaml",
	} {
		all = append(all, hostile{"grants/" + id + ".yaml", "100644", honest, ""})
		h := &all[len(all)-1]
		if h.want = "FILE: "; shown != id || id == "a b" {
			h.want = `"grants/` + shown + `.yaml": `
		}
		h.want += `grant id "` + shown + `": `
	}
	refuseEach(t, all)
}

// One of two ids that some file system takes for one must not come while the other is there.
func TestA36AnIDThatDiffersFromALiveOneByCaseChangesNothing(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	th.force(th.ask("bob", "first", map[string]githubtest.Entry{"grants/team/alice.yaml": {Mode: "100644", Data: honest}}))
	th.reconcile()
	for i, path := range []string{"grants/team/Alice.yaml", "grants/TEAM/alice.yaml", "grants/team/al\u0131ce.yaml", "GRANTS/team/alice.yaml"} {
		long := strings.Replace(honest, "1h", "8h", 1)
		n := th.ask("alice", fmt.Sprintf("case-%d", i), map[string]githubtest.Entry{path: {Mode: "100644", Data: long}})
		if v := th.check(n); v.Outcome != checks.OutcomeDenied {
			t.Errorf("%s is %s", path, v.Outcome)
		}
		th.force(n)
	}
	if _, code := th.reconcile(); code != exitRefused || !strings.Contains(th.holders(), "2026-03-02T10:0") {
		t.Errorf("a run leaves with %d: %s", code, th.holders())
	}
	th.Advance(61 * time.Minute)
	if th.reconcile(); strings.Contains(th.holders(), "staging-readonly") {
		t.Errorf("after the end: %s", th.holders())
	}
}
