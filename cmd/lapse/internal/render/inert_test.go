package render

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// hostile are texts that would act in some place, were they not escaped there.
var hostile = []string{
	"@acme/everyone @alice ping",
	"[approve](https://evil.example) ![x](https://evil.example/x.png)",
	"https://evil.example www.evil.example mallory@evil.example",
	"#1 GH-1 acme/access#1 4be1c1a INC-4211 :tada: [^1]",
	"<img src=x onerror=alert(1)><script>alert(1)</script></code></details>",
	"--> <!-- lapse --> <!-- x",
	"`` ` ``` ```` ` ```",
	"`", "``", " ", "  a  ", " ` ", "`a", "a`", "\\`", "a\\",
	strings.Repeat("`", 79), strings.Repeat("`", 81), strings.Repeat("`", 300),
	"```\n</details>\n\n# owned\n```\n- [x] done",
	"a\n\n**Approved by `bob`**\n\n---\n\n| a | b |\n|---|---|\n| @x | y |",
	"\n\n/merge\n/lgtm",
	"~~~\n~~~", "&lt;b&gt; &#64;alice &commat;alice", "$`\\alert`$ $$x$$", "a|b|c",
	"\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07link\x1b]8;;\x07 \x9b31m \u009b31m",
	"\u202eevil\u202c \u2066x\u2069 \u200b\u200d\ufeff\u00ad \u2028 \u2029 \u0085 \u00a0",
	"::error::x", "  ::set-env name=PATH::/tmp", "ok\n::add-mask::x\r\n::stop-commands::y", "##[add-mask]x", "x ##[set-env name=A]b", "a :: b ::debug::c",
	"%0A::error::x", ":", "=x", "50% off, now: 100%25", "a,b=c:d", "EOF\nFOO=bar\nEOF",
	"\xff\xfe\x00 bad \xc3", "tab\tcr\rlf\n", "a\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
	"שלום", "日本語 ✅", "",
}

// rotated is the hostile texts, beginning with the given one: so that every text comes to stand in every field.
func rotated(i int) []string { return append(append([]string{}, hostile[i:]...), hostile[:i]...) }

// hostileVerdict has one of the texts in each field, in turn.
func hostileVerdict(texts []string) checks.Verdict {
	n := -1
	next := func() string { n++; return texts[n%len(texts)] }
	v := checks.Verdict{Outcome: checks.OutcomeWaiting, Head: next()}
	pos := func() grants.Pos { return grants.Pos{File: next(), Line: 3, Column: 7} }
	for range 2 {
		v.Denials = append(v.Denials, checks.Reason{Pos: pos(), Text: next(), Hint: next(), Policy: next(), Grant: next()})
		v.Waiting = append(v.Waiting, checks.Reason{Pos: pos(), Text: next(), Hint: next(), Grant: next()})
		v.Warnings = append(v.Warnings, checks.Reason{Text: next(), Hint: next(), Policy: next(), Grant: next()})
		v.Needs = append(v.Needs, checks.Need{
			From: []grants.Party{grants.Party(next()), grants.Party(next())}, Count: 2, Have: []checks.Approval{{Login: next()}},
			Could: []string{next(), next()}, Why: pos(), Grants: []string{next()}, Lifts: next(),
		})
		v.Ignored = append(v.Ignored, checks.Ignored{Login: next(), Why: next()})
		for _, kind := range []grants.ChangeKind{grants.Add, grants.Edit, grants.End} {
			v.Grants = append(v.Grants, checks.GrantVerdict{
				ID: next(), Kind: kind, User: next(), Role: next(), Reason: next(), Ticket: next(), Interval: grants.Interval{Start: now, End: now.Add(time.Hour)},
				Entitlements: []grants.Entitlement{{Target: next(), Values: map[string]string{next(): next()}}},
				Held:         []checks.LiveGrant{{ID: next(), Role: next(), Interval: grants.Interval{End: now}}},
			})
		}
	}
	return v
}

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList))

// ourHTML is the only HTML that we write.
var ourHTML = regexp.MustCompile(`^(<details><summary>(All of it|[0-9]+ more|Reviews that do not count)</summary>\n|</details>\n)$`)

// ourWords is what the text outside of code can be made of: no mention, reference, autolink, emoji code or commit id.
var ourWords = regexp.MustCompile(`^[A-Za-z0-9 ,.;:()'…-]*$`)

// linked is what GitHub would still make something of.
var linked = regexp.MustCompile(`::|:[a-z_]+:|\b[0-9a-f]{7,}\b|[A-Z]-[0-9]|www\.`)

// spanned is what stands in a code span.
func spanned(n *ast.CodeSpan, src []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Segment.Value(src))
		}
	}
	return b.String()
}

// inertIn parses markdown as GitHub would, complains of everything in it that could act, and returns what stands in code.
func inertIn(t *testing.T, source string) (code []string) {
	t.Helper()
	src := []byte(source)
	doc := markdown.Parser().Parse(text.NewReader(src))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.List, *ast.ListItem:
		case *ast.Heading:
			if n.Level != 3 || n.PreviousSibling() != nil {
				t.Errorf("a heading of level %d, or not the first line", n.Level)
			}
		case *ast.Link:
			if string(n.Destination) != runURL || len(n.Title) > 0 {
				t.Errorf("link to %q", n.Destination)
			}
		case *ast.Emphasis:
			if n.Level != 2 {
				t.Errorf("emphasis of level %d", n.Level)
			}
		case *ast.CodeSpan:
			code = append(code, spanned(n, src))
			return ast.WalkSkipChildren, nil
		case *ast.FencedCodeBlock:
			if info := string(n.Info.Segment.Value(src)); info != "text" {
				t.Errorf("fence with info %q", info)
			}
			code = append(code, lines(n, src))
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			words := string(n.Segment.Value(src))
			for _, m := range []mark{good, waiting, bad, warning, give, take} {
				words = strings.TrimPrefix(words, picture(m))
			}
			if !ourWords.MatchString(words) || linked.MatchString(words) {
				t.Errorf("text outside of code: %q", words)
			}
		case *ast.HTMLBlock:
			got := lines(n, src)
			if n.HasClosure() {
				got += string(n.ClosureLine.Value(src))
			}
			if !ourHTML.MatchString(got) {
				t.Errorf("HTML: %q", got)
			}
		default:
			t.Errorf("%s is not ours: %q", n.Kind(), source)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func lines(n ast.Node, source []byte) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		seg := n.Lines().At(i)
		b.Write(seg.Value(source))
	}
	return b.String()
}

// contexts are the places in which a line of untrusted text is put.
var contexts = []string{"%s\n", "**Waiting for 1 approval from %s**\n", "- a\n  - Reason: %s\n", "a %s b %[1]s, and %[1]s.\n", "<details><summary>2 more</summary>\n\n- %s\n\n</details>\n"}

func checkMarkdown(t *testing.T, s string) {
	t.Helper()
	span := Markdown(s)
	if strings.ContainsAny(span, "\r\n") {
		t.Fatalf("Markdown(%q) has a line break: %q", s, span)
	}
	for _, context := range contexts {
		code := inertIn(t, fmt.Sprintf(context, span))
		if s == "" {
			continue
		}
		if len(code) == 0 {
			t.Fatalf("Markdown(%q) in %q is not code: %q", s, context, span)
		}
		for _, got := range code {
			if got != unticked(Text(s)) {
				t.Errorf("Markdown(%q) shows %q, want %q", s, got, Text(s))
			}
		}
	}
	if longest(span) > maxTicks {
		t.Errorf("a fence of %d backticks is not one on GitHub", longest(span))
	}
	// A block is shown as its lines, wherever it stands.
	for _, indent := range []string{"", "    "} {
		source := block(s, indent)
		if indent != "" {
			source = "- a\n  - b\n\n" + source
		}
		code := inertIn(t, source)
		if len(code) != 1 || blankLines.ReplaceAllString(code[0], "") != blankLines.ReplaceAllString(unticked(visible(s, true))+"\n", "") {
			t.Errorf("block of %q shows %q", s, code)
		}
		if longest(source) > maxTicks {
			t.Errorf("a fence of %d backticks is not one on GitHub", longest(source))
		}
	}
}

// blankLines are lines of spaces alone, which goldmark shows empty.
var blankLines = regexp.MustCompile(`(?m)^ +$`)

func unticked(s string) string { s, _ = ticks(s); return s }

func longest(s string) int {
	n := 0
	for _, run := range tickRun.FindAllString(s, -1) {
		n = max(n, len(run))
	}
	return n
}

func TestA61UntrustedTextIsCodeAndNothingElseInMarkdown(t *testing.T) {
	for _, s := range hostile {
		checkMarkdown(t, s)
	}
}

func TestA61EveryFieldOfAVerdictIsInertInAComment(t *testing.T) {
	for i := range hostile {
		v := hostileVerdict(rotated(i))
		o := Options{Now: now, RunURL: hostile[i], Heartbeat: &Heartbeat{}, Ends: map[string]End{}}
		for _, s := range hostile {
			o.Ends[s] = End{Text: hostile[i]}
		}
		for _, outcome := range []checks.Outcome{checks.OutcomeDenied, checks.OutcomeWaiting, checks.OutcomeApproved} {
			v.Outcome = outcome
			comment := Comment(v, o)
			inertIn(t, comment)
			inertIn(t, Summary(v, o))
			notObeyed(t, comment)
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

func TestA61APartyIsNeverMentioned(t *testing.T) {
	for name, v := range verdicts() {
		inertIn(t, Summary(v, Options{Now: now, Ends: ends})) // complains of an @ outside of code
		if name == "waiting" && !strings.Contains(Comment(v, Options{}), "`@acme/data-platform`") {
			t.Error("the party is not named at all")
		}
	}
}

func TestA61ReportsAndPlansAreInert(t *testing.T) {
	for i := range hostile {
		n := i
		next := func() string { n++; return hostile[n%len(hostile)] }
		var r Report
		for range len(hostile) {
			l := PlanLine{Action: next(), Target: next(), Entitlement: next(), Account: next(), Name: next(), Grants: []string{next()}, Why: next(), Until: now, Overrun: time.Second}
			r.Done = append(r.Done, l)
			r.Failed = append(r.Failed, Failure{l, next()})
			r.Refused = append(r.Refused, Refusal{Grant: next(), Commit: next(), Reasons: []string{next()}})
			r.Problems = append(r.Problems, grants.Problem{Pos: grants.Pos{File: next()}, Text: next(), Hint: next()})
			r.Notes = append(r.Notes, next())
		}
		r.Kept, r.Removal = r.Done, next()
		inertIn(t, ReportSummary(r))
		inertIn(t, PlanSummary(Plan{Now: now, Lines: r.Done, Kept: r.Kept, Next: now}))
		var b bytes.Buffer
		if err := ReportText(&b, r, TerminalOptions{Width: 40}); err != nil {
			t.Fatal(err)
		}
		if err := PlanText(&b, Plan{Lines: r.Done}, TerminalOptions{}); err != nil {
			t.Fatal(err)
		}
		quiet(t, b.String())
		commandsAre(t, ReportAnnotations(r))
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestProseIsOnlyWhatMeansNothingToAParser(t *testing.T) {
	for _, e := range ends {
		if prose(e.Text) != e.Text {
			t.Errorf("a plain sentence becomes code: %q", prose(e.Text))
		}
	}
	for _, s := range hostile {
		inertIn(t, "- a: "+prose(s)+"\n")
	}
	for _, s := range []string{"see www.evil.example", "INC-4211", "at 4be1c1a0", "mail a@b", "a_b_ *c*", "1. x", "- x", "http://x"} {
		if prose(s) != Markdown(s) {
			t.Errorf("prose(%q) is not code", s)
		}
	}
}

func TestA61HTMLHoldsNoMarkup(t *testing.T) {
	for _, s := range hostile {
		got := HTML(s)
		if strings.ContainsAny(got, "<>\"'\n\r") || regexp.MustCompile(`&([^a-z#]|$)`).MatchString(got) {
			t.Errorf("HTML(%q) = %q", s, got)
		}
	}
	if diff := cmp.Diff(`&lt;a href=&#34;x&#34;&gt;\u{202e}`, HTML("<a href=\"x\">\u202e")); diff != "" {
		t.Error(diff)
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) < 4096 {
			checkMarkdown(t, s)
		}
	})
}
