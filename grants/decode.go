package grants

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder is the third step of the loader: it fills a wire struct from a linted node tree. Keys are the `yaml` tags; one
// without omitempty must be there. Every value is checked by the [checker] of its type. An entry of a table that has
// problems is left out of it, and does not spoil the others.
//
// It decodes by itself rather than through the YAML library so that every problem has its place, all problems are found in
// one pass, and the time taken is linear.
type decoder struct {
	*document
	places    map[string]Pos  // path of a value ("approvals[0].from[1]") → where it starts; "" is the document
	bad       map[string]bool // paths of entries of tables that were left out
	failed    map[string]bool // paths of values that have a problem themselves, missing ones included
	contained int             // problems that are inside entries left out
}

// checker is a type of wire values that knows which text it accepts.
type checker interface{ check() error }

// timely is a type of wire values that stays text although YAML would read it as a time.
type timely interface{ timely() }

// quiet is a type of wire values that no message shows, for one may be a secret written where only its name may stand.
type quiet interface{ quiet() }

// decode fills the struct that into points at, and gives the document's places.
func decode(d *document, into any) *decoder {
	dec := &decoder{document: d, places: map[string]Pos{}, bad: map[string]bool{}, failed: map[string]bool{}}
	dec.places[""] = Pos{d.file, 1, 1}
	if len(d.problems) == 0 && d.root != nil {
		dec.places[""] = d.at(d.root)
		dec.value(d.root, reflect.ValueOf(into).Elem(), "")
	}
	return dec
}

// ruined says whether anything is wrong that is not inside an entry that was left out.
func (d *decoder) ruined() bool { return len(d.problems) > d.contained }

// problem adds a problem at the value with the given path, or at the nearest enclosing one.
func (d *decoder) problem(path, hint, format string, args ...any) {
	d.failed[path] = true
	d.add(Problem{Pos: d.place(path), Text: fmt.Sprintf(format, args...), Hint: hint})
}

// unread says whether the value at the path, or one around it, has a problem, so that nothing more is to be said of it.
func (d *decoder) unread(path string) bool {
	for !d.failed[path] {
		if path == "" {
			return d.root == nil
		}
		path = parent(path)
	}
	return true
}

func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

func (d *decoder) place(path string) Pos {
	for {
		if pos, ok := d.places[path]; ok || path == "" {
			return pos
		}
		path = parent(path)
	}
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if len(d.problems)-d.contained >= maxProblems {
		return
	}
	d.places[path] = d.at(n)
	switch v.Kind() {
	case reflect.Struct:
		d.object(n, v, path)
	case reflect.Map:
		d.table(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.String:
		d.text(n, v, path)
	case reflect.Bool:
		d.truth(n, v, path)
	case reflect.Int, reflect.Int64:
		d.number(n, v, path)
	default:
		panic("wire struct with a field of kind " + v.Kind().String())
	}
}

func (d *decoder) want(n *yaml.Node, path, want string) {
	d.problem(path, "", "%swant %s, got %s", label(path), want, kindOf(n))
}

// label introduces the message about a value by the last key of its path.
func label(path string) string {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		path = path[i+1:]
	}
	if path == "" {
		return ""
	}
	return path + ": "
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// wireField is what the tag of a field says.
func wireField(f reflect.StructField) (key string, optional bool) {
	key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key, options == "omitempty"
}

func (d *decoder) object(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.want(n, path, "keys and values")
		return
	}
	fields := map[string]int{}
	for i := range v.NumField() {
		key, _ := wireField(v.Type().Field(i))
		fields[key] = i
	}
	present := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		index, ok := fields[key]
		if !ok {
			d.unknownKey(n.Content[i], fields)
			continue
		}
		present[key] = true
		d.value(n.Content[i+1], v.Field(index), join(path, key))
	}
	for i := range v.NumField() {
		if key, optional := wireField(v.Type().Field(i)); !optional && !present[key] {
			d.failed[join(path, key)] = true
			d.add(Problem{Pos: d.place(path), Text: fmt.Sprintf("the key %q is missing", key)})
		}
	}
}

func (d *decoder) unknownKey(key *yaml.Node, fields map[string]int) {
	if len(d.problems)-d.contained < maxProblems {
		d.add(Problem{Pos: d.at(key), Text: "unknown key " + show(key.Value), Hint: d.meant(key.Value, maps.Keys(fields))})
	}
}

func (d *decoder) table(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.want(n, path, "keys and values")
		return
	}
	t := v.Type()
	v.Set(reflect.MakeMap(t))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, entry := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		key.SetString(n.Content[i].Value)
		before, contained := len(d.problems), d.contained
		entryPath := join(path, n.Content[i].Value)
		if err := checkText(key); err != nil {
			d.failed[entryPath] = true
			d.add(Problem{Pos: d.at(n.Content[i]), Text: err.Error()})
		}
		d.value(n.Content[i+1], entry, entryPath)
		if len(d.problems) > before {
			d.contained = contained + len(d.problems) - before
			d.bad[entryPath] = true
			continue
		}
		v.SetMapIndex(key, entry)
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.want(n, path, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, path string) {
	_, isTime := v.Interface().(timely)
	if n.Kind != yaml.ScalarNode {
		d.want(n, path, "text")
		return
	}
	if what := notText(n); what != "" && !(isTime && what == "a time") {
		value, hint := show(n.Value), quoteHint(n)
		if _, ok := v.Interface().(quiet); ok {
			value, hint = "the value", "quote it"
		}
		d.problem(path, hint, "%swant text, but %s is %s to YAML", label(path), value, what)
		return
	}
	v.SetString(n.Value)
	if err := checkText(v); err != nil {
		d.problem(path, "", "%s%v", label(path), err)
	}
}

func checkText(v reflect.Value) error {
	if c, ok := v.Interface().(checker); ok {
		return c.check()
	}
	return nil
}

func (d *decoder) truth(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode || n.Style != 0 || n.Value != "true" && n.Value != "false" {
		d.problem(path, "", "%swant true or false, without quotes", label(path))
		return
	}
	v.SetBool(n.Value == "true")
}

var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func (d *decoder) number(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode || n.Style != 0 || !wholeNumber.MatchString(n.Value) {
		d.problem(path, "", "%swant a whole number in decimal digits, without quotes", label(path))
		return
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || v.OverflowInt(i) {
		d.problem(path, "", "%sthe number is too large", label(path))
		return
	}
	v.SetInt(i)
	if err := checkText(v); err != nil {
		d.problem(path, "", "%s%v", label(path), err)
	}
}
