package render

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lapse-access/lapse/checks"
)

const (
	// maxComment is below the 65536 characters that GitHub takes as the body of a comment, which it answers with 422.
	maxComment = 65_000
	// maxSummary is below the 1 MiB that GitHub takes as the summary of a step
	// (docs.github.com/actions/reference/workflow-commands-for-github-actions#adding-a-job-summary).
	maxSummary = 1_000_000
)

// Comment is the verdict as the body of the sticky comment, in GitHub markdown. Who publishes it puts its own mark before it. It mentions
// nobody. It is at most 65000 bytes. What does not fit is counted where it is missing, and the first lines say where to read on:
// in the summary of the job, which holds sixteen times as much, or in what the command printed, which holds everything.
func Comment(v checks.Verdict, o Options) string {
	f := fitted{elsewhere: "in the output of lapse check", limit: maxComment}
	if o.RunURL != "" {
		f.elsewhere = "in " + link("the job summary", o.RunURL)
	}
	return f.markdown(func(w wording) document { return w.verdict(v, o) })
}

// Summary is the verdict as the summary of a job, in GitHub markdown: as [Comment], but at most 1000000 bytes, and what
// does not fit is in the log.
func Summary(v checks.Verdict, o Options) string {
	f := fitted{elsewhere: "in the log", limit: maxSummary}
	return f.markdown(func(w wording) document { return w.verdict(v, o) })
}

// limits say how much of a document is laid out. Nothing is left out without a word of how much it is.
type limits struct {
	line  int // characters of untrusted text within a line; the rest is folded
	full  int // characters of it in the fold
	items int // items of a list; those after the first ten are folded
	name  int // characters of one name
}

const unlimited = 1 << 30

// steps are tried in turn until the markdown fits.
var steps = [...]limits{
	{line: 300, full: unlimited, items: unlimited, name: 300},
	{line: 300, full: 4000, items: unlimited, name: 300},
	{line: 300, full: 1000, items: 500, name: 300},
	{line: 200, full: 0, items: 100, name: 200},
	{line: 100, full: 0, items: 40, name: 100},
	{line: 60, full: 0, items: 10, name: 60},
	{line: 40, full: 0, items: 4, name: 40},
}

// fitted lays a document out in at most limit bytes.
type fitted struct {
	elsewhere string // where everything can be read
	limit     int
}

func (f fitted) markdown(build func(wording) document) string {
	var d document
	for i, step := range steps {
		m := markdownWriter{limits: step, elsewhere: f.elsewhere, most: f.limit}
		d = build(wording{own: prose, name: m.name})
		if i > 0 {
			d.notes = append(d.notes, "Too long to be shown here whole. What is left out is counted at its place, and all of it is "+f.elsewhere+".")
		}
		if text := m.document(d); len(text) <= f.limit {
			return text
		}
	}
	return fmt.Sprintf("%s\nThis is too long to be shown here: all of it is %s.\n", heading(d), f.elsewhere)
}

// maxShown is how many items of a list stand open; a few more are not worth a fold.
const (
	maxShown = 10
	maxOpen  = 12
)

// markdownWriter lays out one document.
type markdownWriter struct {
	limits
	elsewhere string
	most      int // bytes beyond which the result is thrown away, so that writing on is idle
	b         strings.Builder
}

func (m *markdownWriter) name(s string) string {
	head, more := clip(s, m.limits.name)
	if more == 0 {
		return Markdown(s)
	}
	return fmt.Sprintf("%s (… %s)", Markdown(head), plural(more, "more character"))
}

func (m *markdownWriter) document(d document) string {
	m.b.Reset()
	m.b.WriteString(heading(d))
	for _, note := range d.notes {
		fmt.Fprintf(&m.b, "\n%s%s\n", picture(warning), note)
	}
	for _, s := range d.sections {
		if s.folded {
			m.fold("", s.title, func() { m.items(s.items, "") })
			continue
		}
		fmt.Fprintf(&m.b, "\n**%s**\n\n", s.title)
		m.items(s.items, "")
	}
	if d.foot != "" {
		fmt.Fprintf(&m.b, "\n%s\n", d.foot)
	}
	return m.b.String()
}

// heading is the verdict in a line, the first that is seen.
func heading(d document) string { return "### " + picture(d.tone) + d.headline + "\n" }

// picture is how a mark looks in markdown. They are not task boxes: a box can be ticked by anyone who may edit the comment.
func picture(m mark) string {
	switch m {
	case good:
		return "✅ "
	case waiting:
		return "⏳ "
	case bad:
		return "❌ "
	case warning:
		return "⚠️ "
	case give:
		return "➕ "
	case take:
		return "➖ "
	}
	return ""
}

// items writes a list, every line behind the indent.
func (m *markdownWriter) items(items []item, indent string) {
	dropped := 0
	if len(items) > m.limits.items {
		dropped = len(items) - m.limits.items
		items = items[:m.limits.items]
	}
	shown := items
	if len(items) > maxOpen {
		shown = items[:maxShown]
	}
	for _, it := range shown {
		m.item(it, indent)
	}
	if folded := items[len(shown):]; len(folded) > 0 {
		m.fold(indent, fmt.Sprintf("%d more", len(folded)), func() {
			for _, it := range folded {
				m.item(it, indent)
			}
		})
	}
	if dropped > 0 {
		fmt.Fprintf(&m.b, "\n%s(… %d more, %s)\n", indent, dropped, m.elsewhere)
	}
}

func (m *markdownWriter) item(it item, indent string) {
	if m.b.Len() > m.most {
		return
	}
	below := indent + "  "
	line := it.line
	var rest func()
	switch {
	case it.text != "":
		var text string
		text, rest = m.text(it, below)
		if it.line != "" {
			line += ": "
		}
		line += text
	case len(it.names) > 0:
		var names string
		names, rest = m.names(it.names, below)
		line += ": " + names
	}
	if line == "" { // a lone dash would turn the line above into a heading
		line = "(nothing)"
	}
	m.b.WriteString(indent + "- " + picture(it.mark) + line + "\n")
	if rest != nil {
		rest()
	}
	m.items(it.below, below)
}

// text is untrusted text within a line, and a function that writes the fold with all of it, if the line does not hold it.
func (m *markdownWriter) text(it item, indent string) (line string, rest func()) {
	s := strings.Trim(it.text, "\n")
	first, _, _ := strings.Cut(s, "\n")
	head, _ := clip(first, m.limits.line)
	more := utf8.RuneCountInString(s[len(head):])
	if more == 0 {
		return Markdown(head), nil
	}
	line = fmt.Sprintf("%s (… %s", Markdown(head), plural(more, "more character"))
	if m.limits.full == 0 {
		return line + ", " + m.source(it) + ")", nil
	}
	return line + ")", func() {
		full, more := clip(s, m.limits.full)
		m.fold(indent, "All of it", func() {
			m.b.WriteString(block(full, indent))
			if more > 0 {
				fmt.Fprintf(&m.b, "\n%s(… %s, %s)\n", indent, plural(more, "more character"), m.source(it))
			}
		})
	}
}

func (m *markdownWriter) source(it item) string {
	if it.where == "" {
		return m.elsewhere
	}
	return "in " + it.where
}

// names is a list of names within a line, and a function that writes the fold with those that are too many for it.
func (m *markdownWriter) names(names []string, indent string) (line string, rest func()) {
	dropped := 0
	if len(names) > m.limits.items {
		dropped = len(names) - m.limits.items
		names = names[:m.limits.items]
	}
	shown := names
	if len(names) > maxOpen {
		shown = names[:maxShown]
	}
	line = strings.Join(shown, ", ")
	folded := names[len(shown):]
	if dropped > 0 {
		line += fmt.Sprintf(" (… %d more, %s)", dropped, m.elsewhere)
	}
	if len(folded) == 0 {
		return line, nil
	}
	return line + fmt.Sprintf(" and %d more", len(folded)), func() {
		m.fold(indent, fmt.Sprintf("%d more", len(folded)), func() {
			m.b.WriteString(indent + strings.Join(folded, ", ") + "\n")
		})
	}
}

// fold writes what body writes folded away. The blank lines make the parser read markdown within the HTML element.
func (m *markdownWriter) fold(indent, title string, body func()) {
	fmt.Fprintf(&m.b, "\n%s<details><summary>%s</summary>\n\n", indent, title)
	body()
	fmt.Fprintf(&m.b, "\n%s</details>\n\n", indent)
}
