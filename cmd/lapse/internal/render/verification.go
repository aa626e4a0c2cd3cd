package render

import (
	"fmt"
	"io"
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
		d.tone, d.headline = bad, "Verified: "+plural(n, "finding")
	}
	if v.OnTrust != "" {
		d.notes = append(d.notes, fmt.Sprintf("the keys were taken on trust from .lapse/trust at commit %s of the clone itself; compare them with what you were told, "+
			"and name the files with --key: %s", w.name(short(v.OnTrust)), list(w.names(v.Keys), "and")))
	}
	d.add("What was verified", w.counts(v))
	d.add("How late things were taken", w.lateness(v.Overruns))
	d.add("Findings", w.findings(v.Findings))
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
	return []item{
		{line: fmt.Sprintf("main at %s, %s since the ledger began; the ledger at %s", w.name(short(v.Main)), plural(c.MainCommits, "commit"), w.name(short(v.Ledger)))},
		{line: fmt.Sprintf("the ledger of repository %d, by its own word", v.Repository)},
		{line: fmt.Sprintf("%s in %s, from %s to %s", plural(c.Receipts, "receipt"), plural(c.LedgerCommits, "commit"), instant(c.First), instant(c.Last))},
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
