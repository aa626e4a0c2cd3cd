package published

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/lapse-access/lapse/github/githubtest"
)

// description is GitHub's OpenAPI description. Its 800 paths are kept as text; only those that an exchange meets are
// compiled, each once.
type description struct {
	head       map[string]json.RawMessage            // openapi, info
	paths      map[string]json.RawMessage            // by template
	components map[string]map[string]json.RawMessage // by kind and name
	templates  []template
	compiled   map[string]*openapi3.T
}

func readDescription(text []byte) (*description, error) {
	d := &description{compiled: map[string]*openapi3.T{}}
	var whole map[string]json.RawMessage
	err := errors.Join(json.Unmarshal(text, &whole), json.Unmarshal(whole["paths"], &d.paths), json.Unmarshal(whole["components"], &d.components))
	if err != nil {
		return nil, fmt.Errorf("read OpenAPI description: %w", err)
	}
	d.head = map[string]json.RawMessage{"openapi": whole["openapi"], "info": whole["info"]}
	for path, item := range d.paths {
		var methods map[string]json.RawMessage
		if err := json.Unmarshal(item, &methods); err != nil {
			return nil, fmt.Errorf("read OpenAPI description: %s: %w", path, err)
		}
		d.templates = append(d.templates, newTemplate(path, methods))
	}
	slices.SortFunc(d.templates, moreLiteral)
	return d, nil
}

// check lists in what an exchange deviates from the description, each under the operation.
func (d *description) check(e githubtest.Exchange) []deviation {
	t, params, ok := d.route(e.Method, e.Path)
	if !ok {
		return d.unrouted(e)
	}
	var found []deviation
	for _, problem := range d.problems(t, params, e) {
		found = append(found, deviation{e.Method + " " + t.path, e.Status, problem})
	}
	return found
}

func (d *description) problems(t template, params map[string]string, e githubtest.Exchange) []string {
	doc, err := d.compile(t.path)
	if err != nil {
		return []string{err.Error()}
	}
	item := doc.Paths.Value(t.path)
	in, err := requestOf(e)
	if err != nil {
		return []string{err.Error()}
	}
	input := &openapi3filter.RequestValidationInput{Request: in, PathParams: params, Options: options(doc),
		Route: &routers.Route{Spec: doc, Path: t.path, PathItem: item, Method: e.Method, Operation: item.GetOperation(e.Method)}}
	var found []string
	if e.Status == 0 || e.Status < 300 { // what GitHub refuses may be wrong in any way
		found = append(found, requestProblems(input)...)
	}
	if e.Status != 0 {
		found = append(found, answerProblems(doc, input, e)...)
	}
	return found
}

// unrouted judges what the description has no path for: GitHub answers 404 there, so must the server.
func (d *description) unrouted(e githubtest.Exchange) []deviation {
	if e.Status == http.StatusNotFound || e.Status == http.StatusUnauthorized {
		return nil
	}
	return []deviation{{e.Method + " " + e.Path, e.Status, "not in the description"}}
}

func requestOf(e githubtest.Exchange) (*http.Request, error) {
	u, err := url.Parse("http://github.test" + e.Path)
	if err != nil {
		return nil, err
	}
	u.RawQuery = e.Query
	in := &http.Request{Method: e.Method, URL: u, Header: http.Header{}, Body: http.NoBody}
	if e.Request != "" {
		in.Body = io.NopCloser(strings.NewReader(e.Request))
		// GitHub reads a body as JSON whatever it is said to be.
		in.Header.Set("Content-Type", "application/json")
	}
	return in, nil
}

func options(doc *openapi3.T) *openapi3filter.Options {
	return &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, SkipSettingDefaults: true,
		RejectWhenRequestBodyNotSpecified: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		SchemaValidationOptions: append(doc.GetSchemaValidationOptions(), openapi3.WithStringFormatValidators(formats()), openapi3.EnableFormatValidation())}
}

// formats are those that the library does not know by itself.
func formats() map[string]openapi3.StringFormatValidator {
	absolute := func(s string) error {
		if u, err := url.Parse(s); err != nil || u.Scheme == "" {
			return errors.New("not an absolute URI")
		}
		return nil
	}
	return map[string]openapi3.StringFormatValidator{
		"uri": openapi3.NewCallbackValidator(absolute),
	}
}

func requestProblems(input *openapi3filter.RequestValidationInput) []string {
	found := flatten("request: ", openapi3filter.ValidateRequest(context.Background(), input))
	known := map[string]bool{}
	for _, p := range append(slices.Clone(input.Route.PathItem.Parameters), input.Route.Operation.Parameters...) {
		known[p.Value.Name] = p.Value.In == openapi3.ParameterInQuery || known[p.Value.Name]
	}
	for name := range input.Request.URL.Query() {
		if !known[name] && !known[name+"[]"] {
			found = append(found, "request: the description has no query parameter "+strconv.Quote(name))
		}
	}
	return found
}

// everywhere are the refusals that any operation may answer, whether its description lists them or not
// (https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api), with the body of a basic error where no
// other is described.
var everywhere = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}

func answerProblems(doc *openapi3.T, input *openapi3filter.RequestValidationInput, e githubtest.Exchange) []string {
	described := input.Route.Operation.Responses.Status(e.Status)
	var media *openapi3.MediaType
	if described != nil && described.Value != nil {
		media = described.Value.Content.Get("application/json")
	}
	switch {
	case media == nil && slices.Contains(everywhere, e.Status):
		return basicError(doc, e)
	case media == nil && e.Answer != "":
		return []string{fmt.Sprintf("answer: the description has no body for %d", e.Status)}
	case e.Status == http.StatusNotModified: // any GET with If-None-Match
		return nil
	}
	header := http.Header{}
	if e.AnswerType != "" {
		header.Set("Content-Type", e.AnswerType)
	}
	found := flatten("answer: ", openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: e.Status, Header: header,
		Body: io.NopCloser(strings.NewReader(e.Answer)), Options: input.Options}))
	if media != nil {
		found = append(found, undeclared(media.Schema, e.Answer)...)
	}
	return found
}

func basicError(doc *openapi3.T, e githubtest.Exchange) []string {
	var body any
	if err := json.Unmarshal([]byte(e.Answer), &body); err != nil {
		return []string{"answer: " + err.Error()}
	}
	schema := doc.Components.Schemas["basic-error"].Value
	found := flatten("answer: ", schema.VisitJSON(body, openapi3.MultiErrors()))
	if message, _ := body.(object)["message"].(string); message == "" {
		found = append(found, "answer: a refusal without a message")
	}
	return found
}

// flatten says each of an error's reasons, where it can be told, in a line.
func flatten(what string, err error) []string {
	if err == nil {
		return nil
	}
	var many openapi3.MultiError
	var schema *openapi3.SchemaError
	var request *openapi3filter.RequestError
	var answer *openapi3filter.ResponseError
	var found []string
	switch {
	case errors.As(err, &request) && request.Err != nil && request.Parameter == nil:
		return flatten(what, request.Err)
	case errors.As(err, &answer) && answer.Err != nil:
		return flatten(what, answer.Err)
	case errors.As(err, &many):
		for _, one := range many {
			found = append(found, flatten(what, one)...)
		}
		return found
	case errors.As(err, &schema):
		var below *openapi3.SchemaError
		if errors.As(schema.Origin, &below) && schema.SchemaField != "anyOf" && schema.SchemaField != "oneOf" {
			return flatten(what, schema.Origin)
		}
		return []string{what + "/" + strings.Join(schema.JSONPointer(), "/") + ": " + schema.Reason}
	}
	return []string{what + err.Error()}
}

// compile loads one path of the description, with the components that it needs.
func (d *description) compile(path string) (*openapi3.T, error) {
	if doc := d.compiled[path]; doc != nil {
		return doc, nil
	}
	needed := map[string]map[string]json.RawMessage{}
	todo := [][]byte{d.paths[path], []byte(`{"$ref":"#/components/schemas/basic-error"}`)}
	for len(todo) > 0 {
		text := todo[0]
		todo = todo[1:]
		for _, ref := range references(text) {
			kind, name, _ := strings.Cut(ref, "/")
			if needed[kind] == nil {
				needed[kind] = map[string]json.RawMessage{}
			}
			if _, have := needed[kind][name]; have {
				continue
			}
			needed[kind][name] = d.components[kind][name]
			todo = append(todo, d.components[kind][name])
		}
	}
	small := map[string]any{"openapi": d.head["openapi"], "info": d.head["info"], "components": needed, "paths": object{path: d.paths[path]}}
	text, err := json.Marshal(small)
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("load %s of the description: %w", path, err)
	}
	d.compiled[path] = doc
	return doc, nil
}

type object = map[string]any

// references are the components that a part of the description names: "schemas/simple-user".
func references(text []byte) []string {
	var found []string
	const mark = `"#/components/`
	for {
		at := bytes.Index(text, []byte(mark))
		if at < 0 {
			return found
		}
		text = text[at+len(mark):]
		found = append(found, string(text[:bytes.IndexByte(text, '"')]))
	}
}
