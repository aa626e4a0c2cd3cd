package grants

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"
)

// Schemas are the JSON Schemas (draft 2020-12) of the five formats by file name ("grant.schema.json", …), generated from the
// structs that the loader fills, so that editors complete and check what is written. They accept whatever the loader
// accepts, and a little more: what needs other files or code to judge stays with the loader. Without types, settings of
// targets and keys of entitlements are any text.
func Schemas(types Types) map[string][]byte {
	grant := reflectFile(grantFile{}, types, "A grant: one person, one role, a reason, a limited time (grants/ID.yaml)")
	grant.OneOf = []*jsonschema.Schema{{Required: []string{"duration"}}, {Required: []string{"expires"}}}
	role := reflectFile(roleFile{}, types, "A role: a named bundle of entitlements (roles/NAME.yaml)")
	people := reflectFile(peopleFile{}, types, "Who is who (people.yaml)")
	nameKeys(people, "people", textSchemas()[reflect.TypeFor[loginText]()])
	nameKeys(people, "groups", textSchemas()[reflect.TypeFor[groupText]()])
	config := reflectFile(configFile{}, types, "Targets, approvers and limits of an access repository (lapse.yaml)")
	nameKeys(config, "targets", textSchemas()[reflect.TypeFor[targetText]()])
	if anchor, ok := config.Properties.Get("anchor"); ok {
		anchor.OneOf = []*jsonschema.Schema{{Required: []string{"file"}}, {Required: []string{"exec"}}, {Required: []string{"git"}}}
	}
	return map[string][]byte{
		"grant.schema.json": encode(grant), "role.schema.json": encode(role),
		"people.schema.json": encode(people), "lapse.schema.json": encode(config),
		"identity.schema.json": encode(reflectFile(identityFile{}, types, "The identity of a workflow that may sign receipts (.lapse/trust/NAME.identity.yaml)")),
	}
}

func encode(s *jsonschema.Schema) []byte {
	compact, err := json.Marshal(s)
	var b bytes.Buffer
	if err == nil {
		err = json.Indent(&b, compact, "", "  ")
	}
	if err != nil {
		panic("a schema of our own types does not encode: " + err.Error())
	}
	return append(b.Bytes(), '\n')
}

func reflectFile(wire any, types Types, title string) *jsonschema.Schema {
	texts := textSchemas()
	r := &jsonschema.Reflector{Anonymous: true, DoNotReference: true, FieldNameTag: "yaml"}
	r.Mapper = func(t reflect.Type) *jsonschema.Schema {
		switch t {
		case reflect.TypeFor[entitlementEntry]():
			return entitlementSchema(types)
		case reflect.TypeFor[targetEntry]():
			return targetSchema(types)
		}
		return texts[t].fresh()
	}
	s := r.Reflect(wire)
	s.Title = title
	return s
}

// textSchema is what a schema says of one type of wire values.
type textSchema struct {
	kind, pattern string
	enum          []any
	minimum       json.Number
	maximum       json.Number
}

// fresh is a schema of its own for each place, because the description of the place is added to it.
func (t textSchema) fresh() *jsonschema.Schema {
	if t.kind == "" {
		return nil
	}
	s := &jsonschema.Schema{Type: t.kind, Pattern: t.pattern, Enum: t.enum, Minimum: t.minimum, Maximum: t.maximum}
	if t.kind == "string" && t.enum == nil {
		one := uint64(1)
		s.MinLength = &one
	}
	return s
}

// textSchemas are the alphabets of package names as patterns; the loader's validators stay the rule.
func textSchemas() map[reflect.Type]textSchema {
	const name = `^[a-z0-9][a-z0-9._-]{0,99}$`
	text := func(pattern string) textSchema { return textSchema{kind: "string", pattern: pattern} }
	return map[reflect.Type]textSchema{
		reflect.TypeFor[loginText]():     text(`^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$`),
		reflect.TypeFor[roleText]():      text(name),
		reflect.TypeFor[targetText]():    text(name),
		reflect.TypeFor[groupText]():     text(name),
		reflect.TypeFor[ticketText]():    text(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`),
		reflect.TypeFor[branchText]():    text(`^[A-Za-z0-9_@][A-Za-z0-9._/@-]*$`),
		reflect.TypeFor[emailText]():     text(`^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`),
		reflect.TypeFor[partyText]():     text(`^(@[A-Za-z0-9][A-Za-z0-9-]*/[a-z0-9_][a-z0-9_-]*|group:[a-z0-9][a-z0-9._-]*)$`),
		reflect.TypeFor[secretText]():    text(`^\$\{[A-Z_][A-Z0-9_]*\}$`),
		reflect.TypeFor[durationText]():  text(`^([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$`),
		reflect.TypeFor[timeText]():      text(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$`),
		reflect.TypeFor[issuerText]():    text(`^https?://[^ ?#@]+$`),
		reflect.TypeFor[subjectText]():   text(subjectForm.String()),
		reflect.TypeFor[lineText]():      text(`[^ ]`),
		reflect.TypeFor[settingText]():   text(""),
		reflect.TypeFor[pathText]():      text(`^/[ -~]+$`),
		reflect.TypeFor[wordText]():      text(`^[ -~]{1,500}$`),
		reflect.TypeFor[plainText]():     text(`^[ -~]{1,500}$`),
		reflect.TypeFor[envText]():       text(`^[A-Z_][A-Z0-9_]*$`),
		reflect.TypeFor[urlText]():       text(`^https?://[!-~]+$`),
		reflect.TypeFor[anchorRefText](): text(`^refs/heads/[A-Za-z0-9_@][A-Za-z0-9._/@-]*$`),
		reflect.TypeFor[mergeText]():     {kind: "string", enum: []any{"auto"}},
		reflect.TypeFor[removalText]():   {kind: "string", enum: []any{"push", "pull_request"}},
		reflect.TypeFor[idNumber]():      {kind: "integer", minimum: "1"},
		reflect.TypeFor[countNumber]():   {kind: "integer", minimum: "1", maximum: "20"},
		reflect.TypeFor[limitNumber]():   {kind: "integer", minimum: "0", maximum: "100000"},
		reflect.TypeFor[versionNumber](): {kind: "integer", enum: []any{1}},
	}
}

// nameKeys says how the keys of a table are spelt.
func nameKeys(s *jsonschema.Schema, table string, keys textSchema) {
	if property, ok := s.Properties.Get(table); ok {
		property.PropertyNames = keys.fresh()
	}
}

func entitlementSchema(types Types) *jsonschema.Schema {
	target := textSchemas()[reflect.TypeFor[targetText]()].fresh()
	target.Description = "A target of lapse.yaml."
	if types == nil {
		s := keyed("target", target, nil)
		s.AdditionalProperties = settingSchema(Field{})
		return s
	}
	s := &jsonschema.Schema{}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		for _, form := range types[name].Entitlements {
			s.AnyOf = append(s.AnyOf, keyed("target", target, form))
		}
	}
	return s
}

func targetSchema(types Types) *jsonschema.Schema {
	if types == nil {
		s := keyed("type", settingSchema(Field{Doc: "The kind of system."}), nil)
		s.AdditionalProperties = settingSchema(Field{})
		return s
	}
	s := &jsonschema.Schema{}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		s.OneOf = append(s.OneOf, keyed("type", &jsonschema.Schema{Const: name}, types[name].Settings))
	}
	return s
}

// keyed is an object with one fixed key and those of the fields.
func keyed(key string, value *jsonschema.Schema, fields []Field) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), Required: []string{key}, AdditionalProperties: jsonschema.FalseSchema}
	s.Properties.Set(key, value)
	for _, f := range fields {
		s.Properties.Set(f.Key, settingSchema(f))
		if !f.Optional {
			s.Required = append(s.Required, f.Key)
		}
	}
	return s
}

func settingSchema(f Field) *jsonschema.Schema {
	t := textSchema{kind: "string"}
	if f.Secret {
		t = textSchemas()[reflect.TypeFor[secretText]()]
	}
	for _, v := range f.Values {
		t.enum = append(t.enum, v)
	}
	s := t.fresh()
	s.Description = f.Doc
	return s
}
