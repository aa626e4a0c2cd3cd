package gitrepo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// refSpec says which refs of the remote become which here.
type refSpec struct {
	force    bool
	from, to string
}

func parseSpecs(specs []string) ([]refSpec, error) {
	var parsed []refSpec
	for _, text := range specs {
		spec, err := parseSpec(text)
		if err != nil {
			return nil, fmt.Errorf("refspec %q: %w", text, err)
		}
		parsed = append(parsed, spec)
	}
	return parsed, nil
}

func parseSpec(text string) (refSpec, error) {
	rest, force := strings.CutPrefix(text, "+")
	from, to, ok := strings.Cut(rest, ":")
	if !ok {
		return refSpec{}, fmt.Errorf("give a source and a destination, as in +refs/heads/main:refs/lapse/main")
	}
	stars := strings.Count(from, "*")
	if stars > 1 || strings.Count(to, "*") != stars {
		return refSpec{}, fmt.Errorf("give one * on each side, or none")
	}
	for _, name := range []string{from, to} {
		if name == "HEAD" && name == from {
			continue
		}
		if err := checkRefName(strings.ReplaceAll(name, "*", "x")); err != nil {
			return refSpec{}, err
		}
	}
	return refSpec{force, from, to}, nil
}

func (s refSpec) wildcard() bool { return strings.Contains(s.from, "*") }

// match lists what the spec takes from the remote's refs, sorted.
func (s refSpec) match(adv *packp.AdvRefs) []move {
	if s.from == "HEAD" && adv.Head != nil {
		return []move{{s.to, *adv.Head, s.force}}
	}
	if !s.wildcard() {
		if h, ok := adv.References[s.from]; ok {
			return []move{{s.to, h, s.force}}
		}
		return nil
	}
	prefix, suffix, _ := strings.Cut(s.from, "*")
	var moves []move
	for name, h := range adv.References {
		middle, ok := strings.CutPrefix(name, prefix)
		if !ok || !strings.HasSuffix(middle, suffix) {
			continue
		}
		middle = strings.TrimSuffix(middle, suffix)
		moves = append(moves, move{strings.Replace(s.to, "*", middle, 1), h, s.force})
	}
	slices.SortFunc(moves, func(a, b move) int { return strings.Compare(a.ref, b.ref) })
	return moves
}
