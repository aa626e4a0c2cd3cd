package lapse_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lapse-access/lapse/"

// rooms says, for each room, which other rooms it may import. What is not listed is forbidden; a room that is not listed
// is a finding: give it a line here, with a reason in its package comment.
var rooms = map[string][]string{
	"names":                      {},
	"grants":                     {"names"},
	"policies":                   {"grants", "names"},
	"checks":                     {"grants", "names", "policies"},
	"ledger":                     {"grants", "names"},
	"ledger/keyless":             {"grants", "ledger"},
	"ledger/keyless/keylesstest": {"grants"},
	"gitrepo":                    {"durable", "names"},
	"github":                     {"names"},
	"github/githubtest":          {"names"},
	"requests":                   {"checks", "github", "gitrepo", "grants", "ledger", "names", "policies"},
	"audit":                      {"checks", "grants", "ledger", "reconciler", "requests"},
	"audit/clone":                {"audit", "checks", "gitrepo", "grants", "ledger", "requests"},
	"reconciler":                 {"checks", "gitrepo", "grants", "ledger", "names", "policies", "requests"},
	"durable":                    {},
	"anchors":                    {"durable", "gitrepo", "grants", "ledger", "reconciler"},
	"targets/file":               {"durable", "grants", "names", "reconciler"},
	"targets/github":             {"github", "grants", "names", "reconciler"},
	"targets/targettest":         {"grants", "reconciler"},
	"cmd/lapse/internal/render":  {"audit", "checks", "grants"},
	"cmd/lapse/internal/chaos":   {"cmd/lapse/internal/stage", "github/githubtest", "grants", "ledger", "reconciler"}, // a harness: tests alone import it
	"cmd/lapse/internal/stage":   {"example", "github/githubtest", "ledger", "requests"},
	"example":                    {},
	"settings":                   {},
	"cmd/lapse":                  {"*"},
}

// owners says which rooms alone may import a library: its sharp edges are wrapped there, once.
var owners = map[string][]string{
	"github.com/google/go-github":    {"github"},
	"github.com/go-git/":             {"gitrepo"},
	"github.com/open-policy-agent/":  {"policies"},
	"github.com/sigstore/":           {"ledger", "ledger/keyless", "ledger/keyless/keylesstest"},
	"github.com/theupdateframework/": {"ledger/keyless"},
	"github.com/secure-systems-lab/": {"ledger"},
	"gopkg.in/yaml.v3":               {"grants"},
	"github.com/spf13/":              {"cmd/lapse"},
	"github.com/vektah/":             {"github/githubtest"},
	"github.com/getkin/":             {}, // judges what tests recorded
	"net/http":                       {"github", "github/githubtest", "gitrepo", "cmd/lapse", "cmd/lapse/internal/chaos", "targets/github", "ledger/keyless", "ledger/keyless/keylesstest"},
	"os/exec":                        {"anchors", "github/githubtest", "ledger/keyless/keylesstest", "cmd/lapse", "cmd/lapse/internal/chaos"},
}

// only says which rooms alone may name a function of the standard library.
var only = map[string][]string{
	"time.Now":  {"cmd/lapse", "github", "github/githubtest", "ledger/keyless/keylesstest", "targets/targettest"},
	"os.Getenv": {"cmd/lapse", "github/githubtest"},
	"os.Exit":   {"cmd/lapse"},
}

// DESIGN.md section 7: who may know whom.
func TestEveryRoomKnowsOnlyWhatItMay(t *testing.T) {
	for file, f := range sources(t) {
		room := roomOf(file)
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("%s: room %q has no line in the table of rooms", file, room)
			continue
		}
		for _, imp := range f.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			if other, ours := strings.CutPrefix(p, module); ours && other != room && !slices.Contains(allowed, other) && !slices.Contains(allowed, "*") {
				t.Errorf("%s: room %s may not import %s", file, room, other)
			}
			for lib, who := range owners {
				if strings.HasPrefix(p, lib) && !slices.Contains(who, room) {
					t.Errorf("%s: only %v may import %s", file, who, lib)
				}
			}
		}
		checkNames(t, file, room, f)
	}
}

func checkNames(t *testing.T, file, room string, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		if who, limited := only[pkg.Name+"."+sel.Sel.Name]; limited && !slices.Contains(who, room) {
			t.Errorf("%s: only %v may name %s.%s", file, who, pkg.Name, sel.Sel.Name)
		}
		return true
	})
}

func roomOf(file string) string { return path.Dir(filepath.ToSlash(file)) }

// sources are the module's files that are no tests, parsed.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	out := map[string]*ast.File{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && p != ".") {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		out[p] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d source files found: the test looks in the wrong place", len(out))
	}
	return out
}
