package names

import (
	"fmt"
	"strings"
)

var (
	localPart = alphabet{"e-mail address", alnum + "_", alnum + "._+-@", 254, "letters, digits and ._+- before one @ and a domain"}
	domain    = alphabet{"e-mail address", alnum, alnum + "-", 63, "letters, digits and hyphens in the domain"}
)

// Email accepts an ASCII address of the dot-atom form of RFC 5321 with a domain of at least two labels: no quoting, no
// comments, no address literals, and of the special characters only ._+- in the local part.
func Email(s string) error {
	if err := localPart.check(s); err != nil {
		return err
	}
	at := strings.IndexByte(s, '@')
	if at < 0 {
		return fmt.Errorf("e-mail address %s has no @ and domain", show(s))
	}
	if at > 64 {
		return fmt.Errorf("e-mail address %s has %d characters before the @: at most 64", show(s), at)
	}
	if i := strings.Index(s[:at], ".."); i >= 0 {
		return localPart.refuse(s, i, "two dots in a row")
	}
	if s[at-1] == '.' {
		return localPart.refuse(s, at-1, "a dot before the @")
	}
	return emailDomain(s, at+1)
}

func emailDomain(s string, start int) error {
	labels := strings.Split(s[start:], ".")
	if len(labels) < 2 {
		return fmt.Errorf("e-mail address %s: the domain has no dot", show(s))
	}
	for _, label := range labels {
		if label == "" {
			return fmt.Errorf("e-mail address %s: the domain has an empty part at column %d", show(s), start+1)
		}
		for i := range len(label) {
			if !strings.ContainsRune(domain.rest, rune(label[i])) {
				return domain.refuse(s, start+i, "want "+domain.want)
			}
		}
		if label[0] == '-' || label[len(label)-1] == '-' || len(label) > domain.max {
			return domain.refuse(s, start, fmt.Sprintf("a part of a domain neither starts nor ends with a hyphen and has at most %d characters", domain.max))
		}
		start += len(label) + 1
	}
	return nil
}
