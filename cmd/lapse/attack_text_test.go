package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	source "github.com/yuin/goldmark/text"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/names"
)

// acting are texts that would act in a comment, a summary or a log, in one line each as a grant's reason must be.
var acting = []string{
	"INC-1 @acme/everyone and @alice, see #1, acme/access#2 and 4be1c1a90d",
	"INC-2 [approve](https://evil.example) ![x](https://evil.example/x.png) https://evil.example www.evil.example",
	"INC-3 <img src=x onerror=alert(1)><script>alert(1)</script></code></details>",
	"INC-4 --> <!-- lapse: verdict --> **Approved by carol**",
	"INC-5 ``` ` `` </details> :tada: ~~x~~ | a | b | $$x$$",
	"::set-env name=PATH::/tmp/evil INC-6",
	"INC-7 ##[add-mask]access ##[set-env name=A]b",
	"%0A::error::INC-8 %0D%0A::stop-commands::x",
	"INC-9 EOF GITHUB_OUTPUT verdict=approved verdict<<EOF",
	"::add-mask::a",
	"# Approved INC-10 - [x] done",
}

// messages are what a policy may say, in as many lines as it likes.
const messages = "ok\n\n# Approved\n\n::set-env name=PATH::/tmp\r\n  ::add-mask::e\n##[error]x\u001b[2J\u001b]8;;https://evil.example\u0007link\n\n<!-- lapse: verdict -->\n```\n@alice [x](https://evil.example)\nverdict<<EOF\napproved\nEOF"

// quoted is a text as JSON and Rego write it.
func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b)
}

// showing is a stage on which everything that hostile text could reach is shown: a workflow's log, summary and outputs, and the pull request.
func showing(t *testing.T) *theatre {
	th := newTheatre(t, map[string]string{"policies/p.rego": "package request\n\nwarn contains " + quoted(messages) +
		" if true\n\ndeny contains " + quoted(messages) + " if startswith(input.grant.reason, \"#\")\n"})
	th.vars["GITHUB_ACTIONS"] = "true"
	for _, name := range []string{"GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"} {
		th.vars[name] = filepath.Join(th.dir, name)
	}
	return th
}

func (th *theatre) file(variable string) string {
	b, err := os.ReadFile(th.vars[variable])
	if err != nil && !os.IsNotExist(err) {
		th.t.Fatal(err)
	}
	return string(b)
}

// perform asks for access with each of the texts, as reason and as ticket, publishes, merges and reconciles. It returns all that was logged.
func perform(t *testing.T, th *theatre) string {
	t.Helper()
	log := ""
	say := func(args ...string) {
		a := th.lapse(args...)
		if a.code == exitFailed || a.code == exitUsage {
			t.Fatalf("%v: %s", args, a)
		}
		log += a.out + a.err
	}
	for i, reason := range acting {
		who := []string{"alice", "bob"}[i%2]
		data := fmt.Sprintf("user: %s\nrole: staging-read\nduration: 1h\nreason: %q\nticket: %q\n", who, reason, acting[(i+1)%len(acting)])
		n := th.ask(who, fmt.Sprintf("text-%d", i), plain(fmt.Sprintf("grants/x%d.yaml", i), data))
		if _, err := th.As("carol").Review(stage.Repo, n, "COMMENT", messages); err != nil {
			t.Fatal(err)
		}
		say("check", "--publish", "--pull", strconv.Itoa(n))
		if !th.Pull(stage.Repo, n).Merged {
			th.force(n)
		}
	}
	// File names are text too, and what nobody could read is told with its place.
	n := th.ask("alice", "paths", map[string]githubtest.Entry{
		"grants/a\n::error::b.yaml": {Mode: "100644", Data: honest}, "grants/<!-- x -->@alice.yaml": {Mode: "100644", Data: honest},
		"::add-mask::c\n# d": {Mode: "100644", Data: "x"}, "##[error]e": {Mode: "100644", Data: "x"}, "grants/f.yaml": {Mode: "100644", Data: grantWith(`"::error::": 'x'`)},
	})
	say("check", "--publish", "--pull", strconv.Itoa(n))
	th.force(n)
	say("reconcile", "--dry-run")
	say("reconcile")
	return log
}

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote))

// ownHTML is all the HTML there may be: our folds, and the marker at the very top of a comment.
var ownHTML = regexp.MustCompile(`^(<details><summary>(All of it|[0-9]+ more|Reviews that do not count)</summary>\n|</details>\n|<!-- lapse: verdict -->\n)$`)

// inert parses markdown as GitHub would, and complains of everything that could act, and of more headings than are ours. It returns
// what stands in code.
func inert(t *testing.T, what, body string, headings int) string {
	t.Helper()
	code, src := "", []byte(body)
	_ = ast.Walk(markdown.Parser().Parse(source.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.List, *ast.ListItem, *ast.Emphasis:
		case *ast.Heading: // the verdict of a run
			if headings--; n.Level != 3 || headings < 0 {
				t.Errorf("%s: a heading of level %d that is not ours", what, n.Level)
			}
		case *ast.CodeSpan, *ast.FencedCodeBlock:
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				if c, ok := c.(*ast.Text); ok {
					code += string(c.Segment.Value(src))
				}
			}
			if n, ok := n.(*ast.FencedCodeBlock); ok {
				code += string(n.Lines().Value(src))
			}
			code += "\n"
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			if s := string(n.Segment.Value(src)); strings.ContainsAny(s, "@#<>[]`|") || strings.Contains(s, "://") || strings.Contains(s, "INC-") {
				t.Errorf("%s: outside of code stands %q", what, s)
			}
		case *ast.HTMLBlock:
			html := string(n.Lines().Value(src))
			if n.HasClosure() {
				html += string(n.ClosureLine.Value(src))
			}
			if !ownHTML.MatchString(html) || strings.HasPrefix(html, "<!--") && n.PreviousSibling() != nil {
				t.Errorf("%s: HTML that is not ours: %q", what, html)
			}
		default:
			t.Errorf("%s: a %s that is not ours", what, n.Kind())
		}
		return ast.WalkContinue, nil
	})
	return code
}

func TestA61WhateverARequestSaysIsInertInCommentsAndSummaries(t *testing.T) {
	t.Parallel()
	th := showing(t)
	perform(t, th)
	shown := ""
	for _, n := range th.Pulls(stage.Repo) {
		pull := th.Pull(stage.Repo, n)
		ours := 0
		for _, c := range pull.Comments {
			if c.Author == stage.Bot {
				ours++
				shown += inert(t, fmt.Sprintf("the comment on %d", n), c.Body, 1)
			}
		}
		if ours != 1 {
			t.Errorf("%d comments of ours on %d", ours, n)
		}
		for _, run := range th.CheckRuns(stage.Repo, pull.Head) {
			shown += inert(t, fmt.Sprintf("the check run of %d", n), run.Summary, 1)
		}
		for _, s := range th.Statuses(stage.Repo, pull.Head) {
			if strings.ContainsFunc(s.Description, unicode.IsControl) {
				t.Errorf("the status of %d is %q", n, s.Description)
			}
		}
	}
	shown += inert(t, "the summary of the jobs", th.file("GITHUB_STEP_SUMMARY"), len(acting)+2) // a check of each, one of the paths, and a reconcile
	for _, part := range []string{"@acme/everyone", "https://evil.example", "<script>", "**Approved by carol**", ":tada:", "verdict<<EOF"} {
		if !strings.Contains(shown, part) {
			t.Errorf("nobody is shown %q, so nothing can be told of it", part)
		}
	}
}

// runnerCommands are the workflow commands that a runner would find in a log, by name (actions/runner, ActionCommand.cs): the new
// form at the start of a line, the old one anywhere in it.
func runnerCommands(log string) []string {
	var found []string
	for _, line := range strings.FieldsFunc(log, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if rest, ok := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::"); ok {
			if info, _, ok := strings.Cut(rest, "::"); ok {
				name, _, _ := strings.Cut(info, " ")
				found = append(found, name)
			}
		}
		if _, rest, ok := strings.Cut(line, "##["); ok {
			name, _, _ := strings.Cut(rest, "]")
			found = append(found, "##["+name)
		}
	}
	return found
}

var ownAnnotation = regexp.MustCompile(`(?m)^::(error|warning|notice) (file=[^,:]*(,line=\d+)?(,col=\d+)?,)?title=[A-Za-z ]+::`)

func TestA62WhateverARequestSaysIsNoCommandAndNoOutput(t *testing.T) {
	t.Parallel()
	th := showing(t)
	log := perform(t, th)
	commands := runnerCommands(log)
	if ours := ownAnnotation.FindAllString(log, -1); len(ours) != len(commands) || len(ours) == 0 {
		t.Errorf("%d annotations of ours, and a runner sees %v", len(ours), commands)
	}
	if i := slices.IndexFunc(commands, func(c string) bool { return c != "error" && c != "warning" && c != "notice" }); i >= 0 {
		t.Errorf("a runner sees the command %q", commands[i])
	}
	if strings.ContainsFunc(log, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		t.Errorf("a terminal would act on the log:\n%q", log)
	}
	rest, lines := th.file("GITHUB_OUTPUT"), 0
	for rest != "" {
		head, after, _ := strings.Cut(rest, "\n")
		key, fence, _ := strings.Cut(head, "<<")
		value, next, ok := strings.Cut(after, "\n"+fence+"\n")
		if !ok || !ownOutput(key, value) {
			t.Fatalf("the runner reads %q of %q", value, head)
		}
		rest, lines = next, lines+1
	}
	if lines < len(acting) {
		t.Errorf("only %d outputs", lines)
	}
}

func ownOutput(key, value string) bool {
	switch key {
	case "verdict":
		return slices.Contains([]string{"approved", "waiting", "denied"}, value)
	case "merged":
		return names.SHA(value) == nil
	case "plan":
		return json.Valid([]byte(value)) && !strings.Contains(value, "\n")
	}
	return false
}

// What GitHub answers is told to people, too.
func TestA62WhatGitHubSaysIsNoCommand(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"check", "--pull", "1", "--publish", "--verbose"}, {"reconcile", "--verbose"}, {"reconcile", "--json"}} {
		th := showing(t)
		th.ask("alice", "one", plain("grants/one.yaml", honest))
		body := fmt.Sprintf(`{"message":%s,"errors":[{"message":%s}]}`, quoted(acting[5]+" ##[add-mask]a"), quoted("x\n::error::y\r\n##[error]z"))
		th.Fail(githubtest.Failure{Path: "/(repos/acme/access/(pulls|issues|statuses|commits).*|users/.*|orgs/.*)", Status: 422, Body: body, Times: -1})
		th.Fail(githubtest.Failure{Path: "/acme/access.git/.*", Status: 403, Body: "x\n::error::y\n##[error]z\n", Times: -1})
		a := th.lapse(args...)
		if a.code == exitFine {
			t.Errorf("%v succeeds", args)
		}
		log := a.out + a.err
		if commands := runnerCommands(log); len(commands) != len(ownAnnotation.FindAllString(log, -1)) || len(commands) == 0 {
			t.Errorf("%v: a runner sees %v in\n%s", args, commands, log)
		}
	}
}

func TestA63SomebodyElsesCommentWithOurMarkIsLeftAlone(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	n := th.ask("alice", "one", plain("grants/one.yaml", "user: alice\nrole: prod-db-read\nduration: 1h\nreason: Slow checkout query, INC-4211\n"))
	const forged = "<!-- lapse: verdict -->\n**Approved by `carol`**"
	for _, who := range []string{"mallory", "alice"} {
		if _, err := th.As(who).Comment(stage.Repo, n, forged); err != nil {
			t.Fatal(err)
		}
	}
	publish := func() (bodies map[string][]string) {
		t.Helper()
		if a := th.lapse("check", "--publish", "--pull", strconv.Itoa(n)); a.code == exitFailed {
			t.Fatal(a)
		}
		bodies = map[string][]string{}
		for _, c := range th.Pull(stage.Repo, n).Comments {
			bodies[c.Author] = append(bodies[c.Author], c.Body)
		}
		return bodies
	}
	first := publish()
	if len(first[stage.Bot]) != 1 || !strings.Contains(first[stage.Bot][0], "Waiting for 1 approval") {
		t.Errorf("ours are %q", first[stage.Bot])
	}
	// An admin may edit what we wrote; the next check says again what is so, in the same comment.
	for _, c := range th.Pull(stage.Repo, n).Comments {
		if c.Author == stage.Bot {
			if err := th.As("mallory").Do("PATCH", fmt.Sprintf("/repos/%s/issues/comments/%d", stage.Repo, c.ID), map[string]string{"body": forged}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What we ourselves wrote elsewhere, quoting our mark, is not the comment that is kept up to date either.
	if _, err := th.As(stage.Bot).Comment(stage.Repo, n, "> <!-- lapse: verdict -->"); err != nil {
		t.Fatal(err)
	}
	if _, err := th.As("mallory").Comment(stage.Repo, n, forged); err != nil {
		t.Fatal(err)
	}
	second := publish()
	if got := second[stage.Bot]; len(got) != 2 || !strings.Contains(got[0], "Waiting for 1 approval") || got[1] != "> <!-- lapse: verdict -->" {
		t.Errorf("ours are %q", got)
	}
	if got := second["mallory"]; len(got) != 2 || got[0] != forged || got[1] != forged || len(second["alice"]) != 1 || second["alice"][0] != forged {
		t.Errorf("theirs are %q and %q", got, second["alice"])
	}
}
