// Package chaos plays random histories against reconciles and watches that the rules of DESIGN.md section 4 hold: the harness of the
// tests in cmd/lapse, of `make chaos`, and of nothing that ships.
//
// A history is a list of steps ([Kind]), which one seed makes, the same each time. People ask, approve, merge by every method, push past
// everything, rewind main and spoil the ledger; clocks, targets and the forge fail; reconciles run, alone or several at once, and are
// killed at any boundary: before and after each API call, each fetch and push, each call of a target. A killed process keeps nothing
// but the files of its machine, and often not those. The forge is package githubtest with real git behind it.
//
// What must be is worked out by an oracle from the history alone. Where two answers are right (a run judged before somebody left the
// team, or after), it takes the receipt's word for which was given, and holds the receipt against the history in the same instant.
//
//	rule of section 4                 at every instant                                        once faults stop, after one run
//	1 nothing unapproved              Unapproved: each give has a live grant; each approval   the same
//	                                  was one by the reviews, the base and the teams
//	2 judged by the base              (Unapproved: configuration pushed past approval,        the same
//	                                  mixed requests)
//	3 an approval counts once         (Unapproved: own, stale, barred, after the merge,       the same
//	                                  outdated, left the team)
//	4 intent before effect            Intent: what is given has a receipt on the remote;      Restored: nothing is held that
//	                                  what is held and unknown was there before                must not be
//	5 proof before bookkeeping        Proof: given and taken are what the target shows; a     Restored: what is over has no
//	                                  file goes after what it gave                            file on main
//	6 never take what it did not give Kept: no such take                                      Restored: it is still there
//	7 history only grows              Frozen: no give while main or the ledger has lost       Owed: what was not lost is given
//	                                  something; Chain: the remote ledger only grows, one     again
//	                                  child to a commit; Shrink: Lapse's commits on main only
//	                                  remove what is over
//	8 limits never keep access alive  Limits: one run takes at most so many before their end; Restored: what is past its end is gone
//	                                  Overdue: a run that nothing failed leaves nothing due,
//	                                  though giving is stopped
//	9 one failure stays one failure   Owed: nobody loses what they should hold                Owed: everything due is held, though
//	                                                                                          files on main are broken
//	10 nothing is trusted as text     Secrets: in no output, on no ledger                     the same
//
// Mutants, the tests that break a rule in the product's source, show that each of these can fail.
package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Rule names what was broken.
type Rule string

// The rules that are watched; the package comment says what each means.
const (
	Unapproved Rule = "nothing unapproved is ever given"
	Intent     Rule = "intent before effect"
	Proof      Rule = "proof before bookkeeping"
	Kept       Rule = "never take what Lapse did not give"
	Frozen     Rule = "nothing is given while history is lost"
	Chain      Rule = "the ledger only grows"
	Shrink     Rule = "Lapse's own commits only shrink"
	Overdue    Rule = "what is past its end is taken whatever else is wrong"
	Limits     Rule = "limits hold back what is no expiry"
	Owed       Rule = "nobody loses what they should hold"
	Restored   Rule = "after faults stop one run puts everything right"
	Secrets    Rule = "no secret in any output"
)

// Rules are all of them.
func Rules() []Rule {
	return []Rule{Unapproved, Intent, Proof, Kept, Frozen, Chain, Shrink, Overdue, Limits, Owed, Restored, Secrets}
}

// Violation is a rule that was broken, and the step in which that was seen.
type Violation struct {
	Rule Rule
	Text string
	Step int
}

func (v Violation) String() string { return fmt.Sprintf("step %d: %s: %s", v.Step, v.Rule, v.Text) }

// Ending is what a process left behind.
type Ending struct {
	Code   int
	Output string // all of it
}

// Options say what is played.
type Options struct {
	Seed      uint64
	Steps     []Step
	Dir       string // an empty folder
	Processes int    // how many reconciles may run at once
	One       bool   // one target: several processes then take turns at each boundary, as the seed says
	// Reconcile runs one process to its end, or to where it is killed.
	Reconcile func(ctx context.Context, p *Process) Ending
	// Verify says what is wrong with the ledger, read by itself; it may be nil.
	Verify func(ctx context.Context, p *Process) error
}

// Result is what came of a history.
type Result struct {
	Broken *Violation
	Counts map[string]int
	Trace  []string
}

// Play plays a history until a rule is broken, or to its end, after which everything must be as it should.
func Play(o Options) (Result, error) {
	w, err := newWorld(o)
	if err != nil {
		return Result{}, err
	}
	w.begin()
	for i, s := range o.Steps {
		w.step = i + 1
		if w.broken == nil {
			w.play(s)
		}
	}
	w.step++
	if w.broken == nil {
		w.end()
	}
	return Result{Broken: w.broken, Counts: w.counts, Trace: w.trace}, w.close()
}

// Sum adds up counts.
func Sum(into, from map[string]int) {
	for _, k := range slices.Sorted(maps.Keys(from)) {
		into[k] += from[k]
	}
}
