package githubtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// node is one object of GitHub's graph, as far as this server knows it: a field that it lacks is an error, never null.
type node struct {
	kind   string   // its type
	also   []string // the interfaces and unions that the type belongs to
	fields map[string]any
}

// field is one whose value takes work or arguments. Other values are as JSON has them, a *node or a []*node.
type field func(args object) (any, error)

// question is one operation being answered.
type question struct {
	fragments ast.FragmentDefinitionList
	variables object
	errors    []object
	invalid   error // the operation itself is none that GitHub takes
}

// graphQL answers with status 200, errors too, as GraphQL does (https://spec.graphql.org/October2021/#sec-Response).
func (x *exchange) graphQL() (reply, error) {
	if x.who.account == nil {
		return reply{}, unauthorized("This endpoint requires you to be authenticated.")
	}
	var ask struct {
		Query     string
		Variables object
		Operation string `json:"operationName"`
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: ask.Query})
	if err != nil {
		return graphQLRefusal(err)
	}
	op := doc.Operations.ForName(ask.Operation)
	if op == nil {
		return graphQLRefusal(invalidQuestion("An operation name is required"))
	}
	q := question{fragments: doc.Fragments, variables: ask.Variables}
	if q.variables == nil {
		q.variables = object{}
	}
	for _, v := range op.VariableDefinitions {
		if _, given := q.variables[v.Variable]; given || v.DefaultValue == nil {
			continue
		}
		if q.variables[v.Variable], err = v.DefaultValue.Value(nil); err != nil {
			return graphQLRefusal(err)
		}
	}
	root := x.queryRoot()
	if op.Operation == ast.Mutation {
		root = x.mutationRoot()
	}
	if problem := q.undefined(root, op.SelectionSet); problem != nil {
		return graphQLRefusal(problem)
	}
	answer := object{"data": q.selected(root, op.SelectionSet, []any{})}
	if q.invalid != nil {
		return graphQLRefusal(q.invalid)
	}
	if q.errors != nil {
		answer["errors"] = q.errors
	}
	return ok(answer)
}

func graphQLRefusal(err error) (reply, error) {
	body := object{"message": err.Error()}
	var e *gqlerror.Error
	if errors.As(err, &e) {
		body["message"], body["locations"] = e.Message, e.Locations
	}
	return ok(object{"errors": []object{body}})
}

// invalidQuestion is an operation that no data could answer.
type invalidQuestion string

func (e invalidQuestion) Error() string { return string(e) }

func undefinedField(name, kind string) error {
	return invalidQuestion(fmt.Sprintf("Field '%s' doesn't exist on type '%s'", name, kind))
}

// required is an error when an argument that must be there is not.
func required(args object, of string, names ...string) error {
	for _, name := range names {
		if args[name] == nil {
			return invalidQuestion(fmt.Sprintf("Field '%s' is missing required arguments: %s", of, name))
		}
	}
	return nil
}

// undefined is an error when the operation asks its root for what is not there, before anything has been done.
func (q *question) undefined(root *node, set ast.SelectionSet) error {
	for _, f := range q.fieldsOf(root, set) {
		if _, known := root.fields[f.Name]; !known && f.Name != "__typename" {
			return undefinedField(f.Name, root.kind)
		}
	}
	return nil
}

// selected is what a selection takes from a node.
func (q *question) selected(n *node, set ast.SelectionSet, path []any) object {
	out := object{}
	for _, f := range q.fieldsOf(n, set) {
		at := append(slices.Clone(path), f.Alias)
		value, err := q.value(n, f)
		if err != nil {
			q.refuse(err, at)
		}
		taken := q.taken(value, f.SelectionSet, at)
		if have, twice := out[f.Alias].(object); twice { // a field that two fragments ask for in part
			if more, both := taken.(object); both {
				taken = merge(have, more)
			}
		}
		out[f.Alias] = taken
	}
	return out
}

func (q *question) taken(value any, set ast.SelectionSet, path []any) any {
	switch v := value.(type) {
	case *node:
		if v == nil {
			return nil
		}
		return q.selected(v, set, path)
	case []*node:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = q.taken(one, set, append(slices.Clone(path), i))
		}
		return list
	}
	return value
}

func (q *question) value(n *node, f *ast.Field) (any, error) {
	if f.Name == "__typename" {
		return n.kind, nil
	}
	value, known := n.fields[f.Name]
	if !known {
		return nil, undefinedField(f.Name, n.kind)
	}
	work, takes := value.(field)
	if !takes {
		return value, nil
	}
	args := object{}
	for _, a := range f.Arguments {
		v, err := a.Value.Value(q.variables)
		if err != nil {
			return nil, err
		}
		args[a.Name] = v
	}
	return work(args)
}

// fieldsOf are the fields that a selection takes from a node of that type, those of fragments included.
func (q *question) fieldsOf(n *node, set ast.SelectionSet) []*ast.Field {
	var list []*ast.Field
	is := func(kind string) bool { return kind == "" || kind == n.kind || slices.Contains(n.also, kind) }
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if q.wanted(s.Directives) {
				list = append(list, s)
			}
		case *ast.InlineFragment:
			if is(s.TypeCondition) && q.wanted(s.Directives) {
				list = append(list, q.fieldsOf(n, s.SelectionSet)...)
			}
		case *ast.FragmentSpread:
			if f := q.fragments.ForName(s.Name); f != nil && is(f.TypeCondition) && q.wanted(s.Directives) {
				list = append(list, q.fieldsOf(n, f.SelectionSet)...)
			}
		}
	}
	return list
}

func (q *question) wanted(directives ast.DirectiveList) bool {
	for name, want := range map[string]bool{"include": true, "skip": false} {
		if d := directives.ForName(name); d != nil {
			if have, err := d.Arguments.ForName("if").Value.Value(q.variables); err != nil || have != want {
				return false
			}
		}
	}
	return true
}

// graphTypes are the types of GraphQL errors for the statuses of the REST API.
var graphTypes = map[int]string{http.StatusNotFound: "NOT_FOUND", http.StatusForbidden: "FORBIDDEN", http.StatusUnprocessableEntity: "UNPROCESSABLE"}

func (q *question) refuse(err error, path []any) {
	if bad := invalidQuestion(""); errors.As(err, &bad) {
		q.invalid = bad
	}
	problem := object{"message": err.Error(), "path": path}
	var e *apiError
	if errors.As(err, &e) {
		problem["message"] = e.message
		for _, more := range e.errors {
			text, _ := json.Marshal(more)
			problem["message"] = fmt.Sprint(problem["message"], ": ", string(text))
		}
		if kind := graphTypes[e.status]; kind != "" {
			problem["type"] = kind
		}
	}
	q.errors = append(q.errors, problem)
}
