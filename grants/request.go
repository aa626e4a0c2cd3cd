package grants

import (
	"maps"
	"path"
	"slices"
	"strings"
)

const plainMode = 0o100644

// IsConfiguration says whether a path decides about grants, so that a change of it needs the approvals of `configuration`.
// Case does not matter: a path that one file system takes for lapse.yaml is guarded as lapse.yaml.
func IsConfiguration(name string) bool {
	name = fold(name)
	for _, root := range []string{"lapse.yaml", "people.yaml", "roles", "policies", ".lapse", ".github/workflows", ".github/actions"} {
		// A file in place of a directory above (a link, a submodule) replaces what is in it.
		if name == root || strings.HasPrefix(name, root+"/") || strings.HasPrefix(root, name+"/") {
			return true
		}
	}
	return false
}

// NewRequest reads the difference between two trees as a request. Each path of a grant (grants/<id>.yaml with a valid id)
// that differs is a Change. Any other path under grants/ that is added or changed is a problem, but for grants/.gitkeep
// and grants/README.md; removing one is allowed, and like those two it counts as Elsewhere, for it grants nothing.
func NewRequest(changes []FileChange) Request {
	var r Request
	seen := map[string]bool{}
	after := map[string]bool{}
	for _, c := range changes {
		if seen[c.Path] {
			r.Problems = append(r.Problems, Problem{Pos: Pos{File: showPath(c.Path)}, Text: "the path is changed twice"})
			continue
		}
		seen[c.Path] = true
		if c.After != nil && underGrants(c.Path) {
			after[c.Path] = true
		}
		r.take(c)
	}
	r.Problems = append(r.Problems, clashes(maps.Keys(after))...)
	sortProblems(r.Problems)
	slices.Sort(r.Configuration)
	slices.Sort(r.Elsewhere)
	slices.SortFunc(r.Changes, func(a, b Change) int { return strings.Compare(a.ID, b.ID) })
	return r
}

// underGrants says whether a path is grants/, or in it, for any file system.
func underGrants(name string) bool {
	name = fold(name)
	return name == "grants" || strings.HasPrefix(name, "grants/")
}

func (r *Request) take(c FileChange) {
	id, err := idOf(c.Path)
	switch {
	case IsConfiguration(c.Path):
		r.Configuration = append(r.Configuration, c.Path)
	case !underGrants(c.Path):
		r.Elsewhere = append(r.Elsewhere, c.Path)
	case err == nil:
		r.takeGrant(id, c)
	case c.After == nil:
		r.Elsewhere = append(r.Elsewhere, c.Path)
	case c.After.Mode != plainMode:
		r.Problems = append(r.Problems, badMode(c))
	case path.Dir(c.Path) == "grants" && slices.Contains(beside, path.Base(c.Path)):
		r.Elsewhere = append(r.Elsewhere, c.Path)
	default:
		r.Problems = append(r.Problems, Problem{Pos: Pos{File: showPath(c.Path)}, Text: err.Error(), Hint: pathHint(c.Path)})
	}
}

func (r *Request) takeGrant(id string, c FileChange) {
	change := Change{ID: id, Kind: Edit}
	switch {
	case c.After == nil:
		change.Kind = End
	case c.Before == nil:
		change.Kind = Add
	}
	if c.Before != nil && c.Before.Mode == plainMode {
		change.Before, _ = LoadGrant(c.Path, c.Before.Bytes)
	}
	switch {
	case c.After == nil:
	case c.After.Mode != plainMode:
		r.Problems = append(r.Problems, badMode(c))
	default:
		var problems []Problem
		change.After, problems = LoadGrant(c.Path, c.After.Bytes)
		r.Problems = append(r.Problems, problems...)
	}
	r.Changes = append(r.Changes, change)
}

func badMode(c FileChange) Problem {
	return Problem{Pos: Pos{File: showPath(c.Path)}, Text: modeName(c.After.Mode) + ": want a plain file", Hint: "git's mode of a grant is 100644"}
}
