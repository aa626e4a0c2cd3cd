package reconciler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/policies"
	"github.com/lapse-access/lapse/requests"
)

// Ending is a grant that is over, and why.
type Ending struct {
	Grant   string `json:"grant"`
	Reason  string `json:"reason"`
	Expired bool   `json:"expired,omitempty"` // at its end, not before
}

// end writes that a grant is over. Its holdings stay on the ledger until a target, read back, no longer shows them.
func (o *Outlook) end(g ledger.Grant, why string) error { return o.endFor(g, why, nil) }

// endFor is end with what the policies saw, where they said so.
func (o *Outlook) endFor(g ledger.Grant, why string, seen json.RawMessage) error {
	o.Ended = append(o.Ended, Ending{Grant: g.ID, Reason: why, Expired: !o.dated.Before(g.Interval.End)})
	return o.decide(ledger.Receipt{Kind: ledger.Ended, Grant: &g, Reasons: []string{why}, Judgement: seen})
}

// lookAtLive ends the grants that are past their end, gone from main, or denied by a policy of package active.
func (r *Observer) lookAtLive(ctx context.Context, out *Outlook) error {
	tip := r.lookAtTip(out)
	out.tip = tip
	if tip.Digest != out.state.Configuration.Digest {
		out.Findings = append(out.Findings, fmt.Sprintf("the configuration on main is not the one that was approved (%.12s), which stands; put that back, or ask for the change by pull request",
			out.state.Configuration.Commit))
	}
	for _, id := range sortedKeys(out.state.Grants) {
		g := out.state.Grants[id]
		why, seen, err := r.over(ctx, out, tip, g)
		if err != nil {
			return err
		}
		if why != "" {
			if err := out.endFor(g, why, seen); err != nil {
				return err
			}
		}
	}
	if tip.Commit != out.Main {
		return nil
	}
	out.leftovers()
	return nil
}

// lookAtTip is what main says now. Where it is not known or its trees cannot be read, what was approved stands, to its own end, and
// nothing new is given.
func (r *Observer) lookAtTip(out *Outlook) *requests.Snapshot {
	if out.Main.IsZero() {
		return out.approved
	}
	tip, err := r.Requests.Snapshot(out.Main)
	if err != nil {
		out.freeze("read main: %v", err)
		out.fail("read main: %v", err)
		return out.approved
	}
	return tip
}

// over says why a grant is over; "" if it is not. Where the policies ended it, seen is what they saw.
func (r *Observer) over(ctx context.Context, out *Outlook, tip *requests.Snapshot, g ledger.Grant) (why string, seen json.RawMessage, err error) {
	if !out.dated.Before(g.Interval.End) {
		return "it ended at " + g.Interval.End.Format(time.RFC3339), nil, nil
	}
	_, err = fs.Stat(tip.Files, grants.PathOf(g.ID))
	if errors.Is(err, fs.ErrNotExist) && tip.Commit == out.Main {
		return "its file is no longer on main", nil, nil
	}
	if !g.Interval.Contains(out.Now) {
		return "", nil, nil
	}
	return deniedWhileLive(ctx, out, g)
}

// deniedWhileLive asks package active, by the approved policies. One that cannot be evaluated ends nobody: it stops what is new.
func deniedWhileLive(ctx context.Context, out *Outlook, g ledger.Grant) (why string, seen json.RawMessage, err error) {
	in := checks.LiveInput(out.approved.Configuration, subject(g), out.held(g.User), out.Now)
	a := out.approved.Policies.Active(ctx, in)
	for _, b := range a.Broken {
		out.broken(b)
	}
	if len(a.Denials) == 0 {
		return "", nil, nil
	}
	seen, err = requests.EndedBy(out.approved, g.Role, requests.Asked{Input: in, Answer: a})
	return denialText(a.Denials[0]), seen, err
}

func (o *Outlook) broken(p grants.Problem) {
	text := "package active: " + p.Error()
	for _, f := range o.Frozen {
		if f == text {
			return
		}
	}
	o.Frozen = append(o.Frozen, text)
	o.Findings = append(o.Findings, text)
}

func denialText(m policies.Message) string {
	return fmt.Sprintf("policy %s at %s: %s", m.Rule, m.At, m.Text)
}

func subject(g ledger.Grant) checks.LiveSubject {
	return checks.LiveSubject{
		ID: g.ID, User: g.User, UserID: g.UserID, Role: g.Role, Reason: g.Reason, Ticket: g.Ticket, Interval: g.Interval,
		Pull: g.Pull, Author: g.Author, Labels: g.Labels, Change: g.Change, Entitlements: g.Entitlements,
	}
}

// maxFindings is how many files that are no grants are named: whoever pushed more than that must not bury the rest of a report.
const maxFindings = 20

// leftovers finds the grant files on main that give nothing: those that ended are for the removal commit, those that were
// never approved are findings for as long as they are there, and so are other versions of live ones, and what is no grant at all.
func (o *Outlook) leftovers() {
	last := lastWord(o.Book.Receipts(), o.decided)
	judged := map[string]bool{}
	unapproved := 0
	err := fs.WalkDir(o.tip.Files, "grants", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		id, ok := grants.IDOf(path)
		if err != nil || d.IsDir() || !ok {
			return err
		}
		judged[path] = true
		g, live := o.state.Grants[id]
		switch {
		case o.waiting[path]:
		case live:
			o.compare(path, g)
		case last[id] == ledger.Ended:
			o.removable = append(o.removable, id)
		case unapproved >= maxFindings:
			unapproved++
		default:
			unapproved++
			o.Findings = append(o.Findings, path+" gives nothing: it was not approved; remove it, or ask for it by pull request")
		}
		return nil
	})
	if err != nil {
		o.fail("read grants/ on main: %v", err)
	}
	if more := unapproved - maxFindings; more > 0 {
		o.Findings = append(o.Findings, fmt.Sprintf("%d more files under grants/ give nothing: they were not approved", more))
	}
	_, problems := grants.LoadGrants(o.tip.Files)
	problems = slices.DeleteFunc(problems, func(p grants.Problem) bool { return judged[p.File] })
	for _, p := range problems[:min(len(problems), maxFindings)] {
		o.Findings = append(o.Findings, p.Error())
	}
	if more := len(problems) - maxFindings; more > 0 {
		o.Findings = append(o.Findings, fmt.Sprintf("grants/ on main holds %d more such files", more))
	}
}

// compare finds the file of a live grant that is not what was approved.
func (o *Outlook) compare(path string, g ledger.Grant) {
	b, err := fs.ReadFile(o.tip.Files, path)
	if err == nil && grants.Digest(b) == g.Digest {
		return
	}
	o.Findings = append(o.Findings, fmt.Sprintf("%s is not what was approved, which stands until %s; put that back, or ask for the change by pull request",
		path, g.Interval.End.Format(time.RFC3339)))
}

// lastWord is the kind of the last receipt about each grant.
func lastWord(lists ...[]ledger.Receipt) map[string]ledger.Kind {
	last := map[string]ledger.Kind{}
	for _, rs := range lists {
		for _, r := range rs {
			if r.Grant != nil {
				last[r.Grant.ID] = r.Kind
			}
		}
	}
	return last
}
