package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// effects are the kinds of boundary around what outlives a process: what was done, and what was said of it.
var effects = []string{"a give at a target", "a take at a target", "a push of lapse-ledger", "a push of main"}

// questions are those around what only asks, and the heartbeat.
var questions = []string{"an API call", "a fetch", "asking where to push", "a push of heartbeat", "a list at a target"}

// sides is a kind of boundary, before and after it.
func sides(what string) []string { return []string{"before " + what, "after " + what} }

// Effects are the boundaries of which each must see many kills: between two of them lies every rule about what is written when.
func Effects() []string { return allSides(effects) }

// Boundaries are all the kinds at which a process may be killed.
func Boundaries() []string { return append(Effects(), allSides(questions)...) }

func allSides(kinds []string) []string {
	var out []string
	for _, what := range kinds {
		out = append(out, sides(what)...)
	}
	return out
}

// doom says where a process is killed. The kind is drawn first and then which of that kind: a run asks a hundred times and acts twice,
// so that a kill at any boundary hardly ever falls on an effect.
type doom struct {
	odds int      // at one boundary of so many; 0: never
	aims []string // or at the first of these kinds of boundary that comes
	wait int      // where it has passed so many of them
}

func (d doom) isNone() bool { return d.odds == 0 && len(d.aims) == 0 }

// newDoom is drawn by kind.
func newDoom(rng *rand.Rand) doom {
	switch rng.IntN(8) {
	case 0, 1:
		return doom{}
	case 2:
		return doom{odds: pick(rng, []int{12, 40, 100, 250, 600})}
	case 3:
		return doom{aims: []string{pick(rng, allSides(questions))}, wait: rng.IntN(6)}
	case 4:
		return doom{aims: []string{pick(rng, sides("a push of lapse-ledger"))}, wait: rng.IntN(2)}
	case 5:
		return doom{aims: []string{pick(rng, sides("a push of main"))}}
	}
	return atEffect(rng)
}

// atEffect kills a process at the first thing that it does, if it does any.
func atEffect(rng *rand.Rand) doom {
	return doom{aims: []string{
		pick(rng, sides("a give at a target")), pick(rng, sides("a take at a target")), pick(rng, sides("a push of main")),
	}}
}

// atEnding kills a process in what it does when everything is over.
func atEnding(rng *rand.Rand) doom {
	return doom{aims: []string{pick(rng, append(sides("a take at a target"), sides("a push of main")...))}}
}

// strikes says whether the process is killed at a boundary of the kind, which comes now.
func (d *doom) strikes(rng *rand.Rand, kind string) bool {
	if slices.Contains(d.aims, kind) {
		d.wait--
		return d.wait < 0
	}
	return d.odds > 0 && rng.IntN(d.odds) == 0
}

// begins says whether it is killed somewhere in what its targets are about to do side by side, and if so at which kind of boundary; ""
// is any.
func (d *doom) begins(rng *rand.Rand, doing string) (aim string, is bool) {
	for _, aim := range d.aims {
		if strings.Contains(aim, " "+doing+" ") {
			return aim, d.strikes(rng, aim)
		}
	}
	return "", d.odds > 0 && rng.IntN(d.odds) < 4
}

// aside is a boundary of one of several that go side by side.
func (p *Process) aside(target, doing, kind string) error {
	phase := fmt.Sprintf("%d %s", p.place, doing)
	if p.dying != "" && p.dying != phase {
		p.die(kind)
		return ErrKilled
	}
	if phase != p.phase {
		p.phase = phase
		if aim, is := p.doom.begins(p.rng, doing); is {
			p.dying, p.aim = phase, aim
			p.cut()
		}
	}
	if p.dying == "" {
		return nil
	}
	return p.passes(target, kind)
}

// cut draws how far the process gets at each target: past so many boundaries, or, where it is aimed, past so many of what it is aimed at.
func (p *Process) cut() {
	for _, target := range []string{"github", "vault"} {
		if p.cuts[target] = p.rng.IntN(6); p.aim != "" {
			p.cuts[target] /= 4
		}
	}
}

// passes says whether a process that is dying gets past a boundary of a target; at each target it ends once, and is killed once.
func (p *Process) passes(target, kind string) error {
	if p.aim == "" || p.aim == kind {
		p.cuts[target]--
		if p.cuts[target] == -1 && !p.counted {
			p.counted = true
			p.w.count("killed " + kind)
		}
	}
	if p.cuts[target] < 0 {
		return ErrKilled
	}
	return nil
}

func (p *Process) die(kind string) {
	p.dead = true
	p.w.say("%s is killed: %s", p.m.name, kind)
	p.cancel()
}

func (p *Process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead || p.dying != ""
}
