package ledger

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapse-access/lapse/grants"
)

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

var commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func isKind(k Kind) bool {
	return slices.Contains([]Kind{Approved, Refused, Intended, Given, Taken, Kept, Ended, Anchored, Accepted}, k)
}

// check says whether the receipt can be stored: it has its place in the chain and states one fact. It is asked before a
// receipt is signed and after it was verified.
func check(r Receipt) error {
	switch {
	case r.Sequence < 1 || r.Sequence > maxSequence:
		return fmt.Errorf("sequence %d, want 1 or more, in ten digits", r.Sequence)
	case r.Repository <= 0:
		return errors.New("it does not say of which repository it is")
	case r.Push < 0:
		return fmt.Errorf("push %d, want the id of one", r.Push)
	case r.Sequence == 1 && r.Previous != "":
		return errors.New("the first receipt has no previous one")
	case r.Sequence > 1 && !digestForm.MatchString(r.Previous):
		return fmt.Errorf("previous %q, want sha256:<64 hex digits>", r.Previous)
	case r.Time.Location() != time.UTC || r.Time.Year() < 1970 || r.Time.Year() > 9999:
		return fmt.Errorf("time %s, want UTC after 1970", r.Time)
	}
	if want := overrun(r); r.Overrun != want {
		return fmt.Errorf("%s: overrun %q, want %q", r.Kind, r.Overrun, want)
	}
	return checkFact(r)
}

// checkFact says whether the receipt states one fact: the fields of its kind are set and no others.
func checkFact(r Receipt) error {
	if !isKind(r.Kind) {
		return fmt.Errorf("unknown kind %q", r.Kind)
	}
	if !isText(r.Main) || !isText(r.Commit) {
		return errors.New("main or commit is not one line of text")
	}
	if (r.Anchor != nil) != (r.Kind == Anchored) || (r.Accepted != nil) != (r.Kind == Accepted) {
		return fmt.Errorf("%s: want what was anchored or accepted where it says so, and nowhere else", r.Kind)
	}
	switch {
	case r.Kind.ofGrant():
		return checkJudged(r)
	case r.Kind == Anchored:
		return errors.Join(checkAlone(r), checkAnchor(*r.Anchor))
	case r.Kind == Accepted:
		return errors.Join(checkAlone(r), checkAcceptance(*r.Accepted))
	}
	return checkHeld(r)
}

// ofGrant tells the kinds about a grant or the configuration from those about a holding.
func (k Kind) ofGrant() bool { return k == Approved || k == Refused || k == Ended }

// checkJudged is check for the kinds about a grant or the configuration.
func checkJudged(r Receipt) error {
	if r.Holding != nil || r.Action != "" || len(r.Grants) > 0 || !r.Until.IsZero() || !r.Due.IsZero() || r.Overrun != "" {
		return fmt.Errorf("%s: says something of a holding", r.Kind)
	}
	if (r.Grant == nil) == (r.Configuration == nil) {
		return fmt.Errorf("%s: want either a grant or a configuration", r.Kind)
	}
	if r.Kind == Ended && (r.Grant == nil || r.Commit != "") {
		return fmt.Errorf("%s: want a grant, and no commit", r.Kind)
	}
	if r.Kind == Approved && len(r.Reasons) > 0 {
		return fmt.Errorf("%s: an approval has no reasons", r.Kind)
	}
	if c := r.Configuration; c != nil {
		if !isName(c.Commit) || !digestForm.MatchString(c.Digest) {
			return fmt.Errorf("%s: configuration without commit or digest", r.Kind)
		}
		return nil
	}
	return checkGrant(r)
}

// checkGrant is check for the grant of a receipt. What was refused need not be a grant at all, and may have no bytes.
func checkGrant(r Receipt) error {
	g := r.Grant
	if !isName(g.ID) {
		return fmt.Errorf("%s: grant without an id", r.Kind)
	}
	switch {
	case r.Kind == Refused && g.Digest == "" && commitForm.MatchString(r.Commit):
	case !digestForm.MatchString(g.Digest):
		return fmt.Errorf("%s %s: digest %q, want sha256:<64 hex digits>", r.Kind, g.ID, g.Digest)
	}
	if r.Kind != Approved {
		return nil
	}
	if !isName(g.User) || g.UserID <= 0 || !isName(g.Role) {
		return fmt.Errorf("%s %s: grant without user, user id or role", r.Kind, g.ID)
	}
	if !g.Interval.Start.Before(g.Interval.End) {
		return fmt.Errorf("%s %s: interval is empty", r.Kind, g.ID)
	}
	for _, e := range g.Entitlements {
		if err := checkEntitlement(e); err != nil {
			return fmt.Errorf("%s %s: %w", r.Kind, g.ID, err)
		}
	}
	return nil
}

// checkHeld is check for the kinds about a holding.
func checkHeld(r Receipt) error {
	if r.Grant != nil || r.Configuration != nil || r.Commit != "" || len(r.Judgement) > 0 {
		return fmt.Errorf("%s: says something of a grant's approval", r.Kind)
	}
	if r.Holding == nil || !isName(r.Holding.Account) {
		return fmt.Errorf("%s: want a holding with an account", r.Kind)
	}
	if err := checkEntitlement(r.Holding.Entitlement); err != nil {
		return fmt.Errorf("%s: %w", r.Kind, err)
	}
	for _, id := range r.Grants {
		if !isName(id) {
			return fmt.Errorf("%s: %q is no id of a grant", r.Kind, id)
		}
	}
	if (r.Kind == Intended) != (r.Action == actionGive || r.Action == actionTake) || (r.Kind != Intended && r.Action != "") {
		return fmt.Errorf("%s: action %q; an intent has \"give\" or \"take\", nothing else has one", r.Kind, r.Action)
	}
	if r.Kind != Taken && !r.Due.IsZero() {
		return fmt.Errorf("%s: only what was taken was due", r.Kind)
	}
	return nil
}

// overrun is what the receipt must say of how late the taking was.
func overrun(r Receipt) string {
	if r.Kind != Taken || r.Due.IsZero() {
		return ""
	}
	return max(r.Time.Sub(r.Due), 0).String()
}

func checkEntitlement(e grants.Entitlement) error {
	if !isName(e.Target) {
		return errors.New("entitlement without a target")
	}
	for k, v := range e.Values {
		if !isName(k) || !isText(v) {
			return fmt.Errorf("entitlement at %s: a value is not one line of text", e.Target)
		}
	}
	return nil
}

// isName: text that names something. A name is kept as it is or refused, never repaired.
func isName(s string) bool { return s != "" && isText(s) }

// isText: UTF-8 without control characters, and of a length that can be read.
func isText(s string) bool {
	return len(s) <= 1024 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}
