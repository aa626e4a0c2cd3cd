package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/grants"
)

// scope is which rules a request is judged by.
type scope int

const (
	scopeNothing       scope = iota // neither grants nor configuration: nothing to judge
	scopeEnds                       // grants end, and nothing else happens
	scopeConfiguration              // configuration, and no grants
	scopeGrants                     // anything else
)

func scopeOf(r grants.Request) scope {
	touches := len(r.Changes) > 0 || len(r.Problems) > 0
	others := len(r.Configuration) > 0 || len(r.Elsewhere) > 0
	switch {
	case !touches && len(r.Configuration) > 0:
		return scopeConfiguration
	case !touches:
		return scopeNothing
	case !others && len(r.Problems) == 0 && !slices.ContainsFunc(r.Changes, func(c grants.Change) bool { return !ends(c) }):
		return scopeEnds
	}
	return scopeGrants
}

// NeedsPeople says whether it can matter to the verdict who asked, pushed and reviewed. Where access is only taken away, or nothing
// is touched that is judged, it cannot.
func NeedsPeople(r grants.Request) bool {
	s := scopeOf(r)
	return s == scopeConfiguration || s == scopeGrants
}

// ends says whether the change can only take access away.
func ends(c grants.Change) bool { return c.Kind == grants.End && c.After == nil }

// kindOf is what a change asks for. A grant that goes to another person, or to another role, ends one and asks for another,
// whatever the file's name.
func kindOf(c grants.Change) grants.ChangeKind {
	switch {
	case c.After == nil:
		return c.Kind
	case c.Before == nil || c.Before.User != c.After.User || c.Before.Role != c.After.Role:
		return grants.Add
	}
	return grants.Edit
}

// Users are the logins that the request names, before and after: those whose accounts and live grants the facts must hold.
func Users(r grants.Request) []string {
	var out []string
	for _, c := range r.Changes {
		for _, g := range []*grants.Grant{c.Before, c.After} {
			if g != nil {
				out = append(out, g.User)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkScope denies grant files that could not be read, and other paths beside grants.
func (j *judgement) checkScope() {
	r := j.Request
	j.denyProblems("", r.Problems)
	for _, path := range append(slices.Clone(r.Configuration), r.Elsewhere...) {
		j.deny(Reason{
			Pos:  grants.Pos{File: path},
			Text: "a request that changes grants may change nothing else",
			Hint: "move the change of " + path + " to a pull request of its own",
		})
	}
	for _, c := range r.Changes {
		told := slices.ContainsFunc(r.Problems, func(p grants.Problem) bool { return p.File == grants.PathOf(c.ID) })
		if c.After == nil && !ends(c) && !told {
			j.deny(Reason{Pos: grants.Pos{File: grants.PathOf(c.ID)}, Text: "not a valid grant", Grant: c.ID,
				Hint: "write user, role, reason and a duration or expires"})
		}
	}
}

// checkPull denies what did not come by an open or merged pull request of this repository to the main branch.
func (j *judgement) checkPull() {
	j.deny(j.Unjudgeable...)
	p := j.Pull
	if p == nil {
		j.deny(Reason{Text: "reached the main branch without a pull request", Hint: "open a pull request with these changes"})
		return
	}
	if j.Now.IsZero() {
		j.deny(Reason{Text: "the time is not known", Hint: "check the clock of the machine"})
	}
	if p.Fork {
		j.deny(Reason{Text: "comes from a fork, whose pushes cannot be seen", Hint: "push the branch to the access repository itself"})
	}
	if p.Closed && p.Merge == nil {
		j.deny(Reason{Text: fmt.Sprintf("pull request %d is closed", p.Number), Hint: "open it again, or open a new one"})
	}
	if p.Draft {
		j.verdict.Waiting = append(j.verdict.Waiting, Reason{Text: "a draft is never approved", Hint: "mark the pull request as ready for review"})
	}
	if p.Author.ID == 0 {
		j.deny(Reason{Text: "the account that opened the pull request is not known", Hint: "let a person open a new pull request"})
	}
	if m := p.Merge; m != nil && (m.At.IsZero() || m.At.After(j.Now.Add(MaxSkew))) {
		j.deny(Reason{Text: "the time of the merge is not known or lies in the future", Hint: "check the clock of the machine"})
	}
	j.checkBranch(p)
}

func (j *judgement) checkBranch(p *Pull) {
	c := j.Configuration
	if c.Usable && (p.Base == "" || p.Base != c.Config.Branch) {
		j.deny(Reason{
			Pos:  posOf(c.Config.At, "branch", "lapse.yaml"),
			Text: fmt.Sprintf("the pull request goes to branch %q, not to %q", p.Base, c.Config.Branch),
			Hint: fmt.Sprintf("change its base to %s", c.Config.Branch),
		})
	}
}

// checkBase says whether the base's configuration can judge a request at all.
func (j *judgement) checkBase() bool {
	c := j.Configuration
	if !c.Usable {
		j.denyProblems("", c.Problems)
		if len(c.Problems) == 0 {
			j.deny(Reason{Pos: grants.Pos{File: "lapse.yaml"}, Text: "the configuration of the base could not be read",
				Hint: "mend lapse.yaml and people.yaml on the main branch"})
		}
		return false
	}
	j.deny(j.voters.faults()...)
	return true
}

// checkPolicies denies everything new while the base's policies are unfit to be asked.
func (j *judgement) checkPolicies() {
	if j.policies == nil {
		j.deny(Reason{Pos: grants.Pos{File: "policies"}, Text: "there are no policies to ask", Hint: "lapse init writes a set to start from"})
		return
	}
	j.denyProblems("", j.policies.Problems())
}

// roleProblems are the findings of the loader about the file of a role.
func roleProblems(c *grants.Configuration, role string) []grants.Problem {
	return slices.DeleteFunc(slices.Clone(c.Problems), func(p grants.Problem) bool {
		return strings.TrimSuffix(p.File, ".yaml") != "roles/"+role
	})
}
