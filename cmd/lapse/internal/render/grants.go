package render

import (
	"fmt"
	"strings"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

func (w wording) grants(gs []checks.GrantVerdict) []item {
	out := make([]item, 0, len(gs))
	for _, g := range gs {
		out = append(out, w.grant(g))
	}
	return out
}

// grant says what the person would have, until when, why, and what they hold already.
func (w wording) grant(g checks.GrantVerdict) item {
	path := w.name(grants.PathOf(g.ID))
	switch {
	case g.Kind == grants.End && g.User == "":
		return item{mark: take, line: path + " would be deleted."}
	case g.Kind == grants.End:
		line := fmt.Sprintf("%s would no longer hold %s through %s, as soon as it is merged.", w.name(g.User), w.name(g.Role), path)
		return item{mark: take, line: line, below: w.held(g)}
	case g.User == "":
		return item{mark: bad, line: path + " cannot be read as a grant. It would give nothing."}
	}
	it := item{mark: give, line: w.wouldHold(g)}
	if g.Reason != "" {
		it.below = append(it.below, item{line: "Reason", text: g.Reason, where: path})
	}
	if g.Ticket != "" {
		it.below = append(it.below, item{line: "Ticket", text: g.Ticket, where: path})
	}
	if len(g.Entitlements) > 0 {
		it.below = append(it.below, item{line: "That gives", names: each(g.Entitlements, w.entitlement)})
	}
	it.below = append(it.below, w.held(g)...)
	if g.Automatic {
		it.below = append(it.below, item{line: "The role itself needs nobody's approval."})
	}
	if g.Kind == grants.Edit {
		it.below = append(it.below, item{line: "Changed file " + path + ": until this is approved and merged, the version approved before stands."})
	} else {
		it.below = append(it.below, item{line: "New file " + path})
	}
	return it
}

func (w wording) wouldHold(g checks.GrantVerdict) string {
	parts := []string{w.name(g.User), "would hold", w.name(g.Role)}
	if time := w.interval(g.Interval, g.FromMerge, g.EndMoves); time != "" {
		parts = append(parts, time)
	}
	return strings.Join(parts, " ") + "."
}

func (w wording) held(g checks.GrantVerdict) []item {
	if len(g.Held) == 0 && g.Kind == grants.End {
		return nil
	}
	if len(g.Held) == 0 {
		return []item{{line: w.name(g.User) + " holds nothing else through Lapse."}}
	}
	names := each(g.Held, func(l checks.LiveGrant) string {
		return fmt.Sprintf("%s through %s until %s", w.name(l.Role), w.name(grants.PathOf(l.ID)), instant(l.End))
	})
	return []item{{line: w.name(g.User) + " holds already", names: names}}
}

// needs is the list of who must approve what, satisfied or not, in a request of so many grants.
func (w wording) needs(ns []checks.Need, ofGrants int) []item {
	out := make([]item, 0, len(ns))
	for _, n := range ns {
		it := w.need(n)
		if len(n.Grants) > 0 && ofGrants > 1 { // of one grant there is nothing to tell apart
			it.below = append(it.below, item{line: "For", names: each(n.Grants, func(id string) string { return w.name(grants.PathOf(id)) })})
		}
		out = append(out, it)
	}
	return out
}

// inSentence is the most people that are named within a sentence; more are listed below it.
const inSentence = 6

func (w wording) need(n checks.Need) item {
	from := list(w.parties(n.From), "or")
	have := list(each(n.Have, func(a checks.Approval) string { return w.name(a.Login) }), "and")
	it := item{mark: good, line: fmt.Sprintf("%s from %s", plural(n.Count, "approval"), from)}
	if have != "" {
		it.line += ": approved by " + have
	}
	if !n.Satisfied() {
		it.mark = waiting
		if len(n.Have) > 0 {
			it.line += fmt.Sprintf(", %d more needed", n.Count-len(n.Have))
		}
		if able := len(n.Could); len(n.Have) == 0 && able >= n.Count && able <= inSentence {
			it.line += ": " + list(each(n.Could, w.name), "or")
		} else {
			it.below = append(it.below, w.could(n))
		}
	}
	if n.Lifts != "" {
		it.below = append(it.below, item{line: "Lifts the denial", text: n.Lifts})
	}
	if place := w.place(n.Why); place != "" {
		it.below = append(it.below, item{line: "Asked for by " + place})
	}
	return it
}

// could names those who can still satisfy the need. That they are too few is worth more than the names.
func (w wording) could(n checks.Need) item {
	missing := n.Count - len(n.Have)
	switch {
	case len(n.Could) == 0:
		return item{mark: warning, line: "Nobody can give it: no member is left who may approve this request."}
	case len(n.Could) < missing:
		return item{mark: warning, line: fmt.Sprintf("It cannot be satisfied: %d more needed, and these alone could approve", missing), names: each(n.Could, w.name)}
	}
	return item{line: "Could approve", names: each(n.Could, w.name)}
}

func (w wording) ignored(is []checks.Ignored) []item {
	out := make([]item, 0, len(is))
	for _, i := range is {
		out = append(out, item{line: w.name(i.Login), text: i.Why})
	}
	return out
}

// ends says, for every target at which the request would give something, who guarantees that it ends.
func (w wording) ends(gs []checks.GrantVerdict, ends map[string]End) []item {
	targets := map[string]bool{}
	for _, g := range gs {
		if g.Kind == grants.End {
			continue
		}
		for _, e := range g.Entitlements {
			targets[e.Target] = true
		}
	}
	var out []item
	for _, target := range sortedKeys(targets) {
		end := ends[target]
		line := w.name(target) + ", ended by Lapse alone"
		if end.Native {
			line = w.name(target) + ", ended by the target itself and by Lapse"
		}
		if end.Text != "" {
			line += ": " + w.own(end.Text)
		}
		out = append(out, item{line: line})
	}
	return out
}
