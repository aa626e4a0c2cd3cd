package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/ledger"
)

// publishedSchema is docs/schema/receipt.schema.json, as a validator.
var publishedSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	const file = "../../docs/schema/receipt.schema.json"
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(file, doc); err != nil {
		return nil, err
	}
	return c.Compile(file)
})

// payload is what the stored envelope of a receipt holds, decoded; nil: it is no envelope.
func payload(stored []byte) any {
	type envelope struct {
		Payload []byte `json:"payload"`
	}
	var file struct {
		envelope
		InBundle envelope `json:"dsseEnvelope"`
	}
	if json.Unmarshal(stored, &file) != nil {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(append(file.Payload, file.InBundle.Payload...)))
	if err != nil {
		return nil
	}
	return doc
}

// validateAll holds every receipt of a ledger against the published schema. What Lapse cannot read itself, a test has spoilt.
func validateAll(files fs.FS) error {
	schema, err := publishedSchema()
	if err != nil {
		return err
	}
	return fs.WalkDir(files, "receipts", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		stored, err := fs.ReadFile(files, path)
		doc := payload(stored)
		if err != nil || doc == nil {
			return nil
		}
		if text, _ := json.Marshal(doc); strings.Contains(string(text), `"judgement":{}`) {
			return nil // written by the test itself
		}
		if err := schema.Validate(doc); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// aLife is a ledger with a grant that ran its time, one that the policies ended, a push that was refused, and a holding that was there
// before: the payload of each receipt, by kind.
func aLife(t *testing.T) (*theatre, map[ledger.Kind][]any) {
	t.Helper()
	th := newTheatre(t, nil)
	th.AddMember(stage.Org, "prod-oncall", "alice", "active")
	th.approved("alice-prod")
	th.want("reconcile")
	th.Advance(2 * time.Hour)
	th.want("reconcile")
	th.force(th.ask("bob", "bob-staging", plain("grants/bob-staging.yaml", grantWith("user: bob"))))
	th.want("reconcile")
	people, ok := th.File(stage.Repo, "main", "people.yaml")
	if !ok {
		t.Fatal("there is no people.yaml")
	}
	n := th.ask("alice", "leaves", plain("people.yaml", strings.Replace(people, "departed: []", "departed: [bob]", 1)))
	_, err := th.As("dan").Review(stage.Repo, n, "APPROVE", "")
	must(t, err)
	th.force(n)
	th.want("reconcile")
	_, err = th.As("mallory").PushFiles(stage.Repo, "main", "", map[string]string{"grants/mine.yaml": grantWith("user: bob")}, "Mine")
	must(t, err)
	if _, code := th.reconcile(); code != exitRefused {
		t.Errorf("a push of a grant leaves with %d", code)
	}
	out := map[ledger.Kind][]any{}
	for _, kind := range []ledger.Kind{ledger.Approved, ledger.Refused, ledger.Intended, ledger.Given, ledger.Taken, ledger.Kept, ledger.Ended} {
		for _, path := range th.receipts(string(kind)) {
			out[kind] = append(out[kind], payload([]byte(th.git("show", ledger.Branch+":"+path))))
		}
		if len(out[kind]) == 0 {
			t.Errorf("the life has no receipt of kind %s", kind)
		}
	}
	return th, out
}

func TestTheSchemaAcceptsALifeAndNothingAltered(t *testing.T) {
	t.Parallel()
	schema, err := publishedSchema()
	must(t, err)
	_, life := aLife(t)
	altered, seen := 0, false
	for kind, docs := range life {
		for _, doc := range docs {
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			for what, change := range alterations(doc) {
				altered++
				if schema.Validate(change) == nil {
					t.Errorf("%s: the schema accepts it with %s", kind, what)
				}
			}
			text, _ := json.Marshal(doc)
			seen = seen || kind == ledger.Ended && strings.Contains(string(text), `"asked":[{"answer":{"denials":[`)
		}
	}
	if altered < 1000 {
		t.Errorf("only %d alterations", altered)
	}
	if !seen {
		t.Error("what the policies saw when they ended a grant is on no receipt")
	}
}

// alterations are the document with one thing changed each, by what was changed: a field more in each object, another type at each
// leaf, a time that is none, and each field of the predicate that may not be missing left out, and each other kind.
func alterations(doc any) map[string]any {
	out := map[string]any{}
	var walk func(at string, node any, put func(any))
	again := func(at string, change func()) {
		change()
		text, _ := json.Marshal(doc)
		out[at], _ = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	}
	walk = func(at string, node any, put func(any)) {
		swap := func(what string, other any) {
			if at == "" {
				return // the document itself
			}
			again(at+what, func() { put(other) })
			put(node)
		}
		switch v := node.(type) {
		case map[string]any:
			again(at+": a field more", func() { v["x"] = map[string]any{"x": []any{[]any{}}} })
			delete(v, "x")
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(at+"."+key, v[key], func(other any) { v[key] = other })
			}
			swap(": text for an object", "x")
		case []any:
			for i := range v {
				walk(fmt.Sprintf("%s[%d]", at, i), v[i], func(other any) { v[i] = other })
			}
			swap(": text for a list", "x")
		case string:
			swap(": a number for text", json.Number("1"))
			if _, err := time.Parse(time.RFC3339, v); err == nil && !strings.HasSuffix(at, ".at") && !strings.Contains(at, "rfc3339") {
				swap(": no time", "yesterday")
			}
			if strings.HasPrefix(v, "sha256:") && !strings.Contains(at, ".files.") && !strings.Contains(at, ".verdict.") {
				swap(": half a digest", v[:40])
			}
		case bool:
			swap(": text for true or false", "true")
		case json.Number:
			swap(": text for a number", "1")
		}
	}
	walk("", doc, func(any) {})
	predicate := doc.(map[string]any)["predicate"].(map[string]any)
	is := predicate["kind"].(string)
	for _, field := range []string{"sequence", "kind", "time", "repository", "main", "commit", "holding", "action"} {
		if was, there := predicate[field]; there {
			again("no "+field, func() { delete(predicate, field) })
			predicate[field] = was
		}
	}
	for _, kind := range []string{"approved", "refused", "intended", "given", "taken", "kept", "ended", "anchored", "accepted", "promised"} {
		bare := predicate["due"] == nil && predicate["until"] == nil
		if kind != is && !(slices.Contains([]string{"given", "kept", "taken"}, kind) && slices.Contains([]string{"given", "kept"}, is) && (kind != "taken" || bare)) {
			again("kind "+kind, func() { predicate["kind"] = kind })
			predicate["kind"] = is
		}
	}
	return out
}
