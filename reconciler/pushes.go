package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// record is what the forge recorded of main since the push that was last taken account of. Of the commits that main was at:
//
//	its line of first parents has it     the walk over main judges it and ends what it ended
//	else its history has it              what it ended is ended, and this run gives nothing; what it made of the configuration is judged
//	neither has it                       what it ended is ended, and nothing is given until main's history has it again
type record struct {
	pushes []requests.Push
	line   map[gitrepo.Hash]bool // main's first parents
	since  map[gitrepo.Hash]int  // the commits of the walk, and how far each is from main's tip
	lost   []lostTip

	anchored []gitrepo.Hash // where main was by an anchor, and is not
}

// lostTip is a commit that main was at and that is not on its line of first parents.
type lostTip struct {
	by    string           // who knows
	place int              // of the push that brought main there
	what  requests.Arrival // what it has otherwise than main
}

// lookAtPushes finds where main was between two runs and is not any more: somebody may have ended a grant there, and somebody else
// hidden it, by moving main back or by a merge whose first parent is main as it was before.
func (r *Observer) lookAtPushes(ctx context.Context, out *Outlook) {
	if out.Main.IsZero() {
		return
	}
	begins := out.state.Main == ""
	ask := func() ([]requests.Push, error) { return r.Requests.PushesSince(ctx, r.Branch, out.state.Push) }
	if begins {
		ask = func() ([]requests.Push, error) { return r.Requests.NewestPushes(ctx, r.Branch) }
	}
	pushes, err := ask()
	if err != nil {
		out.freeze("ask where main was: %v", err)
		out.fail("ask where main was: %v", err)
	}
	out.record.pushes = upTo(pushes, out)
	if begins || len(out.record.pushes)+len(out.record.anchored) == 0 {
		return
	}
	if err := r.findLost(ctx, out); err != nil {
		out.freeze("read where main was: %v", err)
		out.fail("read where main was: %v", err)
	}
	r.endLost(out, true)
}

// upTo leaves out what was pushed after main was read.
func upTo(pushes []requests.Push, out *Outlook) []requests.Push {
	for i := len(pushes) - 1; i >= 0; i-- {
		if pushes[i].After == out.Main {
			return pushes[:i+1]
		}
	}
	if out.Main.String() == out.state.Main {
		return nil // all of it was
	}
	return pushes // the record is behind: what it has yet to tell of main comes after these
}

// lastPush is the id of the last push that is taken account of.
func (o *Outlook) lastPush() int64 {
	if n := len(o.record.pushes); n > 0 {
		return o.record.pushes[n-1].ID
	}
	return o.state.Push
}

// findLost brings the commits that main was at and is not, as far as the forge still has them.
func (r *Observer) findLost(ctx context.Context, out *Outlook) error {
	chain, err := r.Git.FirstParents(out.Main, gitrepo.Hash{}, 0)
	if err != nil {
		return err
	}
	walk, err := r.Requests.LineSince(gitrepo.NewHash(out.state.Main), out.Main)
	if err != nil {
		return err
	}
	line := map[gitrepo.Hash]bool{}
	for _, h := range chain {
		line[h] = true
	}
	out.record.since = map[gitrepo.Hash]int{}
	for i, h := range walk {
		out.record.since[h] = i
	}
	out.record.line = maps.Clone(line)
	unread := 0
	for i, p := range out.record.pushes {
		for _, h := range p.Tips(i > 0) {
			switch {
			case line[h]:
				continue
			case out.budget.spent():
				unread++
			default:
				r.lose(ctx, out, lostTip{by: byForge, place: i}, h)
			}
			line[h] = true // each once
		}
	}
	for _, h := range out.record.anchored {
		if !line[h] {
			r.lose(ctx, out, lostTip{by: byAnchor}, h)
		}
		line[h] = true
	}
	if unread > 0 {
		out.losing("main was at %d more commits, by the forge's record, and there was no time left to read them", unread)
	}
	return nil
}

// lose reads one commit that main was at, and stops giving until a person has put main right, or accepted it. What it ended has ended.
func (r *Observer) lose(ctx context.Context, out *Outlook, t lostTip, h gitrepo.Hash) {
	accepted := r.accepted(ctx, out, ledger.LossOfMain, h)
	what, err := r.Requests.Lost(ctx, out.Main, h)
	kept := false
	if err == nil {
		t.what = what
		out.record.lost = append(out.record.lost, t)
		kept, err = r.Git.IsAncestor(h, out.Main)
	}
	switch {
	case accepted:
	case err != nil || !kept:
		r.loseMain(out, h, t.by, err)
	case what.Unknown != nil:
		out.Findings = append(out.Findings, fmt.Sprintf("main was at %.12s, by %s, which cannot be read: %v", h, t.by, what.Unknown))
	}
}

// losing stops giving, and leaves main as it is: what would put it right must not change under whoever reads of it.
func (o *Outlook) losing(format string, args ...any) {
	o.freeze(format, args...)
	o.mending = true
}

// judgeLost judges what commits that main was at and left made of the configuration: it may have been approved, and is not undone by
// hiding it.
func (r *Observer) judgeLost(ctx context.Context, out *Outlook, ask requests.Asking) {
	seen := gitrepo.NewHash(out.state.Main)
	tried := map[gitrepo.Hash]bool{}
	for _, t := range out.record.lost {
		if !t.what.Configuration() {
			continue
		}
		arrivals, err := r.Requests.Arrivals(ctx, seen, t.what.Tip, ask)
		if errors.Is(err, requests.ErrRewritten) {
			continue // a history of its own, which main never went on from
		}
		for _, a := range arrivals {
			if !a.Configuration() || tried[a.Tip] || ask.Known(a.Tip) || out.record.line[a.Tip] {
				continue
			}
			tried[a.Tip] = true
			err = errors.Join(err, r.judgeConfiguration(ctx, out, a))
		}
		if err != nil {
			out.freeze("judge the configuration at commit %.12s, which main left: %v", t.what.Tip, err)
			out.fail("judge the configuration at commit %.12s, which main left: %v", t.what.Tip, err)
		}
	}
}

func (r *Observer) judgeConfiguration(ctx context.Context, out *Outlook, a requests.Arrival) error {
	if a.Later {
		return errors.New("there is no time left for it")
	}
	_, j, err := r.verdict(ctx, out, a)
	if err != nil {
		return err
	}
	return r.decideConfiguration(out, a, j)
}

// endLost ends the live grants that were on main before it was at a commit without them. stop: what is ended was hidden from a walk
// that is yet to come, which is then to give nothing.
func (r *Observer) endLost(out *Outlook, stop bool) {
	if len(out.record.lost) == 0 {
		return
	}
	came := approvedAt(out.Book.Receipts(), out.decided)
	for _, t := range out.record.lost {
		before := len(out.Ended)
		err := r.endGone(out, t.what, func(id string) bool { return r.had(out, t, came[id]) })
		if err != nil {
			out.freeze("read what commit %.12s ended: %v", t.what.Tip, err)
			out.fail("read what commit %.12s ended: %v", t.what.Tip, err)
		}
		if stop && len(out.Ended) > before {
			out.freeze("%s was ended by commit %.12s, which main was at and left: find out who hid it", grants.PathOf(out.Ended[before].Grant), t.what.Tip)
		}
	}
}

// had says whether a commit was on main before main was at a lost tip.
func (r *Observer) had(out *Outlook, t lostTip, commit gitrepo.Hash) bool {
	if t.by == byForge {
		return out.record.had(commit, t.place)
	}
	return r.within(commit, t.what.Tip)
}

// had says whether a commit was on main before the push at a place.
func (c *record) had(commit gitrepo.Hash, place int) bool {
	depth, walked := c.since[commit]
	if !walked {
		return true // before all of them
	}
	for _, p := range c.pushes[:place] {
		if at, ok := c.since[p.After]; ok && at <= depth {
			return true
		}
	}
	return false
}

// approvedAt is the commit that brought the last approved version of each grant.
func approvedAt(lists ...[]ledger.Receipt) map[string]gitrepo.Hash {
	at := map[string]gitrepo.Hash{}
	for _, rs := range lists {
		for _, rec := range rs {
			if rec.Kind == ledger.Approved && rec.Grant != nil {
				at[rec.Grant.ID] = gitrepo.NewHash(rec.Commit)
			}
		}
	}
	return at
}
