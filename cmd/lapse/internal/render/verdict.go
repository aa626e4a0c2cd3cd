package render

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// maxStatus is the most characters GitHub takes as the description of a commit status (docs.github.com/rest/commits/statuses).
const maxStatus = 140

// StatusLine is the verdict in one line of at most 140 characters of plain text, for the description of a commit status.
func StatusLine(v checks.Verdict) string {
	line := ""
	for _, most := range []int{maxStatus, 40, 20} { // characters of a name
		w := wording{own: Text, name: func(s string) string {
			head, more := clip(s, most)
			if more > 0 {
				return Text(head) + "…"
			}
			return Text(s)
		}}
		line = w.headline(v)
		if utf8.RuneCountInString(line) <= maxStatus {
			return line
		}
	}
	const tail = "… (see the comment)"
	head, _ := clip(line, maxStatus-utf8.RuneCountInString(tail))
	return head + tail
}

// verdict is the verdict as a document.
func (w wording) verdict(v checks.Verdict, o Options) document {
	d := document{tone: tone(v), headline: w.headline(v)}
	open, satisfied := parted(v.Needs)
	d.add("Denied because", each2(v.Denials, bad, w.reason))
	d.add("Access", w.grants(v.Grants))
	d.add("Waiting because", each2(v.Waiting, waiting, w.reason))
	approve := "Who must still approve"
	if v.Outcome != checks.OutcomeWaiting {
		approve = "Who must approve, once nothing is denied"
	}
	d.add(approve, w.needs(open, len(v.Grants)))
	d.add("Who has approved", w.needs(satisfied, len(v.Grants)))
	d.add("Warnings", each2(v.Warnings, warning, w.reason))
	d.add("Who guarantees each end", w.ends(v.Grants, o.Ends))
	d.fold("Reviews that do not count", w.ignored(v.Ignored))
	d.foot = w.judged(v.Head, o.Now)
	w.alive(&d, o)
	return d
}

// parted are the needs that lack an approval, and the others.
func parted(ns []checks.Need) (open, satisfied []checks.Need) {
	for _, n := range ns {
		if n.Satisfied() {
			satisfied = append(satisfied, n)
		} else {
			open = append(open, n)
		}
	}
	return open, satisfied
}

// alive says how long ago the reconciler ran, which an approver must know: it gives access, and takes it back. As a warning it
// comes first.
func (w wording) alive(d *document, o Options) {
	h := o.Heartbeat
	if h != nil {
		for _, why := range h.Stopped {
			d.notes = append(d.notes, "Nothing is given, whatever is approved, until whoever runs Lapse has looked at this: "+why)
		}
	}
	switch {
	case h == nil:
	case h.Last.IsZero():
		d.notes = append(d.notes, "The reconciler has never said that it ran. Until it does, nothing is given and nothing is taken back.")
	case h.Stale:
		d.notes = append(d.notes, fmt.Sprintf("The reconciler last ran %s, at %s. Access may be given and taken back late.", ago(o.Now.Sub(h.Last)), instant(h.Last)))
	default:
		d.foot = strings.TrimSpace(d.foot + " The reconciler last ran " + ago(o.Now.Sub(h.Last)) + ".")
	}
}

// judged says what was judged, and when.
func (w wording) judged(head string, now time.Time) string {
	if head == "" && now.IsZero() {
		return ""
	}
	line := "Judged"
	if head != "" {
		line += " at commit " + w.name(short(head))
	}
	if !now.IsZero() {
		line += " on " + instant(now)
	}
	return line + "."
}

// short is a commit's id as people write it; anything else is left as it is.
func short(commit string) string {
	if len(commit) >= 40 && strings.Trim(commit, "0123456789abcdef") == "" {
		return commit[:12]
	}
	return commit
}

func tone(v checks.Verdict) mark {
	switch v.Outcome {
	case checks.OutcomeApproved:
		return good
	case checks.OutcomeWaiting:
		return waiting
	}
	return bad
}

// headline is the verdict in a line. An outcome that is not known reads as a denial.
func (w wording) headline(v checks.Verdict) string {
	switch v.Outcome {
	case checks.OutcomeApproved:
		return w.approved(v)
	case checks.OutcomeWaiting:
		return w.waiting(v)
	}
	switch n := len(v.Denials); {
	case n == 0:
		return "Denied"
	case n == 1 && v.Denials[0].Text != "":
		first, _, _ := strings.Cut(strings.Trim(v.Denials[0].Text, "\n"), "\n")
		return "Denied: " + w.name(first)
	default:
		return "Denied for " + plural(n, "reason")
	}
}

func (w wording) waiting(v checks.Verdict) string {
	var open []checks.Need
	for _, n := range v.Needs {
		if !n.Satisfied() {
			open = append(open, n)
		}
	}
	switch {
	case len(open) == 0 && len(v.Waiting) == 1:
		first, _, _ := strings.Cut(strings.Trim(v.Waiting[0].Text, "\n"), "\n")
		return "Waiting: " + w.name(first)
	case len(open) == 0:
		return "Waiting"
	case len(open) == 1:
		return "Waiting for " + w.open(open[0])
	case len(open) == 2:
		return fmt.Sprintf("Waiting for %s and %d from %s", w.open(open[0]), open[1].Count-len(open[1].Have), w.from(open[1]))
	}
	var from []string
	for _, n := range open {
		from = append(from, w.from(n))
	}
	return "Waiting for approvals from " + some(unique(from), "and")
}

// open is what a need still lacks: 1 approval from @acme/security.
func (w wording) open(n checks.Need) string {
	return plural(n.Count-len(n.Have), "approval") + " from " + w.from(n)
}

func (w wording) from(n checks.Need) string { return some(w.parties(n.From), "or") }

func (w wording) approved(v checks.Verdict) string {
	var by []string
	for _, n := range v.Needs {
		for _, a := range n.Have {
			by = append(by, w.name(a.Login))
		}
	}
	line := "Approved: nothing here needs an approval"
	switch {
	case len(by) > 0:
		line = "Approved by " + some(unique(by), "and")
	case len(v.Needs) > 0: // every line is for a count of none
	case only(v.Grants, func(g checks.GrantVerdict) bool { return g.Kind == grants.End }):
		line = "Approved: ending access needs nobody's approval"
	case only(v.Grants, func(g checks.GrantVerdict) bool { return g.Automatic || g.Kind == grants.End }):
		line = "Approved: automatic, no person needs to approve"
	}
	if v.Merge {
		return line + "; it merges by itself"
	}
	return line + "; a person merges it"
}

func only(gs []checks.GrantVerdict, is func(checks.GrantVerdict) bool) bool {
	for _, g := range gs {
		if !is(g) {
			return false
		}
	}
	return len(gs) > 0
}

// reason is one denial or warning: where, what, what next, who says so.
func (w wording) reason(r checks.Reason) item {
	it := item{line: w.place(r.Pos), text: r.Text, where: w.place(grants.Pos{File: r.File})}
	if r.Hint != "" {
		it.below = append(it.below, item{line: "Next", text: r.Hint})
	}
	if r.Policy != "" {
		it.below = append(it.below, item{line: "Policy", text: r.Policy})
	}
	if r.Grant != "" && grants.PathOf(r.Grant) != r.File {
		it.below = append(it.below, item{line: "Grant " + w.name(r.Grant)})
	}
	return it
}

// each2 applies f to every one of in, and marks the items.
func each2[T any](in []T, m mark, f func(T) item) []item {
	out := make([]item, 0, len(in))
	for _, v := range in {
		it := f(v)
		it.mark = m
		out = append(out, it)
	}
	return out
}
