// Package file is a target that keeps holdings in one JSON file, for systems that take their access list from a file, and
// to try Lapse out.
//
// The file may be edited by hand, and by several processes: each change is made under a lock (the file <path>.lock beside
// it), and the file is exchanged as a whole, so that a reader sees it before or after a change and never between. A file
// that is damaged is an error: it is neither read as empty nor written over. No file means that nobody holds anything.
//
// The end of a holding is written beside it. Whoever reads the file can honour it; Lapse takes the holding away all the
// same, and lists it until then.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/names"
	"github.com/lapse-access/lapse/reconciler"
)

// maxFile is the most bytes of the file that are read.
const maxFile = 32 << 20

// nameKey is the one key of an entitlement here.
const nameKey = "name"

// Type describes the target: `{type: file, path: holdings.json}`, with entitlements `{target: …, name: prod-read}`.
func Type() grants.TargetType {
	return grants.TargetType{
		Name: "file",
		Settings: []grants.Field{{
			Key: "path", Doc: "the JSON file with the holdings; made by the first change if it is not there", Check: checkPath,
		}},
		Entitlements:   []grants.Form{{{Key: nameKey, Doc: "what is held, a key of the file's holdings", Check: names.Account}}},
		CheckAccount:   names.Account,
		LoginIsAccount: true,
		End:            "The reconciler takes the holding away; its end stands in the file too, and binds nobody who does not look.",
	}
}

func checkPath(path string) error {
	if path == "" {
		return errors.New("path: empty, want the path of a JSON file")
	}
	for _, c := range path {
		if c < ' ' || c == 0x7f {
			return errors.New("path: holds a control character")
		}
	}
	return nil
}

// New is a target whose holdings are in the file at path.
func New(path string) reconciler.Target { return &target{path: path} }

type target struct{ path string }

var _ reconciler.Target = (*target)(nil)

// List implements [reconciler.Target].
func (t *target) List(ctx context.Context, e grants.Entitlement) ([]reconciler.Holding, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", t.path, err)
	}
	name, err := nameOf(e)
	if err != nil {
		return nil, err
	}
	d, err := t.read()
	if err != nil {
		return nil, err
	}
	if !d.exists(name) {
		return nil, fmt.Errorf("%s has no entitlement %q", t.path, name)
	}
	if _, err := d.encode(); err != nil { // sorts
		return nil, err
	}
	holdings := make([]reconciler.Holding, 0, len(d.Holdings[name]))
	for _, h := range d.Holdings[name] {
		holdings = append(holdings, reconciler.Holding{Account: h.Account, Until: h.Until})
	}
	return holdings, nil
}

// Apply implements [reconciler.Target].
func (t *target) Apply(ctx context.Context, c reconciler.Change) error {
	name, err := nameOf(c.Entitlement)
	if err != nil {
		return err
	}
	if err := names.Account(c.Account); err != nil {
		return err
	}
	return t.change(ctx, func(d *document) (changed bool, err error) {
		i := d.find(name, c.Account)
		switch {
		case c.Action != reconciler.Give && c.Action != reconciler.Take:
			return false, fmt.Errorf("change %s: unknown action %q", t.path, c.Action)
		case !d.exists(name):
			return false, fmt.Errorf("%s has no entitlement %q", t.path, name)
		case c.Action == reconciler.Take && i < 0:
			return false, nil
		case c.Action == reconciler.Take:
			d.Holdings[name] = append(d.Holdings[name][:i], d.Holdings[name][i+1:]...)
		case i < 0:
			d.Holdings[name] = append(d.Holdings[name], holder{Account: c.Account, Until: c.Until.UTC()})
		case d.Holdings[name][i].Until.Equal(c.Until):
			return false, nil
		default:
			d.Holdings[name][i].Until = c.Until.UTC()
		}
		return true, nil
	})
}

// nameOf is the name of an entitlement; one with other values is none of this target.
func nameOf(e grants.Entitlement) (string, error) {
	name, ok := e.Values[nameKey]
	if !ok || len(e.Values) != 1 {
		return "", errors.New(`an entitlement in a file is {name: …} and nothing else`)
	}
	if err := names.Account(name); err != nil {
		return "", fmt.Errorf("entitlement: %w", err)
	}
	return name, nil
}

// read reads the whole file; one that is not there is empty.
func (t *target) read() (*document, error) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return t.none(err)
	}
	if err != nil {
		return nil, fmt.Errorf("read holdings: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read holdings: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read holdings: %s is longer than %d bytes", t.path, maxFile)
	}
	d, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read holdings: %s:%w", t.path, err)
	}
	return d, nil
}
