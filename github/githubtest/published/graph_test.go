package published

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/lapse-access/lapse/github/githubtest"
)

// graph is GitHub's published GraphQL schema.
type graph struct{ schema *ast.Schema }

func readGraph(text []byte) (*graph, error) {
	doc, err := parser.ParseSchemas(validator.Prelude, &ast.Source{Name: "schema.graphql", Input: string(text)})
	if err != nil {
		return nil, fmt.Errorf("read GraphQL schema: %w", err)
	}
	for _, def := range doc.Definitions { // GitHub publishes some fields twice over, which is no valid schema
		seen := map[string]bool{}
		def.Fields = slices.DeleteFunc(def.Fields, func(f *ast.FieldDefinition) bool {
			twice := seen[f.Name]
			seen[f.Name] = true
			return twice
		})
	}
	schema, err := validator.ValidateSchemaDocument(doc)
	if err != nil {
		return nil, fmt.Errorf("read GraphQL schema: %w", err)
	}
	return &graph{schema}, nil
}

// check judges the question by the schema, and the answer by the question.
func (g *graph) check(e githubtest.Exchange) []deviation {
	var list []deviation
	for _, problem := range g.problems(e) {
		list = append(list, deviation{e.Method + " " + e.Path, e.Status, problem})
	}
	return list
}

// problems passes over questions that were refused as a whole: they may be wrong in any way.
func (g *graph) problems(e githubtest.Exchange) []string {
	if e.Status != 0 && e.Status != 200 {
		return nil // the caller is refused, not the question
	}
	var answer struct {
		Data   any
		Errors []struct{ Message string }
	}
	if e.Status == 200 {
		if err := json.Unmarshal([]byte(e.Answer), &answer); err != nil {
			return []string{"answer: " + err.Error()}
		}
		for _, refusal := range answer.Errors {
			if refusal.Message == "" {
				return []string{"answer: an error without a message"}
			}
		}
		if answer.Data == nil {
			if len(answer.Errors) == 0 {
				return []string{"answer: neither data nor errors"}
			}
			return nil
		}
	}
	op, problems := g.asked(e.Request)
	if problems != nil || e.Status == 0 {
		return problems
	}
	w := answerWalk{graph: g, refused: len(answer.Errors) > 0}
	w.object(op.SelectionSet, answer.Data, "data")
	return w.problems
}

// asked is the operation of a request, bound to the schema.
func (g *graph) asked(request string) (*ast.OperationDefinition, []string) {
	var ask struct {
		Query         string
		Variables     map[string]any
		OperationName string
	}
	if err := json.Unmarshal([]byte(request), &ask); err != nil {
		return nil, []string{"request: " + err.Error()}
	}
	doc, refused := gqlparser.LoadQueryWithRules(g.schema, ask.Query, rules.NewDefaultRules())
	if refused != nil {
		var problems []string
		for _, err := range refused {
			problems = append(problems, "request: "+err.Message)
		}
		return nil, problems
	}
	op := doc.Operations.ForName(ask.OperationName)
	if op == nil {
		return nil, []string{"request: no operation " + strconv.Quote(ask.OperationName)}
	}
	if _, err := validator.VariableValues(g.schema, op, ask.Variables); err != nil {
		return nil, []string{"request: " + err.Error()}
	}
	return op, nil
}
