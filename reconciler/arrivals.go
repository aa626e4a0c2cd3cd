package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// Judged is an arrival with the verdict on it.
type Judged struct {
	Commit  string         `json:"commit"`
	Pull    int            `json:"pull,omitempty"`
	Verdict checks.Verdict `json:"verdict"`
}

// lookAtArrivals judges what reached main since the last run, oldest first. An arrival that cannot be judged now (the forge does not
// answer) stays to be judged by a later run and does not stop the others; until then it gives nothing. Where giving is frozen none is
// judged. What an arrival ends has ended all the same, in the order in which it came, and so where there is no time left to judge it.
func (r *Observer) lookAtArrivals(ctx context.Context, out *Outlook) error {
	frozen := len(out.Frozen) > 0
	seen := out.state.Main
	if seen == "" || out.Main.IsZero() {
		return nil // the ledger begins here, and what was merged before it gives nothing; or main is not known
	}
	done := judgedCommits(out.Book.Receipts())
	ask := requests.Asking{Known: func(tip gitrepo.Hash) bool { return done[tip.String()] }, More: out.budget.more}
	if !frozen {
		r.judgeLost(ctx, out, ask)
		frozen = len(out.Frozen) > 0
	}
	arrivals, err := r.Requests.Arrivals(ctx, gitrepo.NewHash(seen), out.Main, ask)
	if errors.Is(err, requests.ErrRewritten) {
		out.losing("%v", err)
		was := gitrepo.NewHash(seen)
		r.loseMain(out, was, byLedger, r.Requests.Bring(ctx, seen))
		return nil
	}
	if err != nil {
		out.freeze("read what reached main: %v", err)
		out.fail("read what reached main: %v", err)
		return nil
	}
	tried := false
	for i, a := range arrivals {
		later := arrivals[i+1:]
		if err := r.endGone(out, a, func(id string) bool { return !overtaken(out, id, later) }); err != nil {
			out.fail("read what commit %.12s ended: %v", a.Tip, err)
			out.unjudged(a)
		}
		if frozen || done[a.Tip.String()] {
			continue
		}
		if a.Later || out.Waiting > 0 || tried && out.budget.spent() {
			out.Waiting++
			out.unjudged(a)
			continue
		}
		tried = true
		if err := r.judge(ctx, out, a, later); err != nil {
			out.fail("judge commit %.12s: %v; it gives nothing until it can be judged", a.Tip, err)
			out.unjudged(a)
		}
	}
	r.endLost(out, false)
	return nil
}

// judgedCommits are those with a receipt already: an earlier run got so far past one that could not be judged. Of the commit with whose
// configuration the ledger began nothing was judged.
func judgedCommits(rs []ledger.Receipt) map[string]bool {
	done := map[string]bool{}
	for _, r := range rs {
		if first := r.Configuration != nil && r.Configuration.First; r.Commit != "" && !first {
			done[r.Commit] = true
		}
	}
	return done
}

// unjudged keeps main's last walked commit before the first arrival that could not be judged, and what came with it: a later run
// judges the files, so this one neither removes them nor says that they are nothing.
func (o *Outlook) unjudged(a requests.Arrival) {
	for _, c := range a.Change {
		if o.waiting == nil {
			o.waiting = map[string]bool{}
		}
		o.waiting[c.Path] = true
	}
	if o.stuckAt == "" {
		o.stuckAt = a.Base.String()
	}
}

func (r *Observer) judge(ctx context.Context, out *Outlook, a requests.Arrival, later []requests.Arrival) error {
	if !a.Grants() && !a.Configuration() {
		return nil
	}
	facts, j, err := r.verdict(ctx, out, a)
	if err != nil {
		return err
	}
	if a.Configuration() {
		if err := r.decideConfiguration(out, a, j); err != nil {
			return err
		}
	}
	return decideGrants(out, a, facts, j, later)
}

// verdict is that on an arrival, with what it was made from.
func (r *Observer) verdict(ctx context.Context, out *Outlook, a requests.Arrival) (checks.Facts, requests.Judgement, error) {
	if a.Unknown != nil {
		return checks.Facts{}, requests.Judgement{}, a.Unknown
	}
	snap, err := r.Requests.Snapshot(a.Base)
	if err != nil {
		return checks.Facts{}, requests.Judgement{}, err
	}
	facts, _, err := r.Requests.Merged(ctx, a, requests.Instant{Now: out.Now, Live: out.liveOf, Held: out.state.HeldTargets()}, out.unfit(snap))
	if err != nil {
		return facts, requests.Judgement{}, err
	}
	j := requests.Judge(ctx, facts, snap)
	out.Arrivals = append(out.Arrivals, Judged{Commit: a.Tip.String(), Pull: j.Pull, Verdict: j.Verdict})
	return facts, j, nil
}

// unfit says why no request can be approved on this base: an admin may have pushed a configuration that nobody approved.
func (o *Outlook) unfit(base *requests.Snapshot) []checks.Reason {
	if base.Digest == o.state.Configuration.Digest {
		return nil
	}
	return []checks.Reason{{
		Text: fmt.Sprintf("the configuration on main before this (%.12s) is not the one that was approved (%.12s)", base.Commit, o.state.Configuration.Commit),
		Hint: "revert it to the approved configuration, then ask for the change by pull request",
	}}
}

// endGone ends the live grants whose files the arrival removed, or gave to another person or role: that is the end of one grant,
// which needs nobody's approval, and a request for another. Those that do not count were not on main then, or came again since.
func (r *Observer) endGone(out *Outlook, a requests.Arrival, counts func(id string) bool) error {
	for _, c := range a.Change {
		id, ok := grants.IDOf(c.Path)
		g, live := out.state.Grants[id]
		if !ok || !live || !counts(id) {
			continue
		}
		now, err := r.Requests.Grant(c)
		if err != nil {
			return err
		}
		why := ""
		switch {
		case c.After == nil:
			why = fmt.Sprintf("the file was deleted by commit %.12s", a.Tip)
		case now != nil && now.User != g.User:
			why = fmt.Sprintf("commit %.12s gives it to %s", a.Tip, now.User)
		case now != nil && now.Role != g.Role:
			why = fmt.Sprintf("commit %.12s gives it role %s", a.Tip, now.Role)
		default:
			continue
		}
		if err := out.end(g, why); err != nil {
			return err
		}
	}
	return nil
}

// overtaken says whether an earlier run, which could not judge this arrival, has approved the grant as a later one brought it:
// then that stands. A later arrival that was refused, or is yet to be judged, takes nothing from this one.
func overtaken(out *Outlook, id string, later []requests.Arrival) bool {
	if len(later) == 0 {
		return false
	}
	return slices.ContainsFunc(out.Book.Receipts(), func(rec ledger.Receipt) bool {
		return rec.Kind == ledger.Approved && rec.Grant != nil && rec.Grant.ID == id &&
			slices.ContainsFunc(later, func(a requests.Arrival) bool { return a.Tip.String() == rec.Commit })
	})
}

// receiptOf is the receipt of what the verdict makes of one grant, or, with no id, of the configuration.
func receiptOf(a requests.Arrival, j requests.Judgement, id string) (ledger.Receipt, error) {
	stored, err := j.Stored(id)
	rec := ledger.Receipt{Kind: ledger.Approved, Commit: a.Tip.String(), Judgement: stored}
	if j.Outcome != checks.OutcomeApproved {
		rec.Kind, rec.Reasons = ledger.Refused, Reasons(j.Verdict)
	}
	return rec, err
}

func (r *Observer) decideConfiguration(out *Outlook, a requests.Arrival, j requests.Judgement) error {
	after, err := r.Requests.Snapshot(a.Tip)
	if err != nil {
		return err
	}
	if after.Digest == out.state.Configuration.Digest {
		return nil // back to what was approved
	}
	rec, err := receiptOf(a, j, "")
	if err != nil {
		return err
	}
	rec.Configuration = &ledger.Configuration{Commit: a.Tip.String(), Digest: after.Digest}
	if rec.Kind == ledger.Refused {
		out.Findings = append(out.Findings, fmt.Sprintf("commit %.12s changed the configuration without approval: %s", a.Tip, first(rec.Reasons)))
	}
	return out.decide(rec)
}

// decideGrants approves or refuses each added or changed grant. The verdict is on the request as a whole. Files under grants/ that
// are no grants can have no receipt; that somebody merged them all the same is a finding.
func decideGrants(out *Outlook, a requests.Arrival, f checks.Facts, j requests.Judgement, later []requests.Arrival) error {
	if j.Outcome != checks.OutcomeApproved && len(f.Request.Problems) > 0 && onlyEnds(f.Request.Changes) {
		out.Findings = append(out.Findings, fmt.Sprintf("commit %.12s is refused: %s", a.Tip, first(Reasons(j.Verdict))))
	}
	for _, c := range f.Request.Changes {
		if c.Kind == grants.End {
			continue
		}
		rec, err := receiptOf(a, j, c.ID)
		if err != nil {
			return err
		}
		rec.Grant = j.Grant(f, c)
		switch {
		case rec.Kind == ledger.Refused:
			out.Findings = append(out.Findings, fmt.Sprintf("%s at commit %.12s is refused: %s", grants.PathOf(c.ID), rec.Commit, first(rec.Reasons)))
		case overtaken(out, c.ID, later):
			continue
		}
		if err := out.decide(rec); err != nil {
			return err
		}
		for _, was := range assumed(out, *rec.Grant) {
			if err := out.decide(was); err != nil {
				return err
			}
		}
	}
	return nil
}

func onlyEnds(changes []grants.Change) bool {
	return !slices.ContainsFunc(changes, func(c grants.Change) bool { return c.Kind != grants.End })
}

// Reasons are why a verdict is not an approval, in words.
func Reasons(v checks.Verdict) []string {
	var out []string
	for _, d := range v.Denials {
		s := d.Text
		if d.File != "" {
			s = d.Pos.String() + ": " + s
		}
		out = append(out, s)
	}
	for _, w := range v.Waiting {
		out = append(out, w.Text)
	}
	for _, n := range v.Needs {
		if !n.Satisfied() {
			out = append(out, fmt.Sprintf("%s: %d of %d approvals from %v", n.Why, len(n.Have), n.Count, n.From))
		}
	}
	if len(out) == 0 {
		out = append(out, "the verdict is "+string(v.Outcome))
	}
	return out
}

func first(s []string) string {
	if len(s) == 1 {
		return s[0]
	}
	return fmt.Sprintf("%s (and %d more)", s[0], len(s)-1)
}
