package grants

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxDurationText = "100 years" // in words, for messages about maxSeconds
	maxSeconds      = 100 * 365 * 24 * 60 * 60
	minYear         = 2000
	maxYear         = 2100
)

var (
	durationForm = regexp.MustCompile(`^(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?$`)
	durationHint = "want hours, minutes and seconds in whole numbers, like 4h, 90m or 1h30m"
)

// ParseDuration reads a positive duration of whole hours, minutes and seconds, in that order and each at most once, as in
// 1h30m: no sign, no fraction, no other unit (a day is not always 24 hours), at most 100 years.
func ParseDuration(s string) (time.Duration, error) {
	m := durationForm.FindStringSubmatch(s)
	if m == nil || s == "" {
		return 0, fmt.Errorf("%s is not a duration: %s", show(s), durationHint)
	}
	seconds := int64(0)
	for i, unit := range []int64{3600, 60, 1} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i+1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is not a duration: %w", show(s), err)
		}
		seconds += n * unit // at most 10⁹ of each unit, far from an overflow
	}
	switch {
	case seconds == 0:
		return 0, fmt.Errorf("%s is no time at all: a duration is positive", show(s))
	case seconds > maxSeconds:
		return 0, fmt.Errorf("%s is more than %s", show(s), maxDurationText)
	}
	return time.Duration(seconds) * time.Second, nil
}

// FormatDuration writes a duration as ParseDuration reads it, in its shortest form: 1h30m, not 1h30m0s. Parts of a second
// are cut off; what is not positive is "0s".
func FormatDuration(d time.Duration) string {
	seconds := int64(d / time.Second)
	if seconds <= 0 {
		return "0s"
	}
	var b strings.Builder
	for _, unit := range []struct {
		seconds int64
		name    string
	}{{3600, "h"}, {60, "m"}, {1, "s"}} {
		if n := seconds / unit.seconds; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
		}
		seconds %= unit.seconds
	}
	return b.String()
}

const timeHint = "want a time like 2026-12-01T18:00:00Z or 2026-12-01T19:00:00+01:00"

var (
	timeForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T([0-9]{2}):([0-9]{2}):([0-9]{2})(Z|[+-]([0-9]{2}):([0-9]{2}))$`)
	dateForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	zoneless = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?$`)
)

// ParseTime reads an instant as RFC 3339 writes it, with seconds and offset, without parts of a second, in the years 2000
// to 2100. Leap seconds are refused, and so is the offset -00:00, which by RFC 3339 §4.3 means an unknown one. The result is UTC.
func ParseTime(s string) (time.Time, error) {
	m := timeForm.FindStringSubmatch(s)
	switch {
	case dateForm.MatchString(s):
		return time.Time{}, fmt.Errorf("%s is a date without a time: %s", show(s), timeHint)
	case zoneless.MatchString(s):
		return time.Time{}, fmt.Errorf("%s has no offset: %s", show(s), timeHint)
	case m == nil:
		return time.Time{}, fmt.Errorf("%s is not a time: %s", show(s), timeHint)
	case m[3] == "60":
		return time.Time{}, fmt.Errorf("%s is a leap second: seconds end at 59", show(s))
	case m[4] == "-00:00" || m[5] > "23" || m[6] > "59":
		return time.Time{}, fmt.Errorf("%s has no known offset: %s", show(s), timeHint)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		var bad *time.ParseError
		if errors.As(err, &bad) && bad.Message != "" {
			return time.Time{}, fmt.Errorf("%s is not a time%s", show(s), bad.Message)
		}
		return time.Time{}, fmt.Errorf("%s is not a time: %s", show(s), timeHint)
	}
	if t = t.UTC(); t.Year() < minYear || t.Year() > maxYear {
		return time.Time{}, fmt.Errorf("%s is not between the years %d and %d", show(s), minYear, maxYear)
	}
	return t, nil
}

// FormatTime writes an instant as ParseTime reads it, in UTC.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
