package reconciler

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// plan asks the targets who holds what is at stake, and compares.
func (r *Observer) plan(ctx context.Context, o Options, out *Outlook) error {
	approved, tip := out.approved.Configuration, out.tip.Configuration
	live, unsure := r.sameAccounts(ctx, out)
	wanted, notes := Want(out.Now, live, approved, tip)
	out.Notes = notes
	exclusive := map[string]grants.Entitlement{}
	if !out.unproven {
		exclusive = entitlementsOf(approved, func(r grants.Role) bool { return r.Exclusive })
	}
	standing := standingOf(approved)
	s := Situation{
		Now: out.Now, Wanted: wanted, Unsure: unsure, Known: r.known(out, standing), Exclusive: map[string]bool{}, Standing: standing,
		Limit: max(approved.Config.Limits.UnexplainedRevocations, o.AllowRevocations),
	}
	if len(out.Frozen) > 0 {
		s.Frozen = "giving is stopped: " + out.Frozen[0]
	}
	for k := range exclusive {
		s.Exclusive[k] = true
	}
	s.Listings = r.list(ctx, approved, s.atStake(approved, exclusive))
	for _, k := range sortedKeys(s.Listings) {
		if err := s.Listings[k].Err; err != nil {
			out.fail("%s: %v", k, err)
		}
	}
	out.Plan = MakePlan(s)
	if out.unproven {
		out.Plan.Confirm = nil
	}
	out.returned()
	return nil
}

// atStake are the entitlements whose holders must be known: what is wanted, known or exclusive. What was taken and no role names any
// more is not watched.
func (s Situation) atStake(approved *grants.Configuration, exclusive map[string]grants.Entitlement) map[string]grants.Entitlement {
	all := maps.Clone(exclusive)
	for _, w := range s.Wanted {
		all[w.Holding.Entitlement.Key()] = w.Holding.Entitlement
	}
	named := entitlementsOf(approved, func(grants.Role) bool { return true })
	for _, h := range s.Known {
		if _, ok := named[h.Entitlement.Key()]; ok || h.Kind != ledger.Taken {
			all[h.Entitlement.Key()] = h.Entitlement
		}
	}
	return all
}

// entitlementsOf are what the roles that are picked name.
func entitlementsOf(c *grants.Configuration, pick func(grants.Role) bool) map[string]grants.Entitlement {
	out := map[string]grants.Entitlement{}
	for _, role := range c.Roles {
		if !pick(role) {
			continue
		}
		for _, e := range role.Entitlements {
			out[e.Key()] = e
		}
	}
	return out
}

// list asks each target for its entitlements, target beside target, so that a slow one delays no other.
func (r *Observer) list(ctx context.Context, c *grants.Configuration, entitlements map[string]grants.Entitlement) map[string]Listing {
	byTarget := map[string][]grants.Entitlement{}
	for _, k := range sortedKeys(entitlements) {
		e := entitlements[k]
		byTarget[e.Target] = append(byTarget[e.Target], e)
	}
	r.openAll(ctx, c, sortedKeys(byTarget))
	out := map[string]Listing{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, es := range byTarget {
		wg.Go(func() {
			for _, e := range es {
				l := Listing{Entitlement: e}
				if t, err := r.target(name); err != nil {
					l.Err = err
				} else {
					l.Holdings, l.Err = patiently(ctx, func(ctx context.Context) ([]Holding, error) { return t.List(ctx, e) })
				}
				mu.Lock()
				out[e.Key()] = l
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return out
}

// patience is the longest that one call to a target may take. A target that hangs is a target that failed.
const patience = 2 * time.Minute

func patiently[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return call(ctx)
}

// opened is a target of the configuration, or why there is no connection to it.
type opened struct {
	target Lister
	err    error
}

// openAll connects to the targets that are needed and not connected yet. A target that cannot be reached stops only what depends on it.
func (r *Observer) openAll(ctx context.Context, c *grants.Configuration, names []string) {
	if r.targets == nil {
		r.targets = map[string]opened{}
	}
	for _, name := range names {
		if o, ok := r.targets[name]; ok && o.err == nil {
			continue
		}
		conf, ok := c.Config.Targets[name]
		if !ok {
			r.targets[name] = opened{err: fmt.Errorf("target %s is no longer in lapse.yaml; put it back so that what was given there can be taken", name)}
			continue
		}
		t, err := r.Open(ctx, conf)
		if err != nil {
			err = fmt.Errorf("connect to target %s: %w", name, err)
		}
		r.targets[name] = opened{target: t, err: err}
	}
}

func (r *Observer) target(name string) (Lister, error) {
	o, ok := r.targets[name]
	if !ok {
		return nil, fmt.Errorf("target %s was not connected", name)
	}
	return o.target, o.err
}

// Result is what became of one step.
type Result struct {
	Step Step  `json:"step"`
	Err  error `json:"-"`
	// Done: the target, read back after the change, shows it. Only then is there a receipt.
	Done    bool          `json:"done"`
	Overrun time.Duration `json:"overrun,omitempty"` // taken: how long it outlived its end
}

// apply makes changes, target beside target, each target's own in order.
func (r *Reconciler) apply(ctx context.Context, steps []Step) []Result {
	results := make([]Result, len(steps))
	byTarget := map[string][]int{}
	for i, s := range steps {
		results[i].Step = s
		byTarget[s.Entitlement.Target] = append(byTarget[s.Entitlement.Target], i)
	}
	var wg sync.WaitGroup
	for name, is := range byTarget {
		wg.Go(func() {
			t, err := r.writable(name)
			for _, i := range is {
				if results[i].Err = err; err == nil {
					_, results[i].Err = patiently(ctx, func(ctx context.Context) (bool, error) { return true, t.Apply(ctx, steps[i].Change) })
				}
			}
		})
	}
	wg.Wait()
	return results
}

func (r *Reconciler) writable(name string) (Target, error) {
	l, err := r.target(name)
	if err != nil {
		return nil, err
	}
	t, ok := l.(Target)
	if !ok {
		return nil, fmt.Errorf("target %s was opened for reading only", name)
	}
	return t, nil
}

// readBack asks the targets again. Apply's word is not proof; what List shows is.
func (r *Reconciler) readBack(ctx context.Context, c *grants.Configuration, results []Result) []Result {
	touched := map[string]grants.Entitlement{}
	for _, res := range results {
		touched[res.Step.Entitlement.Key()] = res.Step.Entitlement
	}
	listings := r.list(ctx, c, touched)
	for i := range results {
		res := &results[i]
		l := listings[res.Step.Entitlement.Key()]
		if l.Err != nil {
			if res.Err == nil {
				res.Err = fmt.Errorf("read back: %w", l.Err)
			}
			continue
		}
		h, held := l.find(res.Step.Account)
		switch {
		case res.Step.Action == Take && (!held || h.Via != ""):
			res.Done, res.Err = true, nil
		case res.Step.Action == Take && res.Err == nil:
			res.Err = fmt.Errorf("the target accepted the removal and still shows the holding")
		case res.Step.Action == Give && held && res.Err == nil:
			res.Done = true
		case res.Step.Action == Give && res.Err == nil:
			res.Err = fmt.Errorf("the target accepted the change and does not show the holding")
		}
	}
	return results
}

// outstanding says which grants still have a holding that is not proven gone.
func outstanding(s ledger.State) map[string]bool {
	out := map[string]bool{}
	for _, h := range s.Holdings {
		if h.Kind == ledger.Kept || h.Kind == ledger.Taken {
			continue
		}
		for _, id := range h.Grants {
			out[id] = true
		}
	}
	return out
}
