package names

import (
	"fmt"
	"slices"
	"strings"
)

const lowWant = "lower-case letters, digits, dots, hyphens and underscores, a letter or digit first"

var (
	grantID    = alphabet{"grant id", lowDig, lowName + "/", 200, "lower-case letters, digits and ._- in segments joined by slashes, a letter or digit first"}
	roleName   = alphabet{"role", lowDig, lowName, 100, lowWant}
	targetName = alphabet{"target", lowDig, lowName, 100, lowWant}
	groupName  = alphabet{"group", lowDig, lowName, 100, lowWant}
	envName    = alphabet{"environment variable", upper + "_", upper + digits + "_", 100, "capital letters, digits and underscores, no digit first"}
	ticket     = alphabet{"ticket", alnum, alnum + "._-", 64, "letters, digits, dots, hyphens and underscores, a letter or digit first"}
	account    = alphabet{"account", alnum + "_", alnum + "._@+-", 254, "letters, digits and ._@+-, a letter, digit or underscore first"}
)

// everyone holds, in lower case, the words by which one system or another means all accounts at once. As an account they
// would turn one person's grant into everybody's.
var everyone = []string{"allusers", "allauthenticatedusers", "anonymous", "everyone", "public"}

// GrantID accepts the id of a grant, the path below grants/ without ".yaml": at most 200 characters, in segments of
// [a-z0-9][a-z0-9._-]*. A segment is a file name that every system can check out and that reads as nothing else: no two
// dots in a row, no dot or ".lock" at the end, and no second ".yaml".
func GrantID(s string) error {
	if err := grantID.check(s); err != nil {
		return err
	}
	start := 0
	for part := range strings.SplitSeq(s, "/") {
		if err := fileName(grantID, s, part, start); err != nil {
			return err
		}
		start += len(part) + 1
	}
	return nil
}

// fileName refuses what the alphabet allows but a file name, of which part at start is one in s, must not be.
func fileName(a alphabet, s, part string, start int) error {
	switch {
	case part == "" && start == len(s):
		return a.refuse(s, start-1, "a slash at the end")
	case part == "":
		return a.refuse(s, start, "two slashes in a row")
	case !strings.ContainsRune(lowDig, rune(part[0])):
		return a.refuse(s, start, "a segment starts with a letter or digit")
	case strings.Contains(part, ".."):
		return a.refuse(s, start+strings.Index(part, ".."), "two dots in a row")
	case strings.HasSuffix(part, "."):
		return a.refuse(s, start+len(part)-1, "a dot at the end")
	}
	for _, suffix := range []string{".lock", ".yaml", ".yml"} {
		if strings.HasSuffix(part, suffix) {
			return a.refuse(s, start+len(part)-len(suffix), fmt.Sprintf("no name ends in %q", suffix))
		}
	}
	return nil
}

// RoleName accepts the name of a role, the file roles/<name>.yaml.
func RoleName(s string) error { return oneSegment(roleName, s) }

// TargetName accepts the name of a target, a key of lapse.yaml's targets.
func TargetName(s string) error { return oneSegment(targetName, s) }

// GroupName accepts the name of a group of people.yaml, without "group:".
func GroupName(s string) error { return oneSegment(groupName, s) }

func oneSegment(a alphabet, s string) error {
	if err := a.check(s); err != nil {
		return err
	}
	return fileName(a, s, s, 0)
}

// EnvName accepts the name of an environment variable, as in "${NAME}".
func EnvName(s string) error { return envName.check(s) }

// Ticket accepts the number of a ticket, as "INC-4211".
func Ticket(s string) error { return ticket.check(s) }

// Account accepts an account name that is safe at any target; a target's own validator may accept less. Words that mean
// every account are refused in any case of letters.
func Account(s string) error {
	if err := account.check(s); err != nil {
		return err
	}
	if slices.Contains(everyone, strings.ToLower(s)) {
		return fmt.Errorf("account %q can mean every account: name one", s)
	}
	return nil
}
