package grants

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/names"
)

// readRoles reads every role that is right. A missing roles/ holds no roles.
func (l *loading) readRoles() {
	entries, err := fs.ReadDir(l.fsys, "roles")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.c.Problems = append(l.c.Problems, unreadable("roles", err))
	}
	var paths []string
	for _, entry := range entries {
		name := "roles/" + entry.Name()
		paths = append(paths, name)
		if p := l.readRole(name, entry); p != nil {
			p.File = showPath(name)
			l.c.Problems = append(l.c.Problems, *p)
		}
	}
	l.c.Problems = append(l.c.Problems, clashes(slices.Values(paths))...)
}

// readRole reads one entry of roles/; the problem is that it is no role at all.
func (l *loading) readRole(path string, entry fs.DirEntry) *Problem {
	if what := notPlain(entry); what != "" {
		return &Problem{Text: what + ": want a plain file"}
	}
	if slices.Contains(beside, entry.Name()) {
		return nil
	}
	name, ok := strings.CutSuffix(entry.Name(), ".yaml")
	if !ok {
		return &Problem{Text: "a file under roles/ that is no role: the name of a role ends in .yaml", Hint: pathHint(path)}
	}
	if err := names.RoleName(name); err != nil {
		return &Problem{Text: err.Error()}
	}
	var w roleFile
	d := l.read(path, MaxFileSize, &w)
	role := Role{
		Name: name, Description: string(w.Description), MaxDuration: w.MaxDuration.duration(), At: d.places,
		MergeAuto: w.Merge == "auto", Exclusive: w.Exclusive, GuardsLapse: w.GuardsLapse,
	}
	if len(d.problems) < maxProblems {
		role.Entitlements = l.entitlements(d, w.Entitlements)
		role.Eligible = l.parties(d, "eligible", w.Eligible)
		role.Approvals = l.approvals(d, "approvals", w.Approvals, l.c.Config.Automatic)
		role.Standing = l.standing(d, w.Standing)
	}
	if len(d.problems) == 0 {
		l.c.Roles[name] = role
	}
	l.note(d)
	return nil
}

// entitlements reads what a role gives: each in a shape of its target's type, none twice.
func (l *loading) entitlements(d *decoder, w []entitlementEntry) []Entitlement {
	if len(w) == 0 && !d.unread("entitlements") {
		d.problem("entitlements", "", "entitlements: a role gives something")
	}
	list := make([]Entitlement, 0, len(w))
	seen := map[string]Pos{}
	for i, entry := range w {
		path := fmt.Sprintf("entitlements[%d]", i)
		if d.unread(path) || d.spoiled(path) {
			continue
		}
		e := Entitlement{Target: entry["target"], Values: map[string]string{}, At: d.place(path)}
		for key, value := range entry {
			if key != "target" {
				e.Values[key] = value
			}
		}
		if !l.checkEntitlement(d, path, e, entry) {
			continue
		}
		if first, ok := seen[e.Key()]; ok {
			d.problem(path, fmt.Sprintf("it stands on line %d already", first.Line), "the same entitlement twice")
		}
		seen[e.Key()] = e.At
		list = append(list, e)
	}
	return list
}

// standing reads who may hold what a role names without a grant, none twice, each of people.yaml.
func (l *loading) standing(d *decoder, w []loginText) []string {
	var logins []string
	for i, login := range w {
		at := fmt.Sprintf("standing[%d]", i)
		_, known := l.c.People.People[string(login)]
		switch {
		case d.unread(at) || d.spoiled(at):
			continue
		case slices.Contains(logins, string(login)):
			d.problem(at, "", "%s is named twice", show(string(login)))
		case slices.Contains(l.c.Unread, string(login)):
			d.problem(at, "", "user %s could not be read, see the problems of people.yaml", show(string(login)))
		case !known && l.c.People.People != nil:
			d.problem(at, d.meant(string(login), maps.Keys(l.c.People.People)), "people.yaml has no user %s", show(string(login)))
		}
		logins = append(logins, string(login))
	}
	return logins
}

// spoiled says whether an entry inside the value at the path was left out.
func (d *decoder) spoiled(path string) bool {
	return slices.ContainsFunc(keys(d.bad), func(bad string) bool { return strings.HasPrefix(bad, path+".") })
}

func (l *loading) checkEntitlement(d *decoder, path string, e Entitlement, entry entitlementEntry) bool {
	if _, ok := entry["target"]; !ok {
		d.problem(path, "", "the key %q is missing", "target")
		return false
	}
	t, ok := l.c.Config.Targets[e.Target]
	switch {
	case l.noTargets, l.badTargets[e.Target]:
		d.problem(path+".target", "", "target %s could not be read, see the problems of lapse.yaml", show(e.Target))
		return false
	case !ok:
		d.problem(path+".target", d.meant(e.Target, maps.Keys(l.c.Config.Targets)), "lapse.yaml has no target %s", show(e.Target))
		return false
	}
	form, ok := formOf(l.types[t.Type], e)
	if !ok {
		var firsts []string
		for _, f := range l.types[t.Type].Entitlements {
			firsts = append(firsts, f[0].Key)
		}
		l.noForm(d, path, t, e, firsts)
		return false
	}
	checkFields(d, path, fmt.Sprintf("%s entitlement with %q", t.Type, form[0].Key), form, e.Values)
	return true
}

// formOf is the form whose first key the entitlement has.
func formOf(t TargetType, e Entitlement) (Form, bool) {
	for _, form := range t.Entitlements {
		if _, ok := e.Values[form[0].Key]; ok {
			return form, true
		}
	}
	return nil, false
}

// noForm reports an entitlement whose keys name no form: at the key that resembles one, if any does.
func (l *loading) noForm(d *decoder, path string, t TargetConfig, e Entitlement, firsts []string) {
	for _, key := range slices.Sorted(slices.Values(keys(e.Values))) {
		if near, ok := nearest(key, firsts); ok {
			d.problem(join(path, key), fmt.Sprintf("did you mean %q?", near), "unknown key %s of a %s entitlement", show(key), t.Type)
			return
		}
	}
	d.problem(path, "one of: "+strings.Join(firsts, ", "), "nothing says what is held at %s (type %s)", t.Name, t.Type)
}
