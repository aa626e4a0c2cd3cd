package policies

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/conftest/output"
	"github.com/open-policy-agent/conftest/policy"
)

// broadPolicy uses what conftest knows of rules: several definitions, suffixes, metadata, libraries, annotations, print.
var broadPolicy = map[string]string{
	"a.rego": `# METADATA
# title: broad
package request

import data.lib
import data.request.shared

deny contains msg if {
	some e in input.role.entitlements
	msg := sprintf("%s gives %v", [e.target, e.values])
}

deny contains "constant" if lib.long(input.grant)

deny_1_prod contains {"msg": "metadata", "id": 7, "approvals": {"from": ["group:security"], "count": 1}} if shared.production

violation contains {"msg": msg, "_loc": {"file": "x", "line": 3}} if {
	print("seen", input.grant.id)
	some l in input.live
	msg := concat(" ", [l.id, l.end.rfc3339])
}

warn contains input.grant.reason if input.grant.reason != ""

warn_ns contains "later" if input.now.ns > 1796115600000000000
`,
	"b.rego": `package request

deny contains "b" if count(input.person.groups) == 0
`,
	"lib.rego":    "package lib\nlong(grant) if grant.duration_seconds > 3600\n",
	"shared.rego": "package request.shared\nproduction if startswith(input.role.name, \"prod-\")\n",
	"a_test.rego": "package request_test\n\nimport data.request\n\ntest_b if \"b\" in request.deny with input as {\"person\": {\"groups\": []}}\n",
	"active.rego": "package active\n\ndeny contains \"left\" if \"departed\" in input.person.groups\n\nwarn contains \"soon\" if input.grant.end.ns - input.now.ns < 1000000000\n",
	"notes.yaml":  "deny: nothing\n",
}

// parityInputs differ from the example input in one thing each.
func parityInputs() map[string]Input {
	inputs := map[string]Input{}
	for name, change := range map[string]func(*Input){
		"example":        func(*Input) {},
		"zero":           func(in *Input) { *in = Input{} },
		"no ticket":      func(in *Input) { in.Grant.Ticket, in.Grant.Reason = "", "the checkout query is slow" },
		"short reason":   func(in *Input) { in.Grant.Reason = "x" },
		"placeholder":    func(in *Input) { in.Grant.Reason = "test test test" },
		"13 hours":       func(in *Input) { in.Grant.DurationSeconds = 13 * 3600 },
		"5 hours":        func(in *Input) { in.Grant.DurationSeconds = 5 * 3600 },
		"many live":      func(in *Input) { in.Live = slices.Repeat([]Live{{ID: "x", End: in.Now}}, 6) },
		"left":           func(in *Input) { in.Person.Groups = []string{"departed"} },
		"no groups":      func(in *Input) { in.Person.Groups = nil },
		"later":          func(in *Input) { in.Now.NS += 1000000000 },
		"ending":         func(in *Input) { in.Now.NS = in.Grant.End.NS },
		"hostile reason": func(in *Input) { in.Grant.Reason = "::error::\n\x1b[0m <script>&amp; \u2028 \"quoted\" é" },
	} {
		in := exampleInput()
		change(&in)
		inputs[name] = in
	}
	return inputs
}

// said is one message, as both sides can tell it.
type said struct{ query, text string }

func sortSaid(list []said) []said {
	slices.SortFunc(list, func(a, b said) int { return strings.Compare(a.query+a.text, b.query+b.text) })
	return list
}

func ours(messages []Message) []said {
	var list []said
	for _, m := range messages {
		list = append(list, said{"data." + m.Rule, m.Text})
	}
	return sortSaid(list)
}

func theirs(results []output.Result) []said {
	var list []said
	for _, r := range results {
		list = append(list, said{r.Metadata["query"].(string), r.Message})
	}
	return sortSaid(list)
}

// requireParity wants of conftest what we answered.
func requireParity(t *testing.T, a Answer, r output.CheckResult) {
	t.Helper()
	if a.Broken != nil {
		t.Errorf("broken:\n%s", list(a.Broken))
	}
	if d := cmp.Diff(theirs(r.Failures), ours(a.Denials), cmp.AllowUnexported(said{})); d != "" {
		t.Errorf("denials (-conftest +ours): %s", d)
	}
	if d := cmp.Diff(theirs(r.Warnings), ours(a.Warnings), cmp.AllowUnexported(said{})); d != "" {
		t.Errorf("warnings (-conftest +ours): %s", d)
	}
}

// write puts policy files into a folder of their own.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func engineCheck(t *testing.T, dir, namespace string, in Input) (output.CheckResult, error) {
	t.Helper()
	caps, err := policy.LoadCapabilities("")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := policy.LoadWithData([]string{dir}, nil, policy.CompilerOptions{RegoVersion: "v1", Capabilities: caps})
	if err != nil {
		return output.CheckResult{}, err
	}
	b, err := json.Marshal(withoutNull(in))
	if err != nil {
		t.Fatal(err)
	}
	var config any
	if err := json.Unmarshal(b, &config); err != nil {
		t.Fatal(err)
	}
	results, err := engine.Check(t.Context(), map[string]any{"input.json": config}, namespace)
	if err != nil || len(results) != 1 {
		return output.CheckResult{}, errors.Join(err, errors.New("no single result"))
	}
	return results[0], nil
}

func TestAnswersAreThoseOfConftestsEngine(t *testing.T) {
	for name, files := range map[string]map[string]string{"default": defaultFiles(t), "broad": broadPolicy} {
		s, dir := Load(folder(files)), write(t, files)
		for input, in := range parityInputs() {
			t.Run(name+"/"+input, func(t *testing.T) {
				for namespace, a := range map[string]Answer{"request": s.Request(t.Context(), in), "active": s.Active(t.Context(), in)} {
					r, err := engineCheck(t, dir, namespace, in)
					if err != nil {
						t.Fatal(err)
					}
					requireParity(t, a, r)
				}
			})
		}
	}
}

// The reason for all the rest: what conftest's engine lets pass in silence.
func TestA46WhatConftestLetsPassIsBrokenHere(t *testing.T) {
	for name, text := range map[string]string{
		"misspelt":        "package request\ndeni contains \"m\" if true\n",
		"boolean":         "package request\ndeny := true\n",
		"text":            "package request\ndeny := \"m\"\n",
		"number":          "package request\ndeny contains 3 if true\n",
		"empty":           "package request\ndeny contains \"\" if true\n",
		"exception":       "package request\ndeny_a contains \"m\" if true\nexception contains [\"a\"] if true\n",
		"builtin error":   "package request\ndeny contains \"m\" if to_number(input.grant.id) != 1\n",
		"undefined field": "package request\ndeny contains \"m\" if input.grant.user_name == \"alice\"\n",
		"undefined data":  "package request\ndeny contains \"m\" if data.blocked[input.grant.user]\n",
		"case":            "package request\ndeny_a contains \"m\" if false\ndeny_A contains \"m\" if true\n",
		"package":         "package requests\ndeny contains \"m\" if true\n",
		"object":          "package request\ndeny.a contains \"m\" if true\n",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := engineCheck(t, write(t, map[string]string{"p.rego": text}), "request", exampleInput())
			if err != nil || len(r.Failures) > 0 {
				t.Errorf("conftest does not let it pass any more: %+v, %v", r.Failures, err)
			}
			if a := Load(one(text)).Request(t.Context(), exampleInput()); len(a.Broken) == 0 {
				t.Error("it passes")
			}
		})
	}
}

func TestPoliciesRunUnchangedUnderTheStockCommand(t *testing.T) {
	conftest := stockConftest(t)
	for name, files := range map[string]map[string]string{"default": defaultFiles(t), "broad": broadPolicy} {
		s, dir := Load(folder(files)), write(t, files)
		t.Run(name+"/verify", func(t *testing.T) {
			if out, err := exec.Command(conftest, "verify", "--no-color", "--policy", dir).CombinedOutput(); err != nil || !bytes.Contains(out, []byte(" 0 failures")) || bytes.Contains(out, []byte("0 tests")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
		for input, in := range parityInputs() {
			t.Run(name+"/"+input, func(t *testing.T) {
				requireParity(t, s.Request(t.Context(), in), runConftest(t, conftest, dir, "request", in))
				requireParity(t, s.Active(t.Context(), in), runConftest(t, conftest, dir, "active", in))
			})
		}
	}
}

func runConftest(t *testing.T, conftest, dir, namespace string, in Input) output.CheckResult {
	t.Helper()
	b, err := json.Marshal(withoutNull(in))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "input.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(conftest, "test", "--namespace", namespace, "--policy", dir, "--output", "json", path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var results []output.CheckResult
	if err := json.Unmarshal(out, &results); err != nil || len(results) != 1 {
		t.Fatalf("%v: %s%s", err, out, stderr.Bytes())
	}
	return results[0]
}

// stockConftest builds the command at the version that go.mod names, once for this machine.
func stockConftest(t *testing.T) string {
	t.Helper()
	const module = "github.com/open-policy-agent/conftest"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(string(out))
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "lapse-test")
	path := filepath.Join(cache, "conftest-"+version+"-"+runtime.GOOS+"-"+runtime.GOARCH+".exe")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if testing.Short() {
		t.Skip("conftest is not built yet, which takes a minute or two and the network")
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(cache, "build-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "install", module+"@"+version)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build conftest: %v\n%s", err, out)
	}
	built := filepath.Join(dir, "conftest")
	if runtime.GOOS == "windows" {
		built += ".exe"
	}
	if err := os.Rename(built, path); err != nil {
		t.Fatal(err)
	}
	return path
}
