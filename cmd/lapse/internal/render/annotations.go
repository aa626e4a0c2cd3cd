package render

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// Level is how much an annotation matters, in the words of GitHub's check runs.
type Level string

// The levels.
const (
	LevelFailure Level = "failure"
	LevelWarning Level = "warning"
	LevelNotice  Level = "notice"
)

// Annotation is a remark at a place of a file. Title and Text are plain text of one line, safe for a log; Path is as the
// repository has it. Line and Column count from 1; 0 means none.
type Annotation struct {
	Path   string `json:"path"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Level  Level  `json:"level"`
	Title  string `json:"title"`
	Text   string `json:"text"`
}

// Annotations are the verdict's denials, then its warnings, then what it waits for at the grants that wait.
func Annotations(v checks.Verdict) []Annotation {
	var as []Annotation
	for _, r := range v.Denials {
		as = append(as, reasonAnnotation(r, LevelFailure, "Denied"))
	}
	for _, r := range v.Warnings {
		as = append(as, reasonAnnotation(r, LevelWarning, "Warning"))
	}
	for _, r := range v.Waiting {
		as = append(as, reasonAnnotation(r, LevelNotice, "Waiting"))
	}
	w := plainWording()
	for _, n := range v.Needs {
		if n.Satisfied() {
			continue
		}
		for _, id := range n.Grants {
			as = append(as, Annotation{Path: grants.PathOf(id), Line: 1, Level: LevelNotice, Title: "Waiting", Text: "waits for " + w.open(n)})
		}
	}
	return as
}

func reasonAnnotation(r checks.Reason, level Level, title string) Annotation {
	pos := r.Pos
	if pos.File == "" && r.Grant != "" {
		pos = grants.Pos{File: grants.PathOf(r.Grant)}
	}
	text := oneLine(r.Text)
	if r.Hint != "" {
		text += " (" + oneLine(r.Hint) + ")"
	}
	if r.Policy != "" {
		title += " by policy"
		text += " [" + oneLine(r.Policy) + "]"
	}
	return Annotation{Path: pos.File, Line: pos.Line, Column: pos.Column, Level: level, Title: title, Text: text}
}

// ProblemAnnotations are the problems as failures at their places.
func ProblemAnnotations(ps []grants.Problem) []Annotation {
	var as []Annotation
	for _, p := range ps {
		as = append(as, reasonAnnotation(checks.Reason{Pos: p.Pos, Text: p.Text, Hint: p.Hint}, LevelFailure, "Problem"))
	}
	return as
}

// oneLine is Text without the line feeds that end a text.
func oneLine(s string) string { return Text(strings.TrimRight(s, "\n")) }

// WorkflowCommands writes annotations as workflow commands, one per line, escaped as actions/toolkit does
// (packages/core/src/command.ts). Whoever reads the step's output sees these commands and no other.
func WorkflowCommands(w io.Writer, as []Annotation) error {
	var b strings.Builder
	for _, a := range as {
		var props []string
		add := func(key, value string) {
			if value != "" {
				props = append(props, key+"="+escapeProperty(value))
			}
		}
		add("file", a.Path)
		add("line", count(a.Line))
		add("col", count(a.Column))
		add("title", a.Title)
		b.WriteString("::" + command(a.Level))
		if len(props) > 0 {
			b.WriteString(" " + strings.Join(props, ","))
		}
		b.WriteString("::" + escapeData(Text(a.Text)) + "\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write workflow commands: %w", err)
	}
	return nil
}

func count(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// command is the workflow command of a level. An unknown level is shown as the worst.
func command(l Level) string {
	switch l {
	case LevelWarning, LevelNotice:
		return string(l)
	}
	return "error"
}

func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// escapeProperty escapes a property's value. The runner trims spaces around all the properties and drops a leading
// `=` of a value, so both are taken off, or made visible, here.
func escapeProperty(s string) string {
	s = Text(strings.Trim(s, " "))
	if strings.HasPrefix(s, "=") {
		s = escape('=') + s[1:]
	}
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
