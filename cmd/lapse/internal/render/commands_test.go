package render

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// runCommand is a workflow command as the runner understands it.
type runCommand struct {
	Name  string
	Props map[string]string
	Data  string
}

// runnerCommand reads a line of output as actions/runner does: the new form at the start of a line, else the old one
// anywhere in it. It knows every command name, as a hostile line would choose one that exists.
func runnerCommand(line string) (runCommand, bool) {
	trimmed := strings.TrimLeftFunc(line, unicode.IsSpace)
	if rest, ok := strings.CutPrefix(trimmed, "::"); ok {
		if info, data, ok := strings.Cut(rest, "::"); ok {
			return parseCommand(info, ",", data, false), true
		}
	}
	if _, rest, ok := strings.Cut(line, "##["); ok {
		if info, data, ok := strings.Cut(rest, "]"); ok {
			return parseCommand(info, ";", data, true), true
		}
	}
	return runCommand{}, false
}

func parseCommand(info, separator, data string, old bool) runCommand {
	name, props, _ := strings.Cut(info, " ")
	c := runCommand{Name: name, Props: map[string]string{}, Data: unescape(data, old, false)}
	for _, prop := range strings.Split(strings.TrimSpace(props), separator) {
		if key, value, ok := strings.Cut(prop, "="); ok {
			if value = strings.TrimLeft(value, "="); value != "" {
				c.Props[key] = unescape(value, old, true)
			}
		}
	}
	return c
}

func unescape(s string, old, property bool) string {
	if old {
		s = strings.NewReplacer("%3B", ";", "%5D", "]").Replace(s)
	}
	for code, char := range map[string]string{"%0D": "\r", "%0A": "\n"} {
		s = strings.ReplaceAll(s, code, char)
	}
	if property {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "%3A", ":"), "%2C", ",")
	}
	return strings.ReplaceAll(s, "%25", "%")
}

// commandsAre writes annotations and complains unless the runner sees exactly them.
func commandsAre(t *testing.T, as []Annotation) {
	t.Helper()
	var b bytes.Buffer
	if err := WorkflowCommands(&b, as); err != nil {
		t.Fatal(err)
	}
	var got []runCommand
	for _, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		if c, ok := runnerCommand(line); ok {
			got = append(got, c)
		} else if line != "" {
			t.Errorf("a line that is no command: %q", line)
		}
	}
	var want []runCommand
	for _, a := range as {
		c := runCommand{Name: "error", Props: map[string]string{}, Data: Text(a.Text)}
		if a.Level == LevelWarning || a.Level == LevelNotice {
			c.Name = string(a.Level)
		}
		put := func(key, value string) {
			if strings.HasPrefix(value, "=") {
				value = `\u{3d}` + value[1:]
			}
			if value != "" {
				c.Props[key] = value
			}
		}
		put("file", Text(strings.Trim(a.Path, " ")))
		if a.Line > 0 {
			put("line", strconv.Itoa(a.Line))
		}
		if a.Column > 0 {
			put("col", strconv.Itoa(a.Column))
		}
		put("title", Text(strings.Trim(a.Title, " ")))
		want = append(want, c)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the runner sees (-want +got):\n%s\nin %q", diff, b.String())
	}
}

func TestA62ARunnerSeesExactlyOurAnnotations(t *testing.T) {
	for i := range hostile {
		v := hostileVerdict(rotated(i))
		commandsAre(t, Annotations(v))
		var as []Annotation
		for _, s := range hostile {
			as = append(as, Annotation{Path: s, Line: i, Column: -i, Level: Level(hostile[i]), Title: hostile[i], Text: s})
		}
		commandsAre(t, as)
	}
}

func TestAnnotationsStandAtTheirPlaces(t *testing.T) {
	v := checks.Verdict{
		Outcome:  checks.OutcomeDenied,
		Denials:  []checks.Reason{{Pos: grants.Pos{File: "grants/a.yaml", Line: 3, Column: 7}, Text: "too long", Hint: "write 8h", Policy: "request.deny"}},
		Warnings: []checks.Reason{{Text: "short", Grant: "a"}, {Text: "of the whole"}},
		Needs:    []checks.Need{dataPlatform(), bobApproved(dataPlatform())},
	}
	want := []Annotation{
		{Path: "grants/a.yaml", Line: 3, Column: 7, Level: LevelFailure, Title: "Denied by policy", Text: "too long (write 8h) [request.deny]"},
		{Path: "grants/a.yaml", Level: LevelWarning, Title: "Warning", Text: "short"},
		{Level: LevelWarning, Title: "Warning", Text: "of the whole"},
		{Path: "grants/alice-prod.yaml", Line: 1, Level: LevelNotice, Title: "Waiting", Text: "waits for 1 approval from @acme/data-platform"},
	}
	if diff := cmp.Diff(want, Annotations(v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzWorkflowCommands(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, hostile[(i+1)%len(hostile)], hostile[(i+2)%len(hostile)], i)
	}
	f.Fuzz(func(t *testing.T, path, title, text string, line int) {
		commandsAre(t, []Annotation{{Path: path, Title: title, Text: text, Line: line, Level: LevelWarning}, {Text: text + path, Title: title}})
	})
}

// outputs reads a file of outputs as the runner does (actions/runner FileCommandManager.cs).
func outputs(t *testing.T, s string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		key, delimiter, ok := strings.Cut(line, "<<")
		if !ok || strings.Contains(key, "=") {
			t.Fatalf("not a value of several lines: %q", line)
		}
		value, after, ok := strings.Cut("\n"+rest, "\n"+delimiter+"\n")
		if !ok {
			t.Fatalf("no end of %s", key)
		}
		got[key] = strings.TrimPrefix(value, "\n")
		s = after
	}
	return got
}

func checkOutput(t *testing.T, value string) {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(OutputFile(&b, "verdict", value), OutputFile(&b, "AFTER", "x")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"verdict": value, "AFTER": "x"}, outputs(t, b.String())); diff != "" {
		t.Errorf("the runner reads (-want +got):\n%s", diff)
	}
}

func TestA62AnOutputHoldsItsValueAndNothingElse(t *testing.T) {
	for _, s := range hostile {
		checkOutput(t, s)
	}
}

func TestA62TheFenceOfAnOutputCannotBeGuessed(t *testing.T) {
	var a, b bytes.Buffer
	if err := errors.Join(OutputFile(&a, "verdict", "x"), OutputFile(&b, "verdict", "x")); err != nil {
		t.Fatal(err)
	}
	if a.String() == b.String() {
		t.Errorf("twice the same: %q", a.String())
	}
}

func TestA62AnOutputsKeyIsAName(t *testing.T) {
	for _, key := range []string{"", "a=b", "a<<b", "a\nb", "a b", "1a", "é"} {
		var b bytes.Buffer
		if err := OutputFile(&b, key, "x"); err == nil || b.Len() > 0 {
			t.Errorf("key %q: %v, wrote %q", key, err, b.String())
		}
	}
}

func FuzzOutputFile(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(checkOutput)
}
