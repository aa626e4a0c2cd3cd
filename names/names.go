// Package names holds one validator for each kind of name that reaches an API, a statement, a path or a DN.
//
// A validator accepts or refuses; it never repairs. Every kind is a small ASCII alphabet with a length limit. What a validator accepts is inert wherever Lapse puts it: as
// one or more path segments of a URL it adds no query, fragment, escape or dot segment, and it holds no quote, space,
// wildcard or control character. A few names that the outside would accept are refused; a name that cannot be said here
// cannot be asked for, and that is the safe side.
//
// Errors name the kind, the character and its column (counted in characters, from 1), and what may stand there.
package names

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	digits  = "0123456789"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum   = lower + upper + digits
	lowDig  = lower + digits
	lowName = lowDig + "._-"
)

// alphabet is the shape that every kind has: a first character, further characters, and a length.
type alphabet struct {
	kind        string
	first, rest string
	max         int    // in bytes, which are characters once the alphabet has been checked
	want        string // the alphabet in words
}

func (a alphabet) check(s string) error {
	if s == "" {
		return fmt.Errorf("%s is empty: want %s", a.kind, a.want)
	}
	column := 0
	for i, r := range s {
		column++
		allowed := a.rest
		if i == 0 {
			allowed = a.first
		}
		if r == utf8.RuneError || !strings.ContainsRune(allowed, r) {
			return fmt.Errorf("%s %s: character %s at column %d: want %s", a.kind, show(s), showRune(s[i:], r), column, a.want)
		}
	}
	if len(s) > a.max {
		return fmt.Errorf("%s %s is %d characters long: at most %d", a.kind, show(s), len(s), a.max)
	}
	return nil
}

// refuse is the error for a character that the alphabet has but that may not stand at byte i. The alphabet must have been
// checked, so that bytes are columns.
func (a alphabet) refuse(s string, i int, why string) error {
	return fmt.Errorf("%s %s: character %s at column %d: %s", a.kind, show(s), showRune(s[i:], rune(s[i])), i+1, why)
}

// show quotes a value for an error: ASCII only, so that nothing invisible reaches a terminal, and short.
func show(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		return strconv.QuoteToASCII(string([]rune(s)[:most])) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// showRune names the first character of s, whose decoding is r; a byte that is not UTF-8 is shown as the byte.
func showRune(s string, r rune) string {
	if r == utf8.RuneError {
		if _, size := utf8.DecodeRuneInString(s); size == 1 {
			return fmt.Sprintf("0x%02x", s[0])
		}
	}
	return strconv.QuoteRuneToASCII(r)
}

var errParty = errors.New(`want "@organization/team" or "group:name"`)

// SplitParty takes a party apart: ("acme", "data-platform", "") for a team, ("", "", "security") for a group of people.yaml.
func SplitParty(s string) (org, team, group string, err error) {
	if name, ok := strings.CutPrefix(s, "group:"); ok {
		if err := GroupName(name); err != nil {
			return "", "", "", fmt.Errorf("party %s: %w", show(s), err)
		}
		return "", "", name, nil
	}
	rest, ok := strings.CutPrefix(s, "@")
	if !ok {
		return "", "", "", fmt.Errorf("party %s at column 1: %w", show(s), errParty)
	}
	org, team, ok = strings.Cut(rest, "/")
	if !ok {
		return "", "", "", fmt.Errorf("party %s has no team: %w", show(s), errParty)
	}
	if err := errors.Join(Organization(org), TeamSlug(team)); err != nil {
		return "", "", "", fmt.Errorf("party %s: %w", show(s), firstOf(err))
	}
	return org, team, "", nil
}

// firstOf keeps an error on one line: the first of those joined.
func firstOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

// Party accepts "@organization/team" and "group:name".
func Party(s string) error {
	_, _, _, err := SplitParty(s)
	return err
}
