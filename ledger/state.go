package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The folded state is kept on the branch in parts, so that a commit rewrites little, and who asks about one person reads little:
//
//	state.json                everything but the grants and holdings
//	state/grants/<xx>.json    the grants of the users whose login falls to xx, by id
//	state/holdings/<xx>.json  the holdings of the accounts that fall to xx, by key
//
// <xx> is the first byte, in hex, of the SHA-256 of the login in lower case, or of the account. A part that would be empty is not
// there.
const (
	StateFile = "state.json"

	grantParts   = "state/grants/"
	holdingParts = "state/holdings/"

	stateVersion = 2
	maxState     = 16 << 20  // bytes of one part; git's reader takes no more
	maxStates    = 128 << 20 // bytes of all parts
)

var partForm = regexp.MustCompile(`^state/(?:grants|holdings)/[0-9a-f]{2}\.json$`)

// isStateFile says whether the path is one of the state's.
func isStateFile(path string) bool { return path == StateFile || partForm.MatchString(path) }

func grantPart(user string) string      { return partOf(grantParts, strings.ToLower(user)) }
func holdingPart(account string) string { return partOf(holdingParts, account) }

func partOf(folder, name string) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s%02x.json", folder, sum[0])
}

// Head is the state without its grants and holdings, as it is stored.
type Head struct {
	Version       int            `json:"version"`
	Sequence      int            `json:"sequence"`
	Last          string         `json:"last"`
	Repository    int64          `json:"repository"`
	Main          string         `json:"main"`
	Push          int64          `json:"push,omitempty"`
	Time          time.Time      `json:"time"`
	Configuration *Configuration `json:"configuration,omitempty"`
	Anchor        *Anchor        `json:"anchor,omitempty"`
	Doubt         time.Time      `json:"doubt,omitzero"`
	Targets       []string       `json:"targets,omitempty"` // as [State.HeldTargets]
}

func (s State) head() Head {
	return Head{
		Version: stateVersion, Sequence: s.Sequence, Last: s.Last, Repository: s.Repository, Main: s.Main, Push: s.Push,
		Time: s.Time, Configuration: s.Configuration, Anchor: s.Anchor, Doubt: s.Doubt, Targets: s.HeldTargets(),
	}
}

// HeldTargets are the targets at which Lapse has given what it has not proven taken, sorted.
func (s State) HeldTargets() []string {
	held := map[string]bool{}
	for _, h := range s.Holdings {
		if h.Kind != Kept && h.Kind != Taken {
			held[h.Entitlement.Target] = true
		}
	}
	return slices.Sorted(maps.Keys(held))
}

// encodeState is the one stored form of a state, by path.
func encodeState(s State) (map[string][]byte, error) {
	grants, holdings := map[string]map[string]Grant{}, map[string]map[string]HoldingState{}
	for id, g := range s.Grants {
		put(grants, grantPart(g.User), id, g)
	}
	for key, h := range s.Holdings {
		put(holdings, holdingPart(h.Account), key, h)
	}
	files := map[string][]byte{}
	err := encodePart(files, StateFile, s.head())
	for path, part := range grants {
		err = errors.Join(err, encodePart(files, path, part))
	}
	for path, part := range holdings {
		err = errors.Join(err, encodePart(files, path, part))
	}
	return files, err
}

func put[V any](parts map[string]map[string]V, path, key string, v V) {
	if parts[path] == nil {
		parts[path] = map[string]V{}
	}
	parts[path][key] = v
}

func encodePart(files map[string][]byte, path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	files[path] = append(data, '\n')
	return nil
}

// statePaths are where parts were kept; none is no error.
func statePaths(fsys fs.FS) ([]string, error) {
	var paths []string
	for _, root := range []string{StateFile, strings.TrimSuffix(grantParts, "/"), strings.TrimSuffix(holdingParts, "/")} {
		err := fs.WalkDir(fsys, root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && path == root {
				return nil
			}
			if err == nil && !d.IsDir() && isStateFile(path) {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// stateFiles reads the parts that were kept, all of them together no larger than they may be.
func stateFiles(fsys fs.FS) (map[string][]byte, error) {
	paths, err := statePaths(fsys)
	if err != nil {
		return nil, err
	}
	files, left := map[string][]byte{}, int64(maxStates)
	for _, path := range paths {
		if files[path], err = readSmall(fsys, path, min(maxState, left)); err != nil {
			return nil, err
		}
		left -= int64(len(files[path]))
	}
	return files, nil
}

// ReadState reads the state that was kept on the branch, without a look at the receipts; [Read] checks that it is what
// they add up to. An error for which errors.Is(err, fs.ErrNotExist) holds means that none was kept.
func ReadState(fsys fs.FS) (State, error) {
	head, err := ReadHead(fsys)
	if err != nil {
		return State{}, err
	}
	files, err := stateFiles(fsys)
	if err != nil {
		return State{}, fmt.Errorf("read the state: %w", err)
	}
	s := newState()
	s.Sequence, s.Last, s.Main, s.Time, s.Configuration = head.Sequence, head.Last, head.Main, head.Time, head.Configuration
	s.Repository, s.Push, s.Anchor, s.Doubt = head.Repository, head.Push, head.Anchor, head.Doubt
	for path, data := range files {
		switch {
		case strings.HasPrefix(path, grantParts):
			err = decodePart(path, data, s.Grants)
		case strings.HasPrefix(path, holdingParts):
			err = decodePart(path, data, s.Holdings)
		}
		if err != nil {
			return State{}, err
		}
	}
	again, err := encodeState(s)
	if err != nil {
		return State{}, err
	}
	if !maps.EqualFunc(again, files, bytes.Equal) {
		return State{}, errors.New("read the state: not in the form in which Lapse writes it")
	}
	return s, nil
}

func decodePart[V any](path string, data []byte, into map[string]V) error {
	part := map[string]V{}
	if err := decodeStrict(data, &part); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	maps.Copy(into, part)
	return nil
}

// ReadHead reads the head of the state that was kept, without a look at the receipts.
func ReadHead(fsys fs.FS) (Head, error) {
	data, err := readSmall(fsys, StateFile, maxState)
	if err != nil {
		return Head{}, fmt.Errorf("read %s: %w", StateFile, err)
	}
	var h Head
	if err := decodeStrict(data, &h); err != nil {
		return Head{}, fmt.Errorf("read %s: %w", StateFile, err)
	}
	if h.Version != stateVersion {
		return Head{}, fmt.Errorf("read %s: version %d, want %d", StateFile, h.Version, stateVersion)
	}
	again := map[string][]byte{}
	if err := encodePart(again, StateFile, h); err != nil {
		return Head{}, err
	}
	if !bytes.Equal(again[StateFile], data) {
		return Head{}, errors.New("read " + StateFile + ": not in the form in which Lapse writes it")
	}
	return h, nil
}

// ReadGrants reads the live and coming grants of one user from the state that was kept, by id, without a look at the receipts or at
// anybody else's.
func ReadGrants(fsys fs.FS, user string) (map[string]Grant, error) {
	path := grantPart(user)
	data, err := readSmall(fsys, path, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	all := map[string]Grant{}
	if err := decodePart(path, data, all); err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(_ string, g Grant) bool { return g.User != user })
	return all, nil
}
