package render

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// plural is a number of things in words: 1 approval, 2 approvals.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// span is a length of time in words, to the second: 1 day 2 hours 30 minutes.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "minus " + span(-d)
	case d < time.Second && d > 0:
		return "less than a second"
	case d < time.Second:
		return "no time"
	}
	var words []string
	for _, unit := range []struct {
		length time.Duration
		noun   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / unit.length; n > 0 {
			words = append(words, plural(int(n), unit.noun))
			d -= n * unit.length
		}
	}
	return strings.Join(words, " ")
}

// ago is how long something is past, as precisely as matters: 3 hours ago. A clock that is a little ahead is no reason for alarm.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute ago"
	case d < time.Hour:
		return span(d.Truncate(time.Minute)) + " ago"
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour") + " ago"
	}
	return plural(int(d/(24*time.Hour)), "day") + " ago"
}

// instant is a time in words, in UTC, to the second: 2026-12-01 18:00 UTC.
func instant(t time.Time) string {
	t = t.UTC()
	if t.Second() == 0 {
		return t.Format("2006-01-02 15:04 UTC")
	}
	return t.Format("2006-01-02 15:04:05 UTC")
}

// entitlement is what is held, without its target: role readonly.
func entitlement(e grants.Entitlement) string {
	words := make([]string, 0, len(e.Values))
	for key, value := range e.Values {
		words = append(words, key+" "+value)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// entitlement is what is held and where.
func (w wording) entitlement(e grants.Entitlement) string {
	return w.name(entitlement(e)) + " at " + w.name(e.Target)
}

// place is a place in a file, or the words for none.
func (w wording) place(p grants.Pos) string {
	if p.File == "" {
		return ""
	}
	return w.name(p.String())
}

func (w wording) parties(ps []grants.Party) []string {
	return each(ps, func(p grants.Party) string { return w.name(string(p)) })
}

// interval says how long access would last. moves: the interval starts at a merge that has not happened; endMoves: it
// also ends later if it is merged later.
func (w wording) interval(i grants.Interval, moves, endMoves bool) string {
	switch {
	case i.End.IsZero():
		return ""
	case i.Length() <= 0:
		return fmt.Sprintf("for no time at all: it is over at %s", instant(i.End))
	case moves && endMoves:
		return fmt.Sprintf("for %s from the merge, until %s if merged now", span(i.Length()), instant(i.End))
	case moves:
		return fmt.Sprintf("from the merge until %s, %s if merged now", instant(i.End), span(i.Length()))
	}
	return fmt.Sprintf("for %s, from %s until %s", span(i.Length()), instant(i.Start), instant(i.End))
}

// unique is the words without repetition, in their order.
func unique(words []string) []string {
	var out []string
	for _, word := range words {
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
