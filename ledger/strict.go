package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// decodeStrict decodes one JSON document of which nothing may be left over: no unknown field, no second document.
func decodeStrict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the JSON document")
	}
	return nil
}

// checkJSON refuses what different readers of one JSON document could read differently: a key that is twice in one
// object, and text that is not UTF-8. The document must be valid JSON.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	var objects []map[string]bool // the keys of each open object; nil for an array
	key := false                  // the next string is a key
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{':
			objects, key = append(objects, map[string]bool{}), true
		case '[':
			objects, key = append(objects, nil), false
		case '}', ']':
			objects, key = objects[:len(objects)-1], false
		case ',':
			key = len(objects) > 0 && objects[len(objects)-1] != nil
		case '"':
			end := stringEnd(data, i)
			if key {
				name := unquote(data[i:end])
				if seen := objects[len(objects)-1]; seen[name] {
					return fmt.Errorf("key %s twice in one object", strconv.QuoteToASCII(name))
				} else {
					seen[name] = true
				}
			}
			i, key = end-1, false
		}
	}
	return nil
}

// stringEnd is the index after the string that starts at i.
func stringEnd(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// unquote is the text of a JSON string, so that "a" and "\u0061" are one key.
func unquote(quoted []byte) string {
	if !bytes.ContainsRune(quoted, '\\') {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return string(quoted)
	}
	return s
}
