package chaos

import (
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// calm is when faults stop, people put right what was done to history, and one run makes everything as it should be.
func (w *World) calm(rng *rand.Rand) {
	w.SetReadLag(0)
	w.mendLedger()
	w.mendMain(rng)
	for _, m := range w.machines {
		m.skew = 0
	}
	if now := w.oracle.clock.Add(time.Minute); now.After(w.Clock()) {
		w.AdvanceTo(now)
	}
	w.say("calm:")
	if w.leftOut {
		w.leftOut = false
		w.run(w.newProcess(rng, w.machines[0]))
	}
	w.settle(rng)
	if w.broken != nil {
		return
	}
	w.mustStandStill(rng)
}

// settle is one run that must put everything right.
func (w *World) settle(rng *rand.Rand) {
	p := w.newProcess(rng, w.machines[0])
	p.Allow = 100
	if end := w.run(p); end.Code != 0 && end.Code != 3 {
		w.breaks(Restored, "the run left with %d: %s", end.Code, end.Output)
		return
	}
	w.accounted()
	w.settled(p.Now())
}

// settled compares what is held with what must be, and what the ledger says with what main says.
func (w *World) settled(now time.Time) {
	o, held, wants := w.oracle, w.held(), w.oracle.wants(now)
	for h := range held {
		if wants[h] == nil && (!o.byHand[h] || h.entitlement == "vault/door") {
			w.breaks(Restored, "%s is held, and no live grant gives it", h)
		}
	}
	for h, v := range wants {
		if !held[h] {
			w.breaks(Owed, "%s is not held, and %s gives it until %s", h, v.id, clockText(v.end))
		}
	}
	for h := range o.byHand {
		if !held[h] {
			w.breaks(Kept, "%s is gone, and was there before Lapse", h)
		}
	}
	main := w.main()
	for id, v := range o.live {
		_, stays := main.grants[id]
		if v.over != 0 || !stays || !now.Before(v.end) || v.user == "bob" && o.approved.bobGone && !now.Before(v.start) {
			w.breaks(Restored, "%s is over, and no receipt says so", id)
		}
	}
	w.judgedAll()
}

// judgedAll wants a receipt on each version that is on main's line of first parents.
func (w *World) judgedAll() {
	line := map[string]bool{}
	for h := w.mainTip; h != ""; {
		line[h] = true
		_, parents := w.git.commit(h)
		h = ""
		if len(parents) > 0 {
			h = parents[0]
		}
	}
	overtaken := map[string]bool{} // a later version was approved while this one could not be judged
	for _, v := range slices.Backward(w.oracle.versions) {
		overtaken[v.id] = overtaken[v.id] || v.verdict == "approved"
		if line[v.by.tip] && !overtaken[v.id] && v.verdict == "" && v.user != "" && !v.adrift {
			w.breaks(Restored, "nobody judged %s at %.12s", v.id, v.by.tip)
		}
	}
}

// mustStandStill runs once more where nothing has changed: nothing may be written.
func (w *World) mustStandStill(rng *rand.Rand) {
	ledger, main, held := w.ledgerTip, w.mainTip, len(w.held())
	p := w.newProcess(rng, w.machines[1])
	w.run(p)
	if w.ledgerTip != ledger || len(w.held()) != held {
		w.breaks(Restored, "a second run, with nothing new, wrote to the ledger or changed a target")
	}
	if w.mainTip != main {
		w.breaks(Restored, "a second run, with nothing new, wrote to main")
	}
}

// end is calm, and then so much time that every grant is over; a run is killed in that, and the next finishes it.
func (w *World) end() {
	rng := rand.New(rand.NewPCG(w.o.Seed, 5))
	w.calm(rng)
	if w.broken != nil {
		return
	}
	w.Advance(26 * time.Hour)
	w.say("a day later:")
	w.must(os.RemoveAll(w.machines[0].dir))
	p := w.newProcess(rng, w.machines[1])
	p.doom = atEnding(rng)
	w.run(p)
	w.accounted()
	w.settle(rng)
	for _, v := range w.oracle.versions {
		if is, there := w.main().grants[v.id]; there && v.verdict == "approved" && is.text == v.text && w.newest(v.id) == v && !v.mayBeOver {
			w.breaks(Restored, "%s is over, and its file is still on main", v.id)
		}
	}
	if w.o.Verify == nil || w.broken != nil {
		return
	}
	if err := w.o.Verify(w.newProcess(rng, w.machines[0]).ctx, w.machines[0].proc); err != nil {
		w.breaks(Chain, "the ledger does not verify: %v", err)
	}
}

// newest is the last version of a grant.
func (w *World) newest(id string) *version {
	for i := len(w.oracle.versions) - 1; i >= 0; i-- {
		if v := w.oracle.versions[i]; v.id == id {
			return v
		}
	}
	return nil
}
