package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// line is one approval line as it applies to one grant, or (grant "") to a change of configuration.
type line struct {
	from  []grants.Party
	count int
	why   grants.Pos
	grant string
	lifts string // the policy message that it lifts
}

// key is the same for lines that the same people satisfy in the same words.
func (l line) key() string {
	return fmt.Sprintf("%s\x00%d\x00%q\x00%s", l.why, l.count, l.lifts, joinParties(l.from))
}

// need is a line with the grants it applies to and the people it names.
type need struct {
	line
	grants  []string
	members map[string]bool // logins of everyone in from
}

// roleLines are the lines of a role that a grant of this length has to satisfy.
func roleLines(r grants.Role, id string, length time.Duration) []line {
	var out []line
	for _, a := range r.Approvals {
		if a.WhenLongerThan == 0 || length > a.WhenLongerThan {
			out = append(out, line{from: a.From, count: a.Count, why: a.At, grant: id})
		}
	}
	return out
}

// gatherNeeds joins equal lines and finds the people they name. A line that names nobody, or asks for nobody, is a fault and
// no need: it must never pass for satisfied.
func gatherNeeds(lines []line, d directory) ([]need, []Reason) {
	byKey := map[string]*need{}
	var faults []Reason
	for _, l := range lines {
		l.from = sortedParties(l.from)
		if n := byKey[l.key()]; n != nil {
			n.grants = append(n.grants, l.grant)
			continue
		}
		members, unknown := d.union(l.from, l.why)
		faults = append(faults, unknown...)
		if fault := l.fault(); fault != "" {
			faults = append(faults, Reason{Pos: l.why, Text: fault, Hint: "name at least one group or team in from, and a count of 1 or more", Grant: l.grant})
			continue
		}
		byKey[l.key()] = &need{line: l, grants: []string{l.grant}, members: members}
	}
	out := make([]need, 0, len(byKey))
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, *byKey[key])
	}
	return out, faults
}

func (l line) fault() string {
	switch {
	case len(l.from) == 0:
		return "an approval line names nobody"
	case l.count < 1:
		return fmt.Sprintf("an approval line asks for %d approvals", l.count)
	}
	return ""
}

// verdict is the need as it is told: who has approved, and who still could.
func (n need) verdict(t tally, v voters) Need {
	out := Need{From: n.from, Count: n.count, Why: n.why, Lifts: n.lifts}
	for _, id := range n.grants {
		if id != "" && !slices.Contains(out.Grants, id) {
			out.Grants = append(out.Grants, id)
		}
	}
	slices.Sort(out.Grants)
	for _, login := range slices.Sorted(maps.Keys(n.members)) {
		r, approved := t.approvals[login]
		switch {
		case approved:
			out.Have = append(out.Have, Approval{
				Review: r.ID, Login: login, ID: v.People.People[login].ID, Commit: r.Commit, At: r.At.UTC().Format(time.RFC3339),
			})
		case v.barred[login] == "":
			out.Could = append(out.Could, login)
		}
	}
	if out.Satisfied() {
		out.Could = nil
	}
	return out
}

// beyondReach says why no further review can satisfy the need; nil if one can.
func (n Need) beyondReach() *Reason {
	if n.Satisfied() || len(n.Have)+len(n.Could) >= n.Count {
		return nil
	}
	return &Reason{
		Pos: n.Why,
		Text: fmt.Sprintf("%s of %s must approve, and only %d can who neither asked, nor pushed, nor would hold the grant",
			people(n.Count), joinParties(n.From), len(n.Have)+len(n.Could)),
		Hint: "add people to the group or team, or let somebody outside it open the request",
	}
}

// objections are the changes asked for by people who are named in a line. They stand until the same person approves or the
// review is dismissed; somebody who may not approve this request cannot withdraw theirs by approving either.
func objections(needs []need, t tally, v voters) []Reason {
	var out []Reason
	for _, login := range slices.Sorted(maps.Keys(t.objects)) {
		i := slices.IndexFunc(needs, func(n need) bool { return n.members[login] })
		if i < 0 {
			continue
		}
		hint := fmt.Sprintf("%s approves when content, or the review is dismissed", login)
		if v.barred[login] != "" {
			hint = "the review must be dismissed"
		}
		out = append(out, Reason{
			Pos:  needs[i].why,
			Text: fmt.Sprintf("%s asked for changes (review %d)", login, t.objects[login].ID),
			Hint: hint,
		})
	}
	return out
}

// unasked are approvals that would count, by people whom no line names.
func unasked(needs []need, t tally) []Ignored {
	var out []Ignored
	for _, login := range slices.Sorted(maps.Keys(t.approvals)) {
		if slices.ContainsFunc(needs, func(n need) bool { return n.members[login] }) {
			continue
		}
		r := t.approvals[login]
		why := "not in any group or team that must approve"
		if len(needs) == 0 {
			why = "no approval is asked for"
		}
		out = append(out, Ignored{Review: r.ID, Login: r.By.Login, Why: why})
	}
	return out
}

func sortedParties(parties []grants.Party) []grants.Party {
	out := slices.Clone(parties)
	slices.Sort(out)
	return slices.Compact(out)
}

func joinParties(parties []grants.Party) string {
	s := make([]string, len(parties))
	for i, p := range parties {
		s[i] = string(p)
	}
	return strings.Join(s, ", ")
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}
