package published

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strings"
)

// template is a path of the description, cut into segments.
type template struct {
	path     string
	segments []string
	literal  int // segments without a parameter
	methods  map[string]bool
}

// spanning are the parameters that may hold slashes, as the description says of them in words only.
var spanning = map[string]bool{"{path}": true, "{ref}": true, "{basehead}": true}

func newTemplate(path string, methods map[string]json.RawMessage) template {
	t := template{path: path, segments: strings.Split(path, "/"), methods: map[string]bool{}}
	for _, s := range t.segments {
		if !strings.Contains(s, "{") {
			t.literal++
		}
	}
	for m := range methods {
		t.methods[strings.ToUpper(m)] = true
	}
	return t
}

func moreLiteral(a, b template) int {
	return cmp.Or(cmp.Compare(b.literal, a.literal), cmp.Compare(a.path, b.path))
}

// route is the template of a request, with its parameters.
func (d *description) route(method, path string) (template, map[string]string, bool) {
	parts := strings.Split(path, "/")
	for _, t := range d.templates {
		if params, ok := t.match(parts); ok && t.methods[method] {
			return t, params, true
		}
	}
	return template{}, nil, false
}

func (t template) match(parts []string) (map[string]string, bool) {
	params := map[string]string{}
	for i, s := range t.segments {
		if i >= len(parts) {
			return nil, false
		}
		if !strings.HasPrefix(s, "{") || !strings.HasSuffix(s, "}") {
			if s != parts[i] {
				return nil, false
			}
			continue
		}
		value := parts[i]
		last := i == len(t.segments)-1
		if spanning[s] && last {
			value = strings.Join(parts[i:], "/")
			parts = parts[:i+1]
		}
		if value == "" && !(spanning[s] && last) {
			return nil, false
		}
		if value == "" {
			value = "." // "contents/" alone is the repository's root, as the description says in words
		}
		text, err := url.PathUnescape(value)
		if err != nil {
			return nil, false
		}
		params[strings.Trim(s, "{}")] = text
	}
	return params, len(parts) == len(t.segments)
}
