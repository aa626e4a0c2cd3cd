package policies

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/names"
)

const (
	maxText    = 2 << 10 // bytes of one message
	maxParties = 20      // in the approvals of one message
	maxCount   = 100     // approvals that one message may ask for
)

const cut = " … (cut)"

// message reads one value of a rule. If something is wrong with it, the message (if it could be read at all) is one that
// nothing lifts.
func (r rule) message(v any) (m Message, wrong string) {
	object, _ := v.(map[string]any)
	text, ok := v.(string)
	if object != nil {
		text, ok = object["msg"].(string)
	}
	switch {
	case !ok && object != nil:
		return Message{}, "gave an object without a text msg"
	case !ok:
		return Message{}, "gave " + kind(v) + ", which is not a message"
	case blank(text):
		return Message{}, "gave an empty message"
	}
	m = Message{Text: shorten(text), Rule: r.String(), At: r.at}
	if object == nil {
		return m, ""
	}
	lift, wrong := readLift(object)
	switch {
	case wrong != "":
		return m, wrong
	case lift != nil && !denies(r.name):
		return m, "gave a warning with approvals: only a denial can be lifted"
	case lift != nil && r.pkg == packageActive:
		return m, "gave approvals: nothing lifts a denial of an active grant"
	}
	m.Lift = lift
	return m, ""
}

// readLift reads the approvals of a message; nil without them.
func readLift(object map[string]any) (*Lift, string) {
	for _, k := range slices.Sorted(maps.Keys(object)) {
		lower := strings.ToLower(k)
		if k != "approvals" && (strings.Contains(lower, "approv") || distance(lower, "approvals") <= 2) {
			return nil, fmt.Sprintf("gave the key %q (did you mean \"approvals\"?)", shorten(k))
		}
	}
	v, ok := object["approvals"]
	if !ok {
		return nil, ""
	}
	a, ok := v.(map[string]any)
	if !ok {
		return nil, "gave approvals that are " + kind(v) + `, not {"from": [...], "count": n}`
	}
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if k != "from" && k != "count" {
			return nil, fmt.Sprintf("gave approvals with the unknown key %q (there are from and count)", shorten(k))
		}
	}
	n, _ := a["count"].(json.Number)
	count, err := n.Int64()
	if err != nil || count < 1 || count > maxCount {
		return nil, fmt.Sprintf("gave approvals without a count from 1 to %d", maxCount)
	}
	from, wrong := readParties(a["from"])
	if wrong != "" {
		return nil, wrong
	}
	return &Lift{From: from, Count: int(count)}, ""
}

func readParties(v any) ([]grants.Party, string) {
	list, _ := v.([]any)
	if len(list) == 0 || len(list) > maxParties {
		return nil, fmt.Sprintf("gave approvals without a list from of 1 to %d teams or groups", maxParties)
	}
	var parties []grants.Party
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, "gave approvals from " + kind(v) + ", which is not a team or group"
		}
		if err := names.Party(s); err != nil {
			return nil, "gave approvals from no one: " + err.Error()
		}
		parties = append(parties, grants.Party(s))
	}
	slices.Sort(parties)
	return slices.Compact(parties), ""
}

// kind names the JSON type of a value.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	}
	return "an object"
}

// blank says whether a reader would see nothing.
func blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != utf8.RuneError && !unicode.Is(unicode.Mn, r) && !fills(r)
	})
}

// fills says whether a rune is a letter or symbol to Unicode, and nothing to the eye.
func fills(r rune) bool {
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == '\u2800'
}

// shorten keeps a text within maxText bytes, and valid. It is otherwise as the policy gave it: whoever writes it escapes it.
func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxText {
		return s
	}
	end := maxText - len(cut)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cut
}

func (l *Lift) compare(o *Lift) int {
	if l == nil || o == nil {
		return cmp.Compare(boolToInt(l != nil), boolToInt(o != nil))
	}
	return cmp.Or(slices.Compare(l.From, o.From), cmp.Compare(l.Count, o.Count))
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
