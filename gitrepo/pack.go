package gitrepo

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

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
	e, size, err := p.head(b, at)
	if err != nil || size > maxObject {
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

// head reads what stands before the content of an entry: its kind, its size, and of a delta what it builds on.
func (p *pack) head(b *bufio.Reader, at int64) (e packEntry, size uint64, err error) {
	c, err := b.ReadByte()
	e.kind, size = plumbing.ObjectType(c>>4&7), uint64(c&15)
	for shift := 4; c&0x80 != 0 && err == nil && shift < 60; shift += 7 {
		c, err = b.ReadByte()
		size |= uint64(c&0x7f) << shift
	}
	if err != nil {
		return e, 0, err
	}
	switch e.kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		return e, size, nil
	case plumbing.OFSDeltaObject:
		back, err := backward(b)
		if err != nil || back <= 0 || back > at {
			return e, 0, errNotHere
		}
		e.base = at - back
		return e, size, nil
	case plumbing.REFDeltaObject:
		var h Hash
		if _, err = io.ReadFull(b, h[:]); err == nil {
			e.base, err = p.index.FindOffset(h)
		}
		return e, size, err
	}
	return e, 0, errNotHere
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
