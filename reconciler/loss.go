package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Who knows of a loss.
const (
	byAnchor = "the anchor"
	byForge  = "the forge's record"
	byMirror = "the local copy"
	byLedger = "the ledger"
)

// Loss is something that main, the ledger or the anchor had and has no more. Only a person can say that it may stay so.
type Loss struct {
	What    ledger.Loss  `json:"what"`
	Was     string       `json:"was"`           // the commit that is lost; of an anchor, what is there instead
	Now     string       `json:"now,omitempty"` // the commit in its place; "": none
	By      string       `json:"by,omitempty"`  // who knows of it
	Gone    bool         `json:"gone,omitempty"`
	Commits []LostCommit `json:"commits,omitempty"` // newest first
	More    int          `json:"more,omitempty"`    // further commits
	First   int          `json:"first,omitempty"`   // ledger: sequence of the first receipt that is lost; 0: not known
	Last    int          `json:"last,omitempty"`
	Grants  []string     `json:"grants,omitempty"` // ledger: those approved in lost receipts
	Begins  string       `json:"begins,omitempty"` // ledger: commit of the configuration with which it would begin anew
	Place   string       `json:"place,omitempty"`  // anchor

	Holdings []ledger.HoldingState `json:"holdings,omitempty"` // ledger: what by lost receipts alone is held
}

// LostCommit is a commit of main, with the first line of what it says of itself.
type LostCommit struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
}

const (
	maxShown   = 10
	maxSubject = 72
)

// Name is what a person says who accepts this loss and no other.
func (l Loss) Name() string {
	if l.What == ledger.LossOfAnchor || l.What == ledger.Unapproved {
		return string(l.What) + ":" + l.Was
	}
	now := l.Now
	if now == "" {
		now = "new@" + l.Begins
	}
	return fmt.Sprintf("%s:%s..%s", l.What, l.Was, now)
}

// Words say what was lost.
func (l Loss) Words() string {
	var parts []string
	switch {
	case l.What == ledger.LossOfLedger && l.First > 0:
		parts = append(parts, fmt.Sprintf("receipts %d to %d", l.First, l.Last))
	case l.What == ledger.LossOfLedger && l.Last > 0:
		parts = append(parts, fmt.Sprintf("receipts up to %d", l.Last))
	}
	for _, c := range l.Commits {
		parts = append(parts, fmt.Sprintf("%.12s %q", c.Commit, c.Subject))
	}
	if l.More > 0 {
		parts = append(parts, fmt.Sprintf("and %d more commits", l.More))
	}
	if len(l.Grants) > 0 {
		parts = append(parts, "with the approval of "+strings.Join(paths(l.Grants), ", "))
	}
	if l.Gone {
		parts = append(parts, "which nobody can read any more")
	}
	return strings.Join(parts, ", ")
}

func paths(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = grants.PathOf(id)
	}
	return out
}

// lostCommits lists what h has and main has not, newest first.
func (r *Observer) lostCommits(main, h gitrepo.Hash) (shown []LostCommit, more int, err error) {
	all, err := r.Git.Between(main, h, 0)
	if err != nil {
		return nil, 0, err
	}
	for _, c := range all[:min(len(all), maxShown)] {
		commit, err := r.Git.Commit(c)
		subject := "(cannot be read)"
		if err == nil {
			subject = subjectLine(commit.Message)
		}
		shown = append(shown, LostCommit{Commit: c.String(), Subject: subject})
	}
	return shown, max(0, len(all)-maxShown), nil
}

// subjectLine is the first line of a message, cut to what a line can show. It is hostile text still.
func subjectLine(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(message, "?")), "\n")
	if runes := []rune(line); len(runes) > maxSubject {
		line = string(runes[:maxSubject]) + "…"
	}
	return line
}

// lostLedger says whether a commit of the ledger is known to be lost already.
func (o *Outlook) lostLedger(h gitrepo.Hash) bool {
	return slices.ContainsFunc(o.lost, func(l lostBook) bool { return l.at == h })
}

// lostBook is a ledger that Lapse wrote and that the tip does not descend from.
type lostBook struct {
	at   gitrepo.Hash
	by   string
	book *ledger.Book // nil: it cannot be read
}

// loseLedger notes that the ledger was at h and is not; found: it was not known, and holds receipts of Lapse's own. What the forge no
// longer has either cannot hold anything up, but for what a checkpoint vouches for: somebody must accept that it is gone.
func (r *Observer) loseLedger(ctx context.Context, out *Outlook, h gitrepo.Hash, by string, point *ledger.Checkpoint) (found bool, err error) {
	if r.accepted(ctx, out, ledger.LossOfLedger, h) {
		return false, nil
	}
	own, err := r.lostAt(ctx, h, out.LedgerTip, out.repository)
	if err != nil {
		out.freeze("read the ledger as it was at %.12s: %v", h, err)
		out.fail("read the ledger as it was at %.12s: %v", h, err)
		return false, nil
	}
	if own.IsZero() && point == nil || !own.IsZero() && (out.lostLedger(own) || r.accepted(ctx, out, ledger.LossOfLedger, own)) {
		return false, nil
	}
	l := Loss{What: ledger.LossOfLedger, Was: h.String(), Now: text(out.LedgerTip), By: by}
	if own.IsZero() {
		l.Gone, l.Last = true, point.Sequence
		if first := out.atTip.State().Sequence + 1; first <= l.Last {
			l.First = first
		}
		out.lost = append(out.lost, lostBook{at: h, by: by})
		out.Losses = append(out.Losses, l)
		out.freeze("the ledger was rewritten: by %s it was at %s; lost: %s; put it back from a copy that has it, or see `lapse accept`", by, h, l.Words())
		return false, nil
	}
	l.Was = own.String()
	lost := lostBook{at: own, by: by}
	if lost.book, err = r.readBook(ctx, out.repository, own, r.Trust.Roots); err != nil {
		out.fail("%v", err)
	} else {
		l.compare(lost.book, out.atTip)
	}
	out.lost = append(out.lost, lost)
	out.Losses = append(out.Losses, l)
	out.freeze("the ledger was rewritten: %s, by %s; lost: %s", rewritten(out.LedgerTip, own), by, l.Words())
	return true, nil
}

// text is a commit by name; "" for none.
func text(h gitrepo.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

// compare finds which receipts only the lost ledger has, and what it alone knows.
func (l *Loss) compare(lost, tip *ledger.Book) {
	known := map[string]bool{}
	for _, rec := range lost.Receipts() {
		if tip.Digest(rec.Sequence) == lost.Digest(rec.Sequence) {
			continue
		}
		if l.First == 0 {
			l.First = rec.Sequence
		}
		l.Last = rec.Sequence
		if rec.Kind == ledger.Approved && rec.Grant != nil && !known[rec.Grant.ID] {
			known[rec.Grant.ID] = true
			l.Grants = append(l.Grants, rec.Grant.ID)
		}
	}
	slices.Sort(l.Grants)
	here, there := tip.State().Holdings, lost.State().Holdings
	for _, key := range sortedKeys(there) {
		if have, stays := here[key]; !stays || have.Kind == ledger.Taken {
			l.Holdings = append(l.Holdings, there[key])
		}
	}
}

// accepted says whether a person accepted the loss of a commit, by a receipt that stands in the ledger: exactly that commit, or one that
// it had and that what came in its place has not.
func (r *Observer) accepted(ctx context.Context, out *Outlook, what ledger.Loss, h gitrepo.Hash) bool {
	if out.atTip == nil {
		return false
	}
	for _, rec := range out.atTip.Receipts() {
		a := rec.Accepted
		if a == nil || a.What != what {
			continue
		}
		was, now := gitrepo.NewHash(a.Was), gitrepo.NewHash(a.Now)
		if was == h {
			return true
		}
		if err := r.Git.FetchHash(ctx, was); err == nil && r.within(h, was) && !r.within(h, now) {
			return true
		}
	}
	return false
}

// loseMain notes that main was at h and is not; unread is why it cannot be read.
func (r *Observer) loseMain(out *Outlook, h gitrepo.Hash, by string, unread error) {
	if slices.ContainsFunc(out.Losses, func(l Loss) bool { return l.What == ledger.LossOfMain && l.Was == h.String() }) {
		return
	}
	l := Loss{What: ledger.LossOfMain, Was: h.String(), Now: text(out.Main), By: by}
	if errors.Is(unread, gitrepo.ErrNoObject) {
		l.Gone = true
		out.losing("main was at %s, by %s, and the forge no longer has that commit, so that nobody can tell what it ended: from a copy that has it, push it to a branch of its own; where there is none, see `lapse accept`", h, by)
	} else if unread != nil {
		out.losing("main was at %s, by %s, and that commit cannot be read: %v", h, by, unread)
		out.fail("read commit %.12s, at which main was: %v", h, unread)
	} else {
		var err error
		if l.Commits, l.More, err = r.lostCommits(out.Main, h); err != nil {
			out.fail("list what main lost: %v", err)
		}
		out.losing("main was at %.12s, by %s, and lost it: leave it out for good with `git fetch origin %[1]s && git merge -s ours --allow-unrelated-histories %[1]s` and a push of %[3]s, "+
			"or put it back with `git fetch origin %[1]s && git push --force origin %[1]s:refs/heads/%[3]s`, or see `lapse accept`; lost: %[4]s", h, by, r.Branch, l.Words())
	}
	out.Losses = append(out.Losses, l)
}
