package policies

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/lapse-access/lapse/grants"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// origins tells which definition of a rule gave which message: a set does not say who put what into it.
type origins struct {
	rule
	at map[string]grants.Pos // by the value as JSON; the first definition where several gave the same
}

// originsOf evaluates the rule once more, watched. What cannot be told keeps the place of the rule's first definition.
func (r rule) originsOf(ctx context.Context, input ast.Value) origins {
	o := origins{rule: r, at: map[string]grants.Pos{}}
	if r.definitions > 1 {
		_, _ = r.query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalQueryTracer(o))
	}
	return o
}

func (o origins) Enabled() bool               { return true }
func (o origins) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent notes the value that a definition adds.
func (o origins) TraceEvent(e topdown.Event) {
	def, ok := e.Node.(*ast.Rule)
	if e.Op != topdown.ExitOp || !ok || def.Head.Key == nil || string(def.Head.Name) != o.name || def.Module == nil ||
		def.Module.Package.Path.String() != "data."+o.pkg {
		return
	}
	value, err := ast.JSON(e.Plug(def.Head.Key).Value)
	if err != nil {
		return
	}
	at := place(def.Loc())
	at.File = rename(o.dir, at.File)
	if known, ok := o.at[asText(value)]; !ok || cmp.Or(cmp.Compare(at.File, known.File), cmp.Compare(at.Line, known.Line)) < 0 {
		o.at[asText(value)] = at
	}
}

// of is the place of the definition that gave the value.
func (o origins) of(v any) grants.Pos {
	if at, ok := o.at[asText(v)]; ok {
		return at
	}
	return o.rule.at
}

func asText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
