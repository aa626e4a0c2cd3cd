package grants

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/lapse-access/lapse/names"
)

// Digest names the bytes of a file: "sha256:" and 64 lower-case hexadecimal digits.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// idOf is the id of the grant that a path holds, or why the path holds none.
func idOf(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "grants/")
	if !ok {
		return "", fmt.Errorf("a grant is a file under grants/")
	}
	id, ok := strings.CutSuffix(rest, ".yaml")
	if !ok {
		return "", fmt.Errorf("a file under grants/ that is no grant: the name of a grant ends in .yaml")
	}
	return id, names.GrantID(id)
}

// LoadGrant reads one grant from the bytes of the file at path (as in "grants/alice-prod.yaml"). The grant is nil if there
// are problems. Whether its user and role exist is asked of [Configuration.CheckGrant], whether its time is allowed of
// [CheckInterval].
func LoadGrant(path string, data []byte) (*Grant, []Problem) {
	file := showPath(path)
	id, err := idOf(path)
	var problems []Problem
	if err != nil {
		problems = append(problems, Problem{Pos: Pos{File: file}, Text: err.Error(), Hint: pathHint(path)})
	}
	var w grantFile
	d := decode(parse(file, data, MaxFileSize), &w)
	if len(d.problems) == 0 {
		checkTimes(d, w)
	}
	if problems = append(problems, d.problems...); len(problems) > 0 {
		return nil, atMost(problems)
	}
	return &Grant{
		ID: id, User: string(w.User), Role: string(w.Role),
		Duration: w.Duration.duration(), Expires: w.Expires.time(), Start: w.Start.time(),
		Reason: string(w.Reason), Ticket: string(w.Ticket),
		Digest: Digest(data), At: d.places,
	}, nil
}

func pathHint(path string) string {
	if base, ok := strings.CutSuffix(path, ".yml"); ok {
		return "rename it to " + showPath(base+".yaml")
	}
	return ""
}

// checkTimes wants exactly one of duration and expires, and an end that can come after the start.
func checkTimes(d *decoder, w grantFile) {
	switch {
	case w.Duration != "" && w.Expires != "":
		d.problem("expires", "remove one of them", "both duration and expires are given")
	case w.Duration == "" && w.Expires == "":
		d.problem("", "add duration: 4h, or expires: with a time", "neither duration nor expires is given")
	case w.Expires != "" && w.Start != "" && !w.Expires.time().After(w.Start.time()):
		d.problem("expires", "", "expires: the end is not after the start")
	}
}

// atMost sorts and bounds the problems that are reported of one file.
func atMost(problems []Problem) []Problem {
	sortProblems(problems)
	if len(problems) <= maxProblems {
		return problems
	}
	left := len(problems) - maxProblems
	problems = problems[:maxProblems:maxProblems]
	return append(problems, Problem{Pos: Pos{File: problems[0].File}, Text: fmt.Sprintf("and %d more problems", left)})
}

// plain is text that no YAML parser takes for anything else when it stands unquoted.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/()+-]*(,? [A-Za-z0-9._/()+-]+)*$`)

// scalar writes text as one YAML scalar on one line.
func scalar(s string) string {
	if !plain.MatchString(s) {
		return quoted(s)
	}
	for _, a := range ambiguous {
		if a.pattern.MatchString(s) {
			return quoted(s)
		}
	}
	return s
}

// Marshal writes the grant in the one form that Lapse itself writes. For a grant that LoadGrant could return, LoadGrant
// reads the same grant back (but for Digest and At, which are those of the new bytes).
func (g Grant) Marshal() []byte {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s: %s\n", key, value) }
	line("user", scalar(g.User))
	line("role", scalar(g.Role))
	if g.Expires.IsZero() {
		line("duration", FormatDuration(g.Duration))
	} else {
		line("expires", FormatTime(g.Expires))
	}
	if !g.Start.IsZero() {
		line("start", FormatTime(g.Start))
	}
	line("reason", scalar(g.Reason))
	if g.Ticket != "" {
		line("ticket", scalar(g.Ticket))
	}
	return []byte(b.String())
}
