package grants

import (
	"fmt"
	"time"
)

// MaxAhead is how far from its merge a grant may start. What is approved further ahead is approved without knowing
// whether it will still be right.
const MaxAhead = 90 * 24 * time.Hour

// CheckInterval says what is wrong with the time of a grant that is, or would be, merged at the given instant, judged at
// now. role is nil where it is not known, which is a problem of its own ([Configuration.CheckGrant]); a bound of zero allows nothing.
func CheckInterval(g Grant, merged, now time.Time, role *Role, limits Limits) []Problem {
	iv := g.Interval(merged)
	key := "duration"
	if !g.Expires.IsZero() {
		key = "expires"
	}
	var problems []Problem
	add := func(key, hint, format string, args ...any) {
		problems = append(problems, Problem{Pos: g.place(key), Text: fmt.Sprintf(format, args...), Hint: hint})
	}
	switch {
	case !iv.End.After(iv.Start):
		add(key, "a later end is needed", "the grant would end at %s, not after its start at %s", FormatTime(iv.End), FormatTime(iv.Start))
		return problems
	case !iv.End.After(now):
		add(key, "request it anew with a later end", "the grant ended at %s, which has passed", FormatTime(iv.End))
	}
	if iv.Start.Year() < minYear || iv.End.UTC().Year() > maxYear {
		add(key, "", "the grant would last from %s to %s: the years are %d to %d", FormatTime(iv.Start), FormatTime(iv.End), minYear, maxYear)
	}
	if role != nil && iv.Length() > role.MaxDuration {
		add(key, "", "the grant would last %s: role %s allows %s", FormatDuration(iv.Length()), role.Name, FormatDuration(role.MaxDuration))
	}
	if iv.Length() > limits.MaxDuration {
		add(key, "", "the grant would last %s: lapse.yaml allows %s", FormatDuration(iv.Length()), FormatDuration(limits.MaxDuration))
	}
	if iv.Start.Sub(merged) > MaxAhead {
		add("start", "request it nearer to its start", "the grant would start at %s, more than %d days ahead", FormatTime(iv.Start), int(MaxAhead.Hours())/24)
	}
	return problems
}

// place is where the value of a key stands in the grant's file, or the file where it is not known.
func (g Grant) place(key string) Pos {
	for _, k := range []string{key, ""} {
		if pos, ok := g.At[k]; ok {
			return pos
		}
	}
	return Pos{File: g.Path()}
}
