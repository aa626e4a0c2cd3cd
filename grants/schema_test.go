package grants

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write docs/schema")

func TestSchemasThatArePublishedAreThoseOfTheTypes(t *testing.T) {
	dir := filepath.Join("..", "docs", "schema")
	for name, want := range Schemas(nil) {
		file := filepath.Join(dir, name)
		if *update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is out of date; run: go test ./grants -run TestSchemas -update\n%s", file, diff)
		}
	}
}

// validate checks a YAML text against one of the schemas.
func validate(t *testing.T, types Types, schema, text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schemas(types)[schema]))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("file:///"+schema, doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("file:///" + schema)
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(textTree(t, text))
}

// textTree is a YAML text as an editor sees it: times are text (YAML 1.2).
func textTree(t *testing.T, text string) any {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	var untime func(*yaml.Node)
	untime = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" {
			n.Tag = "!!str"
		}
		for _, c := range n.Content {
			untime(c)
		}
	}
	untime(&root)
	var tree any
	if err := root.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestSchemasAcceptTheManualsFiles(t *testing.T) {
	for _, types := range []Types{nil, exampleTypes()} {
		for schema, text := range map[string]string{
			"grant.schema.json": grantYAML, "role.schema.json": roleYAML, "people.schema.json": peopleYAML, "lapse.schema.json": configYAML,
		} {
			if err := validate(t, types, schema, text); err != nil {
				t.Errorf("%s: %v", schema, err)
			}
		}
	}
}

func TestSchemasRefuseWhatTheLoaderRefuses(t *testing.T) {
	const grant = "grant.schema.json"
	for _, tt := range []struct{ schema, text string }{
		{grant, "user: alice\nrole: r\nreason: x\n"},
		{grant, "user: alice\nrole: r\nreason: x\nduration: 4h\nexpires: 2026-12-01T18:00:00Z\n"},
		{grant, "user: alice\nrol: r\nreason: x\nduration: 4h\n"},
		{grant, "user: a/b\nrole: r\nreason: x\nduration: 4h\n"},
		{grant, "user: alice\nrole: r\nreason: x\nduration: 1.5h\n"},
		{grant, "user: alice\nrole: r\nreason: x\nexpires: 2026-12-01\n"},
		{grant, "user: alice\nrole: r\nreason: ' '\nduration: 4h\n"},
		{"role.schema.json", "entitlements: [{target: github, teem: x}]\nmax_duration: 1h\neligible: [group:x]\napprovals: []\n"},
		{"role.schema.json", "entitlements: [{target: github, team: x}]\nmax_duration: 1h\neligible: [x]\napprovals: []\n"},
		{"role.schema.json", "entitlements: [{target: github, team: x}]\nmax_duration: 1h\neligible: [group:x]\napprovals: [{from: [group:x], count: 0}]\n"},
		{"people.schema.json", "people: {alice: {id: 0}}\n"},
		{"people.schema.json", "people: {'a/b': {id: 1}}\n"},
		{"lapse.schema.json", "version: 1\ntargets: {x: {type: postgres, dsn: 'postgres://'}}\nsigning: {keyless: true}\n"},
		{"lapse.schema.json", "version: 2\ntargets: {}\nsigning: {keyless: true}\n"},
		{"lapse.schema.json", "version: 1\ntargets: {}\nanchor: {}\nsigning: {keyless: true}\n"},
		{"lapse.schema.json", "version: 1\ntargets: {}\nanchor: {file: /srv/a, git: 'https://git.acme.com/a.git'}\nsigning: {keyless: true}\n"},
		{"lapse.schema.json", "version: 1\ntargets: {}\nanchor: {file: a.json}\nsigning: {keyless: true}\n"},
	} {
		if validate(t, exampleTypes(), tt.schema, tt.text) == nil {
			t.Errorf("%s accepts\n%s", tt.schema, tt.text)
		}
	}
}
