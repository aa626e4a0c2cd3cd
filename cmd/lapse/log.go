package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/names"
	"github.com/lapse-access/lapse/reconciler"
)

// logOptions are the flags of lapse log.
type logOptions struct {
	connection
	id    string
	user  string
	role  string
	since string
	json  bool
}

func newLog(env *environment) *cobra.Command {
	o := &logOptions{}
	c := &cobra.Command{
		Use:   "log [ID]",
		Short: "Tell the life of each grant",
		Long: `Log tells, from the ledger and from git, when each grant was requested, approved and by whom, merged, judged, given, taken and how
late, ended, and when its file was removed. The latest is first.

--since takes a time like 2026-03-01T00:00:00Z, or how long ago, like 24h.`,
		Example: `  lapse log
  lapse log alice-prod-db-read
  lapse log --user alice --since 720h --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.id = args[0]
			}
			return runLog(c.Context(), env, *o)
		},
	}
	o.flags(c.Flags())
	f := c.Flags()
	f.StringVar(&o.user, "user", "", "only grants of this `login`")
	f.StringVar(&o.role, "role", "", "only grants of this `role`")
	f.StringVar(&o.since, "since", "", "only grants to which something happened since this `time`")
	f.BoolVar(&o.json, "json", false, "print the lives as JSON")
	return c
}

func runLog(ctx context.Context, env *environment, o logOptions) error {
	now := env.now().UTC()
	filter, err := o.filter(now)
	if err != nil {
		return err
	}
	conn, err := o.open(ctx, env)
	if err != nil {
		return err
	}
	standing, err := standWithLedger(ctx, conn, now)
	if err != nil {
		return err
	}
	receipts := standing.Book.Receipts()
	if o.id != "" && !audit.Known(receipts, o.id) {
		return fmt.Errorf("the ledger tells of no grant %s; see `lapse log` for those of which it does", o.id)
	}
	steps, err := conn.removals(ctx, standing.Main, receipts)
	if err != nil {
		fmt.Fprintf(lines{env.err}, "lapse: removals are not told, git's history of %s cannot be followed: %v", conn.branch, err)
	}
	lives, err := audit.Lives(receipts, steps, now, filter)
	if err != nil {
		return err
	}
	if o.json {
		err = printJSON(env.out, map[string]any{"grants": append([]audit.Life{}, lives...)})
	} else {
		err = render.Log(env.out, lives, terminalOptions(env, time.Time{}))
	}
	return errors.Join(err, findings(env, standing))
}

func (o logOptions) filter(now time.Time) (audit.Filter, error) {
	f := audit.Filter{ID: o.id, User: o.user, Role: o.role}
	if o.id != "" {
		if err := names.GrantID(o.id); err != nil {
			return f, usage{err}
		}
	}
	if o.since == "" {
		return f, nil
	}
	if ago, err := grants.ParseDuration(o.since); err == nil {
		f.Since = now.Add(-ago)
		return f, nil
	}
	var err error
	if f.Since, err = timeFlag("--since", o.since); err != nil {
		return f, usagef("%w, or how long ago, like 24h", err)
	}
	return f, nil
}

var errNoLedger = errors.New("there is no ledger yet: nothing was given, until `lapse reconcile --init` has run once")

// standWithLedger is stand, where without a ledger there is nothing to tell.
func standWithLedger(ctx context.Context, conn *connected, now time.Time) (reconciler.Standing, error) {
	s, err := stand(ctx, conn, now)
	if err == nil && s.Book == nil {
		err = errNoLedger
	}
	return s, err
}

// findings says what makes the ledger's word doubtful, which is a finding.
func findings(env *environment, s reconciler.Standing) error {
	if len(s.Unfit) == 0 {
		return nil
	}
	for _, r := range s.Unfit {
		env.complain(errors.New(r.Text))
	}
	return errRefused
}

func texts(rs []checks.Reason) []string {
	out := make([]string, 0, len(rs))
	for _, r := range rs {
		out = append(out, r.Text)
	}
	return out
}

// removals are the first-parent commits of main since the first that the ledger tells of, oldest first, with the grants whose
// files each removed.
func (c *connected) removals(ctx context.Context, tip gitrepo.Hash, receipts []ledger.Receipt) ([]audit.Step, error) {
	if len(receipts) == 0 || receipts[0].Main == "" {
		return nil, nil
	}
	first := gitrepo.NewHash(receipts[0].Main)
	commits, err := c.git.FirstParents(tip, first, 0)
	if err != nil {
		return nil, err
	}
	var steps []audit.Step
	before := first
	for i := len(commits) - 1; i >= 0; i-- {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		s, err := c.step(before, commits[i])
		if err != nil {
			return nil, err
		}
		steps, before = append(steps, s), commits[i]
	}
	return steps, nil
}

func (c *connected) step(before, at gitrepo.Hash) (audit.Step, error) {
	change, err := c.git.Diff(before, at)
	if err != nil {
		return audit.Step{}, err
	}
	s := audit.Step{Commit: at.String()}
	for _, ch := range change {
		if id, ok := grants.IDOf(ch.Path); ok && ch.After == nil {
			s.Removed = append(s.Removed, id)
		}
	}
	if len(s.Removed) == 0 {
		return s, nil
	}
	commit, err := c.git.Commit(at)
	s.At, s.By = writable(commit.Committer.When.UTC()), commit.Author.Name
	return s, err
}

// writable is a time that a commit says of itself, which may be any, within what RFC 3339 can write.
func writable(at time.Time) time.Time {
	first, last := time.Unix(0, 0).UTC(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	switch {
	case at.Before(first):
		return first
	case at.After(last):
		return last
	}
	return at
}
