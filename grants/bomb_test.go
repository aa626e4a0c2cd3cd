package grants

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// inTime runs something once, and again while it takes longer than the bound, so that a busy machine is not taken for a slow
// loader. Bounds are a hundred times what is usual, and far below what anything worse than linear takes.
func inTime(t *testing.T, name string, bound time.Duration, run func()) {
	t.Helper()
	took := time.Duration(0)
	for range 3 {
		start := time.Now()
		run()
		if took = time.Since(start); took <= bound {
			return
		}
	}
	t.Errorf("%s: took %v", name, took)
}

func TestA38BombsAreRefusedInMilliseconds(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 8) + "*" + string(c-1) + "]\n"
	}
	var short strings.Builder
	for i := range 4000 {
		short.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + ":\n")
	}
	for name, text := range map[string]string{
		"aliases":            bomb,
		"10⁵ keys":           strings.Repeat("key: 1\n", 100_000),
		"keys of one size":   short.String(),
		"10 MB":              strings.Repeat("x", 10<<20),
		"10 MB of NUL":       strings.Repeat("\x00", 10<<20),
		"flow lists":         strings.Repeat("[", MaxFileSize),
		"flow mappings":      strings.Repeat("{a: ", MaxFileSize/4),
		"block lists":        strings.Repeat("- ", MaxFileSize/2),
		"complex keys":       strings.Repeat("? ", MaxFileSize/2),
		"indented mappings":  nest(180),
		"quotes":             strings.Repeat("'", MaxFileSize-1),
		"open double quote":  `reason: "` + strings.Repeat("\\\"", 8000),
		"commas":             "{" + strings.Repeat("a,", 8000),
		"comments":           strings.Repeat("#\n", 8000),
		"long key":           strings.Repeat("k", 16000) + ": 1\n",
		"long line of words": "reason: " + strings.Repeat("a ", 8000) + "\n",
		"blank lines":        strings.Repeat("\n", MaxFileSize),
		"anchors":            strings.Repeat("- &a x\n", 2000),
	} {
		var g *Grant
		var problems []Problem
		inTime(t, name, 500*time.Millisecond, func() { g, problems = LoadGrant("grants/x.yaml", []byte(text)) })
		if g != nil || len(problems) == 0 || len(problems) > maxProblems+1 {
			t.Errorf("%s: %v with %d problems", name, g, len(problems))
		}
	}
}

func TestA38NestingIsRefusedBeforeItIsParsed(t *testing.T) {
	const deep = `: lists and mappings are nested more than 16 deep`
	testRefused(t, []refused{
		{strings.Repeat("[", MaxFileSize), []string{"1:17" + deep}},
		{"a:\n" + strings.Repeat("{a: ", 100), []string{"2:65" + deep}},
		{strings.Repeat("- ", 100), []string{"1:33" + deep}},
		{strings.Repeat("- ", 100) + "'", []string{"1:33" + deep}},
		{nest(17) + strings.Repeat(" ", 17) + "a: b\n", []string{"17:17" + deep}},
	})
}

func TestA37TheParserAloneSeesASecondDocument(t *testing.T) {
	for _, text := range []string{"a\n---\nb\n", "a: b\n...\n---\nc: d\n", "a: b\n--- *x\n"} {
		if root, err := parseOne([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, root)
		}
	}
}

func nest(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestA38APeopleFileOfTheLargestSizeIsReadInTime(t *testing.T) {
	for name, lineBreak := range map[string]string{"one person a line": "\n", "one line": ""} {
		var b strings.Builder
		b.WriteString("people: {" + lineBreak)
		n := 0
		for ; b.Len() < MaxPeopleSize-64; n++ {
			fmt.Fprintf(&b, "  user%d: {id: %d, accounts: {prod-db: u%d}},%s", n, n+1, n, lineBreak)
		}
		b.WriteString("}\n")
		var c *Configuration
		inTime(t, name, 7*time.Second, func() {
			c = LoadConfiguration(exampleFiles(map[string]string{"people.yaml": b.String()}), exampleTypes())
		})
		if len(c.People.People) != n || n < 2000 {
			t.Errorf("%s: %d of %d people are read: %q", name, len(c.People.People), n, lines(c.Problems)[:1])
		}
	}
}

func TestA38AHostilePeopleFileIsRefusedInTime(t *testing.T) {
	fill := func(format string) string {
		var b strings.Builder
		for n := 1; b.Len() < MaxPeopleSize/2-100; n++ {
			fmt.Fprintf(&b, format, n)
		}
		return b.String()
	}
	people := "people: {" + fill("user%[1]d: {id: %[1]d},") + "}\n"
	for name, text := range map[string]string{
		"unknown members": people + "groups: {g: [" + fill("uzer%d,") + "]}\n",
		"one id":          "people: {" + fill("user%d: {id: 1},") + "}\n",
		"many ids":        "people: {alice: {id: 1, also: [" + fill("%d,") + "]}}\n",
		"one member":      people + "groups: {g: [" + strings.Repeat("user1,", 20000) + "]}\n",
		"bad entries":     "people: {" + fill("user%d: {idd: 1},") + "}\n",
		"bad accounts":    "people: {alice: {id: 1, accounts: {" + fill("prod-%d: x,") + "}}}\n",
		"unknown keys":    people + fill("grups%d: 1\n"),
		"bad bytes":       strings.Repeat("\t\n", MaxPeopleSize/2),
	} {
		var c *Configuration
		inTime(t, name, 7*time.Second, func() {
			c = LoadConfiguration(exampleFiles(map[string]string{"people.yaml": text}), exampleTypes())
		})
		if n := len(c.Problems); n == 0 || n > 2*maxProblems {
			t.Errorf("%s: %d problems", name, n)
		}
	}
}
