package grants

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// document is one parsed file: its root node and its lines, against which nodes are compared.
type document struct {
	file     string
	root     *yaml.Node
	lines    []string
	problems []Problem

	indexed int   // the line whose characters are in starts; nodes are asked about in the order of the file
	starts  []int // byte at which each character of that line starts, and its length
}

// parse takes a file through the byte lint, the parser and the node lint. With problems the document must not be decoded.
func parse(file string, data []byte, most int) *document {
	d := &document{file: file}
	if d.problems = lintBytes(file, data, most); len(d.problems) > 0 {
		return d
	}
	d.lines = strings.Split(string(data), "\n")
	root, err := parseOne(data)
	switch {
	case err != nil:
		d.problems = []Problem{d.syntax(err)}
	case root == nil:
		d.problems = []Problem{{Pos: Pos{file, 1, 1}, Text: "the file is empty", Hint: "want keys and values"}}
	default:
		d.root = root
		d.lint(root, 0)
	}
	return d
}

// parseOne reads exactly one document; nil means that there is none. A panic of the parser on hostile bytes is an error of
// this file, so that it cannot stop the others.
func parseOne(data []byte) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fmt.Errorf("yaml: line %d: a second document", second.Line)
	} else if err != io.EOF {
		return nil, err
	}
	if len(first.Content) != 1 {
		return nil, nil
	}
	return first.Content[0], nil
}

var (
	errorLine    = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	unknownAlias = regexp.MustCompile(`unknown anchor '([^']*)' referenced`)
)

// syntax turns an error of the parser into a problem. Its lines can be one past the end, and it does not say where an
// unknown alias stands.
func (d *document) syntax(err error) Problem {
	p := Problem{Pos: Pos{File: d.file, Line: 1}, Text: "not YAML: " + err.Error()}
	if m := errorLine.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.Line = min(max(n, 1), len(d.lines))
		}
		p.Text = "not YAML: " + m[2]
	}
	if m := unknownAlias.FindStringSubmatch(p.Text); m != nil {
		for i, line := range d.lines {
			if before, _, ok := strings.Cut(line, "*"+m[1]); ok {
				return Problem{Pos: Pos{d.file, i + 1, len([]rune(before)) + 1}, Text: aliasText, Hint: aliasHint}
			}
		}
	}
	return p
}

const (
	aliasText = "an alias"
	aliasHint = "write the value out"
)

func (d *document) add(p Problem) { d.problems = append(d.problems, p) }

// meant is the hint for an unknown name, while the problem it belongs to can still be among those reported: looking for the
// nearest of many names for each of many problems would take long.
func (d *document) meant(name string, known iter.Seq[string]) string {
	if len(d.problems) > maxProblems {
		return ""
	}
	return meant(name, slices.Collect(known))
}

// at is the place of a node. The parser puts what is not there (an empty value at the end) past the last line.
func (d *document) at(n *yaml.Node) Pos {
	line := min(max(n.Line, 1), len(d.lines))
	return Pos{d.file, line, min(max(n.Column, 1), len(d.characters(line)))}
}

// characters are the bytes at which the characters of a line start, and where the line ends.
func (d *document) characters(line int) []int {
	if d.indexed != line {
		d.indexed, d.starts = line, d.starts[:0]
		for i := range d.lines[line-1] {
			d.starts = append(d.starts, i)
		}
		d.starts = append(d.starts, len(d.lines[line-1]))
	}
	return d.starts
}

// lint is the second step of the loader: it refuses what YAML can do and a file of ours never needs, before anything is
// given a meaning. Aliases are never followed.
func (d *document) lint(n *yaml.Node, depth int) {
	if len(d.problems) >= maxProblems {
		return
	}
	if p := d.lintNode(n); p.Text != "" {
		p.Pos = d.at(n)
		d.add(p)
		return
	}
	if depth >= maxDepth && n.Kind != yaml.ScalarNode {
		d.add(Problem{Pos: d.at(n), Text: fmt.Sprintf("lists and mappings are nested more than %d deep", maxDepth)})
		return
	}
	if n.Kind == yaml.MappingNode {
		d.lintKeys(n)
	}
	for _, child := range n.Content {
		d.lint(child, depth+1)
	}
}

func (d *document) lintNode(n *yaml.Node) Problem {
	start := d.source(n)
	switch {
	case n.Kind == yaml.AliasNode:
		return Problem{Text: aliasText, Hint: aliasHint}
	case n.Anchor != "" || strings.HasPrefix(start, "&"):
		return Problem{Text: "an anchor", Hint: "remove it; every value is written out"}
	case n.Style&yaml.TaggedStyle != 0 || strings.HasPrefix(start, "!"):
		return Problem{Text: "a tag", Hint: "remove it; quote the value if text is meant"}
	case n.Kind == yaml.ScalarNode && n.Tag == "!!merge":
		return Problem{Text: "a merge key", Hint: "write the keys out"}
	case n.Kind == yaml.ScalarNode:
		return d.lintScalar(n, start)
	}
	return Problem{}
}

// lintScalar refuses a value that does not stand on one line, so that what looks like the next key is the next key, and one
// whose escapes bring back what the byte lint refuses.
func (d *document) lintScalar(n *yaml.Node, start string) Problem {
	if !oneLine(n, start) {
		return Problem{Text: "a value that goes over several lines", Hint: "write it on one line"}
	}
	for _, r := range n.Value {
		if r == '\n' {
			return Problem{Text: "an escaped line break", Hint: "write the value on one line"}
		}
		if what, hint := hidden(r); what != "" {
			return Problem{Text: "an escape for " + what, Hint: hint}
		}
	}
	return Problem{}
}

// source is the rest of the line on which a node starts, from its first character.
func (d *document) source(n *yaml.Node) string {
	if n.Line < 1 || n.Line > len(d.lines) || n.Column < 1 {
		return ""
	}
	starts := d.characters(n.Line)
	return d.lines[n.Line-1][starts[min(n.Column, len(starts))-1]:]
}

// oneLine says whether a scalar that starts at start also ends on that line.
func oneLine(n *yaml.Node, start string) bool {
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return false
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0:
		return strings.HasPrefix(start, n.Value)
	case start == "":
		return false
	}
	quote := start[0]
	for i := 1; i < len(start); i++ {
		switch {
		case start[i] == '\\' && quote == '"':
			i++
		case start[i] == quote && quote == '\'' && i+1 < len(start) && start[i+1] == quote:
			i++
		case start[i] == quote:
			return true
		}
	}
	return false
}

// lintKeys wants keys to be text, each once.
func (d *document) lintKeys(n *yaml.Node) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content) && len(d.problems) < maxProblems; i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			if key.Kind != yaml.ScalarNode && key.Kind != yaml.AliasNode {
				d.add(Problem{Pos: d.at(key), Text: "a key that is a list or a mapping", Hint: "a key is one word"})
			}
			continue
		}
		if what := notText(key); what != "" {
			d.add(Problem{Pos: d.at(key), Text: fmt.Sprintf("the key %s, which YAML reads as %s", show(key.Value), what), Hint: quoteHint(key)})
		}
		if line, ok := seen[key.Value]; ok {
			d.add(Problem{Pos: d.at(key), Text: fmt.Sprintf("duplicate key %s", show(key.Value)), Hint: fmt.Sprintf("it stands on line %d already", line)})
			continue
		}
		seen[key.Value] = key.Line
	}
}
