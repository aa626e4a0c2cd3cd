package render

import (
	"strings"
)

// A document is what there is to say, before anyone decides how it looks. Every string in it but item.text is finished: made
// inert by the wording it was built with, or the program's own words. item.text is untrusted as it came.
type document struct {
	tone     mark
	headline string
	notes    []string // warnings that come before everything else
	sections []section
	foot     string
}

type section struct {
	title  string
	items  []item
	folded bool // closed until the reader opens it, where a place can do that
}

// item is one line, with what belongs to it below.
type item struct {
	mark  mark
	line  string
	names []string // listed after the line
	text  string   // untrusted, of any length and number of lines; put after the line
	where string   // where all of text can be read, finished; "" if nowhere
	below []item
}

// mark says how a thing stands.
type mark int

const (
	plain mark = iota
	good
	waiting
	bad
	warning
	give
	take
)

// wording makes text fit for one place: name for a word or line that is not ours, own for the program's own sentences.
type wording struct {
	name func(string) string
	own  func(string) string
}

func plainWording() wording { return wording{name: Text, own: Text} }

// list joins finished words: a, b and c.
func list(words []string, last string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " " + last + " " + words[n-1]
	}
}

// some is list for a headline: never more than three words, the rest counted.
func some(words []string, last string) string {
	if len(words) > 3 {
		words = append(words[:2:2], plural(len(words)-2, "other"))
	}
	return list(words, last)
}

// each applies f to every one of in.
func each[T any](in []T, f func(T) string) []string {
	out := make([]string, 0, len(in))
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

// add appends a section unless it is empty.
func (d *document) add(title string, items []item) {
	if len(items) > 0 {
		d.sections = append(d.sections, section{title: title, items: items})
	}
}

// fold appends a section that few readers need, unless it is empty.
func (d *document) fold(title string, items []item) {
	if len(items) > 0 {
		d.sections = append(d.sections, section{title: title, items: items, folded: true})
	}
}
