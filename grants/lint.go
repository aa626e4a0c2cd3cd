package grants

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on one file. Each is far above what a person writes and far below what costs a noticeable time to read.
const (
	MaxFileSize   = 16 << 10  // bytes of any file but people.yaml
	MaxPeopleSize = 256 << 10 // bytes of people.yaml, which grows with the organization: some thousands of people
	maxDepth      = 16        // of nested lists and mappings
	maxProblems   = 20        // reported of one file
)

// lintBytes is the first step of the loader. It refuses what would let a file say one thing to a reviewer and another to
// the parser: bytes that are not UTF-8, line breaks and characters that do not show, several documents, and nesting that
// only serves to exhaust the parser.
func lintBytes(file string, data []byte, most int) []Problem {
	if len(data) > most {
		return []Problem{{Pos: Pos{File: file}, Text: fmt.Sprintf("the file has more than %d bytes", most)}}
	}
	for _, mark := range []struct{ prefix, name string }{
		{"\xef\xbb\xbf", "a byte order mark"}, {"\xfe\xff", "UTF-16"}, {"\xff\xfe", "UTF-16 or UTF-32"},
	} {
		if bytes.HasPrefix(data, []byte(mark.prefix)) {
			return []Problem{{Pos: Pos{file, 1, 1}, Text: "the file starts with " + mark.name, Hint: "save it as UTF-8 without a byte order mark"}}
		}
	}
	var problems []Problem
	begun, line := false, 0
	depth := 0
	for text := range strings.SplitSeq(string(data), "\n") {
		line++
		if p, ok := lintLine(text); !ok {
			p.File, p.Line = file, line
			problems = append(problems, p)
		}
		if p, ok := lintMarker(text, &begun); !ok {
			p.File, p.Line = file, line
			problems = append(problems, p)
		}
		if column := tooDeep(text, &depth); column > 0 {
			return append(problems, Problem{Pos: Pos{file, line, column}, Text: fmt.Sprintf("lists and mappings are nested more than %d deep", maxDepth)})
		}
		if len(problems) >= maxProblems {
			break
		}
	}
	return problems
}

// lintLine finds the first character of a line that is not plainly visible.
func lintLine(text string) (Problem, bool) {
	column := 0
	for i, r := range text {
		column++
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return Problem{Pos: Pos{Column: column}, Text: fmt.Sprintf("the byte 0x%02x is not UTF-8", text[i]), Hint: "save the file as UTF-8"}, false
			}
		}
		if what, hint := hidden(r); what != "" {
			return Problem{Pos: Pos{Column: column}, Text: what, Hint: hint}, false
		}
	}
	return Problem{}, true
}

// hidden says what is wrong with a character that a reviewer cannot see for what it is, or nothing. The line feed is not
// asked about: it ends lines.
func hidden(r rune) (what, hint string) {
	switch r {
	case '\t':
		return "a tab", "use spaces"
	case '\r':
		return "a carriage return", `end lines with a line feed alone, for instance with "* text eol=lf" in .gitattributes`
	case '\u0085', '\u2028', '\u2029':
		return "the line break " + codePoint(r), "it ends a line for some parsers and not for others; use an ordinary line break"
	}
	switch {
	case r == ' ' || r == '\ufe0f': // U+FE0F only asks for an emoji in colour
		return "", ""
	case unicode.Is(unicode.Zs, r):
		return "the space " + codePoint(r), "use an ordinary space"
	case unicode.Is(unicode.Cf, r):
		return "the invisible character " + codePoint(r), "remove it"
	case !unicode.IsPrint(r):
		return "the control or unassigned character " + codePoint(r), "remove it"
	case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), unicode.Is(unicode.Variation_Selector, r), r == '\u2800':
		return "the invisible character " + codePoint(r), "remove it"
	}
	return "", ""
}

func codePoint(r rune) string { return fmt.Sprintf("U+%04X", r) }

// lintMarker refuses directives and every document marker but one "---" before anything else.
func lintMarker(text string, begun *bool) (Problem, bool) {
	at := Pos{Column: 1}
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "%"):
		*begun = true
		return Problem{Pos: at, Text: "a YAML directive", Hint: "remove the line"}, false
	case text == "---" && !*begun:
	case strings.HasPrefix(text, "---"), strings.HasPrefix(text, "..."):
		return Problem{Pos: at, Text: fmt.Sprintf("the document marker %q", text[:3]), Hint: "a file holds one document"}, false
	}
	if trimmed != "" && trimmed[0] != '#' {
		*begun = true
	}
	return Problem{}, true
}

// tooDeep follows the nesting that brackets and the markers of block collections open, quoted or not, and gives the column
// at which it passes the bound, or 0. What indentation opens is bounded by the size of the file.
func tooDeep(text string, depth *int) int {
	column, block, markers := 0, 0, true
	for _, r := range text {
		column++
		switch r {
		case '-', '?':
			if markers {
				block++
			}
		case ' ':
		case '#':
			if markers {
				return 0
			}
		case '[', '{':
			*depth++
			markers = false
		case ']', '}':
			*depth = max(0, *depth-1)
			markers = false
		default:
			markers = false
		}
		if *depth > maxDepth || block > maxDepth {
			return column
		}
	}
	return 0
}

// showPath is a path as it may be printed: a path that is not plain ASCII is quoted, so that nothing in it acts on a
// terminal, a log or an annotation.
func showPath(path string) string {
	const most = 300
	if len(path) > most {
		path = path[:most] + "…"
	}
	for _, r := range path {
		if r <= ' ' || r > '~' || r == '"' || r == '`' || r == '\\' {
			return strconv.QuoteToASCII(path)
		}
	}
	return path
}

// printable is text of unknown origin as it may be printed.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

// show quotes a value of a file for a message, shortened.
func show(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return strconv.Quote(string(runes[:most])) + "…"
	}
	return strconv.Quote(s)
}
