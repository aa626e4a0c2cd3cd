package chaos

import (
	"context"
	"errors"
	"fmt"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

// vaultFaults are how the vault fails a process.
type vaultFaults struct {
	down  bool // it answers nothing
	lies  bool // it accepts a change and does nothing
	after bool // it makes a change and then fails
	lists int  // lists that are answered before it goes down, if down
}

// Target puts the boundaries and the faults around one target of a process.
func (p *Process) Target(name string, real reconciler.Target) reconciler.Target {
	return &target{p, name, real}
}

type target struct {
	p    *Process
	name string
	real reconciler.Target
}

// around is what is asked of the target, between its two boundaries.
func (t *target) around(ctx context.Context, doing string, ask func(context.Context) error) error {
	if err := t.p.at(t.name, doing, "before a "+doing+" at a target"); err != nil {
		return err
	}
	err := ask(context.WithValue(ctx, threadKey{}, [2]string{t.name, doing}))
	if dead := t.p.at(t.name, doing, "after a "+doing+" at a target"); dead != nil {
		return dead
	}
	return err
}

func (t *target) fault() error {
	return fmt.Errorf("cannot reach %s with %s", t.p.w.Vault, t.p.w.secrets()[0]) // as careless drivers do
}

// List implements [reconciler.Target].
func (t *target) List(ctx context.Context, e grants.Entitlement) (found []reconciler.Holding, err error) {
	err = t.around(ctx, "list", func(ctx context.Context) error {
		if f := &t.p.faults; t.name == "vault" && f.down {
			if f.lists == 0 {
				return t.fault()
			}
			f.lists--
		}
		found, err = t.real.List(ctx, e)
		return err
	})
	return found, err
}

// Apply implements [reconciler.Target].
func (t *target) Apply(ctx context.Context, c reconciler.Change) error {
	return t.around(ctx, string(c.Action), func(ctx context.Context) error {
		f := t.p.faults
		switch vault := t.name == "vault"; {
		case vault && f.down:
			return t.fault()
		case vault && f.lies:
			return nil
		}
		t.p.w.effect(t.p, c)
		err := t.real.Apply(ctx, c)
		if t.name == "vault" && f.after {
			err = errors.Join(err, t.fault())
		}
		return err
	})
}

// effect holds a change against the rules, at the instant it is made.
func (w *World) effect(p *Process, c reconciler.Change) {
	w.effects.Lock() // one process may touch two targets at once
	defer w.effects.Unlock()
	h := holding{c.Entitlement.Target + "/" + c.Entitlement.Values["name"] + c.Entitlement.Values["team"], c.Account}
	if c.Entitlement.Target == "github" {
		h.account = w.loginOf(c.Account)
	}
	w.say("%s: %s %s", p.m.name, c.Action, h)
	w.count("effect " + string(c.Action))
	if c.Action == reconciler.Give {
		w.gives(p, h)
	} else {
		w.takesAway(p, h)
	}
}

func (w *World) gives(p *Process, h holding) {
	if _, known := w.oracle.known[h]; !known {
		w.breaks(Intent, "%s is given, and no receipt on the remote says that it was to be", h)
	}
	if why := w.oracle.justifies(h, p.latest().Add(-skewAllowed), p.since); why != "" && w.alone() {
		w.breaks(Unapproved, "%s is given: %s", h, why)
	}
	if now := w.frozen(); p.frozen != "" && now != "" {
		w.breaks(Frozen, "%s is given although %s", h, p.frozen)
	}
}

func (w *World) takesAway(p *Process, h holding) {
	until, known := w.oracle.known[h]
	now := p.latest().Add(-skewAllowed)
	exclusive := h.entitlement == "vault/door"
	if w.oracle.byHand[h] && !exclusive {
		w.breaks(Kept, "%s is taken, and was there before Lapse", h)
	}
	if exclusive {
		delete(w.oracle.byHand, h)
	}
	if w.oracle.seq == p.since && !p.faulty && w.alone() && p.m.skew == 0 {
		if v := w.oracle.wants(now)[h]; v != nil && v.over == 0 && !v.mayBeOver && (!known || now.Before(until)) {
			w.breaks(Owed, "%s is taken, and %s gives it until %s", h, v.id, clockText(v.end))
		}
	}
	if !known || now.Before(until) {
		if p.takes++; p.takes > max(limit, p.Allow) {
			w.breaks(Limits, "one run takes %d holdings that are not past their end", p.takes)
		}
	}
}
