package chaos

import (
	"math/rand/v2"
	"slices"
)

// Kind is what a step of a history does. A step that makes no sense where it comes (there is nothing to merge) does nothing.
type Kind string

// The kinds of step.
const (
	Reconcile     Kind = "reconcile"      // one run, or several at once, with faults; it may be killed
	Calm          Kind = "calm"           // faults stop, what was broken is put right, one run: everything must be as it should
	Ask           Kind = "ask"            // a pull request: add, extend, delete, rename, revert, configuration, or several in one
	AskWell       Kind = "ask-well"       // the same, approved by whom it must be, and merged
	Approve       Kind = "approve"        // somebody approves an open pull request, whether that counts or not
	Object        Kind = "object"         // somebody asks for changes
	PushAgain     Kind = "push-again"     // other bytes on the branch of a pull request
	Merge         Kind = "merge"          // by merge, squash or rebase, whatever was said of it
	AdminGrant    Kind = "admin-grant"    // an admin pushes a grant to main
	AdminEdit     Kind = "admin-edit"     // an admin pushes another version of a grant
	AdminDelete   Kind = "admin-delete"   // an admin deletes grants
	AdminPoison   Kind = "admin-poison"   // an admin pushes a file that is no grant
	AdminConfig   Kind = "admin-config"   // an admin pushes configuration, or puts it back
	RewindMain    Kind = "rewind-main"    // main is forced back
	MendMain      Kind = "mend-main"      // what main lost is put back, or left out for good
	SpoilLedger   Kind = "spoil-ledger"   // the ledger is forced back, deleted, or added to by somebody else
	MendLedger    Kind = "mend-ledger"    // it is put back
	HandGive      Kind = "hand-give"      // somebody is given by hand, at a target, what Lapse knows nothing of
	HandTake      Kind = "hand-take"      // and loses it
	Leave         Kind = "leave"          // somebody leaves a team, or comes back
	Pass          Kind = "pass"           // time passes
	Skew          Kind = "skew"           // the clock of a machine goes wrong, or right
	LoseMachine   Kind = "lose-machine"   // the next run is on a machine that has seen nothing
	DamageMachine Kind = "damage-machine" // what a process that was killed while writing leaves in its own files
)

// weights say how often each kind comes.
var weights = []struct {
	kind   Kind
	weight int
}{
	{Reconcile, 60}, {Calm, 4}, {Ask, 14}, {AskWell, 26}, {Approve, 12}, {Object, 3}, {PushAgain, 3}, {Merge, 14},
	{AdminGrant, 4}, {AdminEdit, 5}, {AdminDelete, 7}, {AdminPoison, 2}, {AdminConfig, 4}, {RewindMain, 3}, {MendMain, 3},
	{SpoilLedger, 3}, {MendLedger, 3}, {HandGive, 5}, {HandTake, 2}, {Leave, 4}, {Pass, 26}, {Skew, 4}, {LoseMachine, 4}, {DamageMachine, 3},
}

// Kinds lists every kind of step, for who counts them.
func Kinds() []Kind {
	var out []Kind
	for _, w := range weights {
		out = append(out, w.kind)
	}
	return out
}

// Step is one step of a history. What it does to whom is drawn from its own seed, so that leaving a step out changes no other.
type Step struct {
	Kind Kind
	Seed uint64
}

// Generate is the history of a seed.
func Generate(seed uint64, n int) []Step {
	rng := rand.New(rand.NewPCG(seed, 0))
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	steps := make([]Step, 0, n)
	for range n {
		at := rng.IntN(total)
		for _, w := range weights {
			if at -= w.weight; at < 0 {
				steps = append(steps, Step{w.kind, rng.Uint64()})
				break
			}
		}
	}
	return steps
}

// Shorter looks for the shortest history that still breaks, by leaving out halves of it, quarters, and so on down to single steps,
// until there is none to leave out or time is up.
func Shorter(steps []Step, breaks func([]Step) bool, more func() bool) []Step {
	for size := max(1, len(steps)/2); size > 0; size /= 2 {
		for from := 0; from+size <= len(steps) && more(); {
			less := slices.Concat(steps[:from], steps[from+size:])
			if breaks(less) {
				steps = less
			} else {
				from += size
			}
		}
	}
	return steps
}
