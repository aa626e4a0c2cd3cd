package render

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks bounds how many combining marks may follow one another: more would be drawn over the lines around.
const maxMarks = 4

// Text makes untrusted text safe as a part of one terminal or log line: what it returns has no line break, control, bidi or
// invisible character, and cannot be taken for a workflow command (actions/runner ActionCommand.cs: `::` at the
// start of a line, after white space, or `##[` anywhere) even if it is wrapped at a space. What is not shown as
// written is shown as an escape: \n, \xff, \u{202e}.
func Text(s string) string { return visible(s, false) }

// HTML makes untrusted text safe in an element or a quoted attribute of an HTML page, in one line. It does not
// make a URL safe.
func HTML(s string) string { return html.EscapeString(visible(s, false)) }

// visible replaces what cannot be seen, or would act, by an escape. With lines, line feeds stay.
func visible(s string, lines bool) string {
	var b strings.Builder
	b.Grow(len(s))
	marks := 0
	atWord := true // at the start, or after white space
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		rest := s[i+size:]
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' && lines:
			b.WriteByte('\n')
		case r == ':' && atWord && (rest == "" || rest[0] == ':'), // at the end, a colon of ours may follow
			r == '#' && strings.HasPrefix(rest, "["),
			marks > maxMarks, !seen(r):
			b.WriteString(escape(r))
		default:
			b.WriteRune(r)
		}
		atWord = r == ' ' || r == '\n' && lines
		i += size
	}
	return b.String()
}

// escape is the visible form of a rune.
func escape(r rune) string {
	switch r {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	return fmt.Sprintf(`\u{%x}`, r)
}

// seen says whether a reader sees the rune, and sees it where it stands: letters, marks, numbers, punctuation, symbols and the ASCII
// space, less those of them that Unicode wants drawn as nothing.
func seen(r rune) bool {
	if !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return false
	}
	switch r {
	case '\u2800', '\ufffc', '\U0001d159', '\U00016fe4': // blank braille, object replacement, null note head, Khitan filler
		return false
	}
	return true
}

// clip returns the longest beginning of s whose visible form has at most limit runes, and how many runes of s follow it.
func clip(s string, limit int) (head string, more int) {
	if limit >= unlimited || len(s) <= limit && utf8.RuneCountInString(visible(s, true)) <= limit {
		return s, 0
	}
	shown := 0
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		shown += utf8.RuneCountInString(visible(s[i:i+size], true))
		if shown > limit {
			return s[:i], utf8.RuneCountInString(s[i:])
		}
		i += size
	}
	return s, 0
}
