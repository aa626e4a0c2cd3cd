package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// evil are names that would be something else in a path, a query, a statement, a DN or a pattern.
var evil = []string{
	"../../orgs/acme", "alice/../bob", "..", "alice?admin=1", "alice#x", "alice%2f..%2fbob", "%2e%2e", "alice;bob", "alice\\bob", "*", "al*e", "alice bob",
	`alice"`, "alice''; DROP ROLE x; --", "cn=alice,dc=acme", "(|(uid=*))", "$(id)", "${LAPSE_SIGNING_KEY}", "@acme/engineering", "group:security", "alice[bot]",
	"-alice", "alice:admin", "{alice}", "alice|bob",
}

func quote(s string) string { return "'" + s + "'" } // evil holds its single quotes doubled

// denyNames asks for all of the files in one pull request, which dan approves. Each must be denied at its place, and GitHub must be
// asked nothing that it is not asked for a file with usual names.
func denyNames(t *testing.T, usual hostile, all []hostile) {
	t.Helper()
	th := newTheatre(t, nil)
	asked := func(branch string, files map[string]githubtest.Entry) (checks.Verdict, map[string]bool) {
		n := th.ask("alice", branch, files)
		if _, err := th.As("dan").Review(stage.Repo, n, "APPROVE", "Looks fine"); err != nil {
			t.Fatal(err)
		}
		th.ForgetRequests()
		v, seen := th.check(n), map[string]bool{}
		for _, r := range th.Requests() {
			line := r.Method + " " + r.Path + "?" + r.Query
			for old, new := range map[string]string{branch: "BRANCH", fmt.Sprintf("/pulls/%d", n): "/pulls/N", fmt.Sprintf("/issues/%d", n): "/issues/N"} {
				line = strings.ReplaceAll(line, old, new)
			}
			seen[commitID.ReplaceAllString(line, "COMMIT")] = true
		}
		return v, seen
	}
	v, known := asked("usual", plain(usual.path, usual.data))
	if len(v.Denials) > 0 {
		t.Fatalf("with usual names: %+v", v.Denials)
	}
	files := map[string]githubtest.Entry{}
	for _, h := range all {
		files[h.path] = githubtest.Entry{Mode: "100644", Data: h.data}
	}
	v, seen := asked("hostile", files)
	for _, h := range all {
		denied(t, h.data, v, strings.Replace(h.want, "FILE", h.path, 1))
	}
	for line := range seen {
		if !known[line] {
			t.Errorf("GitHub was asked %s", line)
		}
	}
}

var commitID = regexp.MustCompile(`[0-9a-f]{40}`)

// named is the hostile file number n of a folder.
func named(folder string, n int, data, want string) hostile {
	return hostile{fmt.Sprintf("%s/x%d.yaml", folder, n), "100644", data, "FILE:" + want}
}

func TestA42NamesOfPeopleAndRolesReachNoCall(t *testing.T) {
	t.Parallel()
	var all []hostile
	for _, name := range evil {
		all = append(all, named("grants", len(all), grantWith("user: "+quote(name)), "1:7: user: "))
		all = append(all, named("grants", len(all), grantWith("role: "+quote(name)), "2:7: role: "))
	}
	denyNames(t, named("grants", 0, honest, ""), all)
}

// Names of a right form that stand for everybody somewhere are nobody here.
func TestA42NamesThatMeanEverybodyElsewhereAreNobody(t *testing.T) {
	t.Parallel()
	var all []hostile
	for _, name := range []string{"allUsers", "allAuthenticatedUsers", "everyone", "public", "root", "alice-", "Alice", "ALICE"} {
		all = append(all, text(grantWith("user: "+name), "FILE:1:7: "))
	}
	refuseEach(t, all)
}

func TestA42NamesOfTeamsAccountsAndEntitlementsReachNoCall(t *testing.T) {
	t.Parallel()
	const role = "description: A role\nentitlements:\n  - {target: vault, name: NAME}\n  - {target: github, team: TEAM}\n  - {target: github, repository: REPO, permission: pull}\n" +
		"max_duration: 8h\neligible: [ELIGIBLE]\napprovals:\n  - {from: [FROM], count: 1}\n"
	usual := map[string]string{"NAME": "staging", "TEAM": "oncall", "REPO": "orders", "ELIGIBLE": `"@acme/engineering"`, "FROM": `"@acme/security"`}
	with := func(what, name string) string {
		out := role
		for key, value := range usual {
			if key == what {
				value = quote(name)
			}
			out = strings.ReplaceAll(out, key, value)
		}
		return out
	}
	var all []hostile
	for _, name := range evil {
		all = append(all, named("roles", len(all), with("TEAM", name), "4:28: team: "))
		if name != "-alice" { // a repository may be called so
			all = append(all, named("roles", len(all), with("REPO", name), "5:34: repository: "))
		}
		if name != "@acme/engineering" && name != "group:security" { // those are what they are here
			all = append(all, named("roles", len(all), with("ELIGIBLE", name), "7:12: "), named("roles", len(all)+1, with("FROM", name), "9:13: "))
		}
	}
	for _, name := range []string{"../x", "a/b", "a?b", "a#b", "a%2fb", `a"b`, "a b", "*", "-rf", ""} {
		all = append(all, named("roles", len(all), with("NAME", name), "3:27: name: "))
	}
	people := "groups: {security: [dan]}\npeople:\n  dan: {id: 583234}\n"
	for i, name := range []string{"../x", "a/b", "a?b", "a#b", `a"b`, "a b", "*", ""} {
		people += fmt.Sprintf("  user%d: {id: %d, accounts: {vault: %s}}\n", i, 1000+i, quote(name))
		all = append(all, hostile{"people.yaml", "100644", "", fmt.Sprintf("FILE:%d:", 4+i)})
	}
	for i := range all {
		if all[i].path == "people.yaml" {
			all[i].data = people
		}
	}
	denyNames(t, named("roles", 0, with("", ""), ""), all)
}
