package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapse-access/lapse/names"
)

// version is the only version of the file there is. A later one may add fields; this program then refuses the file.
const version = 1

// document is the file:
//
//	{
//	  "version": 1,
//	  "entitlements": ["prod-admin", "prod-read"],
//	  "holdings": {
//	    "prod-read": [
//	      {"account": "alice", "until": "2026-12-01T18:00:00Z"},
//	      {"account": "bob"}
//	    ]
//	  }
//	}
//
// Where entitlements is given, nothing else exists; where it is not, every valid name does.
type document struct {
	Version      int                 `json:"version"`
	Entitlements []string            `json:"entitlements,omitempty"`
	Holdings     map[string][]holder `json:"holdings"`
}

// holder is one account that holds an entitlement. A zero Until is no end.
type holder struct {
	Account string    `json:"account"`
	Until   time.Time `json:"until,omitzero"`
}

// exists says whether there is such an entitlement.
func (d *document) exists(name string) bool {
	return d.Entitlements == nil || slices.Contains(d.Entitlements, name)
}

// find is the index of the account among the holders of an entitlement; -1 if it is none.
func (d *document) find(name, account string) int {
	return slices.IndexFunc(d.Holdings[name], func(h holder) bool { return h.Account == account })
}

// encode is the form in which the file is written: indented, holders sorted by account.
func (d *document) encode() ([]byte, error) {
	for name, holders := range d.Holdings {
		if len(holders) == 0 {
			delete(d.Holdings, name)
			continue
		}
		slices.SortFunc(holders, func(a, b holder) int { return strings.Compare(a.Account, b.Account) })
	}
	data, err := json.MarshalIndent(d, "", "  ")
	return append(data, '\n'), err
}

// decode reads the file strictly: whatever it does not understand might be someone's access.
func decode(data []byte) (*document, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	r := &reader{json.NewDecoder(bytes.NewReader(data))}
	d := &document{Holdings: map[string][]holder{}}
	err := r.object(d.field(r), "version", "entitlements", "holdings")
	if err == nil {
		if _, more := r.d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("text after the document")
		}
	}
	if err == nil && d.Version != version {
		err = fmt.Errorf("version %d, want %d", d.Version, version)
	}
	if err != nil {
		line, column := position(data, r.d.InputOffset())
		return nil, fmt.Errorf("%d:%d: %w", line, column, err)
	}
	return d, nil
}

func (d *document) field(r *reader) func(key string) error {
	return func(key string) (err error) {
		switch key {
		case "version":
			return r.value(&d.Version)
		case "entitlements":
			d.Entitlements = []string{}
			return r.array(func() error { return d.entitlement(r) })
		default:
			return r.object(func(name string) error {
				if err := names.Account(name); err != nil {
					return fmt.Errorf("entitlement: %w", err)
				}
				return r.array(func() error { return d.holder(r, name) })
			})
		}
	}
}

func (d *document) entitlement(r *reader) error {
	var name string
	if err := r.value(&name); err != nil {
		return err
	}
	if err := names.Account(name); err != nil {
		return fmt.Errorf("entitlement: %w", err)
	}
	if slices.Contains(d.Entitlements, name) {
		return fmt.Errorf("entitlement %q twice", name)
	}
	d.Entitlements = append(d.Entitlements, name)
	return nil
}

func (d *document) holder(r *reader, name string) error {
	var h holder
	err := r.object(func(key string) error {
		if key == "account" {
			return r.value(&h.Account)
		}
		return r.value(&h.Until)
	}, "account", "until")
	if err != nil {
		return err
	}
	if h.Account == "" {
		return errors.New("a holder without an account")
	}
	if d.find(name, h.Account) >= 0 {
		return fmt.Errorf("account %.100q holds %q twice", h.Account, name)
	}
	h.Until = h.Until.UTC()
	d.Holdings[name] = append(d.Holdings[name], h)
	return nil
}

// reader reads JSON token by token. The library's decoder alone would let through keys that come twice, keys in another
// case, and null for anything.
type reader struct{ d *json.Decoder }

// object reads an object and calls field for each key, which reads the value. No keys means any.
func (r *reader) object(field func(key string) error, keys ...string) error {
	if err := r.expect('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for r.d.More() {
		token, err := r.d.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if seen[key] {
			return fmt.Errorf("key %.100q twice in one object", key)
		}
		if len(keys) > 0 && !slices.Contains(keys, key) {
			return fmt.Errorf("unknown key %.100q, want one of %s", key, strings.Join(keys, ", "))
		}
		seen[key] = true
		if err := field(key); err != nil {
			return err
		}
	}
	return r.expect('}')
}

// array reads an array and calls element for each element, which reads it.
func (r *reader) array(element func() error) error {
	if err := r.expect('['); err != nil {
		return err
	}
	for r.d.More() {
		if err := element(); err != nil {
			return err
		}
	}
	return r.expect(']')
}

func (r *reader) expect(want json.Delim) error {
	token, err := r.d.Token()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file ends where %q is wanted", want)
	}
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("want %q", want)
	}
	return nil
}

// value reads one number, text or time.
func (r *reader) value(into any) error {
	var raw json.RawMessage
	if err := r.d.Decode(&raw); err != nil {
		return err
	}
	if string(raw) == "null" {
		return errors.New("null is no value here")
	}
	return json.Unmarshal(raw, into)
}

// position is the line and column, from 1, of an offset in data.
func position(data []byte, offset int64) (line, column int) {
	before := data[:min(int(offset), len(data))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
}
