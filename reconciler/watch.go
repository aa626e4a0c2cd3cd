package reconciler

import (
	"cmp"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// known is what the ledger says of holdings, as the plan is to see it. Of what Lapse gave and took it is only what is still watched:
// for as long as the approved configuration says, where what was given can be found, and not where it needs no grant any more. Else it
// is as if Lapse had never given it.
func (r *Observer) known(out *Outlook, standing map[string]bool) map[string]ledger.HoldingState {
	watch := out.approved.Configuration.Config.Limits.Watch
	stays := r.places(out)
	known := map[string]ledger.HoldingState{}
	for key, h := range out.state.Holdings {
		if h.Kind != ledger.Taken || out.Now.Sub(h.Since) < watch && !standing[key] && stays(h.Entitlement.Target, h.Since) {
			known[key] = h
		}
	}
	return known
}

// places tells whether a target has led to one system since a time, by every configuration that was in force: what somebody holds in
// another Lapse did not give.
func (r *Observer) places(out *Outlook) func(target string, since time.Time) bool {
	if out.unproven {
		return func(string, time.Time) bool { return false }
	}
	var in []ledger.Receipt // configurations that came in force, oldest first
	for _, rec := range out.Book.Receipts() {
		if rec.Kind == ledger.Approved && rec.Configuration != nil {
			in = append(in, rec)
		}
	}
	now := out.approved.Configuration.Config.Targets
	return func(target string, since time.Time) bool {
		for i := len(in) - 1; i >= 0; i-- {
			snap, err := r.Requests.Snapshot(gitrepo.NewHash(in[i].Configuration.Commit))
			if err != nil || !snap.Configuration.Config.Targets[target].Same(now[target]) {
				return false
			}
			if in[i].Time.Before(since) {
				break
			}
		}
		return true
	}
}

// standingOf are the holdings that need no grant, by key.
func standingOf(c *grants.Configuration) map[string]bool {
	out := map[string]bool{}
	for _, role := range c.Roles {
		for _, login := range role.Standing {
			for _, e := range role.Entitlements {
				if account, ok := c.Account(c.People.People[login], e.Target); ok {
					out[ledger.Holding{Entitlement: e, Account: account}.Key()] = true
				}
			}
		}
	}
	return out
}

// returned says of each holding that was given back by hand that it was. It may have been done in good faith: a person must look.
func (o *Outlook) returned() {
	tell := func(s Step, then string) {
		if s.Cause == CauseReturned {
			o.Findings = append(o.Findings, fmt.Sprintf("%s: %s held %s again, %s; %s", s.Entitlement.Target, cmp.Or(s.Name, s.Account), s.Entitlement.Key(), givenBack(s.Taken), then))
		}
	}
	for _, c := range o.Plan.Confirm { // set out to be taken again by a run that did not come to say so
		tell(Step{Change: Change{Entitlement: c.Holding.Entitlement, Account: c.Holding.Account}, Cause: c.Cause, Taken: c.Taken}, "it was taken again")
	}
	for _, s := range o.Plan.Steps {
		tell(s, "it is taken again; whoever is to hold it asks for it by pull request; for good, as `standing` of the role")
	}
	for _, b := range o.Plan.Blocked {
		tell(b.Step, "it is not taken: "+b.Why)
	}
}

func givenBack(taken time.Time) string {
	return fmt.Sprintf("which Lapse took at %s: somebody gave it back by hand", taken.Format(time.RFC3339))
}

// why is what the receipts of a step say beside the fact; nil where it is that a grant ended.
func (s Step) why() []string { return whyTaken(s.Cause, s.Taken) }

func (c Confirm) why() []string { return whyTaken(c.Cause, c.Taken) }

func whyTaken(c Cause, taken time.Time) []string {
	if c != CauseReturned {
		return nil
	}
	return []string{"held again, " + givenBack(taken)}
}
