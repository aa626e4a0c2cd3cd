package render

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

const head = "4be1c1a0f5d2c3b4a5968778695a4b3c2d1e0f9a"

var ends = map[string]End{
	"prod-db": {Native: true, Text: "PostgreSQL refuses new logins from the end on; the reconciler takes the role away; an open session may outlive it"},
	"github":  {Text: "at the first run of the reconciler after the end; clones stay"},
}

const runURL = "https://github.example/acme/access/actions/runs/17"

// shown is what a golden file is made with.
func shown(name string) Options {
	o := Options{Now: now, Ends: ends, Heartbeat: &Heartbeat{Last: now.Add(-4 * time.Minute)}, RunURL: runURL}
	switch name {
	case "waiting":
		o.Heartbeat = &Heartbeat{Last: now.Add(-3 * time.Hour), Stale: true}
	case "automatic":
		o.Heartbeat = &Heartbeat{}
	}
	return o
}

func aliceGrant() checks.GrantVerdict {
	return checks.GrantVerdict{
		ID: "alice-prod", Kind: grants.Add, Digest: "sha256:00", User: "alice", UserID: 583231, Role: "prod-db-read",
		Reason: "Slow checkout query, INC-4211", Ticket: "INC-4211",
		Interval: grants.Interval{Start: now, End: now.Add(4 * time.Hour)}, FromMerge: true, EndMoves: true,
		Entitlements: []grants.Entitlement{
			{Target: "prod-db", Values: map[string]string{"role": "readonly"}},
			{Target: "github", Values: map[string]string{"team": "prod-oncall"}},
		},
	}
}

func dataPlatform() checks.Need {
	return checks.Need{
		From: []grants.Party{"@acme/data-platform"}, Count: 1, Could: []string{"bob", "carol"},
		Why: grants.Pos{File: "roles/prod-db-read.yaml", Line: 7, Column: 5}, Grants: []string{"alice-prod"},
	}
}

func bobApproved(n checks.Need) checks.Need {
	n.Have = []checks.Approval{{Review: 1, Login: "bob", ID: 2, Commit: head, At: "2026-12-01T08:55:00Z"}}
	return n
}

func manyVerdict() checks.Verdict {
	v := checks.Verdict{Outcome: checks.OutcomeWaiting, Pull: 7, Head: head}
	for i := range 30 {
		g := aliceGrant()
		g.ID = fmt.Sprintf("oncall/grant-%02d", i)
		for j := range 15 {
			g.Held = append(g.Held, checks.LiveGrant{ID: fmt.Sprintf("held-%02d", j), Role: "staging", Interval: g.Interval})
			g.Entitlements = append(g.Entitlements, grants.Entitlement{Target: "k8s", Values: map[string]string{"namespace": fmt.Sprintf("ns-%02d", j), "role": "view"}})
		}
		v.Grants = append(v.Grants, g)
	}
	need := dataPlatform()
	need.Could = nil
	for i := range 40 {
		need.Could = append(need.Could, fmt.Sprintf("member-%02d", i))
	}
	v.Needs = []checks.Need{need, {From: []grants.Party{"group:security"}, Count: 2, Could: []string{"carol"}}}
	return v
}

// long is text of several lines, longer than a line of the comment shows.
var long = strings.Repeat("The query plan of the checkout service changed overnight.\n", 30)

func verdicts() map[string]checks.Verdict {
	lifted := dataPlatform()
	lifted.From, lifted.Count, lifted.Lifts = []grants.Party{"@acme/security"}, 2, "production on a Friday needs the security team"
	lifted.Why = grants.Pos{File: "policies/request.rego", Line: 20}
	changed := aliceGrant()
	changed.Kind, changed.FromMerge, changed.EndMoves, changed.Reason = grants.Edit, true, false, long
	changed.Held = []checks.LiveGrant{{ID: "alice-staging", Role: "staging", Interval: grants.Interval{Start: now, End: now.Add(time.Hour)}}}
	automatic := aliceGrant()
	automatic.Automatic, automatic.FromMerge = true, false
	ended := aliceGrant()
	ended.Kind = grants.End
	return map[string]checks.Verdict{
		"denied": {
			Outcome: checks.OutcomeDenied, Head: head,
			Denials: []checks.Reason{
				{Pos: grants.Pos{File: "grants/alice-prod.yaml", Line: 3, Column: 11}, Text: "duration 48h is longer than the 8h of role prod-db-read", Hint: "write 8h or less", Grant: "alice-prod"},
				{Pos: grants.Pos{File: "policies/request.rego", Line: 12}, Text: "no ticket", Policy: "request.deny at policies/request.rego:12", Grant: "alice-prod"},
			},
			Warnings: []checks.Reason{{Text: "the reason is short", Policy: "request.warn at policies/request.rego:30", Grant: "alice-prod"}},
			Grants:   []checks.GrantVerdict{aliceGrant(), {ID: "broken", Kind: grants.Add}},
			Needs:    []checks.Need{dataPlatform()},
		},
		"waiting": {
			Outcome: checks.OutcomeWaiting, Head: head,
			Grants:  []checks.GrantVerdict{changed},
			Needs:   []checks.Need{dataPlatform(), bobApproved(lifted)},
			Ignored: []checks.Ignored{{Review: 9, Login: "alice", Why: "is the subject of the grant"}},
		},
		"approved":      {Outcome: checks.OutcomeApproved, Head: head, Grants: []checks.GrantVerdict{aliceGrant()}, Needs: []checks.Need{bobApproved(dataPlatform())}, Merge: true},
		"automatic":     {Outcome: checks.OutcomeApproved, Grants: []checks.GrantVerdict{automatic}, Merge: true},
		"ends-only":     {Outcome: checks.OutcomeApproved, Grants: []checks.GrantVerdict{ended, {ID: "gone", Kind: grants.End}}},
		"configuration": {Outcome: checks.OutcomeWaiting, Needs: []checks.Need{{From: []grants.Party{"@acme/security", "group:security"}, Count: 2, Why: grants.Pos{File: "lapse.yaml", Line: 5}}}},
		"many":          manyVerdict(),
		"hostile":       hostileVerdict(hostile),
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestVerdictsReadAsTheGoldenFiles(t *testing.T) {
	for name, v := range verdicts() {
		t.Run(name, func(t *testing.T) {
			o := shown(name)
			golden(t, name+".md", Comment(v, o))
			var b bytes.Buffer
			b.WriteString(StatusLine(v) + "\n\n")
			if err := Terminal(&b, v, TerminalOptions{Options: o, Width: 100}); err != nil {
				t.Fatal(err)
			}
			b.WriteString("\n")
			if err := WorkflowCommands(&b, Annotations(v)); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", b.String())
		})
	}
}

func TestCommentIsTheSummary(t *testing.T) {
	for name, v := range verdicts() {
		o := Options{Now: now, Ends: ends}
		if got, want := Comment(v, o), Summary(v, o); got != want {
			t.Errorf("%s: comment is not the marker and the summary:\n%s", name, cmp.Diff(want, got))
		}
	}
}

func TestStatusLineFitsAndNamesTheOutcome(t *testing.T) {
	vs := verdicts()
	wide := dataPlatform()
	wide.From = []grants.Party{grants.Party("@acme/" + strings.Repeat("x", 100)), grants.Party("@acme/" + strings.Repeat("y", 100))}
	vs["wide"] = checks.Verdict{Outcome: checks.OutcomeWaiting, Needs: []checks.Need{wide, wide}}
	word := map[checks.Outcome]string{checks.OutcomeDenied: "Denied", checks.OutcomeWaiting: "Waiting", checks.OutcomeApproved: "Approved"}
	for name, v := range vs {
		line := StatusLine(v)
		if n := utf8.RuneCountInString(line); n > 140 {
			t.Errorf("%s: %d characters: %s", name, n, line)
		}
		if !strings.HasPrefix(line, word[v.Outcome]) {
			t.Errorf("%s is %s, the status says %q", name, v.Outcome, line)
		}
	}
}

func TestAnOutcomeThatIsNotKnownReadsAsADenial(t *testing.T) {
	for _, outcome := range []checks.Outcome{"", "aproved", "APPROVED"} {
		v := checks.Verdict{Outcome: outcome, Needs: []checks.Need{bobApproved(dataPlatform())}}
		if got := StatusLine(v); got != "Denied" {
			t.Errorf("outcome %q: %q", outcome, got)
		}
		if !strings.HasPrefix(Comment(v, Options{}), "### ❌ Denied\n") {
			t.Errorf("outcome %q: comment %q", outcome, Comment(v, Options{}))
		}
	}
}

func TestNothingIsCutFromATerminal(t *testing.T) {
	var b bytes.Buffer
	v := manyVerdict()
	v.Grants[29].Reason = long + "the very end"
	if err := Terminal(&b, v, TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"oncall/grant-29", "member-39", "ns-14", "the very end", "held-14"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestFoldedIsNotCut(t *testing.T) {
	v := manyVerdict()
	v.Grants[29].Reason = long + "the very end"
	text := Summary(v, Options{Now: now, Ends: ends})
	for _, want := range []string{"oncall/grant-29", "member-39", "ns-14", "the very end", "held-14"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(text, "in the log") {
		t.Error("something was left out of a summary that has room for it")
	}
}

func TestACommentThatWouldBeTooLongSaysWhatIsMissing(t *testing.T) {
	huge := strings.Repeat("x", 16<<10)
	v := checks.Verdict{Outcome: checks.OutcomeDenied}
	for i := range 2000 {
		g := aliceGrant()
		g.ID, g.Reason = fmt.Sprintf("g-%04d", i), huge
		v.Grants = append(v.Grants, g)
		v.Denials = append(v.Denials, checks.Reason{Pos: grants.Pos{File: g.ID}, Text: huge, Hint: "\x1b" + huge})
	}
	comment := Comment(v, Options{Now: now, Ends: ends, RunURL: runURL})
	if len(comment) > 65536 {
		t.Fatalf("the comment has %d bytes", len(comment))
	}
	for _, want := range []string{
		"### ❌ Denied for 2000 reasons\n\n⚠️ Too long to be shown here whole.", "more, in [the job summary](" + runURL + "))", "more characters, in `grants/g-0000.yaml`)",
	} {
		if !strings.Contains(comment, want) {
			t.Errorf("the comment does not say %q", want)
		}
	}
	summary := Summary(v, Options{})
	if len(summary) > 1<<20 || !strings.Contains(summary, "more, in the log)") {
		t.Errorf("the summary has %d bytes", len(summary))
	}
}

func TestEvenNamesOfTheGreatestLengthLeaveTheVerdict(t *testing.T) {
	huge := strings.Repeat("\u202e`", 512)
	need := checks.Need{Count: 500, Lifts: huge}
	for range 500 {
		need.From = append(need.From, grants.Party(huge))
		need.Could = append(need.Could, huge)
		need.Grants = append(need.Grants, huge)
	}
	v := checks.Verdict{Outcome: checks.OutcomeWaiting, Needs: []checks.Need{need, need, need, need}}
	comment := Comment(v, Options{})
	if len(comment) > 65536 || !strings.HasPrefix(comment, "### ⏳ Waiting for approvals from ") {
		t.Errorf("%d bytes: %.200s", len(comment), comment)
	}
}

func TestTimesAndSpansAreInWords(t *testing.T) {
	spans := map[time.Duration]string{
		4 * time.Hour:                    "4 hours",
		time.Hour + 30*time.Minute:       "1 hour 30 minutes",
		26 * time.Hour:                   "1 day 2 hours",
		61 * time.Second:                 "1 minute 1 second",
		500 * time.Millisecond:           "less than a second",
		0:                                "no time",
		-time.Hour:                       "minus 1 hour",
		7*24*time.Hour + time.Nanosecond: "7 days",
	}
	for d, want := range spans {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
	berlin := time.FixedZone("", 3600)
	if got := instant(time.Date(2026, 12, 1, 19, 0, 0, 0, berlin)); got != "2026-12-01 18:00 UTC" {
		t.Errorf("instant = %q", got)
	}
	if got := instant(now.Add(7 * time.Second)); got != "2026-12-01 09:00:07 UTC" {
		t.Errorf("instant = %q", got)
	}
}

func TestTheIntervalSaysWhatStillMoves(t *testing.T) {
	i := grants.Interval{Start: now, End: now.Add(4 * time.Hour)}
	w := plainWording()
	for _, tc := range []struct {
		i               grants.Interval
		moves, endMoves bool
		want            string
	}{
		{i, true, true, "for 4 hours from the merge, until 2026-12-01 13:00 UTC if merged now"},
		{i, true, false, "from the merge until 2026-12-01 13:00 UTC, 4 hours if merged now"},
		{i, false, false, "for 4 hours, from 2026-12-01 09:00 UTC until 2026-12-01 13:00 UTC"},
		{grants.Interval{Start: now, End: now}, true, false, "for no time at all: it is over at 2026-12-01 09:00 UTC"},
		{grants.Interval{}, false, false, ""},
	} {
		if got := w.interval(tc.i, tc.moves, tc.endMoves); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

// A draft, or an approver who asked for changes, keeps a request waiting although no line lacks an approval.
func TestWhatKeepsARequestWaitingIsSaid(t *testing.T) {
	v := checks.Verdict{Outcome: checks.OutcomeWaiting, Waiting: []checks.Reason{{Text: "the pull request is a draft", Hint: "mark it ready"}}}
	for place, text := range map[string]string{"comment": Comment(v, Options{}), "status": StatusLine(v), "annotation": Annotations(v)[0].Text} {
		if !strings.Contains(text, "the pull request is a draft") {
			t.Errorf("the %s does not say so: %s", place, text)
		}
	}
}
