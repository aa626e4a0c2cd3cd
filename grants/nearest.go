package grants

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// meant is the hint for a name that is not among those known: the nearest of them, or all if they are few. It is empty
// where neither helps.
func meant(name string, known []string) string {
	if near, ok := nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if n := len(known); n > 0 && n <= 12 {
		return "known: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	return ""
}

// nearest is the known name that takes the fewest single-character edits from name, if that is few enough to be a slip.
// The first in order wins among equals.
func nearest(name string, known []string) (string, bool) {
	const longest = 100 // bytes; no name that is spelt by hand is longer
	if len(name) > longest {
		return "", false
	}
	most := min(3, (len(name)+2)/3)
	best, distance := "", most+1
	for _, k := range known {
		if len(k) > longest || utf8.RuneCountInString(k) > utf8.RuneCountInString(name)+most || utf8.RuneCountInString(name) > utf8.RuneCountInString(k)+most {
			continue
		}
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d < distance || d == distance && d <= most && k < best {
			best, distance = k, d
		}
	}
	return best, best != ""
}

// edits is the Levenshtein distance of two strings, in runes.
func edits(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range to {
			change := diagonal
			if r != s {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}

func keys[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }
