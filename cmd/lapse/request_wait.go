package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
)

// How often a request that is waited for is looked at: at first often, then ever less. Answers that did not change cost no quota.
const (
	firstLook   = time.Second
	seldomLook  = 30 * time.Second
	lookGrowth  = 3 // halves: each pause is half as long again as the one before
	maxFailures = 5 // looks in a row that may fail
)

// standingOf is how a request that was sent stands.
type standingOf struct {
	line string // in words
	done bool
	err  error // with done: it came to nothing
}

// wait says how the request stands until the access is there, it came to nothing, or the context ends.
func (s *sender) wait(ctx context.Context, out sent) error {
	p := progress{env: s.env, since: s.env.now()}
	pause, failures := firstLook, 0
	for {
		now, err := s.look(ctx, out)
		switch {
		case ctx.Err() != nil:
			return s.left(&p, out, ctx)
		case err != nil && failures == maxFailures:
			p.end()
			return err
		case err != nil:
			failures++
			now.line = "cannot be told now: " + err.Error()
		default:
			failures = 0
		}
		if p.tell(now.line) {
			pause = firstLook
		}
		if now.done {
			p.end()
			return now.err
		}
		if !reconciler.Sleep(ctx, pause) {
			return s.left(&p, out, ctx)
		}
		pause = min(pause*lookGrowth/2, seldomLook)
	}
}

// left is the end of a wait that somebody broke off: the request goes on without us.
func (s *sender) left(p *progress, out sent, ctx context.Context) error {
	p.end()
	return fmt.Errorf("stopped waiting for %s, which goes on: %w", out.URL, context.Cause(ctx))
}

// look asks once: the pull request while it is open, the ledger once it is merged.
func (s *sender) look(ctx context.Context, out sent) (standingOf, error) {
	pull, err := s.forge.Pull(ctx, s.repo, out.Pull)
	if err != nil {
		return standingOf{}, err
	}
	now := s.env.now().UTC()
	standing, err := stand(ctx, s.connected, now)
	if err != nil {
		return standingOf{}, err
	}
	switch {
	case pull.Merged:
		return merged(standing.Book, out.Grant, pull, now), nil
	case pull.State == "closed":
		s.env.complain(fmt.Errorf("pull request #%d was closed without being merged", out.Pull))
		return standingOf{line: "closed", done: true, err: errRefused}, nil
	}
	facts, snap, err := s.gatherer.Open(ctx, out.Pull, standing.Main, requests.Instant{Now: now, Live: standing.Live}, standing.Unfit)
	if err != nil {
		return standingOf{}, err
	}
	return standingOf{line: render.StatusLine(checks.Judge(ctx, facts, snap.Policies))}, nil
}

// merged is what the ledger says of the version that the merge brought. By which clock it has begun is for the forge to say, not for ours.
func merged(b *ledger.Book, id string, pull github.Pull, now time.Time) standingOf {
	if b == nil {
		return standingOf{line: "merged; there is no ledger yet"}
	}
	rec, judged := judgedAs(b, id, pull.MergeCommit)
	g, live := b.State().Grants[id]
	switch {
	case !judged:
		return standingOf{line: "merged; the reconciler has not judged it yet"}
	case rec.Kind == ledger.Refused:
		return standingOf{line: "refused: " + strings.Join(rec.Reasons, "; "), done: true, err: errRefused}
	case !live:
		return standingOf{line: "it is over already", done: true}
	}
	for _, h := range audit.Who(b, "", now) {
		switch {
		case h.Grant != id || h.Complete():
		case g.Interval.Start.After(pull.MergedAt):
			return standingOf{line: "approved; access begins at " + g.Interval.Start.Format(time.RFC3339), done: true}
		default:
			return standingOf{line: "approved; not everything is given yet"}
		}
	}
	return standingOf{line: "the access is there, until " + g.Interval.End.Format(time.RFC3339), done: true}
}

// judgedAs is the reconciler's word on the version of the grant that the commit brought.
func judgedAs(b *ledger.Book, id, commit string) (ledger.Receipt, bool) {
	for _, r := range b.Receipts() {
		if r.Grant != nil && r.Grant.ID == id && r.Commit == commit {
			return r, true
		}
	}
	return ledger.Receipt{}, false
}

// progress is one line that is redrawn on a terminal, and a line for each change elsewhere.
type progress struct {
	env   *environment
	since time.Time
	last  string
}

// tell shows how it stands, and says whether that is news.
func (p *progress) tell(line string) (news bool) {
	news = line != p.last
	p.last = line
	line = render.Text(line)
	switch {
	case p.env.redraws:
		fmt.Fprintf(p.env.err, "\r\x1b[K%s (%s)", line, p.env.now().Sub(p.since).Round(time.Second))
	case news:
		fmt.Fprintf(p.env.err, "lapse: %s\n", line)
	}
	return news
}

// end leaves the line as it is.
func (p *progress) end() {
	if p.env.redraws && p.last != "" {
		fmt.Fprintln(p.env.err)
	}
	p.last = ""
}
