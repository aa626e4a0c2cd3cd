package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// push is what who pushes to a branch, main included, without asking.
func (th *theatre) push(who, branch string, c githubtest.Commit) {
	th.t.Helper()
	c.Message = "Change the configuration"
	if _, err := th.As(who).Push(stage.Repo, branch, c); err != nil {
		th.t.Fatalf("push %s: %v", branch, err)
	}
}

func plain(path, data string) map[string]githubtest.Entry {
	return map[string]githubtest.Entry{path: {Mode: "100644", Data: data}}
}

// denyConfiguration asks for each file by a pull request that dan approves, which is all that configuration needs. Check must deny each
// for its reason: nobody's approval puts into force what would let requests pass for the wrong reason. A file of the same kind that
// is as it should be must be approved.
func denyConfiguration(t *testing.T, good hostile, all []hostile) {
	t.Helper()
	th := newTheatre(t, nil)
	propose := func(branch string, h hostile) checks.Verdict {
		n := th.ask("alice", branch, map[string]githubtest.Entry{h.path: {Mode: h.mode, Data: h.data}})
		if _, err := th.As("dan").Review(stage.Repo, n, "APPROVE", "Looks fine"); err != nil {
			t.Fatal(err)
		}
		return th.check(n)
	}
	if v := propose("good", good); v.Outcome != checks.OutcomeApproved {
		t.Fatalf("%s is %s: %v", good.path, v.Outcome, v.Denials)
	}
	for i, h := range all {
		denied(t, fmt.Sprintf("%s %q", h.path, h.data), propose(fmt.Sprintf("bad-%d", i), h), strings.Replace(h.want, "FILE", h.path, 1))
	}
}

func TestA45APolicyThatLooksOutsideItsInputIsNotApproved(t *testing.T) {
	t.Parallel()
	policy := func(line, want string) hostile {
		return hostile{"policies/p.rego", "100644", "package request\n\ndeny contains \"m\" if {\n\t" + line + "\n}\n", want}
	}
	undefined := func(call string) hostile {
		return policy(call, "FILE:4:2: undefined function "+call[:strings.Index(call, "(")])
	}
	denyConfiguration(t, policy(`input.grant.reason == "none"`, ""), []hostile{
		undefined(`http.send({"method": "get", "url": "http://169.254.169.254/"}).status_code == 200`),
		undefined(`opa.runtime().env.LAPSE_SIGNING_KEY != ""`),
		undefined(`time.now_ns() > 0`),
		undefined(`rand.intn("a", 2) == 0`),
		undefined(`uuid.rfc4122("a") == ""`),
		undefined(`net.lookup_ip_addr("acme.com") == set()`),
		undefined(`rego.parse_module("a", "package a") == {}`),
		undefined(`trace("a")`),
		undefined(`io.jwt.decode_verify("a", {})[0]`),
		policy(`count([]) == 0 with count as opa.runtime`, "FILE:4:"),
		policy(`time.weekday([input.now.ns, "Local"]) == "Sunday"`, "FILE:4:15: time zone"),
		policy(`data.conftest.file.name != "x"`, "FILE:4:2: undefined value data.conftest"),
	})
}

func TestA46APolicyThatWouldNeverDenyIsNotApproved(t *testing.T) {
	t.Parallel()
	const pass = "package request\n\ndeny contains msg if { input.grant.reason == \"none\"; msg := \"m\" }\n"
	rule := func(text, want string) hostile { return hostile{"policies/p.rego", "100644", pass + text + "\n", want} }
	file := func(text, want string) hostile { return hostile{"policies/p.rego", "100644", text + "\n", want} }
	denyConfiguration(t, file(pass, ""), []hostile{
		rule(`denny contains "m" if true`, "FILE:4:1: "),
		rule(`Deny contains "m" if true`, "FILE:4:1: "),
		rule(`denyProd contains "m" if true`, "FILE:4:1: "),
		rule(`voilation contains "m" if true`, "FILE:4:1: "),
		rule(`reject contains "m" if true`, "FILE:4:1: "),
		rule(`exception contains ["", "a"] if true`, "FILE:4:1: "),
		rule(`deny := "no"`, "FILE:4:1: "),
		rule(`violation if input.grant.reason == "x"`, "FILE:4:1: "),
		rule(`default warn := false`, "FILE:4:1: "),
		rule(`violation[k] := "no" if some k in ["a"]`, "FILE:4:1: "),
		rule(`violation contains "m" if input.grant.reasn == "x"`, "FILE:4:"),
		rule(`violation contains "m" if input.request.approved`, "FILE:4:"),
		rule(`violation contains "m" if data.people.blocked`, "FILE:4:"),
		file("package requests\ndeny contains \"m\" if true", "FILE:1:1: "),
		file("package reqest\ndeny contains \"m\" if true", "FILE:1:1: "),
		file("package main\ndeny contains \"m\" if true", "FILE:1:1: "),
		file("package request.prod\ndeny contains \"m\" if true", "FILE:2:1: "),
		file("package request\n\ndeny[msg] { msg := \"m\" }", "FILE:3:1: "),
		file("package request\n\ndeny contains {", "FILE:"),
		file("package request\ndeny contains \"m\" if input.grant.reason == \"\u202e\"", "FILE:2:"),
		{"policies/p_test.rego", "100644", "package request\nlong := 1\n", "FILE:2:1: "},
		{"policies/p.REGO", "100644", pass, "FILE: "},
		{"policies/.p.rego", "100644", pass, "FILE: "},
		{"policies/sub/p.rego", "100644", pass, "policies/sub: "},
		{"policies/p.rego", "120000", "request.rego", "FILE: "},
		{"policies/request.rego", "100644", "package request\n", "FILE:1:1: package request has no rule"},
		{"policies/active.rego", "100644", "package active\n", "FILE:1:1: package active has no rule"},
	})
}

// What only shows when the policies are asked is no pass either, neither at the check nor after the merge.
func TestA46AnAnswerThatIsNoMessageLetsNothingPass(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]string{
		"number":              `deny contains 3 if true`,
		"empty":               `deny contains "" if true`,
		"blank":               `deny contains "\u200b \n" if true`,
		"object without msg":  `deny contains {"text": "m"} if true`,
		"approvals of no one": `deny contains {"msg": "m", "approvals": {"from": [], "count": 1}} if true`,
		"approvals of none":   `deny contains {"msg": "m", "approvals": {"from": ["@acme/data-platform"], "count": 0}} if true`,
		"misspelt approvals":  `deny contains {"msg": "m", "aprovals": {"from": ["@acme/data-platform"], "count": 1}} if true`,
		"error of a built-in": `deny contains "m" if to_number(input.grant.reason) > 3`,
		"two values":          "deny contains \"m\" if x == 3\n\nx := 1 if input.grant.user == \"alice\"\n\nx := 2 if input.grant.user != \"bob\"",
		"warning of a number": "warn contains 3 if true\n\ndeny contains \"m\" if input.grant.reason == \"none\"",
	} {
		t.Run(name, func(t *testing.T) {
			th := newTheatre(t, map[string]string{"policies/p.rego": "package request\n\n" + rule + "\n"})
			n := th.ask("alice", "alice", plain("grants/alice.yaml", honest))
			if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "Looks fine"); err != nil {
				t.Fatal(err)
			}
			denied(t, "check", th.check(n), "policies/p.rego:")
			th.force(n)
			rep, code := th.reconcile()
			if code != exitRefused || len(rep.Judged) != 1 || strings.Contains(th.holders(), "alice") {
				t.Fatalf("a run leaves with %d: %s", code, th.holders())
			}
			denied(t, "merge", rep.Judged[0].Verdict, "policies/p.rego:")
		})
	}
}

// A package active that cannot be asked ends nobody's access, and gives nobody any.
func TestA46ABrokenPolicyOfLiveGrantsStopsGivingAndNotTaking(t *testing.T) {
	t.Parallel()
	const later = "package active\n\ndeny contains \"m\" if {\n\tinput.now.ns > time.parse_rfc3339_ns(\"2026-03-02T09:30:00Z\")\n\tto_number(input.grant.reason) > 3\n}\n"
	th := newTheatre(t, map[string]string{"policies/p.rego": later})
	th.force(th.ask("alice", "alice", plain("grants/alice.yaml", honest)))
	if _, code := th.reconcile(); code != exitFine || !strings.Contains(th.holders(), `"alice"`) {
		t.Fatalf("a run leaves with %d: %s", code, th.holders())
	}
	th.Advance(40 * time.Minute)
	th.force(th.ask("bob", "bob", plain("grants/bob.yaml", strings.Replace(honest, "alice", "bob", 1))))
	rep, code := th.reconcile()
	if got := th.holders(); code != exitRefused || !strings.Contains(got, `"alice"`) || strings.Contains(got, `"bob"`) || len(rep.Frozen) == 0 {
		t.Errorf("a run leaves with %d, frozen for %q: %s", code, rep.Frozen, got)
	}
	th.Advance(21 * time.Minute)
	if th.reconcile(); strings.Contains(th.holders(), "alice") {
		t.Errorf("after the end: %s", th.holders())
	}
}

// Whatever becomes unreadable on main, nothing new is given, and what lives is neither taken for it nor left past its end.
func TestA47WhatIsMissingOrUnreadableGivesNothingNewAndTakesOnTime(t *testing.T) {
	t.Parallel()
	shipped, err := stage.Files()
	if err != nil {
		t.Fatal(err)
	}
	without := func(prefix string) map[string]string {
		gone := map[string]string{}
		for _, path := range slices.Sorted(maps.Keys(shipped)) {
			if strings.HasPrefix(path, prefix) {
				gone[path] = ""
			}
		}
		return gone
	}
	entry := func(path, mode, data string) githubtest.Commit {
		return githubtest.Commit{Entries: map[string]githubtest.Entry{path: {Mode: mode, Data: data}}}
	}
	// What main plainly no longer names ends what it gave, as any admin may; what cannot be read ends nothing.
	ends := map[string]bool{"no roles": true, "people without her": true, "nothing at all": true}
	withoutAlice := strings.Replace(shipped["people.yaml"], "  alice: {id: 583231, email: alice@acme.com}\n", "", 1)
	for name, broken := range map[string]githubtest.Commit{
		"no policies":             {Files: without("policies/")},
		"empty policies":          {Files: map[string]string{"policies/request.rego": "\n", "policies/active.rego": "\n"}},
		"policies that are noise": entry("policies/request.rego", "100644", "\x00\xff"),
		"policies that are links": entry("policies/request.rego", "120000", "active.rego"),
		"no roles":                {Files: without("roles/")},
		"a role that is noise":    entry("roles/staging-read.yaml", "100644", "\x00\xff"),
		"a role that is a link":   entry("roles/staging-read.yaml", "120000", "prod-db-read.yaml"),
		"roles that are a file":   {Files: without("roles/"), Entries: map[string]githubtest.Entry{"roles": {Mode: "100644", Data: "none"}}},
		"no people":               {Files: without("people.yaml")},
		"people that are noise":   entry("people.yaml", "100644", "\x00\xff"),
		"people without her":      entry("people.yaml", "100644", withoutAlice),
		"people that are nobody":  entry("people.yaml", "100644", "people: {}\n"),
		"groups that are empty":   entry("people.yaml", "100644", strings.Replace(shipped["people.yaml"], "[carol, dan]", "[]", 1)),
		"no configuration":        {Files: without("lapse.yaml")},
		"a configuration of null": entry("lapse.yaml", "100644", "null\n"),
		"nothing at all":          {Orphan: true, Parents: []string{"main"}, Files: map[string]string{"README.md": "Nothing\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			th := newTheatre(t, nil)
			th.force(th.ask("alice", "alice", plain("grants/alice.yaml", honest)))
			if _, code := th.reconcile(); code != exitFine || !strings.Contains(th.holders(), `"alice"`) {
				t.Fatalf("a run leaves with %d: %s", code, th.holders())
			}
			th.push("mallory", "main", broken)
			const reason = "is not the one that was approved"
			if _, code := th.reconcile(); code != exitRefused {
				t.Errorf("a run leaves with %d", code)
			}
			n := th.ask("bob", "bob", plain("grants/bob.yaml", strings.Replace(honest, "alice", "bob", 1)))
			if a := th.lapse("check", "--pull", strconv.Itoa(n)); a.code == exitFine || !strings.Contains(a.out+a.err, reason) {
				t.Errorf("check does not say %q: %s", reason, a)
			}
			th.force(n)
			th.reconcile()
			if got := th.holders(); strings.Contains(got, `"bob"`) || strings.Contains(got, `"alice"`) == ends[name] {
				t.Errorf("before the end: %s", got)
			}
			th.Advance(61 * time.Minute)
			if th.reconcile(); strings.Contains(th.holders(), "account") {
				t.Errorf("after the end: %s", th.holders())
			}
		})
	}
}

// Approvers who are gone are nobody: what waits for them waits, and what lives ends on time.
func TestA47WithoutApproversNothingIsApproved(t *testing.T) {
	t.Parallel()
	const request = "user: alice\nrole: prod-db-read\nduration: 1h\nreason: Slow checkout query, INC-4211\n"
	th := newTheatre(t, nil)
	approve := func(n int) {
		if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "Looks fine"); err != nil {
			t.Fatal(err)
		}
	}
	n := th.ask("alice", "first", plain("grants/first.yaml", request))
	approve(n)
	th.force(n)
	if _, code := th.reconcile(); code != exitFine || !strings.Contains(th.holders(), `"alice"`) {
		t.Fatalf("a run leaves with %d: %s", code, th.holders())
	}
	second := th.ask("alice", "second", plain("grants/second.yaml", strings.Replace(request, "1h", "2h", 1)))
	approve(second)
	th.RemoveMember(stage.Org, "data-platform", "carol")
	if v := th.check(second); v.Outcome != checks.OutcomeWaiting || len(v.Needs) != 1 || len(v.Needs[0].Could) != 0 {
		t.Errorf("without approvers the request is %s: %+v", v.Outcome, v.Needs)
	}
	th.force(second)
	if _, code := th.reconcile(); code != exitRefused || len(th.receipts("refused")) != 1 {
		t.Errorf("a run leaves with %d, refused %v", code, th.receipts("refused"))
	}
	th.Advance(61 * time.Minute)
	if th.reconcile(); strings.Contains(th.holders(), "alice") {
		t.Errorf("after the end: %s", th.holders())
	}
}
