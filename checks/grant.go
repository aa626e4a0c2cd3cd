package checks

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
)

// describeChanges writes down what each change would make of its grant.
func (j *judgement) describeChanges() {
	for _, c := range j.Request.Changes {
		gv := GrantVerdict{ID: c.ID, Kind: kindOf(c)}
		g := c.After
		if g == nil {
			g = c.Before
		}
		if g != nil {
			gv.User, gv.Role, gv.Reason, gv.Ticket = g.User, g.Role, g.Reason, g.Ticket
			gv.UserID = j.Configuration.People.People[g.User].ID
		}
		if c.After != nil {
			j.describeGrant(*c.After, &gv)
		}
		j.verdict.Grants = append(j.verdict.Grants, gv)
	}
}

func (j *judgement) describeGrant(g grants.Grant, gv *GrantVerdict) {
	gv.Digest = g.Digest
	gv.Interval = g.Interval(j.merged)
	gv.FromMerge = j.Pull != nil && j.Pull.Merge == nil && !g.Start.After(j.merged)
	gv.EndMoves = gv.FromMerge && g.Expires.IsZero()
	if held := sortedLive(j.Live[g.User], g.ID); len(held) > 0 {
		gv.Held = held
	}
	if role, ok := j.Configuration.Roles[g.Role]; ok {
		gv.Entitlements = sortedEntitlements(role.Entitlements)
	}
}

// judgeGrant judges one grant that is added or changed, as a new request: who would hold it, what it gives, for how long, what
// the policies say, and which approvals it needs.
func (j *judgement) judgeGrant(ctx context.Context, c grants.Change, gv *GrantVerdict) {
	g := *c.After
	reported := len(j.verdict.Denials)
	j.denyProblems(g.ID, j.Configuration.CheckGrant(g))
	silent := len(j.verdict.Denials) == reported
	role, known := j.Configuration.Roles[g.Role]
	j.checkInterval(g, role, known)
	if !known {
		j.denyRole(g, silent)
	} else {
		j.checkEntitlements(g, role)
		j.needRole(g, role, gv)
	}
	person, found := j.Configuration.People.People[g.User]
	if !found {
		if silent {
			j.denyUser(g, fmt.Sprintf("people.yaml has no %q", g.User), "add the person to people.yaml first, in a pull request of its own")
		}
		return
	}
	j.checkAccount(g, person)
	if known {
		j.checkReachable(g, person, role)
		j.checkEligible(g, role)
		j.ask(ctx, c, role)
	}
}

func (j *judgement) checkInterval(g grants.Grant, role grants.Role, known bool) {
	var r *grants.Role
	if known {
		r = &role
	}
	j.denyProblems(g.ID, grants.CheckInterval(g, j.merged, j.Now, r, j.Configuration.Config.Limits))
}

// denyRole tells why the role cannot be given: its file is broken, or there is none.
func (j *judgement) denyRole(g grants.Grant, silent bool) {
	problems := roleProblems(j.Configuration, g.Role)
	j.denyProblems(g.ID, problems)
	if silent && len(problems) == 0 {
		j.deny(Reason{Pos: posOf(g.At, "role", g.Path()), Grant: g.ID,
			Text: fmt.Sprintf("the base has no role %q", g.Role), Hint: "name a role under roles/ on the main branch"})
	}
}

func (j *judgement) denyUser(g grants.Grant, text, hint string) {
	j.deny(Reason{Pos: posOf(g.At, "user", g.Path()), Text: text, Hint: hint, Grant: g.ID})
}

// checkAccount compares the forge's account of that name with the person that people.yaml pins by id.
func (j *judgement) checkAccount(g grants.Grant, p grants.Person) {
	a, ok := j.Accounts[g.User]
	switch {
	case !ok || a.ID == 0:
		j.denyUser(g, fmt.Sprintf("GitHub has no account %q", g.User), "write the login as it is now, in people.yaml and here")
	case a.ID != p.ID:
		j.denyUser(g, fmt.Sprintf("account %q has id %d, people.yaml says %d: the login was taken by somebody else", g.User, a.ID, p.ID),
			"find out whose account it is before changing people.yaml")
	case a.Bot:
		j.denyUser(g, fmt.Sprintf("account %q is a bot", g.User), "grants are for people")
	case a.Suspended:
		j.denyUser(g, fmt.Sprintf("account %q is suspended", g.User), "ask again when the account is active")
	}
}

func (j *judgement) checkEligible(g grants.Grant, role grants.Role) {
	at := posOf(role.At, "eligible", grants.RolePath(role.Name))
	set, faults := j.voters.eligible(role)
	for _, r := range faults {
		r.Grant = g.ID
		j.deny(r)
	}
	if !set[g.User] {
		j.denyUser(g, fmt.Sprintf("%s may not hold role %s", g.User, g.Role),
			fmt.Sprintf("%s says who may: %s", at, joinParties(sortedParties(role.Eligible))))
	}
}

// checkEntitlements denies targets that the configuration does not have, and a hold on Lapse itself that the role does not
// own up to. Without a way to tell, every entitlement counts as one.
func (j *judgement) checkEntitlements(g grants.Grant, role grants.Role) {
	for _, e := range role.Entitlements {
		if _, ok := j.Configuration.Config.Targets[e.Target]; !ok {
			j.deny(Reason{Pos: e.At, Grant: g.ID, Text: fmt.Sprintf("lapse.yaml has no target %q", e.Target),
				Hint: "add it under targets, or take the entitlement out of the role"})
		}
		if !role.GuardsLapse && (j.Guards == nil || j.Guards(e)) {
			j.deny(Reason{Pos: e.At, Grant: g.ID,
				Text: fmt.Sprintf("role %s gives a hold on Lapse itself (%s)", role.Name, e.Key()),
				Hint: "take the entitlement out of the role, or say so openly with guards_lapse: true"})
		}
	}
}

// checkReachable denies what could not be given: the person must have an account at every target of the role.
func (j *judgement) checkReachable(g grants.Grant, person grants.Person, role grants.Role) {
	missing := map[string]bool{}
	for _, e := range role.Entitlements {
		if _, ok := j.Configuration.Account(person, e.Target); ok || missing[e.Target] {
			continue
		}
		missing[e.Target] = true
		j.deny(Reason{Pos: person.At, Grant: g.ID, Text: fmt.Sprintf("people.yaml names no account of %s at target %s", g.User, e.Target),
			Hint: fmt.Sprintf("add it under accounts of %s, in a pull request of its own", g.User)})
	}
}

// needRole adds the role's own approval lines. A grant that no line applies to goes without people only where the
// configuration says automatic.
func (j *judgement) needRole(g grants.Grant, role grants.Role, gv *GrantVerdict) {
	lines := roleLines(role, g.ID, gv.Interval.Length())
	j.lines = append(j.lines, lines...)
	if len(lines) > 0 {
		return
	}
	if j.Configuration.Config.Automatic {
		gv.Automatic = true
		return
	}
	j.deny(Reason{Pos: posOf(role.At, "approvals", grants.RolePath(role.Name)), Grant: g.ID,
		Text: fmt.Sprintf("role %s asks for no approval of a grant of %s", role.Name, grants.FormatDuration(gv.Interval.Length())),
		Hint: "add a line to its approvals, or say automatic: true in lapse.yaml"})
}

// ask puts the grant before the policies. A denial that names approvals becomes a need; any other stands.
func (j *judgement) ask(ctx context.Context, c grants.Change, role grants.Role) {
	if j.policies == nil {
		return
	}
	answer := j.policies.Request(ctx, j.requestInput(c, role))
	j.denyProblems(c.ID, answer.Broken)
	for _, m := range answer.Denials {
		if m.Lift == nil {
			j.deny(policyReason(m, c.ID))
			continue
		}
		l := line{from: m.Lift.From, count: m.Lift.Count, why: m.At, grant: c.ID, lifts: m.Text}
		if l.fault() != "" {
			j.deny(policyReason(m, c.ID))
		}
		j.lines = append(j.lines, l)
	}
	for _, m := range answer.Warnings {
		j.verdict.Warnings = append(j.verdict.Warnings, policyReason(m, c.ID))
	}
}

func policyReason(m policies.Message, grant string) Reason {
	return Reason{Pos: m.At, Text: m.Text, Policy: m.Rule + " at " + m.At.String(), Grant: grant}
}

// requestInput is the input of one grant that is asked for.
func (j *judgement) requestInput(c grants.Change, role grants.Role) policies.Input {
	g := c.After
	s := LiveSubject{
		ID: c.ID, User: g.User, UserID: j.Configuration.People.People[g.User].ID,
		Role: g.Role, Reason: g.Reason, Ticket: g.Ticket, Interval: g.Interval(j.merged), Change: kindOf(c),
	}
	if j.Pull != nil {
		s.Pull, s.Author, s.Labels = j.Pull.Number, j.Pull.Author.Login, j.Pull.Labels
	}
	role.Name = g.Role
	return policyInput(j.Configuration, s, role, j.liveAfter(g.User), j.Now)
}

// liveAfter is what the person would hold if the request took effect, so that asking for two grants at once, or one after the
// other, looks the same to a policy.
func (j *judgement) liveAfter(user string) []LiveGrant {
	var out []LiveGrant
	for _, l := range j.Live[user] {
		if !slices.ContainsFunc(j.Request.Changes, func(c grants.Change) bool { return c.ID == l.ID }) {
			out = append(out, l)
		}
	}
	for _, c := range j.Request.Changes {
		if c.After != nil && c.After.User == user {
			out = append(out, LiveGrant{ID: c.ID, Role: c.After.Role, Interval: c.After.Interval(j.merged)})
		}
	}
	return out
}
