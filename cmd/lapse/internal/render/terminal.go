package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// Terminal writes the verdict as an engineer reads it: everything, nothing folded.
func Terminal(w io.Writer, v checks.Verdict, o TerminalOptions) error {
	return writeTerminal(w, plainWording().verdict(v, o.Options), o)
}

// Problems writes one problem per line, as compilers do: file:line:column: text (hint).
func Problems(w io.Writer, ps []grants.Problem) error {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(Text(p.Error()) + "\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write problems: %w", err)
	}
	return nil
}

func writeTerminal(w io.Writer, d document, o TerminalOptions) error {
	t := terminalWriter{TerminalOptions: o}
	t.document(d)
	if _, err := io.WriteString(w, t.b.String()); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// terminalWriter lays out one document as plain text.
type terminalWriter struct {
	TerminalOptions
	b strings.Builder
}

func (t *terminalWriter) document(d document) {
	t.line("", t.paint(d.tone, d.headline))
	for _, note := range d.notes {
		t.line("", t.paint(warning, "warning: ")+note)
	}
	for _, s := range d.sections {
		t.b.WriteByte('\n')
		t.line("", t.bold(s.title))
		t.items(s.items, "  ")
	}
	if d.foot != "" {
		t.b.WriteByte('\n')
		t.line("", d.foot)
	}
}

// sign is how a mark looks on a terminal: ASCII, for logs and for terminals without pictures.
func sign(m mark) string {
	switch m {
	case good:
		return "[x] "
	case waiting:
		return "[ ] "
	case bad:
		return "x "
	case warning:
		return "! "
	case give:
		return "+ "
	case take:
		return "- "
	}
	return ""
}

func (t *terminalWriter) items(items []item, indent string) {
	for _, it := range items {
		line := it.line
		lines := strings.Split(strings.Trim(it.text, "\n"), "\n")
		switch {
		case it.text != "" && line != "":
			line += ": " + Text(lines[0])
		case it.text != "":
			line = Text(lines[0])
		case len(it.names) > 0:
			line += ": " + strings.Join(it.names, ", ")
		}
		if line == "" {
			line = "(nothing)"
		}
		t.line(indent, t.paint(it.mark, sign(it.mark))+line)
		for _, more := range lines[1:] { // the bar keeps a text's own lines from passing for ours
			t.line(indent+"  | ", Text(more))
		}
		t.items(it.below, indent+"    ")
	}
}

// line writes one line, wrapped at spaces. What Text returns stays inert when wrapped.
func (t *terminalWriter) line(indent, s string) {
	width := t.Width - utf8.RuneCountInString(indent) - 2
	if t.Width <= 0 || width < 20 {
		t.b.WriteString(indent + s + "\n")
		return
	}
	column := 0
	hang := ""
	t.b.WriteString(indent)
	for i, word := range strings.Split(s, " ") {
		n := columns(word)
		switch {
		case i > 0 && column+1+n > width && column > 0:
			hang = "  "
			t.b.WriteString("\n" + indent + hang)
			column = len(hang)
		case i > 0:
			t.b.WriteByte(' ')
			column++
		}
		t.b.WriteString(word)
		column += n
	}
	t.b.WriteByte('\n')
}

// columns is how wide a word is, our colours not counted.
func columns(word string) int {
	n := utf8.RuneCountInString(word)
	for _, code := range []string{boldCode, red, green, yellow, reset} {
		n -= strings.Count(word, code) * utf8.RuneCountInString(code)
	}
	return n
}

const (
	boldCode = "\x1b[1m"
	red      = "\x1b[31m"
	green    = "\x1b[32m"
	yellow   = "\x1b[33m"
	reset    = "\x1b[0m"
)

func (t *terminalWriter) bold(s string) string { return t.code(boldCode, s) }

func (t *terminalWriter) paint(m mark, s string) string {
	switch m {
	case good, give:
		return t.code(green, s)
	case bad, take:
		return t.code(red, s)
	case waiting, warning:
		return t.code(yellow, s)
	}
	return s
}

func (t *terminalWriter) code(code, s string) string {
	if !t.Color || s == "" {
		return s
	}
	return code + s + reset
}
