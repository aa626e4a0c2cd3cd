package policies

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/grants"
	"github.com/open-policy-agent/opa/v1/ast"
)

// asked is how conftest knows the rules that it asks. It passes over every other rule in silence, and so every rule that
// could have been meant as one of these is a problem.
var asked = regexp.MustCompile(`^(deny|violation|warn)(_[a-zA-Z0-9]+)*$`)

// denies says whether a rule that is asked denies; the others warn.
func denies(name string) bool { return !strings.HasPrefix(name, "warn") }

// lint finds what parses but would never be asked, or would be asked and could never answer with a message.
func lint(modules map[string]*ast.Module) []grants.Problem {
	var problems []grants.Problem
	l := linter{policies: map[string]*ast.Module{}, tests: map[string]*ast.Module{}}
	for path, m := range modules {
		if isTestFile(path) {
			l.tests[path] = m
		} else {
			l.policies[path] = m
		}
	}
	for _, m := range l.policies {
		problems = append(problems, lintPackage(m)...)
		problems = append(problems, lintZone(m)...)
		for _, r := range m.Rules {
			problems = append(problems, lintRule(packageOf(m), r)...)
		}
	}
	problems = append(problems, l.missing()...)
	problems = append(problems, l.sameButForCase()...)
	return append(problems, l.tested()...)
}

type linter struct {
	policies, tests map[string]*ast.Module
}

// packageOf is the package as it is written, for instance "request.time".
func packageOf(m *ast.Module) string { return strings.TrimPrefix(m.Package.Path.String(), "data.") }

func isAsked(pkg string) bool { return pkg == packageRequest || pkg == packageActive }

// lintPackage refuses a package that was meant to be request or active. Packages below them are libraries.
func lintPackage(m *ast.Module) []grants.Problem {
	pkg := packageOf(m)
	at := place(m.Package.Loc())
	first, rest, _ := strings.Cut(pkg, ".")
	problem := func(text, hint string) []grants.Problem {
		return []grants.Problem{{Pos: at, Text: text, Hint: hint}}
	}
	if first == "main" {
		return problem("package main is never asked", `did you mean "package request"?`)
	}
	for _, name := range []string{packageRequest, packageActive} {
		if first != name && distance(strings.ToLower(first), name) <= 2 {
			return problem(fmt.Sprintf("package %s is never asked, and its name resembles %s", pkg, name), fmt.Sprintf("did you mean %q?", "package "+name))
		}
	}
	for _, part := range strings.Split(rest, ".") {
		if asked.MatchString(part) {
			return problem(fmt.Sprintf("package %s: a package is not asked, though %s in its name looks like a rule that is", pkg, part), "rename the package")
		}
	}
	return nil
}

// lintZone refuses the time zone "Local", in which time.clock and its like would answer differently on every machine.
func lintZone(m *ast.Module) []grants.Problem {
	var problems []grants.Problem
	ast.WalkTerms(m, func(t *ast.Term) bool {
		if a, ok := t.Value.(*ast.Array); ok && a.Len() > 1 && a.Elem(1).Value.Compare(ast.String("Local")) == 0 {
			problems = append(problems, grants.Problem{Pos: place(t.Location), Text: `time zone "Local" is that of the machine`, Hint: `name one, like "Europe/Berlin"`})
		}
		return false
	})
	return problems
}

// lintRule judges the name and the shape of one rule of a policy.
func lintRule(pkg string, r *ast.Rule) []grants.Problem {
	name := nameOf(r)
	at := place(r.Loc())
	problem := func(hint, format string, args ...any) []grants.Problem {
		return []grants.Problem{{Pos: at, Text: fmt.Sprintf(format, args...), Hint: hint}}
	}
	switch {
	case isException(name):
		return problem("write the exception as a condition of the rule itself", "rule %s.%s: exceptions switch rules off in conftest, and are refused", pkg, name)
	case !isAsked(pkg) && asked.MatchString(name):
		return problem("move it to package request or active, or rename it", "rule %s.%s is never asked: only packages request and active are", pkg, name)
	case isAsked(pkg) && !asked.MatchString(name):
		if meant := resembles(name); meant != "" {
			return problem(fmt.Sprintf("did you mean %q? if not, give it a name of its own", meant), "rule %s.%s is never asked, and its name resembles %s", pkg, name, meant)
		}
	case isAsked(pkg):
		if shape := shapeOf(r); shape != "" {
			return problem(fmt.Sprintf("write: %s contains msg if { msg := \"...\"; ... }", name), "rule %s.%s is %s, not a set of messages", pkg, name, shape)
		}
	}
	return nil
}

// isException says whether conftest lets a rule of this name switch others off.
func isException(name string) bool { return name == "exception" }

// nameOf is the first part of the rule's name: deny for deny contains x, deny.a contains x and deny[x] := y.
func nameOf(r *ast.Rule) string {
	if ref := r.Head.Ref(); len(ref) > 0 {
		if v, ok := ref[0].Value.(ast.Var); ok {
			return string(v)
		}
	}
	return string(r.Head.Name)
}

// shapeOf says what the rule is if it is not a set to which it adds a value; "" if it is.
func shapeOf(r *ast.Rule) string {
	switch {
	case r.Default:
		return "a default value"
	case len(r.Head.Args) > 0:
		return "a function"
	case len(r.Head.Ref()) > 1:
		return "an object"
	case r.Head.RuleKind() == ast.SingleValue:
		return "one value"
	}
	return ""
}

// missing refuses a set without a rule that could deny in package request, and a package active without any.
func (l linter) missing() []grants.Problem {
	var problems []grants.Problem
	for _, pkg := range []string{packageRequest, packageActive} {
		at, denying := grants.Pos{File: Folder}, false
		for _, path := range slices.Sorted(maps.Keys(l.policies)) {
			m := l.policies[path]
			if packageOf(m) != pkg {
				continue
			}
			if at.Line == 0 {
				at = place(m.Package.Loc())
			}
			denying = denying || slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool {
				name := nameOf(r)
				return asked.MatchString(name) && denies(name)
			})
		}
		if !denying && (pkg == packageRequest || at.Line != 0) {
			problems = append(problems, grants.Problem{Pos: at, Text: fmt.Sprintf("package %s has no rule deny or violation", pkg),
				Hint: "without one, everything would pass: add deny contains msg if { ... }"})
		}
	}
	return problems
}

// sameButForCase refuses two asked rules whose names differ in case alone: conftest would ask but one of them.
func (l linter) sameButForCase() []grants.Problem {
	var problems []grants.Problem
	seen := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(l.policies)) {
		m := l.policies[path]
		for _, r := range m.Rules {
			name, pkg := nameOf(r), packageOf(m)
			if !isAsked(pkg) || !asked.MatchString(name) {
				continue
			}
			key := pkg + "." + strings.ToLower(name)
			if first, ok := seen[key]; ok && first != name {
				problems = append(problems, grants.Problem{Pos: place(r.Loc()), Text: fmt.Sprintf("rule %s.%s differs from %s only in case, and conftest asks but one of them", pkg, name, first), Hint: "rename one"})
				continue
			}
			seen[key] = name
		}
	}
	return problems
}

// tested refuses tests that are part of the policy for conftest, which loads them with it: rules that it would ask, and rules
// that add to one of the policy's.
func (l linter) tested() []grants.Problem {
	defined := map[string]bool{}
	for _, m := range l.policies {
		for _, r := range m.Rules {
			defined[packageOf(m)+"."+nameOf(r)] = true
		}
	}
	var problems []grants.Problem
	for _, m := range l.tests {
		pkg := packageOf(m)
		for _, r := range m.Rules {
			name := nameOf(r)
			if defined[pkg+"."+name] || isAsked(pkg) && (asked.MatchString(name) || isException(name)) {
				problems = append(problems, grants.Problem{Pos: place(r.Loc()), Text: fmt.Sprintf("rule %s.%s is in a test file, where it is never asked", pkg, name), Hint: "move it to a file that does not end in _test.rego, or rename it"})
			}
		}
	}
	return problems
}

// lintCompiled finds what shows only once names are resolved, in policies as conftest loaded them: values that exist
// nowhere, and messages that nobody asks for.
func lintCompiled(c *ast.Compiler) []grants.Problem {
	var problems []grants.Problem
	used := map[string]bool{}
	for _, m := range c.Modules {
		ast.WalkRefs(m, func(ref ast.Ref) bool {
			if !ref.HasPrefix(ast.DefaultRootRef) || len(ref) < 2 {
				return false
			}
			known, found := resolve(c, ref)
			if !found {
				problems = append(problems, grants.Problem{Pos: place(ref[0].Location), Text: fmt.Sprintf("undefined value %s: a policy has no data beside its rules", local.ReplaceAllString(ref.String(), "_")), Hint: "define it in a policy, or correct its name"})
			}
			used[known] = true
			return false
		})
	}
	for _, m := range c.Modules {
		pkg := packageOf(m)
		for _, r := range m.Rules {
			name := nameOf(r)
			if !isAsked(pkg) || asked.MatchString(name) || resembles(name) != "" || isException(name) || r.Head.DocKind() != ast.PartialSetDoc || used["data."+pkg+"."+name] {
				continue
			}
			problems = append(problems, grants.Problem{Pos: place(r.Loc()), Text: fmt.Sprintf("rule %s.%s is a set that is never asked and never used", pkg, name), Hint: "call it deny, violation or warn (with _suffix, if you like), or remove it"})
		}
	}
	return problems
}

// resolve follows a reference below data: known is the rule or package that it names, found is false where there is none.
func resolve(c *ast.Compiler, ref ast.Ref) (known string, found bool) {
	node := c.RuleTree
	for i, t := range ref {
		if i == 0 {
			node = node.Child(t.Value)
		} else if _, constant := t.Value.(ast.String); constant {
			node = node.Child(t.Value)
		} else {
			return ref[:i].String(), true // a choice made at run time, among what is there
		}
		if node == nil {
			return "", false
		}
		if len(node.Values) > 0 {
			return ref[:i+1].String(), true
		}
	}
	return ref.String(), true
}
