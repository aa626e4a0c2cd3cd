package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/ledger"
)

// judged holds a receipt of a verdict to what its evidence comes to, and that to what main shows.
func (v *verifier) judged() {
	r := v.at
	v.covered.add(v.line, r)
	if r.Kind == ledger.Approved && r.Grant != nil {
		v.lives.approve(r)
	}
	if r.Configuration != nil && r.Configuration.First {
		v.begins()
		return
	}
	if !v.line.has(r.Commit) && (r.Kind == ledger.Approved || r.Judged == nil || r.Judged.Err != nil) {
		v.lost(fmt.Sprintf("commit %.12s is not on main's line of first parents: main was rewritten, or it never got there", r.Commit))
	}
	if r.Judged == nil || r.Judged.Err != nil {
		v.notAgain()
		return
	}
	v.again()
	if r.Kind == ledger.Approved {
		v.approved()
	} else if r.Judged.Asked {
		v.pushedPast()
	} else {
		v.unasked()
	}
}

// pushedPast tells of what was merged against its verdict. It came by pull request and gave nothing, so that it breaks no rule.
func (v *verifier) pushedPast() {
	what, by := "a change of the configuration", ""
	if g := v.at.Grant; g != nil {
		what = "grant " + g.ID
		if g.Pull != 0 {
			by = fmt.Sprintf(" by pull request #%d", g.Pull)
		}
	}
	v.out.Notes = append(v.out.Notes, fmt.Sprintf("%s was merged%s as %.12s though its verdict was %s; it was refused and gave nothing (%s)", what, by, v.at.Commit, v.at.Judged.Is, v.at.Path))
}

// notAgain is about a verdict that cannot be come to again. What main has lost a clone has not either, which is told already.
func (v *verifier) notAgain() {
	why := "no evidence was read"
	if v.at.Judged != nil {
		why = v.at.Judged.Err.Error()
	}
	if v.line.has(v.at.Commit) {
		v.wrong(RuleVerdict, "cannot be judged again: "+why)
	}
}

// begins: the configuration with which the ledger began was approved by nobody but whoever began it, and only there.
func (v *verifier) begins() {
	r := v.at
	if r.Sequence != 1 {
		v.wrong(RuleConfiguration, "a configuration is accepted as it was found, and the ledger does not begin with it")
	}
	if r.Judged == nil || r.Judged.Err != nil {
		v.notAgain()
	} else if r.Judged.Configuration != r.Configuration.Digest {
		v.wrong(RuleBytes, fmt.Sprintf("the configuration of commit %.12s is not the one that was accepted", r.Commit))
	}
	v.out.Notes = append(v.out.Notes, fmt.Sprintf("the configuration of commit %.12s was accepted as it was found, on %s, when the ledger began",
		r.Commit, r.Time.Format(time.DateOnly)))
}

// again: the verdict that was recorded is the one that its evidence comes to.
func (v *verifier) again() {
	j := v.at.Judged
	switch {
	case j.Was != j.Is:
		why := ""
		if j.Why != "" {
			why = ": " + j.Why
		}
		v.wrong(RuleVerdict, fmt.Sprintf("the verdict was %s, and the same evidence comes to %s%s", j.Was, j.Is, why))
	case (v.at.Kind == ledger.Approved) != (j.Is == checks.OutcomeApproved):
		v.wrong(RuleVerdict, fmt.Sprintf("it says %s, and its verdict is %s", v.at.Kind, j.Is))
	case !j.Same:
		v.wrong(RuleVerdict, fmt.Sprintf("the verdict is %s again, and what is recorded of it is not what the evidence comes to", j.Is))
	}
	if v.at.Time.Add(skew).Before(j.Now) {
		v.wrong(RuleTime, fmt.Sprintf("it was judged at %s and merged at %s, after that", v.at.Time.Format(time.RFC3339), j.Now.Format(time.RFC3339)))
	}
	v.bytes()
}

// bytes: what the receipt is about is what the commit holds.
func (v *verifier) bytes() {
	r, j := v.at, v.at.Judged
	switch {
	case r.Configuration != nil && (r.Configuration.Commit != r.Commit || r.Configuration.Digest != j.Configuration):
		v.wrong(RuleBytes, fmt.Sprintf("the configuration of commit %.12s is not the one that the receipt is about", r.Commit))
	case r.Grant == nil || r.Kind == ledger.Refused && j.Grant == nil: // refused for what is no grant
	case j.Grant == nil:
		v.wrong(RuleBytes, fmt.Sprintf("commit %.12s brought no grant %s", r.Commit, r.Grant.ID))
	case r.Grant.Digest != j.Grant.Digest:
		v.wrong(RuleBytes, fmt.Sprintf("grant %s at commit %.12s has other bytes than those that the receipt is about", r.Grant.ID, r.Commit))
	case !sameGrant(*r.Grant, *j.Grant):
		v.wrong(RuleVerdict, fmt.Sprintf("the receipt says other things of grant %s than its file and the verdict", r.Grant.ID))
	}
}

// sameGrant compares what is stored. Times are stored in UTC, whatever a file says them in.
func sameGrant(a, b ledger.Grant) bool {
	for _, g := range []*ledger.Grant{&a, &b} {
		g.Interval.Start, g.Interval.End = g.Interval.Start.UTC(), g.Interval.End.UTC()
	}
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(one) == string(other)
}

// approved: the configuration that judged was in force at this place of the ledger, and what was approved is what was merged.
func (v *verifier) approved() {
	r, j := v.at, v.at.Judged
	if c := v.state.Configuration; c == nil || c.Digest != j.JudgedBy {
		v.wrong(RuleConfiguration, fmt.Sprintf("it was judged by the configuration at %.12s, which was not the approved one then", j.Base))
	}
	if j.Merged != r.Commit {
		v.wrong(RuleBytes, fmt.Sprintf("no pull request was merged as commit %.12s, by its evidence", r.Commit))
		return
	}
	base, tip := v.line.place(j.Base), v.line.place(r.Commit)
	if tip >= 0 && (base < 0 || base >= tip || j.Method != "rebase" && base != tip-1) {
		v.wrong(RuleConfiguration, fmt.Sprintf("it was judged against %.12s, which is not main as it was before commit %.12s", j.Base, r.Commit))
	}
}

// unasked is about what reached main without a pull request. It was refused and gave nothing, and somebody did it all the same.
func (v *verifier) unasked() {
	what := "the configuration"
	if v.at.Grant != nil {
		what = "grant " + v.at.Grant.ID
	}
	v.report(Finding{Rule: RuleUnasked, Receipt: v.at.Path, Commit: v.at.Commit,
		Reason: what + " reached main without a pull request that was approved; it was refused and gave nothing"}, ledger.Unapproved)
}

// lost is about what main has not any more.
func (v *verifier) lost(reason string) {
	v.report(Finding{Rule: RuleOffMain, Receipt: v.at.Path, Commit: v.at.Commit, Reason: reason}, ledger.LossOfMain)
}

// report makes a finding, or tells of it, if a person has accepted what it is about.
func (v *verifier) report(f Finding, as ledger.Loss) {
	may := v.accepted[as]
	if as == ledger.Unapproved {
		may = append(may[:len(may):len(may)], v.accepted[ledger.LossOfMain]...)
	}
	for _, a := range may {
		if v.about(a, f, as) {
			v.out.Accepted = append(v.out.Accepted, Accepted{Finding: f, By: a.Accepted.By.Login, Because: a.Accepted.Because})
			return
		}
	}
	v.out.Findings = append(v.out.Findings, f)
}

// about says whether a person accepted just this: a commit by its name, whatever is wrong with it; what main had lost before, with main as
// it was then in its place. If main has not even that any more, it lost something else since, and nobody can tell which of both it was.
func (v *verifier) about(a Sealed, f Finding, as ledger.Loss) bool {
	switch {
	case a.Accepted.What == ledger.Unapproved:
		return a.Accepted.Was == f.Commit
	case as == ledger.Unapproved:
		return f.Receipt == "" && v.broughtIn(a).has(v.line.place(f.Commit))
	}
	return a.Sequence > v.at.Sequence && v.line.has(a.Accepted.Now)
}

// broughtIn is the steps of main that came in place of what was lost and were not to be judged: from behind the last that a reconcile had
// looked at before, up to where the next was to go on. They give nothing.
func (v *verifier) broughtIn(a Sealed) stretch {
	s := stretch{-1, v.line.place(a.Main)}
	for _, r := range v.Receipts {
		if r.Sequence < a.Sequence {
			s.after = max(s.after, v.line.place(r.Main))
		}
	}
	return s
}

func acceptances(rs []Sealed) map[ledger.Loss][]Sealed {
	out := map[ledger.Loss][]Sealed{}
	for _, r := range rs {
		if r.Accepted != nil {
			out[r.Accepted.What] = append(out[r.Accepted.What], r)
		}
	}
	return out
}

// ended: where the policies ended a grant, they say so again.
func (v *verifier) ended() {
	v.lives.end(v.at)
	if j := v.at.Judged; j != nil && (j.Err != nil || !j.Same) {
		why := "they do not say so again"
		if j.Err != nil {
			why = j.Err.Error()
		}
		v.wrong(RuleVerdict, fmt.Sprintf("the policies are said to have ended grant %s: %s", v.at.Grant.ID, why))
	}
}
