package render

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lapse-access/lapse/audit"
)

// Verified is what a history was verified against, and what that came to.
type Verified struct {
	Main       string
	Ledger     string
	Repository int64
	Keys       []string
	OnTrust    string
	Offline    bool
	audit.Verification
}

// Verification writes for a terminal what was verified, how late things were taken, and what is wrong.
func Verification(w io.Writer, v Verified, o TerminalOptions) error {
	return writeTerminal(w, plainWording().verification(v), o)
}

func (w wording) verification(v Verified) document {
	d := document{tone: good, headline: "Verified: nothing is wrong"}
	if n := len(v.Findings); n > 0 {
		d.tone, d.headline = bad, "Something is wrong: "+plural(n, "finding")
	}
	if v.OnTrust != "" {
		d.notes = append(d.notes, fmt.Sprintf("the keys were taken on trust from .lapse/trust at commit %s of the clone itself; compare them with what you were told, "+
			"and name the files with --key: %s", w.name(short(v.OnTrust)), list(w.names(v.Keys), "and")))
	}
	if v.Verified.Receipts == 0 && v.Verified.LedgerCommits > 0 {
		d.notes = append(d.notes, "not one receipt verifies: is "+list(w.names(v.Keys), "or")+" what signed when this ledger began? Until that is named with --key, nothing below says much")
	}
	d.add("What was verified", w.counts(v))
	d.add("How late things were taken", w.lateness(v.Overruns))
	d.add("Findings", w.findings(v.Findings))
	d.add("What to do", next(v.Findings))
	var accepted, notes []item
	for _, a := range v.Accepted {
		accepted = append(accepted, item{line: w.found(a.Finding), text: a.Reason, below: []item{{line: "accepted by " + w.name(a.By), text: a.Because}}})
	}
	d.add("Accepted by a person", accepted)
	for _, n := range v.Notes {
		notes = append(notes, item{line: w.name(n)})
	}
	d.add("To be known", notes)
	if v.Offline {
		d.foot = "GitHub was not asked: what it shows now may be otherwise."
	}
	return d
}

func (w wording) names(list []string) []string {
	var out []string
	for _, n := range list {
		out = append(out, w.name(n))
	}
	return out
}

func (w wording) counts(v Verified) []item {
	c := v.Verified
	when := ""
	if c.Receipts > 0 {
		when = ", from " + instant(c.First) + " to " + instant(c.Last)
	}
	return []item{
		{line: fmt.Sprintf("main at %s, %s since the ledger began; the ledger at %s", w.name(short(v.Main)), plural(c.MainCommits, "commit"), w.name(short(v.Ledger)))},
		{line: fmt.Sprintf("the ledger of repository %d, by its own word", v.Repository)},
		{line: plural(c.Receipts, "receipt") + " in " + plural(c.LedgerCommits, "commit") + when},
		{line: fmt.Sprintf("%d approved and %d refused, judged again; %s of the configuration approved", c.Approved, c.Refused, plural(c.Configurations, "version"))},
		{line: fmt.Sprintf("given %d times, taken %d times, held still %d", c.Given, c.Taken, c.Held)},
	}
}

func (w wording) lateness(o audit.Overruns) []item {
	if o.Taken == 0 {
		return []item{{line: "nothing was taken yet"}}
	}
	items := []item{{line: fmt.Sprintf("of %d: half within %s, 99 of 100 within %s, all within %s", o.Taken, late(o.P50), late(o.P99), late(o.Max))}}
	if worst := o.Worst; worst != nil && worst.Overrun > 0 {
		items = append(items, item{line: fmt.Sprintf("the latest: %s, account %s, due %s and taken %s (%s)", w.entitlement(worst.Holding.Entitlement),
			w.name(worst.Holding.Account), instant(worst.Due), instant(worst.Taken), w.name(worst.Receipt))})
	}
	return items
}

func late(d time.Duration) string {
	if d == 0 {
		return "the second"
	}
	return span(d)
}

func (w wording) findings(fs []audit.Finding) []item {
	var out []item
	for _, f := range fs {
		out = append(out, item{mark: bad, line: w.found(f), text: f.Reason})
	}
	return out
}

// remedy is what to do about findings by some rules.
type remedy struct {
	rules []audit.Rule
	text  string
}

func remedies() []remedy {
	return []remedy{
		{[]audit.Rule{audit.RuleAnchor}, "run git fetch origin and verify again. What is still missing was taken away by whoever may force a push, as GitHub's record of pushes says. " +
			"Put it back, or let a person accept it; docs/anchor.md says how"},
		{[]audit.Rule{audit.RuleReceipt, audit.RuleCommit, audit.RuleSignature}, "unless the key is the wrong one, somebody other than Lapse wrote to the ledger. Compare it with an older clone or the anchor's checkpoint; " +
			"GitHub's record of pushes to lapse-ledger says who it was. Put the true one back; docs/anchor.md says how"},
		{[]audit.Rule{audit.RuleState}, "the stored state decides nothing. If only that is wrong, remove state.json and state/ from the ledger by one commit; the next reconcile writes them anew"},
		{[]audit.Rule{audit.RuleTime}, "look at the clock of the machine that reconciled; if it was right, the receipt is not"},
		{[]audit.Rule{audit.RuleVerdict, audit.RuleConfiguration, audit.RuleBytes, audit.RuleRemoval, audit.RuleGive, audit.RuleIntent, audit.RuleEnd},
			"what signs has signed what the rules do not give: take the signing key for stolen until you know better. Look at the target, and replace what signs; docs/signing.md says how. " +
				"A Lapse older than the one that wrote the ledger may find this, too"},
		{[]audit.Rule{audit.RuleOffMain}, "main was rewritten. Put back what is lost, from any clone that has it, or let a person accept it: lapse accept"},
		{[]audit.Rule{audit.RuleUnjudged}, "see that lapse reconcile runs, and ask who pushed what it has not judged"},
		{[]audit.Rule{audit.RuleUnasked}, "ask who pushed it, and why they could. Then lapse accept COMMIT, with the reason, and it is told as accepted"},
		{[]audit.Rule{audit.RuleHeld}, "look at the target now. If it is held, run lapse reconcile, and see why it could not be taken; if receipts are missing, find them first"},
		{[]audit.Rule{audit.RuleForge}, "run git fetch origin and verify again. What is still otherwise was changed after the fact: ask whoever the finding names"},
	}
}

// next is what to do about the findings, once for each sort of them.
func next(fs []audit.Finding) []item {
	var out []item
	for _, r := range remedies() {
		var of []string
		for _, rule := range r.rules {
			if slices.ContainsFunc(fs, func(f audit.Finding) bool { return f.Rule == rule }) {
				of = append(of, string(rule))
			}
		}
		if len(of) > 0 {
			out = append(out, item{line: list(of, "and") + ": " + r.text})
		}
	}
	return out
}

// found is which rule was broken, and where.
func (w wording) found(f audit.Finding) string {
	at := w.name(string(f.Rule))
	if f.Receipt != "" {
		at += ", " + w.name(f.Receipt)
	}
	if f.Commit != "" {
		at += ", commit " + w.name(short(f.Commit))
	}
	return at
}
