package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

func (w *World) play(s Step) {
	rng := rand.New(rand.NewPCG(s.Seed, 1))
	w.count("step " + string(s.Kind))
	open := w.open()
	some := func(do func(p *pull)) {
		if len(open) > 0 {
			do(pick(rng, open))
		}
	}
	switch s.Kind {
	case Reconcile:
		w.reconcile(rng)
	case Calm:
		w.calm(rng)
	case Ask:
		w.ask(rng, false)
	case AskWell:
		w.askWell(rng)
	case Approve:
		some(func(p *pull) { w.review(p, pick(rng, []string{"carol", "carol", "dan", "alice", "bob"}), "APPROVE") })
	case Object:
		some(func(p *pull) { w.review(p, pick(rng, []string{"carol", "dan"}), "REQUEST_CHANGES") })
	case PushAgain:
		some(func(p *pull) { w.pushAgain(rng, p) })
	case Merge:
		if rng.IntN(6) == 0 {
			w.SetReadLag(1 + rng.IntN(5))
		}
		some(func(p *pull) { w.merge(rng, p) })
	case AdminGrant, AdminEdit, AdminDelete, AdminPoison:
		w.adminGrants(rng, s.Kind)
	case AdminConfig:
		w.adminConfiguration(rng)
	default:
		w.trouble(s.Kind, rng)
	}
}

func (w *World) must(err error) {
	if err != nil {
		panic("chaos: " + err.Error())
	}
}

// meanwhile is what people do while a run is under way.
func (w *World) meanwhile(rng *rand.Rand) {
	w.count("meanwhile")
	w.say("meanwhile:")
	switch rng.IntN(4) {
	case 0:
		w.askWell(rng)
	case 1:
		w.adminGrants(rng, AdminEdit)
	case 2:
		w.adminGrants(rng, AdminDelete)
	default:
		if open := w.open(); len(open) > 0 {
			w.merge(rng, pick(rng, open))
		}
	}
}

func (w *World) pass(rng *rand.Rand) {
	by := time.Duration(1+rng.IntN(120)) * time.Minute
	switch rng.IntN(12) {
	case 0:
		by = time.Duration(1+rng.IntN(20)) * time.Second
	case 1:
		by = time.Duration(70+rng.IntN(10)) * time.Hour
	}
	w.Advance(by)
	w.say("%s pass", by)
}

// begin begins the ledger, and nothing goes wrong.
func (w *World) begin() {
	p := w.newProcess(rand.New(rand.NewPCG(w.o.Seed, 2)), w.machines[0])
	p.Init = true
	w.run(p)
	if w.oracle.sequence == 0 {
		w.breaks(Restored, "the ledger did not begin")
	}
}

// reconcile is one run, or several at once; each may meet faults and may be killed.
func (w *World) reconcile(rng *rand.Rand) {
	n := 1
	if w.o.Processes > 1 && rng.IntN(3) > 0 {
		n = 2 + rng.IntN(w.o.Processes-1)
	}
	var all []*Process
	for i := range n {
		m := w.machines[i]
		if n == 1 && rng.IntN(5) == 0 {
			m = w.machines[1]
		}
		p := w.newProcess(rand.New(rand.NewPCG(rng.Uint64(), 3)), m)
		p.doom = newDoom(rng)
		p.disturbed = !p.doom.isNone()
		w.failVault(rng, p)
		all = append(all, p)
	}
	defer w.failForge(rng, all)()
	if n > 1 {
		w.together(rng, all)
	} else {
		w.run(all[0])
		w.overdue(all[0])
	}
	w.accounted()
}

// overdue finds what is past its end after a run that nothing kept from taking it, whatever else was wrong.
func (w *World) overdue(p *Process) {
	if p.isDead() || p.faulty || p.m.skew != 0 {
		return
	}
	held, now := w.held(), p.began
	for h, until := range w.oracle.known {
		if held[h] && !until.IsZero() && !now.Before(until) && w.oracle.wants(now)[h] == nil && !w.oracle.byHand[h] {
			w.breaks(Overdue, "%s was due at %s, and a run at %s left it", h, clockText(until), clockText(now))
		}
	}
}

// run runs one process to its end.
func (w *World) run(p *Process) Ending {
	end := w.o.Reconcile(p.ctx, p)
	p.cancel()
	p.m.proc = nil
	w.secretless("the output", end.Output)
	if p.isDead() {
		w.count("runs killed")
	} else {
		w.count(fmt.Sprintf("runs with exit %d", end.Code))
	}
	w.say("%s leaves with %d%s", p.m.name, end.Code, outline(end.Output))
	return end
}

// outline is an output, indented.
func outline(s string) string {
	return strings.ReplaceAll("\n"+strings.TrimSpace(s), "\n", "\n        ")
}

// together runs several at once, each from boundary to boundary in its turn.
func (w *World) together(rng *rand.Rand, all []*Process) {
	w.turns = newTurns(rand.New(rand.NewPCG(rng.Uint64(), 4)), slices.Clone(all))
	t := w.turns
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			<-t.wait[p]
			w.run(p)
			t.leave(p)
		})
	}
	t.begin()
	wg.Wait()
	w.turns = nil
	w.count("runs at once")
}

func (w *World) failVault(rng *rand.Rand, p *Process) {
	switch rng.IntN(8) {
	case 0:
		p.faults = vaultFaults{down: true, lists: rng.IntN(4)}
	case 1:
		p.faults = vaultFaults{lies: true}
	case 2:
		p.faults = vaultFaults{after: true}
	default:
		return
	}
	p.faulty = true
	w.count("fault of the vault")
}

// failForge breaks something at the forge until the func that it returns is called.
func (w *World) failForge(rng *rand.Rand, all []*Process) func() {
	if rng.IntN(3) > 0 {
		return func() {}
	}
	f := githubtest.Failure{
		Who: stage.Bot, Skip: rng.IntN(8), Times: pick(rng, []int{1, 2, -1}),
		Path: pick(rng, []string{"", "/repos/.*", "/repos/acme/access/pulls/.*", "/repos/acme/access/commits/.*/pulls", "/repos/acme/access/activity",
			"/orgs/acme/teams/.*", "/users/.*", "/acme/access.git/.*", "/acme/access.git/git-receive-pack"}),
	}
	switch rng.IntN(9) {
	case 0, 1:
		f.Status = pick(rng, []int{500, 502, 503})
	case 2:
		f = githubtest.SecondaryLimit(f.Path, 7200)
		f.Times = -1
	case 3:
		f.Status = 404
	case 4:
		f.Status = pick(rng, []int{409, 422})
	case 5:
		f.Cut = true
	case 6:
		f.Keep = 1 + rng.IntN(60)
	case 7:
		f.Cut, f.After = true, true
	default:
		f.Status, f.After = 502, true
	}
	w.say("the forge fails: %+v", f)
	w.count("fault of the forge")
	for _, p := range all {
		p.faulty = true
	}
	mend := w.Fail(f)
	if f.Status != 404 || f.Path != "" && f.Path != "/users/.*" {
		return mend
	}
	w.nobody = true
	return func() { w.nobody = false; mend() }
}
