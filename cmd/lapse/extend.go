package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/names"
)

// extendOptions are the flags of lapse extend.
type extendOptions struct {
	connection
	id     string
	length string
	until  string
	reason string
	wait   bool
	anyway bool
	json   bool
}

func newExtend(env *environment) *cobra.Command {
	o := &extendOptions{}
	c := &cobra.Command{
		Use:   "extend ID",
		Short: "Ask for a live grant to last longer",
		Long: `Extend asks, by a pull request, for a live grant to end later: --for is added to its end, --until is the new end. It is a new
request, which needs its own approvals; until they are there the old end stands.`,
		Example: `  lapse extend alice-prod-db-read --for 2h
  lapse extend alice-prod-db-read --until 2026-12-01T22:00:00Z --reason 'The migration goes on, INC-4300'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.id = args[0]
			return runExtend(c.Context(), env, *o)
		},
	}
	o.flags(c.Flags())
	f := c.Flags()
	f.StringVar(&o.length, "for", "", "how much `longer`")
	f.StringVar(&o.until, "until", "", "the new end, as a `time`; also --expires")
	f.StringVar(&o.until, "expires", "", "the new end, as a `time`")
	_ = f.MarkHidden("expires")
	f.StringVar(&o.reason, "reason", "", "another `reason` than before")
	f.BoolVar(&o.wait, "wait", false, "stay until the new end is approved, and say how it stands")
	f.BoolVar(&o.anyway, "anyway", false, "send it even where it would be denied as things are")
	f.BoolVar(&o.json, "json", false, "print what was sent as JSON")
	return c
}

func runExtend(ctx context.Context, env *environment, o extendOptions) error {
	if (o.length == "") == (o.until == "") {
		return usagef("how much longer? give either --for or --until")
	}
	if err := names.GrantID(o.id); err != nil {
		return usage{err}
	}
	longer, until, err := endFlags(o.length, o.until)
	if err != nil {
		return err
	}
	s, err := newSender(ctx, env, o.connection)
	if err != nil {
		return err
	}
	old, err := s.liveGrant(o.id)
	if err != nil {
		return err
	}
	p, err := o.proposal(old, longer, until)
	if err != nil {
		return err
	}
	if !p.grant.Expires.After(old.Interval.End) {
		return usagef("%s ends at %s: %s is no later", o.id, grants.FormatTime(old.Interval.End), grants.FormatTime(p.grant.Expires))
	}
	if err := s.preview(ctx, p, o.anyway); err != nil {
		return err
	}
	return s.deliver(ctx, p, requestOptions{wait: o.wait, json: o.json})
}

// liveGrant is the version of the grant that was approved last and stands.
func (s *sender) liveGrant(id string) (ledger.Grant, error) {
	if s.standing.Book == nil {
		return ledger.Grant{}, errNoLedger
	}
	g, ok := s.standing.Book.State().Grants[id]
	switch {
	case !ok:
		return g, fmt.Errorf("%s is not live by the ledger; see `lapse who`, or ask for it: lapse request", id)
	case !s.now.Before(g.Interval.End):
		return g, fmt.Errorf("%s ended at %s; ask for it anew: lapse request %s", id, grants.FormatTime(g.Interval.End), g.Role)
	}
	return g, nil
}

// proposal is the approved version with a new end, or one that much later, written as such: how long the approval takes does not
// move it.
func (o extendOptions) proposal(old ledger.Grant, longer time.Duration, until time.Time) (proposal, error) {
	if until.IsZero() {
		until = old.Interval.End.Add(longer).Truncate(time.Second)
	}
	g, text, err := canonical(grants.Grant{
		ID: o.id, User: old.User, Role: old.Role, Reason: or(o.reason, old.Reason), Ticket: old.Ticket, Expires: until,
	})
	return proposal{verb: "extend", grant: g, text: text, why: g.Reason}, err
}
