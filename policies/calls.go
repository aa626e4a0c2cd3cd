package policies

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lapse-access/lapse/grants"
	"github.com/open-policy-agent/opa/v1/ast"
)

// maxCalls bounds how many calls are followed into functions.
const maxCalls = 2000

// lintCalls type-checks functions once more for each call that hands them a part of the input. For the compiler a function's
// argument may be anything, so that alone it would let f(x) if x.nope pass, called as f(input.grant). It wants the modules as
// compiled with the schema.
func lintCalls(c *ast.Compiler) []grants.Problem {
	f := follower{compiler: c}
	for _, path := range slices.Sorted(maps.Keys(c.Modules)) {
		if isTestFile(path) {
			continue
		}
		for _, r := range c.Modules[path].Rules {
			for ; r != nil; r = r.Else {
				f.body(r.Body)
			}
		}
	}
	return f.problems
}

type follower struct {
	compiler *ast.Compiler
	calls    int
	problems []grants.Problem
}

// body follows the calls of one body. In compiled modules every local variable has a name of its own, and an argument is
// either a variable or a value without references.
func (f *follower) body(body ast.Body) {
	parts := map[ast.Var]ast.Ref{} // variable → the part of the input that it is equal to
	ast.WalkExprs(body, func(e *ast.Expr) bool {
		if v, ref, ok := binding(e); ok {
			parts[v] = ref
		}
		return false
	})
	ast.WalkExprs(body, func(e *ast.Expr) bool {
		if every, ok := e.Terms.(*ast.Every); ok {
			bindEvery(every, parts)
		}
		return false
	})
	if len(parts) == 0 {
		return
	}
	ast.WalkExprs(body, func(e *ast.Expr) bool {
		if e.IsCall() {
			f.call(e, parts)
		}
		return false
	})
}

// binding reads `v = input.some.part`.
func binding(e *ast.Expr) (ast.Var, ast.Ref, bool) {
	if !e.IsEquality() || len(e.With) > 0 || e.Negated {
		return "", nil, false
	}
	a, b := e.Operand(0), e.Operand(1)
	if _, ok := a.Value.(ast.Ref); ok {
		a, b = b, a
	}
	v, isVar := a.Value.(ast.Var)
	ref, isRef := b.Value.(ast.Ref)
	return v, ref, isVar && isRef && ref.HasPrefix(ast.InputRootRef)
}

// bindEvery makes the value of `every value in list` one of the list's.
func bindEvery(every *ast.Every, parts map[ast.Var]ast.Ref) {
	list, ok := every.Domain.Value.(ast.Ref)
	if v, isVar := every.Domain.Value.(ast.Var); isVar {
		list, ok = parts[v]
	}
	if v, isVar := every.Value.Value.(ast.Var); ok && isVar && list.HasPrefix(ast.InputRootRef) {
		parts[v] = list.Append(ast.VarTerm("__local__"))
	}
}

func (f *follower) call(e *ast.Expr, parts map[ast.Var]ast.Ref) {
	if e.Operator().Equal(ast.ObjectGet.Ref()) {
		f.get(e, parts)
		return
	}
	for _, r := range f.compiler.GetRulesExact(e.Operator()) {
		for ; r != nil; r = r.Else {
			f.instance(r, e, parts)
		}
	}
}

// get checks object.get(input.some.part, "key", default) as if it were input.some.part.key.
func (f *follower) get(e *ast.Expr, parts map[ast.Var]ast.Ref) {
	if len(e.Operands()) < 2 {
		return
	}
	v, _ := e.Operand(0).Value.(ast.Var)
	ref, ok := parts[v]
	if !ok {
		return
	}
	path := []*ast.Term{e.Operand(1)}
	if array, ok := e.Operand(1).Value.(*ast.Array); ok {
		path = nil
		array.Foreach(func(t *ast.Term) { path = append(path, t) })
	}
	for _, t := range path {
		if _, ok := t.Value.(ast.String); !ok {
			break
		}
		ref = ref.Append(t)
	}
	check := ast.NewExpr(&ast.Term{Value: ref, Location: e.Location})
	check.Location = e.Location
	f.check(ast.NewBody(check))
}

// instance checks the body of a function with the parts of the input in place of its arguments.
func (f *follower) instance(r *ast.Rule, e *ast.Expr, parts map[ast.Var]ast.Ref) {
	with := map[ast.Var]ast.Ref{}
	given := false
	for i, arg := range r.Head.Args {
		ast.WalkVars(arg, func(v ast.Var) bool {
			with[v] = anything
			return false
		})
		param, isVar := arg.Value.(ast.Var)
		if !isVar || i >= len(e.Operands()) {
			continue
		}
		if v, ok := e.Operand(i).Value.(ast.Var); ok && parts[v] != nil {
			with[param], given = parts[v], true
		}
	}
	if !given {
		return
	}
	if f.calls++; f.calls > maxCalls {
		if f.calls == maxCalls+1 {
			f.problems = append(f.problems, grants.Problem{Pos: place(e.Location), Text: fmt.Sprintf("more than %d calls of functions with parts of the input", maxCalls), Hint: "make the policies simpler"})
		}
		return
	}
	body := substitute(r.Body, with)
	f.check(body)
	f.body(body)
}

// anything is a value of any type.
var anything = ast.Ref{ast.DefaultRootDocument, ast.StringTerm("anything")}

// substitute copies a body, with references in place of variables.
func substitute(body ast.Body, with map[ast.Var]ast.Ref) ast.Body {
	t := ast.NewGenericTransformer(func(x any) (any, error) {
		switch x := x.(type) {
		case ast.Ref:
			if v, ok := x[0].Value.(ast.Var); ok && with[v] != nil {
				ref := with[v].Copy()
				ref[0].Location = x[0].Location
				return append(ref, x[1:]...), nil
			}
		case ast.Var:
			if with[x] != nil {
				return with[x].Copy(), nil
			}
		}
		return x, nil
	})
	out, err := ast.Transform(t, body.Copy())
	if err != nil {
		return nil // not reached: the function above makes no error
	}
	return out.(ast.Body)
}

// check keeps of the compiler's errors those about a field that the input does not have.
func (f *follower) check(body ast.Body) {
	if len(body) == 0 {
		return
	}
	_, err := f.compiler.QueryCompiler().Compile(body)
	f.problems = append(f.problems, onlyFields(err)...)
}
