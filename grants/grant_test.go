package grants

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// grant is a grant file of which the given lines replace those with the same key; a line "key:" alone removes the key.
func grantWith(replace ...string) string {
	keys := []string{"user", "role", "duration", "reason"}
	text := map[string]string{"user": "user: alice", "role": "role: prod-db-read", "duration": "duration: 4h", "reason": "reason: Slow query"}
	for _, line := range replace {
		key, value, _ := strings.Cut(line, ":")
		if _, ok := text[key]; !ok {
			keys = append(keys, key)
		}
		if text[key] = line; value == "" {
			text[key] = ""
		}
	}
	var b strings.Builder
	for _, key := range keys {
		if text[key] != "" {
			b.WriteString(text[key] + "\n")
		}
	}
	return b.String()
}

// refused is a grant file and the problems it must have, as they are printed after the file's name.
type refused struct {
	text string
	want []string
}

func testRefused(t *testing.T, tests []refused) {
	t.Helper()
	for _, tt := range tests {
		g, problems := LoadGrant("grants/x.yaml", []byte(tt.text))
		if g != nil {
			t.Errorf("%q is accepted", tt.text)
		}
		var got []string
		for _, p := range problems {
			got = append(got, strings.TrimPrefix(p.Error(), "grants/x.yaml:"))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q:\n%s", tt.text, diff)
		}
	}
}

func TestGrantIsWhatItsFileSays(t *testing.T) {
	g, problems := LoadGrant("grants/team/alice-prod.yaml", []byte(grantYAML))
	if len(problems) > 0 {
		t.Fatal(lines(problems))
	}
	const file = "grants/team/alice-prod.yaml"
	want := &Grant{
		ID: "team/alice-prod", User: "alice", Role: "prod-db-read", Duration: 4 * time.Hour,
		Start: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), Reason: "Slow checkout query, INC-4211", Ticket: "INC-4211",
		Digest: Digest([]byte(grantYAML)),
		At: map[string]Pos{
			"": {file, 2, 1}, "user": {file, 2, 7}, "role": {file, 3, 7}, "duration": {file, 4, 11}, "start": {file, 5, 8},
			"reason": {file, 6, 9}, "ticket": {file, 7, 9},
		},
	}
	if diff := cmp.Diff(want, g); diff != "" {
		t.Error(diff)
	}
	if g.Path() != file {
		t.Error(g.Path())
	}
	if want := "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; Digest([]byte("abc")) != want {
		t.Error(Digest([]byte("abc")))
	}
}

func TestGrantsThatAreAccepted(t *testing.T) {
	for _, text := range []string{
		grantWith(),
		"---\n" + grantWith(),
		"# a comment\n\n---\n" + grantWith(),
		strings.TrimSuffix(grantWith(), "\n"),
		grantWith("user: 'no'"), grantWith(`user: "1e3"`), grantWith("ticket: '4211'"),
		grantWith("duration:", "expires: 2026-12-01T18:00:00Z"), grantWith("duration:", "expires: '2026-12-01T18:00:00+01:00'"),
		grantWith("reason: 'it''s'"), grantWith(`reason: "a \"b\" c"`), grantWith("reason: größer 日本 🙂 — [see] {x}"),
		"{user: alice, role: r, duration: 1h, reason: x}",
		"{user: alice,\n role: r,\n duration: 1h, reason: x}\n",
	} {
		if _, problems := LoadGrant("grants/x.yaml", []byte(text)); len(problems) > 0 {
			t.Errorf("%q: %q", text, lines(problems))
		}
	}
}

func TestProblemsAreAllFoundAndHaveTheirPlace(t *testing.T) {
	testRefused(t, []refused{
		{grantWith("rol: x"), []string{`5:1: unknown key "rol" (did you mean "role"?)`}},
		{grantWith("owner: x"), []string{`5:1: unknown key "owner" (known: duration, expires, reason, role, start, ticket, user)`}},
		{"user: a/b\nrole: R\nreason: ' '\nduration: 5\n", []string{
			`1:7: user: login "a/b": character '/' at column 2: want letters, digits and hyphens, a letter or digit first`,
			`2:7: role: role "R": character 'R' at column 1: want lower-case letters, digits, dots, hyphens and underscores, a letter or digit first`,
			`3:9: reason: the text is blank`,
			`4:11: duration: want text, but "5" is a number to YAML (if text is meant, quote it: '5')`,
		}},
		{"user: alice\n", []string{`1:1: the key "reason" is missing`, `1:1: the key "role" is missing`}},
		{grantWith("user: [alice]"), []string{`1:7: user: want text, got a list`}},
		{grantWith("user: {a: b}"), []string{`1:7: user: want text, got a mapping`}},
		{grantWith("reason: " + strings.Repeat("x", 501)), []string{`4:9: reason: the text has 501 characters, more than 500`}},
		{grantWith("reason: a: b"), []string{`4: not YAML: mapping values are not allowed in this context`}},
		{"user: [a\nrole: b\n", []string{`1: not YAML: did not find expected ',' or ']'`}},
		{grantWith("ticket: a/b"), []string{`5:9: ticket: ticket "a/b": character '/' at column 2: want letters, digits, dots, hyphens and underscores, a letter or digit first`}},
	})
}

func TestProblemsOfOneFileAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString("k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + ": 1\n")
	}
	_, problems := LoadGrant("grants/x.yaml", []byte(b.String()))
	if n := len(problems); n < maxProblems || n > maxProblems+1 {
		t.Errorf("%d problems", n)
	}
}

func TestMarshalWritesWhatLoadGrantReads(t *testing.T) {
	base := Grant{User: "alice", Role: "prod-db-read", Duration: 90 * time.Minute, Reason: "Slow query"}
	with := func(change func(*Grant)) Grant {
		g := base
		change(&g)
		return g
	}
	grants := []Grant{
		base,
		with(func(g *Grant) { g.Ticket = "4211" }),
		with(func(g *Grant) { g.User, g.Role = "no", "0777" }),
		with(func(g *Grant) { g.Duration, g.Expires = 0, time.Date(2026, 12, 1, 18, 0, 0, 0, time.UTC) }),
		with(func(g *Grant) { g.Start = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC) }),
	}
	for _, reason := range []string{
		"it's", `a "b"`, "a: b", "a #b", "#a", "- a", "yes", "1e3", "[a]", "{a}", "a\\nb", " a ", "größer 日本", "&a", "*a", "!a", "%a", "---", "@a", "`a", "?", "~", "a,", ":", "0777", "2026-12-01", "=", "<<", "NaN", ".inf", "1:30",
	} {
		grants = append(grants, with(func(g *Grant) { g.Reason = reason }))
	}
	for _, want := range grants {
		want.ID = "a/b"
		got, problems := LoadGrant("grants/a/b.yaml", want.Marshal())
		if len(problems) > 0 {
			t.Errorf("%s%q", want.Marshal(), lines(problems))
			continue
		}
		if diff := cmp.Diff(want, *got, cmpopts.IgnoreFields(Grant{}, "Digest", "At")); diff != "" {
			t.Errorf("%s%s", want.Marshal(), diff)
		}
	}
	if got, want := string(base.Marshal()), "user: alice\nrole: prod-db-read\nduration: 1h30m\nreason: Slow query\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
