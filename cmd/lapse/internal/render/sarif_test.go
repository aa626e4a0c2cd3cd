package render

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// published is the schema of SARIF 2.1.0 as OASIS publishes it, which the reader's package carries.
func published(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", reflect.TypeFor[sarif.Report]().PkgPath()).Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && len(lit.Value) > len(text) {
			text = lit.Value
		}
		return true
	})
	if text, err = strconv.Unquote(text); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// logOf is what a reader of SARIF that is not ours makes of the annotations, once they have been found valid.
func logOf(t *testing.T, schema *jsonschema.Schema, as []Annotation) *sarif.Report {
	t.Helper()
	var b bytes.Buffer
	if err := SARIF(&b, as); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	if err == nil {
		err = schema.Validate(doc)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	log, err := sarif.FromBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestTheSchemaOfSARIFRefusesWhatIsWrong(t *testing.T) {
	doc := map[string]any{"version": "2.1.0", "runs": []any{map[string]any{"tool": map[string]any{"driver": map[string]any{}}, "results": []any{}}}}
	if published(t).Validate(doc) == nil {
		t.Error("a driver without a name is taken")
	}
}

func TestSARIFIsValidAndHoldsEveryAnnotation(t *testing.T) {
	schema := published(t)
	for name, v := range verdicts() {
		as := Annotations(v)
		results := logOf(t, schema, as).Runs[0].Results
		if len(results) != len(as) {
			t.Errorf("%s: %d results of %d annotations", name, len(results), len(as))
		}
	}
	denied := logOf(t, schema, Annotations(verdicts()["denied"])).Runs[0].Results[0]
	at := denied.Locations[0].PhysicalLocation
	if denied.Level != "error" || *denied.RuleID != "denied" || *at.ArtifactLocation.URI != "grants/alice-prod.yaml" || *at.Region.StartLine != 3 || *at.Region.StartColumn != 11 {
		t.Errorf("the first denial is %+v at %+v", denied, at)
	}
}

func TestTheGoldenSARIF(t *testing.T) {
	for name, v := range verdicts() {
		var b bytes.Buffer
		if err := SARIF(&b, Annotations(v)); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".sarif", b.String())
	}
}

func TestA61HostileTextIsNoLinkInSARIF(t *testing.T) {
	schema := published(t)
	for i := range hostile {
		for _, r := range logOf(t, schema, Annotations(hostileVerdict(rotated(i)))).Runs[0].Results {
			text := *r.Message.Text
			if strings.Contains(text, "](") || strings.ContainsAny(text, "\r\n\x1b\u202e") {
				t.Errorf("message %q", text)
			}
			for _, l := range r.Locations {
				if uri := *l.PhysicalLocation.ArtifactLocation.URI; strings.Contains(uri, "://") || strings.HasPrefix(uri, "//") || strings.ContainsAny(uri, " <>\"") {
					t.Errorf("location %q", uri)
				}
			}
		}
	}
}
