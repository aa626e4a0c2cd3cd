package policies

import (
	"bytes"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

var update = flag.Bool("update", false, "write the published schema and the example policies")

func TestA45PoliciesThatLookOutsideTheirInputDoNotCompile(t *testing.T) {
	for _, call := range []string{
		`http.send({"method": "get", "url": "http://localhost"})`, `opa.runtime()`, `time.now_ns()`, `rand.intn("a", 2)`,
		`uuid.rfc4122("a")`, `net.lookup_ip_addr("localhost")`, `net.cidr_contains("10.0.0.0/8", "10.0.0.1")`,
		`rego.parse_module("a", "package a")`, `trace("a")`, `io.jwt.decode_verify("a", {})`, `io.jwt.verify_hs256("a", "b")`,
		`crypto.x509.parse_and_verify_certificates("a")`, `json.match_schema({}, {"$ref": "http://localhost"})`,
		`providers.aws.sign_req({}, {}, 1)`, `strings.render_template("a", {})`, `bits.lsh(1, 2)`,
	} {
		t.Run(call, func(t *testing.T) {
			s := Load(one("package request\ndeny contains \"m\" if {\n\t" + call + "\n}\n"))
			requireProblem(t, s.Problems(), "policies/p.rego:3:2", "undefined function "+call[:strings.IndexByte(call, '(')])
			if h := s.Problems()[0].Hint; !strings.Contains(h, "no network") {
				t.Errorf("hint %q", h)
			}
			if a := s.Request(t.Context(), exampleInput()); len(a.Broken) == 0 {
				t.Error("the request passes")
			}
		})
	}
}

func TestA45WithDoesNotBringABuiltinBack(t *testing.T) {
	for name, text := range map[string]string{
		"as target": "package request\ndeny contains \"m\" if { true with http.send as f }\nf(_) := 1\n",
		"as value":  "package request\ndeny contains \"m\" if { count([]) == 0 with count as opa.runtime }\n",
		"in a test": "package request\ndeny contains \"m\" if input.grant.reason == \"\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"p.rego": text}
			if name == "in a test" {
				files["p_test.rego"] = "package request_test\ntest_x if opa.runtime().env.HOME\n"
			}
			if p := Load(folder(files)).Problems(); len(p) == 0 {
				t.Error("it compiles")
			}
		})
	}
}

func TestA45TheMachinesTimeZoneIsAProblem(t *testing.T) {
	s := Load(one("package request\ndeny contains \"m\" if {\n\ttime.weekday([input.now.ns, \"Local\"]) == \"Sunday\"\n}\n"))
	requireProblem(t, s.Problems(), "policies/p.rego:3:15", "is that of the machine")
	if p := Load(one("package request\ndeny contains \"m\" if time.weekday([input.now.ns, \"Europe/Berlin\"]) == \"Sunday\"\n")).Problems(); p != nil {
		t.Errorf("problems:\n%s", list(p))
	}
}

func TestA45NoPolicyReachesTheNetwork(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	for name, text := range map[string]string{
		"call":       `http.send({"method": "get", "url": "URL"}).status_code == 200`,
		"with":       `f(1) with f as http.send`,
		"schema ref": `json.match_schema({}, {"$ref": "URL"})[0]`,
	} {
		s := Load(one("package request\ndeny contains \"m\" if " + strings.ReplaceAll(text, "URL", server.URL) + "\nf(x) := x\n"))
		if a := s.Request(t.Context(), exampleInput()); len(a.Broken) == 0 || asked.Load() != 0 {
			t.Errorf("%s: asked %d times, answer %+v", name, asked.Load(), a)
		}
	}
}

func TestAPrivateCopyReplacesNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.rego")
	if err := writeNew(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(path, []byte("two")); err == nil {
		t.Error("the second replaced the first")
	}
}

func TestA45NothingNondeterministicIsLeft(t *testing.T) {
	kept := map[string]bool{}
	for _, b := range capabilities().Builtins {
		kept[b.Name] = true
		if b.Nondeterministic {
			t.Errorf("%s is not deterministic", b.Name)
		}
	}
	if n := capabilities().AllowNet; n == nil || len(n) != 0 {
		t.Errorf("AllowNet %v allows the network", n)
	}
	for name := range forbidden {
		if !strings.HasSuffix(name, ".") && !known(name) {
			t.Errorf("%s does not exist in OPA: the list is stale", name)
		}
	}
	for _, name := range []string{"sprintf", "regex.match", "time.parse_rfc3339_ns", "print", "internal.print", "object.get"} {
		if !kept[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if len(kept) < len(ast.Builtins)/2 {
		t.Errorf("only %d of %d built-ins are left", len(kept), len(ast.Builtins))
	}
}

func TestA46ReadingAFieldThatTheInputLacksDoesNotCompile(t *testing.T) {
	for name, c := range map[string]struct{ text, at, want, hint string }{
		"field":       {"deny contains \"m\" if input.grant.tocket == \"\"", "policies/p.rego:2:22", "undefined ref: input.grant.tocket", `did you mean "ticket"?`},
		"top":         {"deny contains \"m\" if input.user == \"mallory\"", "policies/p.rego:2:22", "undefined ref: input.user", "there are grant, live, now, person, request, role"},
		"variable":    {"deny contains \"m\" if { g := input.grant; g.nope }", "policies/p.rego:2:42", "undefined ref: g.nope", ""},
		"element":     {"deny contains \"m\" if { some l in input.live; l.rolle == \"x\" }", "policies/p.rego:2:46", "undefined ref: l.rolle", `did you mean "role"?`},
		"import":      {"import input.grant as g\ndeny contains \"m\" if g.nope", "policies/p.rego:3:22", "undefined ref: input.grant.nope", ""},
		"negated":     {"deny contains \"m\" if not input.grant.approved", "policies/p.rego:2:26", "undefined ref: input.grant.approved", ""},
		"function":    {"deny contains \"m\" if f(input.grant)\nf(g) if g.nope == 1", "policies/p.rego:3:9", "undefined ref: input.grant.nope", ""},
		"value":       {"deny contains f(input.grant) if true\nf(g) := g.nope", "policies/p.rego:3:9", "undefined ref: input.grant.nope", ""},
		"two calls":   {"deny contains \"m\" if f(input)\nf(i) if g(i.grant.start, 1)\ng(s, n) if s.nanos == n", "policies/p.rego:4:12", "undefined ref: input.grant.start.nanos", ""},
		"every":       {"deny contains \"m\" if { every l in input.live { f(l) } }\nf(l) if l.nope", "policies/p.rego:3:9", "undefined ref: input.live[_].nope", ""},
		"in a list":   {"deny contains \"m\" if count([1 | some l in input.live; f(l)]) > 1\nf(l) if l.nope", "policies/p.rego:3:9", "undefined ref: input.live[_].nope", ""},
		"else":        {"deny contains \"m\" if f(input.grant) == 1\nf(g) := 1 if g.id == \"x\"\nelse := 2 if g.nope", "policies/p.rego:4:1", "undefined ref: input.grant.nope", ""},
		"object.get":  {"deny contains \"m\" if object.get(input.grant, \"rason\", \"\") == \"\"", "policies/p.rego:2:33", "undefined ref: input.grant.rason", `did you mean "reason"?`},
		"object path": {"deny contains \"m\" if object.get(input, [\"grant\", \"rason\"], \"\") == \"\"", "policies/p.rego:2:33", "undefined ref: input.grant.rason", `did you mean "reason"?`},
		"wrong type":  {"deny contains \"m\" if input.grant.duration_seconds == \"4h\"", "policies/p.rego:2:22", "match error", ""},
		"annotation":  {"# METADATA\n# schemas:\n# - input: {type: object}\ndeny contains \"m\" if input.nope", "policies/p.rego:5:22", "undefined ref: input.nope", ""},
	} {
		t.Run(name, func(t *testing.T) {
			problems := Load(one("package request\n" + c.text)).Problems()
			requireProblem(t, problems, c.at, c.want)
			if len(problems) == 1 && c.hint != "" && problems[0].Hint != c.hint {
				t.Errorf("hint %q, want %q", problems[0].Hint, c.hint)
			}
		})
	}
}

func TestEveryFieldOfTheInputCanBeRead(t *testing.T) {
	s := Load(one(`package request
deny contains "m" if {
	f(input.grant)
	input.now.ns > input.grant.start.ns
	some e in input.role.entitlements
	e.values.team == "x"
	some k, v in e.values
	k != v
	every l in input.live { l.end.rfc3339 != l.id }
	"left" in input.person.groups
	"label" in input.request.labels
	object.get(e.values, "schema", "") == ""
}
f(g) if g.end.rfc3339 != g.ticket
`))
	if p := s.Problems(); p != nil {
		t.Errorf("problems:\n%s", list(p))
	}
}

func TestThePublishedSchemaIsThatOfTheInput(t *testing.T) {
	const path = "../docs/schema/policy-input.schema.json"
	if *update {
		if err := os.WriteFile(path, InputSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, InputSchema()) {
		t.Errorf("%s is stale: go test ./policies -update", path)
	}
}
