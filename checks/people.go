package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/names"
)

// directory answers who an account is and who belongs to a party. People are known by their login in people.yaml; what the
// forge tells is matched by numeric id alone, because logins are renamed and taken by others.
type directory struct {
	*grants.Configuration
	teams     map[grants.Party]Team
	byID      map[int64]string // every id of people.yaml → login of the one person who has it
	contested []int64          // ids that two entries claim; they belong to nobody
}

func newDirectory(f Facts) directory {
	d := directory{
		Configuration: f.Configuration,
		teams:         f.Teams,
		byID:          map[int64]string{},
	}
	for login, p := range d.People.People {
		for _, id := range accountsOf(p) {
			if other, taken := d.byID[id]; taken && other != login {
				d.contested = append(d.contested, id)
			}
			d.byID[id] = login
		}
	}
	for _, id := range d.contested {
		delete(d.byID, id)
	}
	slices.Sort(d.contested)
	d.contested = slices.Compact(d.contested)
	return d
}

// accountsOf are the ids of all accounts of one person. 0 is the id of every deleted account, and nobody's.
func accountsOf(p grants.Person) []int64 {
	ids := append([]int64{p.ID}, p.Also...)
	return slices.DeleteFunc(ids, func(id int64) bool { return id == 0 })
}

// person is the login in people.yaml of whoever has the account; "" if nobody there has it, or it was deleted.
func (d directory) person(a Account) string { return d.byID[a.ID] }

// faults are what makes people.yaml unfit to tell two people apart.
func (d directory) faults() []Reason {
	var out []Reason
	for _, id := range d.contested {
		var at grants.Pos
		for _, login := range slices.Sorted(maps.Keys(d.People.People)) {
			if slices.Contains(accountsOf(d.People.People[login]), id) {
				at = d.People.People[login].At
			}
		}
		out = append(out, Reason{
			Pos:  at,
			Text: fmt.Sprintf("id %d stands for two people", id),
			Hint: "list each id under one person of people.yaml; several accounts of one person go under also",
		})
	}
	return out
}

// members are the logins of the people in a party now, as a set. A group or team that is not known is an error: it must
// never pass for an empty one.
func (d directory) members(p grants.Party) (map[string]bool, error) {
	_, _, group, err := names.SplitParty(string(p))
	if err != nil {
		return nil, err
	}
	set := map[string]bool{}
	if group != "" {
		people, ok := d.Members(group)
		if !ok {
			return nil, fmt.Errorf("people.yaml has no group %q", group)
		}
		for _, person := range people {
			set[person.Login] = true
		}
		return set, nil
	}
	team, ok := d.teams[p]
	if !ok {
		return nil, fmt.Errorf("team %s could not be looked up", p)
	}
	for _, m := range team.Members {
		if login := d.person(m); login != "" && !m.Bot && !m.Suspended {
			set[login] = true
		}
	}
	return set, nil
}

// union is everyone in any of the parties, with one reason for each party that is not known.
func (d directory) union(parties []grants.Party, at grants.Pos) (map[string]bool, []Reason) {
	set := map[string]bool{}
	var faults []Reason
	for _, p := range parties {
		members, err := d.members(p)
		if err != nil {
			faults = append(faults, Reason{Pos: at, Text: err.Error(), Hint: partyHint(p)})
			continue
		}
		for login := range members {
			set[login] = true
		}
	}
	return set, faults
}

// eligible are the people who may hold the role, with one reason for each party that is not known.
func (d directory) eligible(role grants.Role) (map[string]bool, []Reason) {
	return d.union(role.Eligible, posOf(role.At, "eligible", grants.RolePath(role.Name)))
}

// MayHold says whether somebody of people.yaml may hold the role. The facts need only the configuration and the role's teams.
func MayHold(f Facts, role grants.Role, login string) (bool, []Reason) {
	set, faults := newDirectory(f).eligible(role)
	return set[login], faults
}

// MayConfigure says who of people.yaml has an account, if they are among those who may approve a change of the configuration; "" if
// not. The facts need only the configuration and the teams that its approvals name.
func MayConfigure(f Facts, a Account) (login string, faults []Reason) {
	d := newDirectory(f)
	who := d.person(a)
	for _, line := range d.Config.Configuration {
		set, unknown := d.union(line.From, line.At)
		if faults = append(faults, unknown...); who != "" && set[who] && !a.Bot && !a.Suspended {
			return who, nil
		}
	}
	return "", faults
}

func partyHint(p grants.Party) string {
	if strings.HasPrefix(string(p), "@") {
		return "check that the team exists and that the token may read the organization's members"
	}
	return "name a group of people.yaml, as group:security, or a team, as @acme/security"
}
