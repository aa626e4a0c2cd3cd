package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/cmd/lapse/internal/chaos"
)

// mutant is the product with one defence taken out.
type mutant struct {
	name     string
	file     string // below the module's root
	old, new string
	breaks   []chaos.Rule // any of them
}

// mutants break each rule that the harness watches.
var mutants = []mutant{
	{"nothing is written before giving", "reconciler/run.go",
		"receipts = append(receipts, intention(s))", "_ = s", []chaos.Rule{chaos.Intent}},
	{"the target's word is proof", "reconciler/list.go",
		"case res.Step.Action == Take && (!held || h.Via != \"\"):", "case res.Step.Action == Take && (h.Via != \"\" || res.Err == nil || res.Err != nil):", []chaos.Rule{chaos.Proof}},
	{"a push does not compare", "gitrepo/push.go",
		"if at := adv.References[ref]; at != old {", "at := adv.References[ref]\n\told = at\n\tif at != old {", []chaos.Rule{chaos.Chain}},
	{"what was there is taken for Lapse's own", "reconciler/planning.go",
		"case held && (!isKnown || known.Kind == ledger.Kept && !slices.Equal(known.Grants, w.Grants)):", "case held && known.Kind == ledger.Kept && !slices.Equal(known.Grants, w.Grants):", []chaos.Rule{chaos.Kept, chaos.Intent}},
	{"a missing approval is none that is missing", "reconciler/arrivals.go",
		"if j.Outcome != checks.OutcomeApproved {", "if j.Outcome == checks.OutcomeDenied {", []chaos.Rule{chaos.Unapproved}},
	{"any configuration may judge", "reconciler/arrivals.go",
		"if base.Digest == o.state.Configuration.Digest {", "if base != nil {", []chaos.Rule{chaos.Unapproved}},
	{"lost history stops nothing", "reconciler/pushes.go",
		"case err != nil || !kept:", "case err != nil || kept && !kept:", []chaos.Rule{chaos.Frozen}},
	{"nothing is taken while giving is stopped", "reconciler/planning.go",
		"func (p *Plan) unwant(s Situation, known ledger.HoldingState) {", "func (p *Plan) unwant(s Situation, known ledger.HoldingState) {\n\tif s.Frozen != \"\" {\n\t\treturn\n\t}", []chaos.Rule{chaos.Overdue}},
	{"files go before what they gave", "reconciler/remove.go",
		"if !held[id] {", "if held != nil {", []chaos.Rule{chaos.Proof}},
	{"there is no limit", "reconciler/planning.go",
		"if ended+found <= s.Limit {", "if ended+found >= 0 {", []chaos.Rule{chaos.Limits}},
	{"secrets are not taken out", "cmd/lapse/environment.go",
		"return render.SecretScrubber(append(secrets, env.used...)...)(s)", "return s", []chaos.Rule{chaos.Secrets}},
	{"any edit ends a grant", "reconciler/arrivals.go",
		"case now != nil && now.User != g.User:", "case now != nil:", []chaos.Rule{chaos.Owed}},
	{"what ended early is left", "reconciler/planning.go",
		"\tl, listed := s.Listings[known.Entitlement.Key()]\n\tif listed && l.Err == nil {\n\t\th, held", "\tif step.Cause == CauseEnded {\n\t\treturn\n\t}\n\tl, listed := s.Listings[known.Entitlement.Key()]\n\tif listed && l.Err == nil {\n\t\th, held", []chaos.Rule{chaos.Restored}},
	{"a live grant's file is removed", "reconciler/live.go",
		"\t\tcase live:\n\t\t\to.compare(path, g)", "\t\tcase live:\n\t\t\to.removable = append(o.removable, id)\n\t\t\t_ = g", []chaos.Rule{chaos.Shrink}},
}

// Each rule of the harness can fail: a product without the defence is caught by the rule that it breaks. A mutant whose text is no longer
// in the source must be written anew.
func TestA50A51MutantsAreCaught(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	caught := map[chaos.Rule]bool{}
	for i, m := range mutants {
		for _, r := range m.breaks {
			caught[r] = true
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			changed := m.text(t, root)
			if i >= *chaosMutants {
				t.Skipf("only that its text is there was looked at: -chaos.mutants %d", len(mutants))
			}
			binary := m.build(t, root, changed)
			out, err := exec.CommandContext(t.Context(), binary, "-test.run", "^TestA50A51RandomHistories", "-chaos.first", "-chaos.n", "200").CombinedOutput()
			broken := regexp.MustCompile(`seed \d+: step \d+: .*`).FindString(string(out))
			if err == nil || broken == "" {
				t.Fatalf("it broke no rule: %s", out)
			}
			if !slices.ContainsFunc(m.breaks, func(r chaos.Rule) bool { return strings.Contains(broken, string(r)) }) {
				t.Errorf("it should have broken %q: %s", m.breaks, broken)
			}
			t.Log(broken)
		})
	}
	for _, r := range chaos.Rules() {
		if !caught[r] {
			t.Errorf("no mutant breaks %q", r)
		}
	}
}

// text is the source with the mutant in it.
func (m mutant) text(t *testing.T, root string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("%s holds the text that this mutant replaces %d times, not once: write the mutant anew\n%s", m.file, n, m.old)
	}
	return strings.Replace(string(text), m.old, m.new, 1)
}

// build is the test binary of this package with the mutant in it.
func (m mutant) build(t *testing.T, root, text string) string {
	t.Helper()
	path := filepath.Join(root, m.file)
	dir := t.TempDir()
	changed := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	where := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(where, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "lapse.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", where, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}
