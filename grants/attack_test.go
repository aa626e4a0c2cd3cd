package grants

import (
	"strings"
	"testing"
)

func TestA36NamesOfGrantsAreOfOneForm(t *testing.T) {
	for path, want := range map[string]string{
		"grants/Alice.yaml":      `grants/Alice.yaml: grant id "Alice": character 'A' at column 1`,
		"grants/aLice.yaml":      `character 'L' at column 2`,
		"grants/al\u0131ce.yaml": `"grants/al\u0131ce.yaml": grant id "al\u0131ce": character '\u0131' at column 3`,
		"grants/e\u0301.yaml":    `character '\u0301' at column 2`,
		"grants/a\u202eb.yaml":   `character '\u202e' at column 2`,
		"grants/a\u200bb.yaml":   `character '\u200b' at column 2`,
		"grants/a\x1b[31m.yaml":  `"grants/a\x1b[31m.yaml": grant id "a\x1b[31m": character '\x1b' at column 2`,
		"grants/a\nb.yaml":       `character '\n' at column 2`,
		"grants/../lapse.yaml":   `character '.' at column 1`,
		"grants/a/../b.yaml":     `character '.' at column 3: a segment starts with a letter or digit`,
		"grants/./a.yaml":        `character '.' at column 1`,
		"grants/.a.yaml":         `character '.' at column 1`,
		"grants/a..b.yaml":       `two dots in a row`,
		"grants/a..yaml":         `a dot at the end`,
		"grants//a.yaml":         `character '/' at column 1`,
		"grants/a//b.yaml":       `two slashes in a row`,
		"grants/a/.yaml":         `a slash at the end`,
		"grants/.yaml":           `grant id is empty`,
		"grants/a.yaml.yaml":     `no name ends in ".yaml"`,
		"grants/a.lock.yaml":     `no name ends in ".lock"`,
		"grants/a b.yaml":        `character ' ' at column 2`,
		"grants/a%2fb.yaml":      `character '%' at column 2`,
		`grants/a\b.yaml`:        `character '\\' at column 2`,
		"grants/a.yml":           `the name of a grant ends in .yaml (rename it to grants/a.yaml)`,
		"grants/a.yaml ":         `the name of a grant ends in .yaml`,
		"grants/a.YAML":          `the name of a grant ends in .yaml`,
		"a.yaml":                 `a grant is a file under grants/`,
		"Grants/a.yaml":          `a grant is a file under grants/`,
		"grants/" + strings.Repeat("a", 201) + ".yaml": `at most 200`,
	} {
		g, problems := LoadGrant(path, []byte(grantWith()))
		if g != nil || len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%q: %v, %q, want %q", path, g, lines(problems), want)
		}
	}
}

func TestA37OneReadingOfOneFile(t *testing.T) {
	testRefused(t, []refused{
		{"x: &a 1\nz: *a\n", []string{`1:4: an anchor (remove it; every value is written out)`, `2:4: an alias (write the value out)`}},
		{grantWith("user: *nobody"), []string{`1:7: an alias (write the value out)`}},
		{"&a user: alice\n", []string{`1:1: an anchor (remove it; every value is written out)`}},
		{grantWith("<<: {user: mallory}"), []string{`5:1: a merge key (write the keys out)`}},
		{grantWith("'<<': {user: mallory}"), []string{`5:1: unknown key "<<" (known: duration, expires, reason, role, start, ticket, user)`}},
		{grantWith("user: !!str alice"), []string{`1:7: a tag (remove it; quote the value if text is meant)`}},
		{grantWith("user: ! alice"), []string{`1:7: a tag (remove it; quote the value if text is meant)`}},
		{grantWith("user: !lapse/login alice"), []string{`1:7: a tag (remove it; quote the value if text is meant)`}},
		{"!!map\n" + grantWith(), []string{`1:1: a tag (remove it; quote the value if text is meant)`}},
		{"! {user: alice}\n", []string{`1:1: a tag (remove it; quote the value if text is meant)`}},
		{"%YAML 1.1\n---\n" + grantWith(), []string{`1:1: a YAML directive (remove the line)`, `2:1: the document marker "---" (a file holds one document)`}},
		{grantWith() + "---\n" + grantWith(), []string{`5:1: the document marker "---" (a file holds one document)`}},
		{"---\n---\n" + grantWith(), []string{`2:1: the document marker "---" (a file holds one document)`}},
		{"--- {user: alice}\n", []string{`1:1: the document marker "---" (a file holds one document)`}},
		{grantWith() + "...\n", []string{`5:1: the document marker "..." (a file holds one document)`}},
		{grantWith() + "user: mallory\n", []string{`5:1: duplicate key "user" (it stands on line 1 already)`}},
		{grantWith() + `"us\x65r": mallory` + "\n", []string{`5:1: duplicate key "user" (it stands on line 1 already)`}},
		{grantWith("User: mallory"), []string{`5:1: unknown key "User" (did you mean "user"?)`}},
		{grantWith("? [a]\n: b"), []string{`5:3: a key that is a list or a mapping (a key is one word)`}},
		{grantWith("yes: b"), []string{`5:1: the key "yes", which YAML reads as true or false (if text is meant, quote it: 'yes')`}},
		{"", []string{`1:1: the file is empty (want keys and values)`}},
		{"# nothing\n", []string{`1:1: the file is empty (want keys and values)`}},
		{"---\n", []string{`2:1: want keys and values, got nothing`}},
		{"null\n", []string{`1:1: want keys and values, got nothing`}},
		{"~\n", []string{`1:1: want keys and values, got nothing`}},
		{"{}\n", []string{`1:1: the key "reason" is missing`, `1:1: the key "role" is missing`, `1:1: the key "user" is missing`}},
		{"- user: alice\n", []string{`1:1: want keys and values, got a list`}},
		{"alice\n", []string{`1:1: want keys and values, got text`}},
		{grantWith("user: "), []string{`1:6: user: want text, but "" is nothing to YAML (write a value)`}},
		{grantWith("user: null"), []string{`1:7: user: want text, but "null" is nothing to YAML (if text is meant, quote it: 'null')`}},
	})
}

func TestA37NoHiddenCharactersOrLineBreaks(t *testing.T) {
	const crlf = ` (end lines with a line feed alone, for instance with "* text eol=lf" in .gitattributes)`
	const breaks = ` (it ends a line for some parsers and not for others; use an ordinary line break)`
	utf16 := []byte{0xff, 0xfe}
	for _, c := range grantWith() {
		utf16 = append(utf16, byte(c), 0)
	}
	testRefused(t, []refused{
		{"\ufeff" + grantWith(), []string{`1:1: the file starts with a byte order mark (save it as UTF-8 without a byte order mark)`}},
		{string(utf16), []string{`1:1: the file starts with UTF-16 or UTF-32 (save it as UTF-8 without a byte order mark)`}},
		{string(utf16[2:]), []string{`1:2: the control or unassigned character U+0000 (remove it)`, `2:1: the control or unassigned character U+0000 (remove it)`, `3:1: the control or unassigned character U+0000 (remove it)`, `4:1: the control or unassigned character U+0000 (remove it)`, `5:1: the control or unassigned character U+0000 (remove it)`}},
		{grantWith("reason: x\rrole: admin"), []string{`4:10: a carriage return` + crlf}},
		{"user: alice\r\n", []string{`1:12: a carriage return` + crlf}},
		{grantWith("reason: x\u0085role: admin"), []string{`4:10: the line break U+0085` + breaks}},
		{grantWith("reason: é\u2028role: admin"), []string{`4:10: the line break U+2028` + breaks}},
		{grantWith("# a comment\u2029role: admin"), []string{`5:12: the line break U+2029` + breaks}},
		{grantWith("reason: a\u202eb"), []string{`4:10: the invisible character U+202E (remove it)`}},
		{grantWith("reason: a\u200bb"), []string{`4:10: the invisible character U+200B (remove it)`}},
		{grantWith("reason: a\u2066b"), []string{`4:10: the invisible character U+2066 (remove it)`}},
		{grantWith("reason: a\ufeffb"), []string{`4:10: the invisible character U+FEFF (remove it)`}},
		{grantWith("reason: a\U000e0041b"), []string{`4:10: the invisible character U+E0041 (remove it)`}},
		{grantWith("reason: a\u3164b"), []string{`4:10: the invisible character U+3164 (remove it)`}},
		{grantWith("reason: a\u00a0b"), []string{`4:10: the space U+00A0 (use an ordinary space)`}},
		{grantWith("reason: a\x1b[31mb"), []string{`4:10: the control or unassigned character U+001B (remove it)`}},
		{grantWith("reason: a\x00b"), []string{`4:10: the control or unassigned character U+0000 (remove it)`}},
		{grantWith("reason: a\ue000b"), []string{`4:10: the control or unassigned character U+E000 (remove it)`}},
		{grantWith("reason: a\xffb"), []string{`4:10: the byte 0xff is not UTF-8 (save the file as UTF-8)`}},
		{grantWith("reason: a\xed\xa0\x80b"), []string{`4:10: the byte 0xed is not UTF-8 (save the file as UTF-8)`}},
		{"user:\talice\n", []string{`1:6: a tab (use spaces)`}},
		// Escapes bring back what the bytes may not hold.
		{grantWith(`reason: "a\nrole: admin"`), []string{`4:9: an escaped line break (write the value on one line)`}},
		{grantWith(`reason: "a\Lb"`), []string{`4:9: an escape for the line break U+2028` + breaks}},
		{grantWith(`reason: "a\u202eb"`), []string{`4:9: an escape for the invisible character U+202E (remove it)`}},
		{grantWith(`reason: "a\0b"`), []string{`4:9: an escape for the control or unassigned character U+0000 (remove it)`}},
		{grantWith(`reason: "a\eb"`), []string{`4:9: an escape for the control or unassigned character U+001B (remove it)`}},
	})
}

func TestA37AValueStandsOnTheLineOfItsKey(t *testing.T) {
	const several = `: a value that goes over several lines (write it on one line)`
	testRefused(t, []refused{
		{grantWith("reason: |\n  x\n  role: admin"), []string{`4:9` + several}},
		{grantWith("reason: >-\n  x"), []string{`4:9` + several}},
		{grantWith("reason: x\n  y"), []string{`4:9` + several}},
		{grantWith("reason: 'x\n  role: admin'"), []string{`4:9` + several}},
		{grantWith("reason: \"x\n  role: admin\""), []string{`4:9` + several}},
		{grantWith("reason: \"x\\\n  role: admin\""), []string{`4:9` + several}},
	})
}

func TestA39TextIsTextToEveryParser(t *testing.T) {
	for value, what := range map[string]string{
		"yes": "true or false", "No": "true or false", "on": "true or false", "y": "true or false", "TRUE": "true or false",
		"0777": "a number", "0o17": "a number", "0x1f": "a number", "0b11": "a number", "1_000": "a number", "12": "a number", "-1": "a number",
		"1e3": "a number", "1.0": "a number", ".5": "a number", "1:30:00": "a number", "NaN": "a number", ".nan": "a number", ".inf": "a number", "-.INF": "a number",
		"2026-12-01": "a time", "2026-12-01T09:00:00Z": "a time", "null": "nothing", "~": "nothing", "=": "a special sign",
	} {
		for i, key := range []string{"user", "role", "duration", "reason"} {
			g, problems := LoadGrant("grants/x.yaml", []byte(grantWith(key+": "+value)))
			want := Problem{
				Pos:  Pos{"grants/x.yaml", i + 1, len(key) + 3},
				Text: key + `: want text, but "` + value + `" is ` + what + " to YAML",
				Hint: "if text is meant, quote it: '" + value + "'",
			}
			if g != nil || len(problems) != 1 || problems[0] != want {
				t.Errorf("%s: %s: %v, %q", key, value, g, lines(problems))
			}
		}
	}
	testRefused(t, []refused{
		{grantWith("reason: !!binary aGk="), []string{`4:9: a tag (remove it; quote the value if text is meant)`}},
		{grantWith("start: 5"), []string{`5:8: start: want text, but "5" is a number to YAML (if text is meant, quote it: '5')`}},
		{grantWith("duration: '0777'"), []string{`3:11: duration: "0777" is not a duration: want hours, minutes and seconds in whole numbers, like 4h, 90m or 1h30m`}},
	})
}

func TestA40TimesAreWholeBoundedAndHaveAnOffset(t *testing.T) {
	const want = "want hours, minutes and seconds in whole numbers, like 4h, 90m or 1h30m"
	const wantTime = "want a time like 2026-12-01T18:00:00Z or 2026-12-01T19:00:00+01:00"
	var tests []refused
	for value, text := range map[string]string{
		"-4h": `"-4h" is not a duration: ` + want, "+4h": `"+4h" is not a duration: ` + want, "1.5h": `"1.5h" is not a duration: ` + want,
		"0h": `"0h" is no time at all: a duration is positive`, "0h0m0s": `"0h0m0s" is no time at all: a duration is positive`,
		"4": "", "4d": `"4d" is not a duration: ` + want, "4h 5m": `"4h 5m" is not a duration: ` + want, "5m4h": `"5m4h" is not a duration: ` + want,
		"1h1h": `"1h1h" is not a duration: ` + want, "4H": `"4H" is not a duration: ` + want, "PT4H": `"PT4H" is not a duration: ` + want,
		"1000ms": `"1000ms" is not a duration: ` + want, "876001h": `"876001h" is more than 100 years`, "999999999h": `"999999999h" is more than 100 years`,
		"9999999999999999999h": `"9999999999999999999h" is not a duration: ` + want, "forever": `"forever" is not a duration: ` + want,
		"٤h": `"٤h" is not a duration: ` + want,
	} {
		if text != "" {
			tests = append(tests, refused{grantWith("duration: " + value), []string{"3:11: duration: " + text}})
		}
	}
	for value, text := range map[string]string{
		"2026-12-01":                `"2026-12-01" is a date without a time: ` + wantTime,
		"2026-12-01T18:00:00":       `"2026-12-01T18:00:00" has no offset: ` + wantTime,
		"2026-12-01 18:00:00":       `"2026-12-01 18:00:00" has no offset: ` + wantTime,
		"2026-12-01T18:00Z":         `"2026-12-01T18:00Z" is not a time: ` + wantTime,
		"2026-12-01t18:00:00Z":      `"2026-12-01t18:00:00Z" is not a time: ` + wantTime,
		"2026-12-01T18:00:00z":      `"2026-12-01T18:00:00z" is not a time: ` + wantTime,
		"2026-12-01T18:00:00.5Z":    `"2026-12-01T18:00:00.5Z" is not a time: ` + wantTime,
		"2026-12-01T18:00:00,5Z":    `"2026-12-01T18:00:00,5Z" is not a time: ` + wantTime,
		"2026-12-01T18:00:60Z":      `"2026-12-01T18:00:60Z" is a leap second: seconds end at 59`,
		"2026-12-01T24:00:00Z":      `"2026-12-01T24:00:00Z" is not a time: hour out of range`,
		"2026-02-30T18:00:00Z":      `"2026-02-30T18:00:00Z" is not a time: day out of range`,
		"2026-12-01T18:00:00-00:00": `"2026-12-01T18:00:00-00:00" has no known offset: ` + wantTime,
		"2026-12-01T18:00:00+24:00": `"2026-12-01T18:00:00+24:00" has no known offset: ` + wantTime,
		"2026-12-01T18:00:00+0100":  `"2026-12-01T18:00:00+0100" is not a time: ` + wantTime,
		"9999-12-01T18:00:00Z":      `"9999-12-01T18:00:00Z" is not between the years 2000 and 2100`,
		"2100-12-31T23:59:59-01:00": `"2100-12-31T23:59:59-01:00" is not between the years 2000 and 2100`,
		"1999-12-01T18:00:00Z":      `"1999-12-01T18:00:00Z" is not between the years 2000 and 2100`,
		"tomorrow":                  `"tomorrow" is not a time: ` + wantTime,
	} {
		tests = append(tests, refused{grantWith("duration:", "expires: "+value), []string{"4:10: expires: " + text}})
		tests = append(tests, refused{grantWith("start: '" + value + "'"), []string{"5:8: start: " + text}})
	}
	tests = append(tests,
		refused{grantWith("duration:"), []string{`1:1: neither duration nor expires is given (add duration: 4h, or expires: with a time)`}},
		refused{grantWith("expires: 2026-12-01T18:00:00Z"), []string{`5:10: both duration and expires are given (remove one of them)`}},
		refused{grantWith("duration:", "start: 2026-12-01T18:00:00Z", "expires: 2026-12-01T18:00:00Z"), []string{`5:10: expires: the end is not after the start`}},
	)
	testRefused(t, tests)
}
