package render

import (
	"regexp"
	"slices"
	"strings"
)

// maxTicks bounds a fence of backticks. GitHub's parser does not match a code span fenced by more than 80, and counts a
// block's fence only up to 255 (github/cmark-gfm inlines.c, blocks.c): a text made of long runs would break out.
const maxTicks = 16

// Markdown makes untrusted text inert within a line of GitHub markdown: a code span that holds the text as [Text] shows it.
// Neither the markdown parser nor GitHub's filters (mentions, references, autolinks, emoji) look into one.
//
// It must not stand in a table cell, where a bar would end the cell, nor inside an HTML block, where backticks mean
// nothing. The empty text is the words (empty), outside of any code span.
func Markdown(s string) string {
	if s == "" {
		return "(empty)"
	}
	s, runs := ticks(visible(s, false))
	n := 1
	for slices.Contains(runs, n) {
		n++
	}
	// The parser strips one space from both sides if both have one, unless there is nothing else.
	pad := ""
	spaced := strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") && strings.Trim(s, " ") != ""
	if spaced || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		pad = " "
	}
	fence := strings.Repeat("`", n)
	return fence + pad + s + pad + fence
}

// Block makes untrusted text of several lines inert in GitHub markdown: a fenced block, ending in a line feed, to be put where a
// block may begin. Only line feeds are kept; everything else is as in [Markdown].
func Block(s string) string { return block(s, "") }

// block is Block with every line indented, to stand within a list item.
func block(s, indent string) string {
	s, runs := ticks(visible(s, true))
	n := 3
	for _, run := range runs {
		n = max(n, run+1)
	}
	fence := strings.Repeat("`", n)
	var b strings.Builder
	b.WriteString(indent + fence + "text\n")
	for _, line := range strings.Split(s, "\n") {
		b.WriteString(indent + line + "\n")
	}
	b.WriteString(indent + fence + "\n")
	return b.String()
}

var tickRun = regexp.MustCompile("`+")

// ticks returns the lengths of the runs of backticks in s. Runs too long to be fenced are escaped in what it returns.
func ticks(s string) (string, []int) {
	var runs []int
	s = tickRun.ReplaceAllStringFunc(s, func(run string) string {
		if len(run) >= maxTicks {
			return strings.Repeat(escape('`'), len(run))
		}
		runs = append(runs, len(run))
		return run
	})
	return s, runs
}

var (
	// plainWords has nothing that markdown or GitHub gives a meaning to within a line.
	plainWords = regexp.MustCompile(`^[A-Za-z(][A-Za-z0-9 .,;:'()/-]*$`)
	// actingWords would still be linked: addresses, references such as GH-1 or INC-1, commit ids.
	actingWords = regexp.MustCompile(`(?i)://|www\.|[a-z]-[0-9]|\b[0-9a-f]{7,}\b|::`)
)

// ownURL is what the address of a workflow run is made of. None of it means anything to a markdown parser.
var ownURL = regexp.MustCompile(`^https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._-]+)*$`)

// link is a link to a page of the program's own choosing, or its words alone where the address is not beyond doubt.
func link(words, url string) string {
	if !ownURL.MatchString(url) {
		return words
	}
	return "[" + words + "](" + url + ")"
}

// prose is for the program's own sentences: as written where that is inert beyond doubt, else a code span. It is not for
// untrusted text, which must not read as if the program had said it.
func prose(s string) string {
	if plainWords.MatchString(s) && !actingWords.MatchString(s) {
		return s
	}
	return Markdown(s)
}
