package grants

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// notText says as what some YAML parser reads a plain scalar, or "" if every one reads it as text. The versions of YAML
// disagree (`yes`, `0777`, `1:30:00`), and policies may be tested with another parser than ours, so whatever is not text to
// all of them has to be quoted. Source: the core schemas of YAML 1.1 (yaml.org/type) and 1.2.
func notText(n *yaml.Node) string {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		return ""
	}
	for _, a := range ambiguous {
		if a.pattern.MatchString(n.Value) {
			return a.what
		}
	}
	switch n.Tag {
	case "!!str":
		return ""
	case "!!null":
		return "nothing"
	}
	return "another kind of value (" + strings.TrimPrefix(n.Tag, "!!") + ")"
}

var ambiguous = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"nothing", regexp.MustCompile(`^(~|(?i:null))?$`)},
	{"true or false", regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false)$`)},
	{"a number", regexp.MustCompile(`^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(:[0-5]?[0-9])*(\.[0-9_]*)?)$`)},
	{"a number", regexp.MustCompile(`^[-+]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)([eE][-+]?[0-9]+)?$`)},
	{"a number", regexp.MustCompile(`^[-+]?\.?(?i:inf|nan)$`)},
	{"a time", regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?$`)},
	{"a special sign", regexp.MustCompile(`^(<<|=)$`)},
}

// quoteHint is what to write where text is meant.
func quoteHint(n *yaml.Node) string {
	if n.Value == "" {
		return "write a value"
	}
	return fmt.Sprintf("if text is meant, quote it: %s", quoted(n.Value))
}

// quoted is a value of visible characters as a single-quoted YAML scalar.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// kindOf names a node in a message.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if what := notText(n); what != "" {
		return what
	}
	return "text"
}
