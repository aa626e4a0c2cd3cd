package policies

import "strings"

// beginnings are of names that someone wrote who meant to deny or to warn.
var beginnings = []struct{ of, meant string }{
	{"deny", "deny"}, {"denie", "deny"}, {"denia", "deny"}, {"violat", "violation"}, {"warn", "warn"},
}

// misspelt are words whose misspellings, up to within letters, are taken for the rule that was meant.
var misspelt = []struct {
	word   string
	within int
	meant  string
}{
	{"deny", 1, "deny"}, {"denies", 1, "deny"}, {"violation", 2, "violation"}, {"warn", 1, "warn"}, {"warning", 1, "warn"},
}

// resembles is the rule that a name was perhaps meant to be: deny, violation or warn; "" if none.
func resembles(name string) string {
	lower := strings.TrimLeft(strings.ToLower(name), "_")
	for _, b := range beginnings {
		if strings.HasPrefix(lower, b.of) {
			return b.meant
		}
	}
	first, _, _ := strings.Cut(lower, "_")
	for _, m := range misspelt {
		if distance(first, m.word) <= m.within {
			return m.meant
		}
	}
	return ""
}

// distance counts the letters to insert, remove, replace or swap with their neighbour to make a into b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
