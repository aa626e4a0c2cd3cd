package render

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// quiet complains of everything in terminal or log output that would act: controls, bidi, invisible characters, commands.
func quiet(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("not UTF-8: %q", out)
	}
	for _, line := range strings.Split(out, "\n") {
		for _, r := range line {
			if unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Zs, r) && r != ' ' ||
				unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Variation_Selector, r) {
				t.Errorf("%U in %q", r, line)
			}
		}
	}
	notObeyed(t, out)
}

// notObeyed complains of lines that a runner would take for a command.
func notObeyed(t *testing.T, out string) {
	t.Helper()
	for _, line := range strings.Split(out, "\n") {
		if c, ok := runnerCommand(line); ok {
			t.Errorf("a runner obeys %q: %+v", line, c)
		}
	}
}

func checkText(t *testing.T, s string) {
	t.Helper()
	got := Text(s)
	if strings.Contains(got, "\n") {
		t.Errorf("Text(%q) has a line break", s)
	}
	quiet(t, got)
	// Wherever a terminal's width breaks the line, the parts are inert too.
	for _, part := range strings.Split(got, " ") {
		quiet(t, part)
	}
	if again := Text(got); again != got {
		t.Errorf("Text(%q) = %q, which Text changes to %q", s, got, again)
	}
}

func TestA62TextHasNothingThatActs(t *testing.T) {
	for _, s := range hostile {
		checkText(t, s)
	}
}

func TestTextShowsWhatIsHidden(t *testing.T) {
	for in, want := range map[string]string{
		"plain, é 日本 ✅ שלום":  "plain, é 日本 ✅ שלום",
		"a\nb\r\tc":           `a\nb\r\tc`,
		"\x1b[31m":            `\u{1b}[31m`,
		"a\u202eb\u200bc":     `a\u{202e}b\u{200b}c`,
		"\xff":                `\xff`,
		"::error::x":          `\u{3a}:error::x`,
		"std::vector a ::b":   `std::vector a \u{3a}:b`,
		":":                   `\u{3a}`,
		"##[group]":           `#\u{23}[group]`,
		"x\u3164\u2800\ufe0f": `x\u{3164}\u{2800}\u{fe0f}`,
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestA62TerminalsShowHostileTextAsText(t *testing.T) {
	for i := range hostile {
		v := hostileVerdict(rotated(i))
		for _, width := range []int{0, 1, 30, 80} {
			var b bytes.Buffer
			if err := Terminal(&b, v, TerminalOptions{Width: width}); err != nil {
				t.Fatal(err)
			}
			quiet(t, b.String())
		}
		quiet(t, StatusLine(v))
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestA62ColourIsOursAlone(t *testing.T) {
	var b bytes.Buffer
	if err := Terminal(&b, hostileVerdict(hostile), TerminalOptions{Color: true, Width: 60}); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if !strings.Contains(out, yellow+"Waiting") {
		t.Error("no colour at all")
	}
	for _, code := range []string{boldCode, red, green, yellow, reset} {
		out = strings.ReplaceAll(out, code, "")
	}
	quiet(t, out)
}

func TestALineOfTheTextCannotPassForOurs(t *testing.T) {
	v := checks.Verdict{Outcome: checks.OutcomeDenied, Denials: []checks.Reason{{Text: "no\n\nApprovals\n  [x] 1 approval from @acme/security: approved by bob"}}}
	var b bytes.Buffer
	if err := Terminal(&b, v, TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if line == "Approvals" || strings.HasPrefix(line, "  [x]") {
			t.Errorf("the policy's message shows as our own line:\n%s", b.String())
		}
	}
}

func TestProblemsAreOneLineEach(t *testing.T) {
	ps := []grants.Problem{
		{Pos: grants.Pos{File: "grants/x.yaml", Line: 3, Column: 7}, Text: `unknown field "rol"`, Hint: `did you mean "role"?`},
		{Pos: grants.Pos{File: "grants/y\n::error::z.yaml"}, Text: "bad\nname"},
	}
	var b bytes.Buffer
	if err := Problems(&b, ps); err != nil {
		t.Fatal(err)
	}
	want := "grants/x.yaml:3:7: unknown field \"rol\" (did you mean \"role\"?)\ngrants/y\\n::error::z.yaml: bad\\nname\n"
	if b.String() != want {
		t.Errorf("got %q", b.String())
	}
	quiet(t, b.String())
}

func TestClipCountsWhatItLeavesOff(t *testing.T) {
	for _, tc := range []struct {
		s     string
		limit int
		head  string
		more  int
	}{
		{"abc", 3, "abc", 0}, {"abcd", 3, "abc", 1}, {"日本語", 2, "日本", 1}, {"\u202eab", 8, "\u202e", 2}, {"\u202eab", 3, "", 3}, {"", 0, "", 0},
	} {
		if head, more := clip(tc.s, tc.limit); head != tc.head || more != tc.more {
			t.Errorf("clip(%q, %d) = %q, %d", tc.s, tc.limit, head, more)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(checkText)
}
