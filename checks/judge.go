package checks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
)

// Policies is what the policies of the base say. Problems are what makes them unfit to be asked at all.
type Policies interface {
	Request(ctx context.Context, in policies.Input) policies.Answer
	Problems() []grants.Problem
}

// Judge says what becomes of a request, with every reason. It is the one place where a request is judged: for an open pull
// request, before access is given, and when history is verified. It makes no call but to the policies, reads no clock, and the
// same facts in any order give the same verdict.
//
// Whatever is missing or contradictory in the facts of an addition or a change is a denial. A request that only ends grants is
// approved whatever else is wrong, so that nothing delays taking access back.
func Judge(ctx context.Context, f Facts, p Policies) Verdict {
	j := newJudgement(f, p)
	switch scopeOf(f.Request) {
	case scopeNothing:
		j.deny(f.Unjudgeable...)
	case scopeEnds:
		j.describeChanges()
	case scopeConfiguration:
		j.judgeConfiguration()
	case scopeGrants:
		j.judgeGrants(ctx)
	}
	return j.finish()
}

// judgement is one run of Judge: the facts, what was drawn from them, and the verdict so far.
type judgement struct {
	Facts
	policies Policies
	kind     scope
	merged   time.Time // when the request was merged, or would be
	voters   voters
	lines    []line
	verdict  Verdict
}

func newJudgement(f Facts, p Policies) *judgement {
	if f.Configuration == nil {
		f.Configuration = &grants.Configuration{}
	}
	f.Request.Changes = slices.Clone(f.Request.Changes)
	slices.SortStableFunc(f.Request.Changes, func(a, b grants.Change) int { return strings.Compare(a.ID, b.ID) })
	j := &judgement{
		Facts:    f,
		policies: p,
		kind:     scopeOf(f.Request),
		merged:   f.Now,
		voters:   voters{directory: newDirectory(f), barred: map[string]string{}},
	}
	if f.Pull != nil {
		j.verdict.Pull, j.verdict.Head = f.Pull.Number, f.Pull.Head
		if f.Pull.Merge != nil {
			j.merged = f.Pull.Merge.At
		}
	}
	return j
}

func (j *judgement) deny(reasons ...Reason) {
	j.verdict.Denials = append(j.verdict.Denials, reasons...)
}

func (j *judgement) denyProblems(grant string, problems []grants.Problem) {
	for _, p := range problems {
		j.deny(Reason{Pos: p.Pos, Text: p.Text, Hint: p.Hint, Grant: grant})
	}
}

// judgeConfiguration asks the base's own approvers. Policies and roles have no say: a broken one could never be mended.
func (j *judgement) judgeConfiguration() {
	j.checkPull()
	if !j.checkBase() {
		return
	}
	lines := j.Configuration.Config.Configuration
	at := posOf(j.Configuration.Config.At, "configuration", "lapse.yaml")
	if len(lines) == 0 {
		j.deny(Reason{Pos: at, Text: "nobody is named who may approve a change of configuration",
			Hint: "write configuration: {approvals: [{from: [...], count: 1}]} in lapse.yaml"})
	}
	for _, l := range lines {
		j.lines = append(j.lines, line{from: l.From, count: l.Count, why: l.At})
	}
	j.verdict.Warnings = append(j.verdict.Warnings, j.Warnings...)
	j.checkMoved()
	j.weighApprovals()
}

// checkMoved denies leading a target elsewhere while something is held there: Lapse would look for it in another place, not find
// it, and take that for proof that it is gone.
func (j *judgement) checkMoved() {
	for _, m := range j.Moved {
		if slices.Contains(j.Held, m.Target) {
			j.deny(Reason{Pos: m.At, Text: fmt.Sprintf("target %s changes while Lapse holds access there", m.Target),
				Hint: "wait until the last grant that gives it has ended and was taken, or end it; or add a target with another name"})
		}
	}
}

func (j *judgement) judgeGrants(ctx context.Context) {
	j.checkScope()
	j.checkPull()
	j.describeChanges()
	if j.Pull == nil {
		return // denied for that: nobody asked, so there is nobody whose approval could be missing
	}
	if !j.checkBase() {
		return
	}
	j.checkPolicies()
	for i, c := range j.Request.Changes {
		if c.After != nil {
			j.judgeGrant(ctx, c, &j.verdict.Grants[i])
		}
	}
	j.weighApprovals()
}

// weighApprovals sets the approvals that are needed against those that count.
func (j *judgement) weighApprovals() {
	needs, faults := gatherNeeds(j.lines, j.voters.directory)
	j.deny(faults...)
	t := j.count()
	for _, n := range needs {
		told := n.verdict(t, j.voters)
		j.verdict.Needs = append(j.verdict.Needs, told)
		if r := told.beyondReach(); r != nil {
			j.verdict.Waiting = append(j.verdict.Waiting, *r)
		}
	}
	j.verdict.Waiting = append(j.verdict.Waiting, objections(needs, t, j.voters)...)
	j.verdict.Ignored = append(t.ignored, unasked(needs, t)...)
}

// count bars whoever has a hand in the request, then counts the reviews. Without a pull request there is nothing to count.
func (j *judgement) count() tally {
	if j.Pull == nil {
		return tally{}
	}
	h := readHistory(j.Pull, j.Pushes)
	j.deny(h.faults...)
	if len(j.lines) > 0 {
		j.deny(h.hidden()...)
	}
	v := j.voters
	v.bar(v.person(j.Pull.Author), "opened the request")
	for _, login := range Users(j.Request) {
		v.bar(login, "a grant in the request is theirs")
		v.bar(v.person(j.Accounts[login]), "a grant in the request is theirs")
	}
	for _, by := range h.pushers() {
		v.bar(v.person(by), "pushed to the branch")
	}
	return count(j.Reviews, v, clock{
		now:     j.Now,
		merged:  j.Pull.Merge != nil,
		merge:   j.merged,
		brought: h.brought,
		based:   lastBaseMove(j.Pull),
		unknown: len(h.faults) > 0,
		ttl:     j.Configuration.Config.Limits.ApprovalTTL,
	})
}

// finish draws the outcome and puts everything in order.
func (j *judgement) finish() Verdict {
	v := j.verdict
	v.Denials, v.Warnings, v.Waiting = sortedReasons(v.Denials), sortedReasons(v.Warnings), sortedReasons(v.Waiting)
	slices.SortFunc(v.Ignored, func(a, b Ignored) int {
		return cmp.Or(cmp.Compare(a.Review, b.Review), cmp.Compare(a.Login, b.Login), cmp.Compare(a.Why, b.Why))
	})
	unmet := slices.ContainsFunc(v.Needs, func(n Need) bool { return !n.Satisfied() })
	switch {
	case len(v.Denials) > 0:
		v.Outcome = OutcomeDenied
	case unmet || len(v.Waiting) > 0:
		v.Outcome = OutcomeWaiting
	default:
		v.Outcome = OutcomeApproved
	}
	v.Merge = v.Outcome == OutcomeApproved && j.mergesItself()
	return v
}

// mergesItself says whether the pull request is open and every role that it gives, or of a request that gives none, every role that
// it takes, says merge: auto. What only ends grants is approved whatever else is wrong, so that nobody is kept from merging it; it
// merges itself only where nothing is wrong.
func (j *judgement) mergesItself() bool {
	p := j.Pull
	if p == nil || p.Closed || p.Merge != nil {
		return false
	}
	switch j.kind {
	case scopeGrants:
		return j.allMergeAuto(func(c grants.Change) *grants.Grant { return c.After })
	case scopeEnds:
		fit := len(j.Unjudgeable) == 0 && !p.Fork && !p.Draft && p.Author.ID != 0 && j.Configuration.Usable && p.Base == j.Configuration.Config.Branch
		return fit && j.allMergeAuto(func(c grants.Change) *grants.Grant { return c.Before })
	}
	return false
}

// allMergeAuto says whether there is such a grant, and the role of each says merge: auto.
func (j *judgement) allMergeAuto(side func(grants.Change) *grants.Grant) bool {
	any := false
	for _, c := range j.Request.Changes {
		g := side(c)
		if g == nil && j.kind == scopeGrants {
			continue // it ends, beside what is given
		}
		if any = true; g == nil || !j.Configuration.Roles[g.Role].MergeAuto {
			return false
		}
	}
	return any
}

// sortedReasons puts reasons in order, each once.
func sortedReasons(reasons []Reason) []Reason {
	slices.SortFunc(reasons, func(a, b Reason) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Text, b.Text), cmp.Compare(a.Grant, b.Grant), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Hint, b.Hint),
		)
	})
	return slices.Compact(reasons)
}

// posOf is where a key's value stands, else the document, else the file.
func posOf(at map[string]grants.Pos, key, file string) grants.Pos {
	for _, k := range []string{key, ""} {
		if p, ok := at[k]; ok {
			return p
		}
	}
	return grants.Pos{File: file}
}
