package render

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

func readonly() grants.Entitlement {
	return grants.Entitlement{Target: "prod-db", Values: map[string]string{"role": "readonly"}}
}

// someLife has one event of each kind, and says text wherever it is told something.
func someLife(text string) audit.Life {
	holding := &ledger.Holding{Entitlement: readonly(), Account: "alice_r"}
	l := audit.Life{
		ID: "alice-prod", User: "alice", Role: "prod-db-read", Reason: text, Ticket: "INC-4211", Stage: audit.StageOver, Overrun: 90 * time.Second,
		Interval: grants.Interval{Start: now, End: now.Add(4 * time.Hour)},
	}
	for i, e := range []audit.Event{
		{Kind: audit.Requested, By: "alice", Pull: 7},
		{Kind: audit.Approved, By: "carol", Pull: 7, Commit: head},
		{Kind: audit.Merged, By: "lapse-bot", Commit: head},
		{Kind: audit.Judged, Until: now.Add(4 * time.Hour), Commit: head},
		{Kind: audit.Kept, Holding: holding},
		{Kind: audit.Given, Holding: holding},
		{Kind: audit.Refused, Commit: head, Reasons: []string{text}},
		{Kind: audit.Ended, Reasons: []string{"it ended at 2026-12-01T13:00:00Z"}},
		{Kind: audit.Taken, Holding: holding, Overrun: 90 * time.Second},
		{Kind: audit.Removed, By: text, Commit: head},
	} {
		e.Time = now.Add(time.Duration(i) * time.Minute)
		l.Events = append(l.Events, e)
	}
	return l
}

func someHolders(text string) []audit.Holder {
	interval := grants.Interval{Start: now.Add(-time.Hour), End: now.Add(3 * time.Hour)}
	holder := func(s audit.Status, i grants.Interval, states ...audit.HeldState) audit.Holder {
		h := audit.Holder{User: "alice", Role: "prod-db-read", Grant: "alice-prod", Interval: i, Reason: text, Ticket: "INC-4211", Pull: 7, Status: s}
		for _, state := range states {
			h.Holdings = append(h.Holdings, audit.Held{Entitlement: readonly(), Account: "alice_r", State: state})
		}
		return h
	}
	return []audit.Holder{
		holder(audit.StatusLive, interval, audit.IsHeld, audit.IsPending, audit.WasBefore, audit.IsMissing),
		holder(audit.StatusComing, grants.Interval{Start: now.Add(time.Hour), End: now.Add(2 * time.Hour)}, audit.IsNotYet),
		holder(audit.StatusOverdue, grants.Interval{Start: now.Add(-2 * time.Hour), End: now.Add(-time.Hour)}, audit.IsTaking),
	}
}

func fresh() audit.Freshness {
	return audit.Freshness{Now: now, Last: now.Add(-30 * time.Minute), Receipts: 12, Behind: true, LastRun: now.Add(-3 * time.Minute)}
}

func TestLogAndWhoAreToldInFull(t *testing.T) {
	var log, who, nobody bytes.Buffer
	if err := Log(&log, []audit.Life{someLife("Slow checkout query")}, TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := Who(&who, someHolders("Slow checkout query"), "", fresh(), TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := Who(&nobody, nil, "bob", audit.Freshness{Now: now, LastRun: now.Add(-3 * time.Hour), Stale: true}, TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "log.txt", log.String())
	golden(t, "who.txt", who.String())
	golden(t, "who-nobody.txt", nobody.String())
}

func TestWhatIsAskedForIsToldBeforeItIsSent(t *testing.T) {
	v := checks.Verdict{Outcome: checks.OutcomeWaiting, Grants: []checks.GrantVerdict{aliceGrant()}, Needs: []checks.Need{dataPlatform()}}
	var b bytes.Buffer
	if err := Unsent(&b, v, TerminalOptions{Options: Options{Ends: ends}}); err != nil {
		t.Fatal(err)
	}
	golden(t, "unsent.txt", b.String())
	golden(t, "unsent.md", UnsentComment(v, "https://github.example/acme/access/new/main?filename=x&value=y", Options{Ends: ends}))
	golden(t, "issue-problems.md", IssueProblems([]string{"it is not as the form writes it", "Why: nothing is written"}))
	g := grants.Grant{ID: "alice-prod", User: "alice", Role: "prod-db-read", Duration: 4 * time.Hour}
	golden(t, "request-body.md", RequestTitle("request", g)+"\n\n"+RequestBody("request", "Slow checkout query", g.Path())+
		"\n"+RequestTitle("revoke", g)+"\n\n"+RequestBody("revoke", "Found it", g.Path()))
}

func TestA61AnswersToIssuesAndRequestsAreInert(t *testing.T) {
	for i := range hostile {
		v := hostileVerdict(rotated(i))
		for _, outcome := range []checks.Outcome{checks.OutcomeDenied, checks.OutcomeWaiting, checks.OutcomeApproved} {
			v.Outcome = outcome
			comment := UnsentComment(v, "", Options{Ends: map[string]End{}})
			inertIn(t, comment)
			notObeyed(t, comment)
		}
		inertIn(t, IssueProblems([]string{hostile[i], hostile[i]}))
		inertIn(t, RequestBody("request", hostile[i], "grants/alice-prod.yaml"))
	}
}

func TestA62LogAndWhoAreInertOnATerminal(t *testing.T) {
	for _, s := range hostile {
		var b bytes.Buffer
		if err := Log(&b, []audit.Life{someLife(s)}, TerminalOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := Who(&b, someHolders(s), s, fresh(), TerminalOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if Text(line) != line && strings.TrimLeft(line, " |") != strings.TrimLeft(Text(line), " |") {
				t.Errorf("%q shows %q", s, line)
			}
		}
		notObeyed(t, b.String())
	}
}
