package main

import (
	"strings"
	"testing"

	"github.com/lapse-access/lapse/grants"
)

func TestA37WhatParsersReadInTwoWaysGivesNothing(t *testing.T) {
	t.Parallel()
	utf16 := []byte{0xff, 0xfe}
	for _, c := range honest {
		utf16 = append(utf16, byte(c), 0)
	}
	refuseEach(t, []hostile{
		text("x: &a 1\n"+honest+"y: *a\n", "FILE:1:4: an anchor"),
		text(grantWith("reason: &r Looking at a failed deployment"), "FILE:4:9: an anchor"),
		text(grantWith("reason: *r"), "FILE:4:9: an alias"),
		text(grantWith("<<: {duration: 8h}"), "FILE:5:1: a merge key"),
		text(grantWith("duration: !!str 1h"), "FILE:3:11: a tag"),
		text(grantWith("reason: !lapse/trusted Looking at a failed deployment"), "FILE:4:9: a tag"),
		text("%YAML 1.2\n---\n"+honest, "FILE:1:1: a YAML directive"),
		text("%TAG ! tag:acme.com,2026:\n---\n"+honest, "FILE:1:1: a YAML directive"),
		text(honest+"---\n"+grantWith("duration: 8h"), `FILE:5:1: the document marker "---"`),
		text(honest+"...\n"+honest, `FILE:5:1: the document marker "..."`),
		text(honest+"duration: 8h\n", `FILE:5:1: duplicate key "duration"`),
		text(honest+`"d\x75ration": 8h`+"\n", `FILE:5:1: duplicate key "duration"`),
		text(honest+"durations: 8h\n", `FILE:5:1: unknown key "durations"`),
		text(honest+"Role: prod-db-read\n", `FILE:5:1: unknown key "Role"`),
		text(honest+"approved: 'true'\n", `FILE:5:1: unknown key "approved"`),
		text("\n", "FILE:1:1: the file is empty"),
		text("# nothing\n", "FILE:1:1: the file is empty"),
		text("null\n", "FILE:1:1: want keys and values, got nothing"),
		text("---\n", "FILE:2:1: want keys and values, got nothing"),
		text("- user: alice\n  role: staging-read\n", "FILE:1:1: want keys and values, got a list"),
		text("alice\n", "FILE:1:1: want keys and values, got text"),
		text("\ufeff"+honest, "FILE:1:1: the file starts with a byte order mark"),
		text(string(utf16), "FILE:1:1: the file starts with UTF-16"),
		text(string(utf16[2:]), "FILE:1:2: the control or unassigned character U+0000"),
		text(strings.ReplaceAll(honest, "\n", "\r\n"), "FILE:1:12: a carriage return"),
		text(strings.ReplaceAll(honest, "\n", "\r"), "FILE:1:12: a carriage return"),
		// A line that a reviewer sees as one line is one line to the parser.
		text(grantWith("reason: Looking at a failed deployment\rrole: prod-db-read"), "FILE:4:39: a carriage return"),
		text(grantWith("reason: Looking at a failed deployment\u0085role: prod-db-read"), "FILE:4:39: the line break U+0085"),
		text(grantWith("reason: Looking at a failed deployment\u2028role: prod-db-read"), "FILE:4:39: the line break U+2028"),
		text(grantWith("# nothing to see\u2029role: prod-db-read"), "FILE:5:17: the line break U+2029"),
		text(grantWith("reason: Looking\u202e at a failed deployment"), "FILE:4:16: the invisible character U+202E"),
		text(grantWith("reason: Looking\u200b at a failed deployment"), "FILE:4:16: the invisible character U+200B"),
		text(grantWith("reason: Looking\x1b[2K at a failed deployment"), "FILE:4:16: the control or unassigned character U+001B"),
		text(grantWith("reason: Looking \xff at a failed deployment"), "FILE:4:17: the byte 0xff is not UTF-8"),
		text(grantWith(`reason: "Looking\nrole: prod-db-read"`), "FILE:4:9: an escaped line break"),
		text(grantWith("reason: |\n  Looking at a\n  failed deployment"), "FILE:4:9: a value that goes over several lines"),
		text(grantWith("reason: Looking at a\n  failed deployment"), "FILE:4:9: a value that goes over several lines"),
		text("{user: alice, role: staging-read,\nduration: 1h, reason: Looking at a failed deployment, reason: Other}\n", `FILE:2:`),
	})
}

func TestA38BombsGiveNothing(t *testing.T) {
	t.Parallel()
	bomb := honest + "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 8) + "*" + string(c-1) + "]\n"
	}
	const large = "FILE: the file has more than 16384 bytes"
	refuseEach(t, []hostile{
		text(bomb, "FILE:5:4: an anchor"),
		text(honest+strings.Repeat("key: 1\n", 100_000), large),
		text(honest+"# "+strings.Repeat("x", 10<<20)+"\n", large),
		text(strings.Repeat("[", grants.MaxFileSize), "FILE:1:17: lists and mappings are nested more than 16 deep"),
		text(honest+"x: "+strings.Repeat("{a: ", 4000)+"\n", "FILE:5:"),
		text(strings.Repeat("- ", grants.MaxFileSize/2), "FILE:1:"),
		text("reason: \""+strings.Repeat(`\"`, 8000), "FILE:1:"),
		text(honest+strings.Repeat("? ", 8000)+"\n", "FILE:5:"),
		text(strings.Repeat("- &a x\n", 2000), "FILE:1:3: an anchor"),
	})
}

func TestA39WhatIsNoTextGivesNothing(t *testing.T) {
	t.Parallel()
	var all []hostile
	for value, what := range map[string]string{
		"yes": "true or false", "no": "true or false", "on": "true or false", "0777": "a number", "0x1f": "a number", "1e3": "a number", "1.0": "a number",
		".nan": "a number", ".inf": "a number", "1:30:00": "a number", "1_000": "a number", "2026-12-01": "a time", "null": "nothing", "~": "nothing", "=": "a special sign",
	} {
		all = append(all, text(grantWith("reason: "+value), `FILE:4:9: reason: want text, but "`+value+`" is `+what))
	}
	for value, want := range map[string]string{
		"3600": `want text, but "3600" is a number`, "1e3": `want text, but "1e3" is a number`, "'3600'": `"3600" is not a duration`, "'1e3h'": `"1e3h" is not a duration`,
		"'0x1h'": `"0x1h" is not a duration`, "NaN": `want text, but "NaN" is a number`,
	} {
		all = append(all, text(grantWith("duration: "+value), `FILE:3:11: duration: `+want))
	}
	refuseEach(t, append(all,
		text(grantWith("user: yes"), `FILE:1:7: user: want text, but "yes" is true or false`),
		text(grantWith("user: 583231"), `FILE:1:7: user: want text, but "583231" is a number`),
		text(grantWith("user: [alice]"), `FILE:1:7: user: want text`),
		text(grantWith("user: {login: alice}"), `FILE:1:7: user: want text`),
		text(grantWith("reason: !!binary TG9va2luZyBhdCBpdA=="), `FILE:4:9: a tag`),
		text(grantWith("duration:", "expires: 1e9"), `FILE:4:10: expires: want text, but "1e9" is a number`),
		text(grantWith("start: 1772442000"), `FILE:5:8: start: want text, but "1772442000" is a number`),
	))
}

func TestA40TimesThatAreNotWholeBoundedAndToComeGiveNothing(t *testing.T) {
	t.Parallel()
	var all []hostile
	for value, want := range map[string]string{
		"-4h": `"-4h" is not a duration`, "+4h": `"+4h" is not a duration`, "0h": `"0h" is no time at all`, "1.5h": `"1.5h" is not a duration`,
		"9999999999999999999h": `"9999999999999999999h" is not a duration`, "2562048h": `"2562048h" is more than 100 years`, "forever": `"forever" is not a duration`,
		"1h1h": `"1h1h" is not a duration`, "PT4H": `"PT4H" is not a duration`, "4d": `"4d" is not a duration`, "1000ms": `"1000ms" is not a duration`,
		"8h1s": "", "24h": "", // longer than the role's eight hours
	} {
		if want != "" {
			want = "duration: " + want
		}
		all = append(all, text(grantWith("duration: "+value), "FILE:3:11: "+want))
	}
	for value, want := range map[string]string{
		"2026-03-02T08:59:59Z": "", "2020-01-01T00:00:00Z": "", "2026-03-03T09:00:00Z": "", // past, long past, longer than the role allows
		"9999-12-31T23:59:59Z": `expires: "9999-12-31T23:59:59Z" is not between the years`, "1970-01-01T00:00:00Z": `expires: "1970-01-01T00:00:00Z" is not between the years`,
		"2026-03-02": `expires: "2026-03-02" is a date without a time`, "2026-03-02T12:00:00": `expires: "2026-03-02T12:00:00" has no offset`,
		"2026-03-02T11:59:60Z": `expires: "2026-03-02T11:59:60Z" is a leap second`, "2026-03-02T12:00:00-00:00": `expires: "2026-03-02T12:00:00-00:00" has no known offset`,
		"2026-03-02T12:00:00.5Z": `expires: "2026-03-02T12:00:00.5Z" is not a time`, "2026-02-30T12:00:00Z": `expires: "2026-02-30T12:00:00Z" is not a time`,
		"12:00": `expires: `, "tomorrow": `expires: "tomorrow" is not a time`,
	} {
		all = append(all, text(grantWith("duration:", "expires: "+value), "FILE:4:10: "+want))
	}
	refuseEach(t, append(all,
		text(grantWith("duration:"), "FILE:1:1: neither duration nor expires is given"),
		text(grantWith("expires: 2026-03-02T12:00:00Z"), "FILE:5:10: both duration and expires are given"),
		text(grantWith("duration:", "expires: 2026-03-02T12:00:00Z", "start: 2026-03-02T13:00:00Z"), "FILE:"),
		text(grantWith("start: 2036-03-02T12:00:00Z"), "FILE:5:8: "),
	))
}
