package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/lapse-access/lapse/grants"
	"github.com/open-policy-agent/conftest/policy"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// forbidden are the built-ins that no policy gets beside those that OPA itself marks as non-deterministic. A name that ends
// in a dot stands for all built-ins below it.
var forbidden = map[string]string{
	"crypto.x509.":            "reads the clock",
	"io.jwt.":                 "reads the clock",
	"net.":                    "asks the network",
	"providers.":              "signs requests to others",
	"rego.parse_module":       "reads policies that no one reviewed",
	"strings.render_template": "cannot be stopped",
	"bits.lsh":                "can take all memory",
	"trace":                   "is for debugging; use print",
}

// capabilities is what a policy may call: everything that always gives the same result for the same input. A built-in that
// is not named here does not exist for the compiler, so that `with` cannot bring it back.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return b.Nondeterministic || forbids(b.Name) })
	c.AllowNet = []string{}
	return c
}

func forbids(name string) bool {
	for f := range forbidden {
		if name == f || strings.HasSuffix(f, ".") && strings.HasPrefix(name, f) {
			return true
		}
	}
	return false
}

// InputSchema is the JSON Schema of [Input], as published in docs/schema/policy-input.schema.json.
func InputSchema() []byte {
	r := jsonschema.Reflector{DoNotReference: true, ExpandedStruct: true, Anonymous: true}
	s := r.Reflect(Input{})
	s.Title = "input of the policies of Lapse"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the type is ours: it can be written
	}
	return append(b, '\n')
}

// schemas tells the compiler the type of input, so that reading a field that does not exist is an error.
func schemas() *ast.SchemaSet {
	var raw map[string]any
	if err := json.Unmarshal(InputSchema(), &raw); err != nil {
		panic(err)
	}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, raw)
	return set
}

// compile type-checks all files, tests included, against the schema of the input. conftest cannot be given a schema, so
// what is evaluated is compiled once more, by it.
func compile(modules map[string]*ast.Module) *ast.Compiler {
	c := ast.NewCompiler().
		WithCapabilities(capabilities()).
		WithStrict(true).
		WithEnablePrintStatements(true).
		WithSchemas(schemas()).
		SetErrorLimit(maxProblems)
	c.Compile(modules)
	return c
}

// load has conftest load the policies, without their tests, from a private folder, and prepares what is asked of them.
// With rules, the problems are those that show only in what conftest made of the policies.
func load(files []file) (map[string][]rule, []grants.Problem) {
	dir, err := os.MkdirTemp("", "lapse-policies-")
	if err != nil {
		return nil, []grants.Problem{folderProblem("make a private folder for the policies: "+err.Error(), "")}
	}
	defer os.RemoveAll(dir)
	for _, f := range files {
		if f.isTest() {
			continue
		}
		if err := writeNew(filepath.Join(dir, filepath.Base(f.path)), f.bytes); err != nil {
			return nil, []grants.Problem{fileProblem(f.path, "copy it for conftest: "+err.Error(), "")}
		}
	}
	opts := policy.CompilerOptions{Strict: true, RegoVersion: "v1", Capabilities: capabilities()}
	engine, err := policy.LoadWithData([]string{dir}, nil, opts)
	if err != nil {
		return nil, relocate(dir, fromError(Folder, err))
	}
	rules, err := prepare(engine, dir)
	if err != nil {
		return nil, relocate(dir, fromError(Folder, err))
	}
	return rules, relocate(dir, lintCompiled(engine.Compiler()))
}

// writeNew refuses a file that is there already: on a disk that ignores case, a second policy would replace the first.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// prepare finds the rules of the asked packages as conftest does, by their name, and prepares one query for each.
func prepare(engine *policy.Engine, dir string) (map[string][]rule, error) {
	rules := map[string][]rule{packageRequest: nil, packageActive: nil}
	paths := make([]string, 0, len(engine.Modules()))
	for path := range engine.Modules() {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		m := engine.Modules()[path]
		pkg := strings.TrimPrefix(m.Package.Path.String(), "data.")
		if pkg != packageRequest && pkg != packageActive {
			continue
		}
		for _, r := range m.Rules {
			name := string(r.Head.Name)
			if !asked.MatchString(name) || len(r.Head.Args) > 0 {
				continue
			}
			if i := slices.IndexFunc(rules[pkg], func(r rule) bool { return r.name == name }); i >= 0 {
				rules[pkg][i].definitions++
				continue
			}
			q, err := rego.New(
				rego.Query("data."+pkg+"."+name),
				rego.Compiler(engine.Compiler()),
				rego.Store(engine.Store()),
				rego.StrictBuiltinErrors(true),
			).PrepareForEval(context.Background())
			if err != nil {
				return nil, fmt.Errorf("prepare %s.%s: %w", pkg, name, err)
			}
			at := place(r.Loc())
			at.File = rename(dir, at.File)
			rules[pkg] = append(rules[pkg], rule{pkg: pkg, name: name, at: at, definitions: 1, query: q, dir: dir})
		}
	}
	return rules, nil
}

// fromError turns the errors of OPA and conftest into problems; one without a place is about path.
func fromError(path string, err error) []grants.Problem {
	if list, ok := errors.AsType[ast.Errors](err); ok {
		var problems []grants.Problem
		for _, e := range list {
			problems = append(problems, fromOPA(path, e))
		}
		return problems
	}
	if list, ok := errors.AsType[loader.Errors](err); ok {
		var problems []grants.Problem
		for _, e := range list {
			problems = append(problems, fromError(path, e)...)
		}
		return problems
	}
	if e, ok := errors.AsType[*ast.Error](err); ok {
		return []grants.Problem{fromOPA(path, e)}
	}
	if e, ok := errors.AsType[*topdown.Error](err); ok && e.Location != nil {
		return []grants.Problem{{Pos: place(e.Location), Text: e.Message}}
	}
	return []grants.Problem{fileProblem(path, err.Error(), "")}
}

// local is the compiler's name for a variable that has none of its own.
var local = regexp.MustCompile(`__local\d*__`)

// fromOPA is one error of the parser or the compiler, with a hint where the cause is one of ours.
func fromOPA(path string, e *ast.Error) grants.Problem {
	p := grants.Problem{Pos: grants.Pos{File: path}, Text: local.ReplaceAllString(e.Message, "_")}
	if e.Location != nil && e.Location.File != "" {
		p.Pos = place(e.Location)
	}
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok && known(name) {
		p.Hint = "a policy sees its input and nothing else: no network, environment, clock or chance; the time is input.now"
	}
	if d, ok := e.Details.(*ast.RefErrInvalidDetail); ok && len(d.OneOf) > 0 {
		p.Hint = nearest(d)
	}
	return p
}

// known says whether OPA has the built-in, so that its absence is ours.
func known(name string) bool {
	return slices.ContainsFunc(ast.Builtins, func(b *ast.Builtin) bool { return b.Name == name })
}

// nearest hints at the field that was meant, or at all there are.
func nearest(d *ast.RefErrInvalidDetail) string {
	have := ""
	if d.Pos < len(d.Ref) {
		if s, ok := d.Ref[d.Pos].Value.(ast.String); ok {
			have = string(s)
		}
	}
	var all []string
	for _, v := range d.OneOf {
		if s, ok := v.(ast.String); ok {
			all = append(all, string(s))
		}
	}
	slices.Sort(all)
	for _, s := range all {
		if have != "" && distance(have, s) <= min(len(have)/3, 2) {
			return fmt.Sprintf("did you mean %q?", s)
		}
	}
	return "there are " + strings.Join(all, ", ")
}

func place(l *ast.Location) grants.Pos {
	return grants.Pos{File: l.File, Line: l.Row, Column: l.Col}
}

// relocate names the files of the access repository in place of the private copies in dir.
func relocate(dir string, problems []grants.Problem) []grants.Problem {
	for i := range problems {
		problems[i].File = rename(dir, problems[i].File)
		problems[i].Text = rename(dir, problems[i].Text)
	}
	return problems
}

func rename(dir, text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, dir, Folder), filepath.ToSlash(dir), Folder)
}

// onlyFields keeps the errors about a field that does not exist.
func onlyFields(err error) []grants.Problem {
	list, _ := errors.AsType[ast.Errors](err)
	var problems []grants.Problem
	for _, e := range list {
		if _, ok := e.Details.(*ast.RefErrInvalidDetail); ok {
			problems = append(problems, fromOPA(Folder, e))
		}
	}
	return problems
}
