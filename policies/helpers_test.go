package policies

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lapse-access/lapse/grants"
)

// folder is an access repository with the given policy files.
func folder(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[Folder+"/"+name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return m
}

// one is an access repository with one policy file.
func one(text string) fstest.MapFS { return folder(map[string]string{"p.rego": text}) }

func defaultFiles(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := fs.ReadDir(Default(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := fs.ReadFile(Default(), e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

// exampleInput is a request that the default policies let pass in silence.
func exampleInput() Input {
	at := func(text string, ns int64) Time { return Time{RFC3339: text, NS: ns} }
	return Input{
		Grant: Grant{
			ID: "alice-prod", User: "alice", Role: "prod-db-read", Reason: "Slow checkout query, INC-4211", Ticket: "INC-4211",
			DurationSeconds: 14400,
			Start:           at("2026-12-01T09:00:00Z", 1796115600000000000), End: at("2026-12-01T13:00:00Z", 1796130000000000000),
		},
		Role: Role{
			Name: "prod-db-read", Description: "Read-only access to the orders database", MaxDurationSeconds: 28800,
			Entitlements: []Entitlement{{Target: "prod-db", Type: "postgres", Values: map[string]string{"role": "readonly"}}},
		},
		Person:  Person{Login: "alice", ID: 583231, Email: "alice@acme.com", Groups: []string{"engineering"}},
		Request: Request{Number: 7, Author: "alice", Change: "add"},
		Now:     at("2026-12-01T09:00:00Z", 1796115600000000000),
	}
}

// requireProblem wants exactly one problem, at the place and with the text.
func requireProblem(t *testing.T, problems []grants.Problem, at, text string) {
	t.Helper()
	if len(problems) != 1 || problems[0].Pos.String() != at || !strings.Contains(problems[0].Text, text) {
		t.Errorf("problems:\n%s\nwant one at %s with %q", list(problems), at, text)
	}
}

func list(problems []grants.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString("  " + p.Error() + "\n")
	}
	return b.String()
}
