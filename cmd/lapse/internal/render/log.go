package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/grants"
)

// Log writes the lives of grants for a terminal, every event with its time in UTC.
func Log(w io.Writer, lives []audit.Life, o TerminalOptions) error {
	return writeTerminal(w, plainWording().log(lives), o)
}

func (w wording) log(lives []audit.Life) document {
	d := document{headline: plural(len(lives), "grant")}
	if len(lives) == 0 {
		d.headline = "No grant"
	}
	for _, l := range lives {
		d.add(w.name(grants.PathOf(l.ID))+": "+w.stage(l), w.life(l))
	}
	return d
}

func (w wording) stage(l audit.Life) string {
	switch {
	case l.Stage == audit.StageOver && len(l.Held) > 0:
		return fmt.Sprintf("over, and %s not proven taken", plural(len(l.Held), "holding"))
	case l.Stage == audit.StageOver && l.Overrun > 0:
		return "over, " + span(l.Overrun) + " late"
	case l.Stage == audit.StageLive:
		return "live until " + instant(l.Interval.End)
	case l.Stage == audit.StageComing:
		return "begins at " + instant(l.Interval.Start)
	}
	return w.name(string(l.Stage))
}

func (w wording) life(l audit.Life) []item {
	what := item{line: fmt.Sprintf("%s, role %s", w.name(l.User), w.name(l.Role)), text: l.Reason}
	if l.Ticket != "" {
		what.below = append(what.below, item{line: "Ticket", text: l.Ticket})
	}
	out := []item{what}
	for _, e := range l.Events {
		out = append(out, w.event(e))
	}
	return out
}

func (w wording) event(e audit.Event) item {
	it := item{line: instant(e.Time) + "  " + w.happened(e)}
	if len(e.Reasons) > 0 {
		it.text = strings.Join(e.Reasons, "\n")
	}
	return it
}

func (w wording) happened(e audit.Event) string {
	by := ""
	if e.By != "" {
		by = " by " + w.name(e.By)
	}
	pull := ""
	if e.Pull > 0 {
		pull = fmt.Sprintf(" in pull request #%d", e.Pull)
	}
	commit := ""
	if e.Commit != "" {
		commit = " as " + w.name(short(e.Commit))
	}
	holding := ""
	if e.Holding != nil {
		holding = fmt.Sprintf(" %s, account %s", w.entitlement(e.Holding.Entitlement), w.name(e.Holding.Account))
	}
	switch e.Kind {
	case audit.Requested:
		return "requested" + by + pull
	case audit.Approved:
		return "approved" + by + pull
	case audit.Merged:
		return "merged" + by + commit
	case audit.Judged:
		return "judged: approved, until " + instant(e.Until)
	case audit.Refused:
		return "refused" + strings.Replace(commit, " as ", " at commit ", 1)
	case audit.Given:
		return "given" + holding
	case audit.Kept:
		return "found, held before Lapse:" + holding
	case audit.Taken:
		if e.Overrun > 0 {
			holding += ", " + span(e.Overrun) + " late"
		}
		return "taken" + holding
	case audit.Ended:
		return "ended"
	case audit.Removed:
		return "file removed" + by + commit
	}
	return w.name(string(e.Kind))
}

// Who writes who holds what for a terminal.
func Who(w io.Writer, holders []audit.Holder, about string, f audit.Freshness, o TerminalOptions) error {
	return writeTerminal(w, plainWording().who(holders, about, f), o)
}

func (w wording) who(holders []audit.Holder, about string, f audit.Freshness) document {
	d := document{headline: "Nobody holds anything through Lapse"}
	switch {
	case len(holders) > 0:
		d.headline = plural(len(holders), "grant")
	case about != "":
		d.headline = "Nobody holds anything through Lapse that " + w.name(about) + " names"
	}
	for _, h := range holders {
		d.add(w.name(h.User)+", role "+w.name(h.Role)+": "+status(h, f.Now), w.holder(h))
	}
	if f.Behind {
		d.notes = append(d.notes, "main has moved since the reconciler last wrote: what came there is not told here")
	}
	switch {
	case f.LastRun.IsZero():
		d.notes = append(d.notes, "the reconciler has never said that it ran: what is told here may be old")
	case f.Stale:
		d.notes = append(d.notes, fmt.Sprintf("the reconciler last ran %s, at %s: what is told here may be old", ago(f.Now.Sub(f.LastRun)), instant(f.LastRun)))
	default:
		d.foot = fmt.Sprintf("The reconciler last ran %s. ", ago(f.Now.Sub(f.LastRun)))
	}
	if f.Last.IsZero() {
		d.foot += "By the ledger's word; nothing is written there yet."
	} else {
		d.foot += fmt.Sprintf("By the ledger's word, whose last receipt is of %s; where nothing happens nothing is written.", instant(f.Last))
	}
	return d
}

func status(h audit.Holder, now time.Time) string {
	switch h.Status {
	case audit.StatusComing:
		return fmt.Sprintf("from %s until %s", instant(h.Interval.Start), instant(h.Interval.End))
	case audit.StatusOverdue:
		return fmt.Sprintf("over since %s, not proven taken", instant(h.Interval.End))
	}
	return fmt.Sprintf("until %s, in %s", instant(h.Interval.End), span(h.Interval.End.Sub(now)))
}

func (w wording) holder(h audit.Holder) []item {
	var out []item
	for _, x := range h.Holdings {
		it := item{line: w.entitlement(x.Entitlement)}
		if x.Account != "" && x.Account != h.User {
			it.line += ", account " + w.name(x.Account)
		}
		switch x.State {
		case audit.IsHeld:
			it.mark = give
		case audit.IsPending:
			it.mark, it.line = waiting, it.line+": not given yet"
		case audit.IsTaking:
			it.mark, it.line = take, it.line+": being taken"
		case audit.WasBefore:
			it.line += ": held before Lapse, and stays"
		case audit.IsNotYet:
			it.mark, it.line = waiting, it.line+": not yet"
		default:
			it.mark, it.line = warning, it.line+": the ledger tells of no holding"
		}
		out = append(out, it)
	}
	why := item{line: "Why", text: h.Reason}
	if h.Ticket != "" {
		why.below = append(why.below, item{line: "Ticket", text: h.Ticket})
	}
	through := item{line: "Through " + w.name(grants.PathOf(h.Grant))}
	if h.Pull > 0 {
		through.line += fmt.Sprintf(", pull request #%d", h.Pull)
	}
	return append(out, why, through)
}
