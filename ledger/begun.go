package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Begun is the commit of main with which the ledger of a tree says that it began. No signature was checked: whoever has no key to check
// with may look there for the one to take on trust, and must say so.
func Begun(fsys fs.FS) (string, error) {
	first := ""
	err := fs.WalkDir(fsys, "receipts", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(path.Base(p), "0000000001-") {
			first = p
			return fs.SkipAll
		}
		return err
	})
	if err != nil || first == "" {
		return "", errors.Join(err, errors.New("the ledger has no first receipt"))
	}
	data, err := readSmall(fsys, first, maxEnvelope)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", first, err)
	}
	var stored struct {
		Payload      []byte `json:"payload"`
		DSSEEnvelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"` // of a bundle
	}
	var s struct {
		Predicate struct {
			Commit string `json:"commit"`
		} `json:"predicate"`
	}
	if err := json.Unmarshal(data, &stored); err != nil {
		return "", fmt.Errorf("read %s: %w", first, err)
	}
	if err := json.Unmarshal(append(stored.Payload, stored.DSSEEnvelope.Payload...), &s); err != nil {
		return "", fmt.Errorf("read %s: %w", first, err)
	}
	if !commitForm.MatchString(s.Predicate.Commit) {
		return "", fmt.Errorf("read %s: it names no commit", first)
	}
	return s.Predicate.Commit, nil
}
