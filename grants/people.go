package grants

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/names"
)

func (l *loading) readPeople() (peopleFile, *decoder) {
	var w peopleFile
	d := l.read("people.yaml", MaxPeopleSize, &w)
	l.usable = l.usable && !d.ruined()
	l.badGroups = map[string]bool{}
	unread := map[string]bool{}
	for path := range d.bad {
		if login, ok := strings.CutPrefix(path, "people."); ok && !strings.Contains(login, ".") {
			unread[login] = true
		}
		if group, ok := strings.CutPrefix(path, "groups."); ok {
			l.badGroups[group] = true
		}
	}
	l.c.Unread = slices.Sorted(maps.Keys(unread))
	return w, d
}

// checkPeople keeps the people and groups that are right. Of two who claim one id, login or account, neither is right: it
// cannot be said whose it is.
func (l *loading) checkPeople(w peopleFile, d *decoder) {
	if d.root == nil || d.ruined() {
		return
	}
	people := map[string]Person{}
	before := len(d.problems)
	bad := map[string]bool{}
	for _, login := range slices.Sorted(maps.Keys(w.People)) {
		entry := w.People[login]
		p := Person{Login: string(login), ID: int64(entry.ID), Email: string(entry.Email), At: d.places["people."+string(login)]}
		for _, id := range entry.Also {
			p.Also = append(p.Also, int64(id))
		}
		p.Accounts = l.accounts(d, p.Login, entry, bad)
		people[p.Login] = p
	}
	l.checkUnique(d, people, bad)
	for login := range bad {
		delete(people, login)
	}
	l.c.Unread = slices.Sorted(maps.Keys(merge(bad, l.c.Unread)))
	l.c.People = People{People: people, Groups: l.groups(d, w, people)}
	d.contained += len(d.problems) - before
}

func merge(set map[string]bool, more []string) map[string]bool {
	for _, s := range more {
		set[s] = true
	}
	return set
}

// accounts checks the accounts of one person, whom it marks as bad if one is wrong.
func (l *loading) accounts(d *decoder, login string, entry personEntry, bad map[string]bool) map[string]string {
	accounts := map[string]string{}
	for _, target := range slices.Sorted(maps.Keys(entry.Accounts)) {
		account := entry.Accounts[target]
		accounts[string(target)] = account
		path := "people." + login + ".accounts." + string(target)
		if err := l.checkAccount(d, string(target), account); err != nil {
			bad[login] = true
			d.add(Problem{Pos: d.place(path), Text: err.Text, Hint: err.Hint})
		}
	}
	return accounts
}

func (l *loading) checkAccount(d *decoder, target, account string) *Problem {
	t, ok := l.c.Config.Targets[target]
	switch {
	case l.noTargets, l.badTargets[target]:
		return accountProblem(names.Account(account)) // the target's own problems are reported where it is defined
	case !ok:
		return &Problem{Text: fmt.Sprintf("lapse.yaml has no target %q", target), Hint: d.meant(target, maps.Keys(l.c.Config.Targets))}
	case t.AccountsAreIDs:
		return &Problem{Text: fmt.Sprintf("accounts at %s are GitHub's numeric ids", target), Hint: "remove the line; the id of the person is enough"}
	}
	check := l.types[t.Type].CheckAccount
	if check == nil {
		check = names.Account
	}
	return accountProblem(check(account))
}

func accountProblem(err error) *Problem {
	if err == nil {
		return nil
	}
	return &Problem{Text: err.Error()}
}

// claim is where somebody says that something is theirs that only one person can have.
type claim struct{ login, path string }

// checkUnique marks everyone who shares an id, a login or an account with another, or lists an id twice.
func (l *loading) checkUnique(d *decoder, people map[string]Person, bad map[string]bool) {
	claims := l.claims(people)
	for _, what := range slices.Sorted(maps.Keys(claims)) {
		by := claims[what]
		for i, c := range by {
			if len(by) == 1 {
				continue
			}
			bad[c.login] = true
			if other := by[(i+1)%len(by)]; other.login != c.login {
				d.problem(c.path, "each belongs to one person", "%s and %s share %s", c.login, other.login, what)
			} else {
				d.problem(c.path, "", "%s lists %s twice", c.login, what)
			}
		}
	}
}

func (l *loading) claims(people map[string]Person) map[string][]claim {
	claims := map[string][]claim{}
	for _, login := range slices.Sorted(maps.Keys(people)) {
		p := people[login]
		path := "people." + login
		add := func(at, format string, args ...any) {
			what := fmt.Sprintf(format, args...)
			claims[what] = append(claims[what], claim{login, at})
		}
		add(path, "the login %q (case does not matter)", strings.ToLower(login))
		add(path+".id", "the id %d", p.ID)
		for i, id := range p.Also {
			add(fmt.Sprintf("%s.also[%d]", path, i), "the id %d", id)
		}
		for name, t := range l.c.Config.Targets {
			if account, ok := accountAt(p, t); ok && !t.AccountsAreIDs {
				add(path+".accounts."+name, "the account %q at %s (case does not matter)", strings.ToLower(account), name)
			}
		}
	}
	return claims
}

// groups keeps the groups all of whose members are people of the file. A member whose own entry has problems is left out,
// and counts for nothing; a group that names somebody unknown is not kept.
func (l *loading) groups(d *decoder, w peopleFile, people map[string]Person) map[string][]string {
	groups := map[string][]string{}
	unread := merge(map[string]bool{}, l.c.Unread)
	for _, name := range slices.Sorted(maps.Keys(w.Groups)) {
		members := w.Groups[name]
		right := true
		var kept []string
		seen := map[string]bool{}
		for i, member := range members {
			login, path := string(member), fmt.Sprintf("groups.%s[%d]", name, i)
			switch _, ok := people[login]; {
			case seen[login]:
				d.problem(path, "", "%s is named twice", login)
				right = false
			case ok:
				kept = append(kept, login)
			case !unread[login]:
				d.problem(path, d.meant(login, maps.Keys(people)), "people has no %q", login)
				right = false
			}
			seen[login] = true
		}
		if !right {
			l.badGroups[string(name)] = true
			continue
		}
		groups[string(name)] = kept
	}
	return groups
}

// PersonByID finds the person to whom a numeric GitHub id belongs, as their first id or a further one.
func (c *Configuration) PersonByID(id int64) (Person, bool) {
	for _, p := range c.People.People {
		if id > 0 && (p.ID == id || slices.Contains(p.Also, id)) {
			return p, true
		}
	}
	return Person{}, false
}

// Members are the people of a group of people.yaml, in the file's order. False: there is no such group, or it could not be
// read.
func (c *Configuration) Members(group string) ([]Person, bool) {
	logins, ok := c.People.Groups[group]
	if !ok {
		return nil, false
	}
	people := make([]Person, 0, len(logins))
	for _, login := range logins {
		if p, ok := c.People.People[login]; ok {
			people = append(people, p)
		}
	}
	return people, true
}

// CheckGrant says whether the grant's user and role are in the configuration, with the nearest right spelling.
func (c *Configuration) CheckGrant(g Grant) []Problem {
	var problems []Problem
	if _, ok := c.People.People[g.User]; !ok {
		p := Problem{Pos: g.place("user"), Text: fmt.Sprintf("people.yaml has no user %s", show(g.User)), Hint: meant(g.User, keys(c.People.People))}
		if slices.Contains(c.Unread, g.User) || c.People.People == nil {
			p.Text, p.Hint = fmt.Sprintf("user %s could not be read from people.yaml, see its problems", show(g.User)), ""
		}
		problems = append(problems, p)
	}
	if _, ok := c.Roles[g.Role]; !ok {
		p := Problem{Pos: g.place("role"), Text: fmt.Sprintf("there is no role %s", show(g.Role)), Hint: meant(g.Role, keys(c.Roles))}
		file := RolePath(g.Role)
		if slices.ContainsFunc(c.Problems, func(p Problem) bool { return p.File == file }) {
			p.Text, p.Hint = fmt.Sprintf("role %s could not be read, see the problems of %s", show(g.Role), showPath(file)), ""
		}
		problems = append(problems, p)
	}
	return problems
}
