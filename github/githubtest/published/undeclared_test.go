package published

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// undeclared lists the properties of an answer that the description does not name. A description that is open to more
// does not mean that GitHub sends more: what we would come to rely on must be there for everybody.
func undeclared(schema *openapi3.SchemaRef, body string) []string {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return nil // the validator has said so
	}
	found := map[string]bool{}
	walk([]*openapi3.Schema{schema.Value}, v, "", found)
	var list []string
	for at := range found {
		list = append(list, "answer: "+at+" is not in the description")
	}
	slices.Sort(list)
	return list
}

// walk goes down a value beside every schema that may describe it.
func walk(schemas []*openapi3.Schema, v any, at string, found map[string]bool) {
	schemas = alternatives(schemas)
	switch v := v.(type) {
	case []any:
		var items []*openapi3.Schema
		for _, s := range schemas {
			if s.Items != nil {
				items = append(items, s.Items.Value)
			}
		}
		for _, item := range v {
			walk(items, item, at+"/*", found)
		}
	case object:
		if free(schemas) {
			return
		}
		for name, value := range v {
			var below []*openapi3.Schema
			for _, s := range schemas {
				if p := s.Properties[name]; p != nil {
					below = append(below, p.Value)
				}
			}
			if below == nil {
				found[at+"/"+strconv.Quote(name)] = true
				continue
			}
			walk(below, value, at+"/"+name, found)
		}
	}
}

// free says whether any of them describes a map, or an object without saying what is in it.
func free(schemas []*openapi3.Schema) bool {
	named := false
	for _, s := range schemas {
		if s.AdditionalProperties.Schema != nil || (s.AdditionalProperties.Has != nil && *s.AdditionalProperties.Has) {
			return true
		}
		named = named || len(s.Properties) > 0
	}
	return !named
}

// alternatives are the schemas and all that they are made of.
func alternatives(schemas []*openapi3.Schema) []*openapi3.Schema {
	var all []*openapi3.Schema
	for todo := schemas; len(todo) > 0; todo = todo[1:] {
		s := todo[0]
		all = append(all, s)
		for _, refs := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
			for _, r := range refs {
				todo = append(todo, r.Value)
			}
		}
	}
	return all
}
