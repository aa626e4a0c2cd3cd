package gitrepo

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
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

// pack is one pack file with its index (gitformat-pack(5)).
type pack struct {
	shelf *shelf
	file  *os.File
	size  int64
	index *idxfile.MemoryIndex

	mu       sync.Mutex
	new, old map[int64]packed // by offset; what was used lately, so that each base is built once for all that build on it
	held     int64            // bytes in new
}

type packed struct {
	kind    plumbing.ObjectType
	content []byte
}

// maxHeld is how many bytes of objects each half of a pack's memory takes before the older half is let go.
const maxHeld = 32 << 20

func (s *shelf) open(base string) (*pack, error) {
	raw, err := os.ReadFile(base + ".idx")
	if err != nil {
		return nil, err
	}
	p := &pack{shelf: s, index: idxfile.NewMemoryIndex(), new: map[int64]packed{}}
	if err := idxfile.NewDecoder(bytes.NewReader(raw)).Decode(p.index); err != nil {
		return nil, err
	}
	if p.file, err = os.Open(base + ".pack"); err != nil {
		return nil, err
	}
	info, err := p.file.Stat()
	if err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	p.size = info.Size()
	return p, nil
}

// read is the object at an offset. A delta is built from what it names, back to an object that is whole or was read lately.
func (p *pack) read(at, limit int64) (plumbing.ObjectType, []byte, error) {
	var deltas []step
	for {
		if known, ok := p.recall(at); ok {
			return p.build(known, deltas, limit)
		}
		e, err := p.entry(at)
		if err != nil {
			return 0, nil, err
		}
		if !e.kind.IsDelta() {
			whole := packed{e.kind, e.content}
			p.keep(at, whole)
			return p.build(whole, deltas, limit)
		}
		if len(deltas) > maxChain {
			return 0, nil, errNotHere
		}
		deltas = append(deltas, step{at, e.content})
		at = e.base
	}
}

// maxChain is far above the deltas that git lets build on one another (pack.depth, 50 and in old packs 250).
const maxChain = 5000

// step is a delta that builds the object at its offset.
type step struct {
	at    int64
	delta []byte
}

func (p *pack) build(o packed, deltas []step, limit int64) (plumbing.ObjectType, []byte, error) {
	for _, d := range slices.Backward(deltas) {
		if tooLarge(d.delta) {
			return 0, nil, errNotHere
		}
		content, err := packfile.PatchDelta(o.content, d.delta)
		if err != nil {
			return 0, nil, errNotHere
		}
		o.content = content
		p.keep(d.at, o)
	}
	if int64(len(o.content)) > limit {
		return 0, nil, errNotHere
	}
	return o.kind, o.content, nil
}

// tooLarge reads the size of what a delta makes, its second number.
func tooLarge(delta []byte) bool {
	_, rest := leb128(delta)
	size, _ := leb128(rest)
	return size > maxObject
}

func leb128(b []byte) (n uint64, rest []byte) {
	for shift := 0; len(b) > 0 && shift < 63; shift += 7 {
		c := b[0]
		b = b[1:]
		n |= uint64(c&0x7f) << shift
		if c&0x80 == 0 {
			break
		}
	}
	return n, b
}

func (p *pack) recall(at int64) (packed, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, ok := p.new[at]; ok {
		return o, true
	}
	o, ok := p.old[at]
	return o, ok
}

func (p *pack) keep(at int64, o packed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held += int64(len(o.content)); p.held > maxHeld {
		p.old, p.new, p.held = p.new, map[int64]packed{}, int64(len(o.content))
	}
	p.new[at] = o
}

// packEntry is one object of a pack as it is stored: whole, or a delta on what lies at base.
type packEntry struct {
	kind    plumbing.ObjectType
	content []byte
	base    int64
}

func (p *pack) entry(at int64) (packEntry, error) {
	b, ok := p.shelf.readers.Get().(*bufio.Reader)
	if !ok {
		b = bufio.NewReaderSize(nil, 4096)
	}
	defer p.shelf.readers.Put(b)
	b.Reset(io.NewSectionReader(p.file, at, p.size-at))
	c, err := b.ReadByte()
	e := packEntry{kind: plumbing.ObjectType(c >> 4 & 7)}
	size := uint64(c & 15)
	for shift := 4; c&0x80 != 0 && err == nil && shift < 60; shift += 7 {
		c, err = b.ReadByte()
		size |= uint64(c&0x7f) << shift
	}
	if err != nil || size > maxObject {
		return e, errNotHere
	}
	switch e.kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	case plumbing.OFSDeltaObject:
		back, err := backward(b)
		if err != nil || back <= 0 || back > at {
			return e, errNotHere
		}
		e.base = at - back
	case plumbing.REFDeltaObject:
		var h Hash
		_, err := io.ReadFull(b, h[:])
		if err == nil {
			e.base, err = p.index.FindOffset(h)
		}
		if err != nil {
			return e, errNotHere
		}
	default:
		return e, errNotHere
	}
	z, err := p.shelf.inflate(b)
	if err != nil {
		return e, errNotHere
	}
	defer p.shelf.inflaters.Put(z)
	e.content = make([]byte, size)
	if _, err := io.ReadFull(z, e.content); err != nil {
		return e, errNotHere
	}
	return e, nil
}

// backward reads how far before its delta the base lies.
func backward(b *bufio.Reader) (int64, error) {
	c, err := b.ReadByte()
	n := int64(c & 0x7f)
	for c&0x80 != 0 && err == nil && n < 1<<50 {
		c, err = b.ReadByte()
		n = (n+1)<<7 | int64(c&0x7f)
	}
	return n, err
}
