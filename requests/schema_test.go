package requests

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"github.com/lapse-access/lapse/ledger"
)

var update = flag.Bool("update", false, "write docs/schema/receipt.schema.json")

const receiptSchema = "../docs/schema/receipt.schema.json"

// The schema is made of the Go types and of what their comments say.
func TestTheReceiptSchemaThatIsPublishedIsThatOfTheTypes(t *testing.T) {
	want := makeReceiptSchema(t)
	if *update {
		if err := os.WriteFile(receiptSchema, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(receiptSchema)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is out of date; run: go test ./requests -run Schema -update\n%s", receiptSchema, diff)
	}
}

// always are the fields that a receipt of any kind may have.
var always = []string{"sequence", "previous", "kind", "time", "repository", "main", "push"}

// shape is which fields a receipt of one kind has beside those.
type shape struct {
	must, may []string
	judgement string // definition of its judgement
}

var shapes = map[ledger.Kind]shape{
	ledger.Approved: {[]string{"commit"}, []string{"grant", "configuration", "judgement"}, "requests.Evidence"},
	ledger.Refused:  {[]string{"commit", "reasons", "judgement"}, []string{"grant", "configuration"}, "requests.Evidence"},
	ledger.Ended:    {[]string{"grant", "reasons"}, []string{"judgement"}, "requests.Ended"},
	ledger.Intended: {[]string{"holding", "action"}, []string{"grants", "until", "reasons"}, ""},
	ledger.Given:    {[]string{"holding"}, []string{"grants", "until"}, ""},
	ledger.Taken:    {[]string{"holding"}, []string{"grants", "due", "overrun", "reasons"}, ""},
	ledger.Kept:     {[]string{"holding"}, []string{"grants", "until"}, ""},
	ledger.Anchored: {[]string{"anchor"}, nil, ""},
	ledger.Accepted: {[]string{"accepted"}, nil, ""},
}

func makeReceiptSchema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{Anonymous: true, Namer: func(typ reflect.Type) string {
		if typ.PkgPath() == "" {
			return ""
		}
		return path.Base(typ.PkgPath()) + "." + typ.Name() // two packages have a Grant
	}}
	if err := r.AddGoComments("github.com/lapse-access/lapse/requests", "../"); err != nil {
		t.Fatal(err)
	}
	for name, text := range r.CommentMap {
		r.CommentMap[name] = plainWords(text)
	}
	s := r.Reflect(ledger.Statement{})
	for _, more := range []any{Evidence{}, Ended{}} {
		for name, d := range r.Reflect(more).Definitions {
			s.Definitions[name] = d
		}
	}
	s.ID = jsonschema.ID(ledger.PredicateType + ".schema.json")
	s.Title = "a receipt of Lapse: the in-toto statement in the payload of an envelope on the branch " + ledger.Branch
	constrain(s.Definitions)
	return encodeSchema(t, s)
}

var godocLink = regexp.MustCompile(`\[([A-Z][A-Za-z.]*|[a-z]+\.[A-Z][A-Za-z.]*)\]`)

// plainWords is a comment in one line, without the marks of godoc's links.
func plainWords(text string) string {
	return strings.ReplaceAll(godocLink.ReplaceAllString(text, "$1"), "\n", " ")
}

// constrain adds what the types do not say: forms of text, and which fields each kind has.
func constrain(defs jsonschema.Definitions) {
	set := func(def, property string, change func(*jsonschema.Schema)) {
		p, ok := defs[def].Properties.Get(property)
		if !ok {
			panic(def + " has no " + property)
		}
		change(p)
	}
	pattern := func(text string) func(*jsonschema.Schema) {
		return func(s *jsonschema.Schema) { s.Pattern = text }
	}
	one := uint64(1)
	set("ledger.Statement", "_type", func(s *jsonschema.Schema) { s.Const = ledger.StatementType })
	set("ledger.Statement", "predicateType", func(s *jsonschema.Schema) { s.Const = ledger.PredicateType })
	set("ledger.Statement", "subject", func(s *jsonschema.Schema) { s.MinItems, s.MaxItems = &one, &one })
	set("ledger.Subject", "digest", func(s *jsonschema.Schema) {
		s.MinProperties, s.MaxProperties = &one, &one
		s.PropertyNames = &jsonschema.Schema{Enum: []any{"sha256", "gitCommit"}}
	})
	for def, properties := range map[string][]string{
		"ledger.Receipt": {"previous"}, "ledger.Configuration": {"digest"}, "requests.Evidence": {"configuration"}, "requests.Ended": {"configuration"},
	} {
		for _, p := range properties {
			set(def, p, pattern(`^sha256:[0-9a-f]{64}$`))
		}
	}
	set("ledger.Grant", "digest", pattern(`^(sha256:[0-9a-f]{64})?$`)) // none: refused, and no file with bytes
	set("ledger.Receipt", "commit", pattern(`^[0-9a-f]{40}$`))
	set("requests.Evidence", "base", pattern(`^[0-9a-f]{40}$`))
	set("requests.Ended", "base", pattern(`^[0-9a-f]{40}$`))
	set("ledger.Receipt", "overrun", pattern(`^([0-9]+h)?([0-9]+m)?[0-9.]+(ns|µs|ms|s)$`))
	set("ledger.Receipt", "action", func(s *jsonschema.Schema) { s.Enum = []any{"give", "take"} })
	set("ledger.Receipt", "sequence", func(s *jsonschema.Schema) { s.Minimum, s.Maximum = "1", "9999999999" })
	set("ledger.Receipt", "repository", func(s *jsonschema.Schema) { s.Minimum = "1" })
	kinds(defs["ledger.Receipt"])
}

// kinds says for each kind which fields its receipts have.
func kinds(receipt *jsonschema.Schema) {
	var names []any
	for _, kind := range slices.Sorted(maps.Keys(shapes)) {
		names = append(names, string(kind))
		receipt.AllOf = append(receipt.AllOf, ofKind(receipt, kind, shapes[kind]))
	}
	p, _ := receipt.Properties.Get("kind")
	p.Enum = names
}

func ofKind(receipt *jsonschema.Schema, kind ledger.Kind, sh shape) *jsonschema.Schema {
	is := jsonschema.NewProperties()
	is.Set("kind", &jsonschema.Schema{Const: string(kind)})
	then := &jsonschema.Schema{Required: sh.must, Properties: jsonschema.NewProperties()}
	for p := receipt.Properties.Oldest(); p != nil; p = p.Next() {
		switch {
		case p.Key == "judgement" && sh.judgement != "":
			then.Properties.Set(p.Key, &jsonschema.Schema{Ref: "#/$defs/" + sh.judgement})
		case !slices.Contains(slices.Concat(always, sh.must, sh.may), p.Key):
			then.Properties.Set(p.Key, jsonschema.FalseSchema)
		}
	}
	if slices.Contains(sh.may, "configuration") {
		then.OneOf = []*jsonschema.Schema{{Required: []string{"grant"}}, {Required: []string{"configuration"}}}
	}
	return &jsonschema.Schema{If: &jsonschema.Schema{Properties: is}, Then: then}
}

func encodeSchema(t *testing.T, s *jsonschema.Schema) []byte {
	t.Helper()
	compact, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

func TestEveryKindOfReceiptHasAShape(t *testing.T) {
	fields := reflect.TypeFor[ledger.Receipt]()
	used := map[string]bool{}
	for _, sh := range shapes {
		for _, name := range slices.Concat(always, sh.must, sh.may) {
			used[name] = true
		}
	}
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		if !used[name] {
			t.Errorf("no kind of receipt has %s", name)
		}
	}
}
