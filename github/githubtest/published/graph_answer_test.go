package published

import (
	"fmt"
	"slices"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// answerWalk goes down an answer beside what was asked, which the validator has bound to the schema.
type answerWalk struct {
	*graph
	refused  bool // errors came with the data: what must not be null may be missing then
	problems []string
}

func (w *answerWalk) problem(at, format string, args ...any) {
	w.problems = append(w.problems, "answer: "+at+": "+fmt.Sprintf(format, args...))
}

func (w *answerWalk) object(set ast.SelectionSet, v any, at string) {
	have, isObject := v.(object)
	if !isObject {
		w.problem(at, "not an object")
		return
	}
	asked := map[string]bool{}
	w.fields(set, have, at, asked, !w.refused)
	for name := range have {
		if !asked[name] {
			w.problem(at+"."+name, "was not asked for")
		}
	}
}

// fields judges what a selection asks of one object; with all, none of it may be missing.
func (w *answerWalk) fields(set ast.SelectionSet, have object, at string, asked map[string]bool, all bool) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			asked[s.Alias] = true
			v, there := have[s.Alias]
			if !there && all && len(s.Directives) == 0 {
				w.problem(at+"."+s.Alias, "is missing")
			}
			if there {
				w.value(s.Definition.Type, s.SelectionSet, v, at+"."+s.Alias)
			}
		case *ast.InlineFragment:
			w.fragment(s.TypeCondition, s.SelectionSet, have, at, asked)
		case *ast.FragmentSpread:
			w.fragment(s.Definition.TypeCondition, s.Definition.SelectionSet, have, at, asked)
		}
	}
}

// fragment cannot tell whether its type applies, unless __typename was asked for too: what is there must be right.
func (w *answerWalk) fragment(kind string, set ast.SelectionSet, have object, at string, asked map[string]bool) {
	if name, told := have["__typename"].(string); told && kind != "" && name != kind &&
		!slices.ContainsFunc(w.schema.PossibleTypes[kind], func(d *ast.Definition) bool { return d.Name == name }) {
		return
	}
	w.fields(set, have, at, asked, false)
}

func (w *answerWalk) value(t *ast.Type, set ast.SelectionSet, v any, at string) {
	if v == nil {
		if t.NonNull && !w.refused {
			w.problem(at, "is null, and never is at GitHub")
		}
		return
	}
	if t.Elem != nil {
		list, isList := v.([]any)
		if !isList {
			w.problem(at, "not a list")
		}
		for _, one := range list {
			w.value(t.Elem, set, one, at+".*")
		}
		return
	}
	switch def := w.schema.Types[t.NamedType]; def.Kind {
	case ast.Enum:
		if word, isText := v.(string); !isText || def.EnumValues.ForName(word) == nil {
			w.problem(at, "%v is no %s", v, def.Name)
		}
	case ast.Scalar:
		if !scalarFits(def.Name, v) {
			w.problem(at, "%v is no %s", v, def.Name)
		}
	default:
		w.object(set, v, at)
	}
}

func scalarFits(name string, v any) bool {
	s, isText := v.(string)
	n, isNumber := v.(float64)
	switch name {
	case "Int":
		return isNumber && n == float64(int32(n))
	case "Float":
		return isNumber
	case "Boolean":
		_, isBool := v.(bool)
		return isBool
	case "DateTime":
		_, err := time.Parse(time.RFC3339, s)
		return isText && err == nil
	case "GitObjectID":
		return isText && len(s) == 40
	}
	return isText
}
