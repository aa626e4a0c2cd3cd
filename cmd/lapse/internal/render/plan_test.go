package render

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/grants"
)

func aliceTake() PlanLine {
	return PlanLine{
		Action: "take", Target: "prod-db", Entitlement: Entitlement(grants.Entitlement{Target: "prod-db", Values: map[string]string{"role": "readonly"}}),
		Account: "alice_r", Grants: []string{"alice-prod"}, Why: "ended at 2026-12-01 08:59 UTC", Overrun: time.Minute,
	}
}

func aliceGive() PlanLine {
	return PlanLine{
		Action: "give", Target: "github", Entitlement: "team prod-oncall", Account: "583231", Name: "alice",
		Grants: []string{"alice-oncall", "alice-night"}, Until: now.Add(4 * time.Hour),
	}
}

func TestPlansAndReportsReadAsTheGoldenFiles(t *testing.T) {
	plan := Plan{Now: now, Lines: []PlanLine{aliceTake(), aliceGive()}, Kept: []PlanLine{{Action: "keep", Target: "github", Entitlement: "team admins", Account: "2", Name: "bob"}}, Next: now.Add(4 * time.Hour)}
	report := Report{
		Now: now, Done: []PlanLine{aliceGive()}, Failed: []Failure{{aliceTake(), "connect to prod-db: connection refused\ntried twice"}},
		Refused:  []Refusal{{Grant: "mallory-prod", Commit: head, Reasons: []string{"reached the main branch without a pull request"}}},
		Problems: []grants.Problem{{Pos: grants.Pos{File: "grants/x.yaml", Line: 3, Column: 1}, Text: `unknown field "rol"`, Hint: `did you mean "role"?`}},
		Notes:    []string{"the limit of 10 unexplained revocations was reached: 4 holdings stay until a person looks"},
		Removal:  "commit " + head, Next: now.Add(time.Hour),
	}
	golden(t, "plan.md", PlanSummary(plan))
	golden(t, "report.md", ReportSummary(report))
	golden(t, "nothing.md", ReportSummary(Report{Now: now}))
	var b bytes.Buffer
	o := TerminalOptions{Width: 80}
	if err := errors.Join(PlanText(&b, plan, o), PlanText(&b, Plan{Now: now}, o), ReportText(&b, report, o), WorkflowCommands(&b, ReportAnnotations(report))); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan-and-report.txt", b.String())
}

func TestAReportWithAFailureDoesNotReadAsASuccess(t *testing.T) {
	for name, r := range map[string]Report{
		"failed":  {Done: []PlanLine{aliceGive()}, Failed: []Failure{{aliceTake(), "refused"}}},
		"refused": {Refused: []Refusal{{Grant: "x", Reasons: []string{"no approval"}}}},
	} {
		d := plainWording().report(r)
		if d.tone != bad || !strings.Contains(d.headline, name) || strings.HasPrefix(d.headline, "Nothing to do") {
			t.Errorf("%s: %q", name, d.headline)
		}
	}
}

// full takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAWriterThatFailsIsAnError(t *testing.T) {
	v := verdicts()["denied"]
	for name, err := range map[string]error{
		"terminal": Terminal(full{}, v, TerminalOptions{}),
		"problems": Problems(full{}, []grants.Problem{{Text: "x"}}),
		"plan":     PlanText(full{}, Plan{}, TerminalOptions{}),
		"commands": WorkflowCommands(full{}, Annotations(v)),
		"output":   OutputFile(full{}, "a", "b"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
