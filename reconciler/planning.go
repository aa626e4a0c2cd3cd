package reconciler

import (
	"slices"

	"github.com/lapse-access/lapse/ledger"
)

// MakePlan compares what is wanted with what the ledger says and what the targets show:
//
//	wanted | ledger says    | target shows | what happens
//	yes    | nothing        | no           | give
//	yes    | nothing        | yes          | kept: it was there before Lapse
//	yes    | intended       | yes          | give again: the process that set out to may have been killed before or after
//	yes    | intended, given| no           | give
//	yes    | given          | yes          | nothing; give again if the end differs, or the grants it is for
//	yes    | kept           | yes          | nothing; kept again if the grants it is for differ
//	yes    | kept           | no           | give
//	no     | intended, given| yes          | take
//	no     | intended, given| no           | confirm taken
//	no     | kept, nothing  | yes          | nothing; take if an exclusive role names it
//	yes    | taken          | yes, no      | give: with the new grant it is Lapse's again
//	no     | taken          | yes          | take: somebody gave it back by hand
//	no     | taken          | no           | nothing; confirm taken if it was set out to be taken again
//	no     | taken          | no answer    | nothing
//	any    | any other      | no answer    | take what is to be taken all the same; give nothing
//
// Where giving is frozen, or it is not sure who the person is, gives are blocked, and what was given is taken at the end it was
// given with. Takes are never blocked by it.
func MakePlan(s Situation) Plan {
	var p Plan
	wanted := map[string]bool{}
	for _, w := range s.Wanted {
		wanted[w.Holding.Key()] = true
		p.want(s, w)
	}
	for _, key := range sortedKeys(s.Known) {
		if !wanted[key] {
			p.unwant(s, s.Known[key])
		}
	}
	for _, key := range sortedKeys(s.Exclusive) {
		p.exclude(s, s.Listings[key], wanted)
	}
	p.limit(s)
	p.sort()
	return p
}

func (p *Plan) want(s Situation, w Wanted) {
	known, isKnown := s.Known[w.Holding.Key()]
	l, listed := s.Listings[w.Holding.Entitlement.Key()]
	step := Step{
		Change: Change{Action: Give, Entitlement: w.Holding.Entitlement, Account: w.Holding.Account, Until: w.Until},
		Name:   w.User, Grants: w.Grants, Cause: CauseGranted,
	}
	if !listed || l.Err != nil {
		if !isKnown || known.Kind == ledger.Intended || known.Kind == ledger.Taken {
			p.block(step, "what the target holds is not known: "+errorText(l.Err))
		}
		return
	}
	_, held := l.find(w.Holding.Account)
	switch {
	case held && (!isKnown || known.Kind == ledger.Kept && !slices.Equal(known.Grants, w.Grants)):
		p.Confirm = append(p.Confirm, Confirm{Kind: ledger.Kept, Holding: w.Holding, Grants: w.Grants, Until: w.Until})
		return
	case held && known.Kind == ledger.Kept:
		return
	case held && known.Kind == ledger.Given && known.Action == "" && known.Until.Equal(w.Until):
		if slices.Equal(known.Grants, w.Grants) || s.stopped(w.User) != "" {
			return
		}
		step.Cause = CauseJoined
	case held && known.Kind != ledger.Taken:
		step.Cause = CauseExtended
	case isKnown && known.Kind == ledger.Given:
		step.Cause = CauseMissing
	}
	if why := s.stopped(w.User); why != "" {
		p.block(step, why)
		if held && !known.Until.IsZero() && !s.Now.Before(known.Until) {
			p.unwant(s, known) // no longer than what was given, either
		}
		return
	}
	p.Steps = append(p.Steps, step)
}

// stopped says why the user is given nothing; "" if giving is allowed.
func (s Situation) stopped(user string) string {
	if s.Frozen != "" {
		return s.Frozen
	}
	return s.Unsure[user]
}

func (p *Plan) unwant(s Situation, known ledger.HoldingState) {
	if known.Kind == ledger.Taken {
		p.watch(s, known)
		return
	}
	if known.Kind == ledger.Kept && known.Action != string(Take) {
		return
	}
	step := Step{
		Change: Change{Action: Take, Entitlement: known.Entitlement, Account: known.Account},
		Grants: known.Grants, Cause: CauseEnded, Due: s.Now,
	}
	if !known.Until.IsZero() && !s.Now.Before(known.Until) {
		step.Cause, step.Due = CauseExpired, known.Until
	}
	l, listed := s.Listings[known.Entitlement.Key()]
	if listed && l.Err == nil {
		h, held := l.find(known.Account)
		if !held || h.Via != "" && known.Action == string(Take) {
			p.Confirm = append(p.Confirm, Confirm{Kind: ledger.Taken, Holding: known.Holding, Grants: known.Grants, Cause: step.Cause, Due: step.Due})
			return
		}
		step.Name = h.Name
	}
	if known.Kind == ledger.Kept {
		return // held without a grant, and set out to be taken for that: exclude decides again
	}
	p.Steps = append(p.Steps, step)
}

// watch takes again what Lapse gave and took, and somebody gave back by hand. A target that does not answer is asked by the next run:
// what is proven gone is not taken on a guess.
func (p *Plan) watch(s Situation, known ledger.HoldingState) {
	l, listed := s.Listings[known.Entitlement.Key()]
	if !listed || l.Err != nil {
		return
	}
	h, held := l.find(known.Account)
	switch {
	case held && h.Via == "":
		p.Steps = append(p.Steps, Step{
			Change: Change{Action: Take, Entitlement: known.Entitlement, Account: known.Account},
			Name:   h.Name, Grants: known.Grants, Cause: CauseReturned, Due: s.Now, Taken: known.Since,
		})
	case known.Action == string(Take):
		p.Confirm = append(p.Confirm, Confirm{
			Kind: ledger.Taken, Holding: known.Holding, Grants: known.Grants, Cause: CauseReturned, Due: s.Now, Taken: known.Since,
		})
	}
}

// exclude takes what is held without a live grant where an exclusive role names the entitlement.
func (p *Plan) exclude(s Situation, l Listing, wanted map[string]bool) {
	for _, h := range l.Holdings {
		holding := ledger.Holding{Entitlement: l.Entitlement, Account: h.Account}
		known, isKnown := s.Known[holding.Key()]
		if wanted[holding.Key()] || s.Standing[holding.Key()] || h.Via != "" || isKnown && known.Kind != ledger.Kept {
			continue
		}
		p.Steps = append(p.Steps, Step{
			Change: Change{Action: Take, Entitlement: l.Entitlement, Account: h.Account},
			Name:   h.Name, Cause: CauseExclusive, Due: s.Now,
		})
	}
}

// limit holds back takes that are no expiry where there are more of them than a mistake may take. Those past their end go on; and so
// does what ended early, however much whoever may give at a target by hand puts there beside it.
func (p *Plan) limit(s Situation) {
	ended, found := 0, 0
	for _, st := range p.Steps {
		switch {
		case st.Action != Take || st.Cause == CauseExpired:
		case st.found():
			found++
		default:
			ended++
		}
	}
	if ended+found <= s.Limit {
		return
	}
	var steps []Step
	for _, st := range p.Steps {
		if st.Action == Take && st.Cause != CauseExpired && (ended > s.Limit || st.found()) {
			p.block(st, "more revocations at once than limits.unexplained_revocations allows; if they are meant, run with --allow-revocations")
			continue
		}
		steps = append(steps, st)
	}
	p.Steps = steps
}

// found says whether the step takes what others gave.
func (s Step) found() bool { return s.Cause == CauseExclusive || s.Cause == CauseReturned }

func (p *Plan) block(s Step, why string) { p.Blocked = append(p.Blocked, Blocked{Step: s, Why: why}) }

func errorText(err error) string {
	if err == nil {
		return "it was not asked"
	}
	return err.Error()
}
