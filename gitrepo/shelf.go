package gitrepo

import (
	"bufio"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// shelf reads the objects of a folder, packed or loose, for many goroutines at once. go-git's own reader, which is for one, opens and
// scans a pack for each object; a ledger has tens of thousands.
//
// What the shelf cannot read it does not explain: whoever asks turns to go-git, which says what is wrong. Nothing is taken on trust here
// either: [Repo.object] hashes what it gets.
type shelf struct {
	dir   string // objects
	mu    sync.Mutex
	packs []*pack // nil: not listed yet

	// What is used again: a new one of either costs more than most objects.
	readers, inflaters sync.Pool
}

// maxObject is the largest object of any kind that is read, or built on.
const maxObject = maxTree

// errNotHere says that the shelf has no such object, or cannot read it.
var errNotHere = errors.New("not on the shelf")

// stale makes the shelf list its packs again: some may have come.
func (s *shelf) stale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.packs {
		_ = p.file.Close()
	}
	s.packs = nil
}

// list is the packs, opened once.
func (s *shelf) list() []*pack {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packs != nil {
		return s.packs
	}
	s.packs = []*pack{}
	entries, err := os.ReadDir(filepath.Join(s.dir, "pack"))
	if err != nil {
		return s.packs
	}
	for _, e := range entries {
		name, isIndex := strings.CutSuffix(e.Name(), ".idx")
		if !isIndex {
			continue
		}
		if p, err := s.open(filepath.Join(s.dir, "pack", name)); err == nil {
			s.packs = append(s.packs, p)
		}
	}
	return s.packs
}

// read is the object's kind and content, if it has no more than limit bytes.
func (s *shelf) read(h Hash, limit int64) (plumbing.ObjectType, []byte, error) {
	for _, p := range s.list() {
		if at, err := p.index.FindOffset(h); err == nil {
			return p.read(at, limit)
		}
	}
	return s.loose(h, limit)
}

// loose reads an object of a file of its own (gitformat-loose(5)): "<kind> <size>", a zero byte, and the content.
func (s *shelf) loose(h Hash, limit int64) (plumbing.ObjectType, []byte, error) {
	name := h.String()
	f, err := os.Open(filepath.Join(s.dir, name[:2], name[2:]))
	if err != nil {
		return 0, nil, errNotHere
	}
	defer func() { _ = f.Close() }()
	z, err := s.inflate(f)
	if err != nil {
		return 0, nil, errNotHere
	}
	defer s.inflaters.Put(z)
	b := bufio.NewReaderSize(z, 64)
	head, err := b.ReadString(0)
	var kind string
	var size int64
	if _, scanned := fmt.Sscanf(strings.TrimSuffix(head, "\x00"), "%s %d", &kind, &size); err != nil || scanned != nil || size < 0 || size > limit {
		return 0, nil, errNotHere
	}
	t, err := plumbing.ParseObjectType(kind)
	if err != nil {
		return 0, nil, errNotHere
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(b, content); err != nil {
		return 0, nil, errNotHere
	}
	return t, content, nil
}

func (s *shelf) inflate(from io.Reader) (io.ReadCloser, error) {
	if z, ok := s.inflaters.Get().(io.ReadCloser); ok {
		return z, z.(zlib.Resetter).Reset(from, nil)
	}
	return zlib.NewReader(from)
}
