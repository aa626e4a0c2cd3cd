package render

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/ledger"
)

// someVerification has something of everything, and says text wherever it tells what others wrote.
func someVerification(text string) Verified {
	o := audit.Overrun{Grants: []string{"a"}, Holding: ledger.Holding{Entitlement: readonly(), Account: text}, Due: now, Taken: now.Add(time.Minute), Overrun: time.Minute, Receipt: text}
	f := audit.Finding{Rule: audit.RuleUnasked, Receipt: text, Commit: text, Reason: text}
	return Verified{Main: text, Ledger: text, Keys: []string{text}, OnTrust: text, Offline: true, Verification: audit.Verification{
		Verified: audit.Counts{Receipts: 7, First: now, Last: now}, Overruns: audit.Overruns{Taken: 1, P50: 0, P99: time.Minute, Max: time.Minute, Worst: &o},
		Findings: []audit.Finding{f}, Accepted: []audit.Accepted{{Finding: f, By: text, Because: text}}, Notes: []string{text},
	}}
}

func TestAVerificationSaysWhatIsWrongAndWhatItRestsOn(t *testing.T) {
	var b bytes.Buffer
	if err := Verification(&b, someVerification("c0ffee"), TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Something is wrong: 1 finding\n", "the keys were taken on trust from .lapse/trust at commit c0ffee of the clone itself", "unasked, c0ffee, commit c0ffee",
		"half within the second, 99 of 100 within 1 minute, all within 1 minute", "accepted by c0ffee", "GitHub was not asked",
		"\n  unasked: ask who pushed it",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := Verification(&b, Verified{}, TerminalOptions{}); err != nil || !strings.HasPrefix(b.String(), "Verified: nothing is wrong\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestEveryRuleHasARemedyAndOnlyOne(t *testing.T) {
	var has []audit.Rule
	for _, r := range remedies() {
		has = append(has, r.rules...)
	}
	want := audit.Rules()
	slices.Sort(has)
	slices.Sort(want)
	if !slices.Equal(has, want) {
		t.Errorf("remedies for %v\nwant %v", has, want)
	}
}

// Under the wrong key everything is a finding: what is wrong is said first, and no date is made up.
func TestWhereNoReceiptVerifiesTheKeyIsAskedAbout(t *testing.T) {
	var b bytes.Buffer
	v := Verified{Keys: []string{"SHA256:abc"}, Verification: audit.Verification{Verified: audit.Counts{LedgerCommits: 2}, Findings: []audit.Finding{{Rule: audit.RuleReceipt}}}}
	if err := Verification(&b, v, TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\nwarning: not one receipt verifies: is SHA256:abc what signed when this ledger began?") || strings.Contains(b.String(), "0001") {
		t.Error(b.String())
	}
}

func TestAVerificationLetsNoTextAct(t *testing.T) {
	var b bytes.Buffer
	if err := Verification(&b, someVerification("x\x1b]0;owned\x07\r\n::error::y\u202e"), TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\x07\r\u202e") || strings.Contains(b.String(), "\n::error") {
		t.Errorf("%q", b.String())
	}
}
