package render

import (
	"fmt"
	"io"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// Plan is what a run would do, in the order in which it would do it.
type Plan struct {
	Now   time.Time  `json:"now"`
	Lines []PlanLine `json:"lines"`
	Kept  []PlanLine `json:"kept,omitempty"` // holdings that were there before Lapse and stay
	Next  time.Time  `json:"next,omitzero"`  // when something changes next; zero: nothing will
}

// PlanLine is one change of one holding.
type PlanLine struct {
	Action      string        `json:"action"` // give or take; anything else is shown as it is
	Target      string        `json:"target"`
	Entitlement string        `json:"entitlement"` // as the entitlement's keys and values: role readonly
	Account     string        `json:"account"`
	Name        string        `json:"name,omitempty"` // what a person would call the account, where that differs
	Grants      []string      `json:"grants,omitempty"`
	Why         string        `json:"why,omitempty"`
	Until       time.Time     `json:"until,omitzero"`
	Overrun     time.Duration `json:"overrun,omitempty"` // taken: how long the holding outlived its grant
}

// Entitlement is the text of a PlanLine's entitlement.
func Entitlement(e grants.Entitlement) string { return entitlement(e) }

// Report is what a run did.
type Report struct {
	Now      time.Time        `json:"now"`
	Done     []PlanLine       `json:"done,omitempty"` // proven by reading the target back
	Failed   []Failure        `json:"failed,omitempty"`
	Refused  []Refusal        `json:"refused,omitempty"`
	Kept     []PlanLine       `json:"kept,omitempty"`
	Problems []grants.Problem `json:"problems,omitempty"`
	Notes    []string         `json:"notes,omitempty"`   // findings about the run as a whole: a rewritten branch, a limit reached
	Removal  string           `json:"removal,omitempty"` // the commit or pull request that removed what is over
	Next     time.Time        `json:"next,omitzero"`
}

// Failure is a change that could not be made or proven. Error must have been through a [SecretScrubber].
type Failure struct {
	PlanLine
	Error string `json:"error"`
}

// Refusal is a grant that reached the main branch and gives nothing, or a live one that a policy ended.
type Refusal struct {
	Grant   string   `json:"grant"`
	Commit  string   `json:"commit,omitempty"`
	Reasons []string `json:"reasons"`
}

// PlanText writes the plan for a terminal.
func PlanText(w io.Writer, p Plan, o TerminalOptions) error {
	return writeTerminal(w, plainWording().plan(p), o)
}

// PlanSummary is the plan as the summary of a job, in GitHub markdown of at most 1000000 bytes.
func PlanSummary(p Plan) string {
	f := fitted{elsewhere: "in the log", limit: maxSummary}
	return f.markdown(func(w wording) document { return w.plan(p) })
}

// ReportText writes the report for a terminal.
func ReportText(w io.Writer, r Report, o TerminalOptions) error {
	return writeTerminal(w, plainWording().report(r), o)
}

// ReportSummary is the report as the summary of a job, in GitHub markdown of at most 1000000 bytes.
func ReportSummary(r Report) string {
	f := fitted{elsewhere: "in the log", limit: maxSummary}
	return f.markdown(func(w wording) document { return w.report(r) })
}

// ReportAnnotations are the report's failures, refusals, notes and problems, at the grants' files where there is one.
func ReportAnnotations(r Report) []Annotation {
	var as []Annotation
	w := plainWording()
	for _, f := range r.Failed {
		var path string
		if len(f.Grants) > 0 {
			path = grants.PathOf(f.Grants[0])
		}
		as = append(as, Annotation{Path: path, Level: LevelFailure, Title: "Could not " + Text(f.Action), Text: w.change(f.PlanLine) + ": " + oneLine(f.Error)})
	}
	for _, refusal := range r.Refused {
		for _, reason := range refusal.Reasons {
			as = append(as, Annotation{Path: grants.PathOf(refusal.Grant), Level: LevelFailure, Title: "Refused", Text: oneLine(reason)})
		}
	}
	for _, note := range r.Notes {
		as = append(as, Annotation{Level: LevelWarning, Title: "Finding", Text: oneLine(note)})
	}
	return append(as, ProblemAnnotations(r.Problems)...)
}

func (w wording) plan(p Plan) document {
	d := document{tone: plain, headline: "Nothing to do"}
	if len(p.Lines) > 0 {
		d.tone = waiting
		d.headline = plural(len(p.Lines), "change") + " to make"
	}
	d.add("Changes", w.changes(p.Lines))
	d.add("Left as they were before Lapse", w.changes(p.Kept))
	d.foot = w.foot("Planned", p.Now, p.Next)
	return d
}

func (w wording) report(r Report) document {
	d := document{tone: good, headline: plural(len(r.Done), "change") + " made and read back"}
	switch {
	case len(r.Done) == 0 && len(r.Refused) > 0:
		d.headline = "Nothing changed"
	case len(r.Done) == 0:
		d.headline = "Nothing to do"
	}
	if n := len(r.Failed); n > 0 {
		d.tone = bad
		d.headline = fmt.Sprintf("%s failed, %d made and read back", plural(n, "change"), len(r.Done))
	}
	if n := len(r.Refused); n > 0 {
		d.tone = bad
		d.headline += "; " + plural(n, "grant") + " refused"
	}
	if n := len(r.Notes) + len(r.Problems); n > 0 {
		d.headline += "; " + plural(n, "finding")
		if d.tone == good {
			d.tone = warning
		}
	}
	d.add("Failed", each2(r.Failed, bad, w.failure))
	d.add("Refused", w.refusals(r.Refused))
	d.add("Findings", each2(r.Notes, warning, func(s string) item { return item{text: s} }))
	d.add("Problems", each2(r.Problems, warning, w.problem))
	d.add("Done", w.changes(r.Done))
	d.add("Left as they were before Lapse", w.changes(r.Kept))
	if r.Removal != "" {
		d.add("Removed", []item{{text: r.Removal}})
	}
	d.foot = w.foot("Ran", r.Now, r.Next)
	return d
}

func (w wording) foot(verb string, now, next time.Time) string {
	line := ""
	if !now.IsZero() {
		line = verb + " at " + instant(now) + ". "
	}
	if next.IsZero() {
		return line + "Nothing else is due."
	}
	return line + "Next change due at " + instant(next) + "."
}

// change is one change in a sentence: take role readonly at prod-db from alice_r.
func (w wording) change(l PlanLine) string {
	what := fmt.Sprintf("%s at %s", w.name(l.Entitlement), w.name(l.Target))
	who := w.name(l.Account)
	if l.Name != "" && l.Name != l.Account {
		who = w.name(l.Name) + " (" + who + ")"
	}
	switch l.Action {
	case "give":
		return "give " + what + " to " + who
	case "take":
		return "take " + what + " from " + who
	case "keep":
		return "keep " + what + " of " + who
	}
	return w.name(l.Action) + " " + what + " of " + who
}

func (w wording) changes(ls []PlanLine) []item {
	out := make([]item, 0, len(ls))
	for _, l := range ls {
		out = append(out, w.changeItem(l))
	}
	return out
}

func (w wording) changeItem(l PlanLine) item {
	it := item{line: w.change(l)}
	switch l.Action {
	case "give":
		it.mark = give
	case "take":
		it.mark = take
	}
	if !l.Until.IsZero() {
		it.line += " until " + instant(l.Until)
	}
	if l.Overrun > 0 {
		it.line += ", " + span(l.Overrun) + " late"
	}
	if l.Why != "" {
		it.below = append(it.below, item{line: "Why", text: l.Why})
	}
	if len(l.Grants) > 0 {
		it.below = append(it.below, item{line: "For", names: each(l.Grants, func(id string) string { return w.name(grants.PathOf(id)) })})
	}
	return it
}

func (w wording) failure(f Failure) item {
	it := w.changeItem(f.PlanLine)
	it.below = append([]item{{line: "Error", text: f.Error}}, it.below...)
	return it
}

func (w wording) refusals(rs []Refusal) []item {
	out := make([]item, 0, len(rs))
	for _, r := range rs {
		it := item{mark: bad, line: w.name(grants.PathOf(r.Grant))}
		if r.Commit != "" {
			it.line += " of commit " + w.name(short(r.Commit))
		}
		it.below = each2(r.Reasons, plain, func(s string) item { return item{text: s} })
		out = append(out, it)
	}
	return out
}

func (w wording) problem(p grants.Problem) item {
	it := item{line: w.place(p.Pos), text: p.Text, where: w.place(grants.Pos{File: p.File})}
	if p.Hint != "" {
		it.below = append(it.below, item{line: "Next", text: p.Hint})
	}
	return it
}
