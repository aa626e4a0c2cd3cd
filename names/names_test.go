package names_test

import (
	"strings"
	"testing"

	"github.com/lapse-access/lapse/names"
)

// kinds are all the validators, with what each must accept and what each must refuse: value → a part of the error.
var kinds = map[string]struct {
	check  func(string) error
	accept []string
	refuse map[string]string
}{
	"Login": {names.Login,
		[]string{"alice", "Alice-B", "a", "alice_acme", "4lice", "a--b", strings.Repeat("a", 39)},
		map[string]string{
			"-alice": "'-' at column 1", "_acme": "'_' at column 1", "alice_": "column 6", "a_b_c": "'_' at column 4",
			"al/ice": "'/' at column 3", "a_b-c": "'-' at column 4", "dependabot[bot]": "'[' at column 11",
			strings.Repeat("a", 40): "40 characters long: at most 39", "а": `'\u0430' at column 1`,
		}},
	"Organization": {names.Organization,
		[]string{"acme", "Acme-2"},
		map[string]string{"ac_me": "'_' at column 3", "acme/x": "'/' at column 5"}},
	"TeamSlug": {names.TeamSlug,
		[]string{"data-platform", "a_b", "2fast"},
		map[string]string{"Data": "'D' at column 1", "a/b": "'/' at column 2", "..": "'.' at column 1", "-x": "'-' at column 1"}},
	"RepositoryName": {names.RepositoryName,
		[]string{".github", "Lapse", "a.b_c-d", "-"},
		map[string]string{".": "folder", "..": "folder", "x.git": "'.' at column 2", "x.WIKI": "column 2", "a/b": "'/' at column 2"}},
	"Repository": {names.Repository,
		[]string{"acme/access", "acme/.github"},
		map[string]string{"acme": "owner/name", "acme/": "empty", "/x": "owner", "a/b/c": "'/' at column 2", "acme/..": "folder", "-a/b": "'-' at column 1"}},
	"Branch": {names.Branch,
		[]string{"main", "feature/x", "a-b_c.d", "v1.0", "dependabot/npm_and_yarn/@types/node-1", "HEAD/x"},
		map[string]string{
			"-x": "'-' at column 1", "a..b": "'.' at column 2", "a//b": "'/' at column 3", "a/": "column 2", "/a": "'/' at column 1",
			"a.lock": "column 2", "a.LOCK/b": "column 2", "a/.b": "'.' at column 3", "a.": "column 2", "a/-b": "'-' at column 3",
			"a b": "' ' at column 2", "a~1": "'~' at column 2", "a^": "'^'", "a:b": "':'", "a?": "'?'", "a*": "'*'", "a[": "'['",
			`a\b`: `'\\' at column 2`, "a@{1}": "'{' at column 3", "@": "another kind", "HEAD": "another kind", "refs/heads/x": "another kind",
			strings.Repeat("a", 40): "another kind", "a\x00": `'\x00' at column 2`, "a#b": "'#'", "a%2fb": "'%'", "é": `'\u00e9' at column 1`,
		}},
	"SHA": {names.SHA,
		[]string{strings.Repeat("0a", 20)},
		map[string]string{strings.Repeat("0A", 20): "'A' at column 2", "abc": "3 characters", strings.Repeat("a", 41): "41 characters"}},
	"GrantID": {names.GrantID,
		[]string{"alice-prod", "alice/prod/db", "2026.12.01_x", "a.yaml.b", "lock"},
		map[string]string{
			"Alice": "'A' at column 1", "a/B": "'B' at column 3", "../x": "'.' at column 1", "a/../b": "'.' at column 3", "a..b": "'.' at column 2",
			"a.": "column 2", "a./b": "column 2", "a.lock": "column 2", "a.yaml": `".yaml"`, "a.yml/b": `".yml"`, "/a": "'/' at column 1",
			"a/": "column 2", "a//b": "column 3", "a/.b": "column 3", "a/-b": "column 3", "a b": "' '", "é": `'\u00e9'`, "e\u0301": `'\u0301' at column 2`,
			"a\u202eb": `'\u202e' at column 2`, "a\u200bb": `'\u200b' at column 2`, "a\xffb": "0xff at column 2", "a\ufffd": `'\ufffd' at column 2`,
			strings.Repeat("a", 201): "at most 200",
		}},
	"RoleName": {names.RoleName,
		[]string{"prod-db-read", "a.b"},
		map[string]string{"a/b": "'/'", "..": "'.' at column 1", "a..b": "column 2", "a.yaml": ".yaml", "A": "'A'"}},
	"TargetName": {names.TargetName, []string{"prod-db"}, map[string]string{"prod db": "' ' at column 5", "a?b": "'?'", "a.": "column 2"}},
	"GroupName":  {names.GroupName, []string{"security"}, map[string]string{"group:x": "':' at column 6", "a..b": "column 2"}},
	"EnvName":    {names.EnvName, []string{"PROD_DB_DSN", "_X1"}, map[string]string{"1X": "'1' at column 1", "x": "'x'", "A}": "'}' at column 2"}},
	"Ticket":     {names.Ticket, []string{"INC-4211", "a.b"}, map[string]string{"INC 1": "' ' at column 4", "#1": "'#'", "a/../b": "'/'", "<b>": "'<'"}},
	"Email": {names.Email,
		[]string{"alice@acme.com", "a.b+c_d@mail.acme.co.uk", "_x@a-b.io"},
		map[string]string{
			"alice": "no @", "@acme.com": "'@' at column 1", "a@b": "no dot", "a@b..c": "empty part", "a@-b.c": "'-' at column 3", "a@b.c-": "hyphen",
			"a@@b.c": "'@' at column 3", "a@b_c.d": "'_' at column 4", "a..b@c.d": "column 2", "a.@b.c": "column 2", "a@b.c>": "'>'", "a b@c.d": "' '",
			strings.Repeat("a", 65) + "@b.c": "65 characters before the @", "a@b.c.": "empty part",
		}},
	"Account": {names.Account,
		[]string{"alice_r", "alice@acme.com", "_svc", "a+b"},
		map[string]string{
			"allUsers": "every account", "PUBLIC": "every account", "-x": "'-'", ".": "'.'", "a/b": "'/'", "a'b": `'\'' at column 2`, `a"b`: `'"'`,
			"a;b": "';'", "a*": "'*'", "cn=a,dc=b": "'=' at column 3", "system:masters": "':'", "a%": "'%'", "a#": "'#'", "a?": "'?'",
		}},
	"Party": {names.Party,
		[]string{"@acme/data-platform", "group:security"},
		map[string]string{
			"acme/x": "@organization/team", "@acme": "no team", "@acme/": "empty", "@/x": "empty", "group:": "empty", "@acme/X": "'X' at column 1",
			"@acme/x/y": "'/'", "group:@acme/x": "'@'", "": "@organization/team", "user:alice": "@organization/team",
		}},
}

func TestEveryKindAcceptsItsNames(t *testing.T) {
	for kind, k := range kinds {
		for _, s := range k.accept {
			if err := k.check(s); err != nil {
				t.Errorf("%s(%q): %v", kind, s, err)
			}
		}
	}
}

func TestA42EveryKindRefusesHostileNames(t *testing.T) {
	hostile := []string{"", " ", "a\nb", "a\x1bb", "a?b", "a#b", "a%2e%2eb", "..", "a/../b", "../a", `a"b`, "a'b", "a`b", "a*b", "a;b", "a\\b", "a\x00b", "\ufeffa", "a\u202eb", "a\x80"}
	for kind, k := range kinds {
		for _, s := range hostile {
			if k.check(s) == nil {
				t.Errorf("%s(%q) is accepted", kind, s)
			}
		}
	}
}

func TestErrorsSayWhichCharacterAtWhichColumn(t *testing.T) {
	for kind, k := range kinds {
		for s, want := range k.refuse {
			err := k.check(s)
			if err == nil {
				t.Errorf("%s(%q) is accepted", kind, s)
			} else if !strings.Contains(err.Error(), want) {
				t.Errorf("%s(%q) says %q, want %q in it", kind, s, err, want)
			}
		}
	}
}

func TestSplitPartyGivesTheParts(t *testing.T) {
	if org, team, group, err := names.SplitParty("@acme/data-platform"); org != "acme" || team != "data-platform" || group != "" || err != nil {
		t.Error(org, team, group, err)
	}
	if org, team, group, err := names.SplitParty("group:security"); org != "" || team != "" || group != "security" || err != nil {
		t.Error(org, team, group, err)
	}
	if org, team, group, err := names.SplitParty("@acme/Bad"); org+team+group != "" || err == nil {
		t.Error(org, team, group, err)
	}
}
