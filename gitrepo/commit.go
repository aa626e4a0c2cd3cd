package gitrepo

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Signature says who made a commit, and when, by the commit's own word. Anyone can write anything here.
type Signature struct {
	Name, Email string
	When        time.Time // to the second
}

// Commit is one commit. Message and Signature are bytes as they stand, in no particular encoding.
type Commit struct {
	Hash              Hash
	Tree              Hash
	Parents           []Hash
	Author, Committer Signature
	Message           string
	Signature         string // armoured, of whatever kind; empty if the commit has none
}

// Commit reads a commit. Its header must be canonical: tree, parents, author, committer, in this order, each in the form
// that git itself writes, then others, none of them a second time. Anything else is ErrMalformed.
func (r *Repo) Commit(h Hash) (Commit, error) {
	raw, err := r.object(plumbing.CommitObject, h, maxCommit)
	if err != nil {
		return Commit{}, err
	}
	c, _, err := parseCommit(raw)
	if err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w: %w", h, ErrMalformed, err)
	}
	c.Hash = h
	return c, nil
}

// parseCommit reads a commit strictly, and returns with it the bytes that its signature covers: all but the signature.
func parseCommit(raw []byte) (c Commit, signed []byte, err error) {
	head, message, ok := bytes.Cut(raw, []byte("\n\n"))
	if !ok {
		return c, nil, fmt.Errorf("no end of the header")
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return c, nil, fmt.Errorf("it contains a zero byte")
	}
	fields, err := splitHeader(head)
	if err != nil {
		return c, nil, err
	}
	rest, err := c.readOrigin(fields)
	if err != nil {
		return c, nil, err
	}
	seen := map[string]bool{"tree": true, "parent": true, "author": true, "committer": true}
	for _, f := range rest {
		// A merge of several tags has one mergetag for each (git-merge(1)); nothing else may come twice.
		if seen[f.name] && f.name != "mergetag" {
			return c, nil, fmt.Errorf("a second %q header, or one out of place", f.name)
		}
		seen[f.name] = true
	}
	c.Message = string(message)
	for _, f := range fields {
		if f.name == "gpgsig" {
			c.Signature = f.value + "\n"
			continue
		}
		signed = append(signed, f.raw...)
	}
	signed = append(append(signed, '\n'), message...)
	return c, signed, nil
}

type headerField struct {
	name, value string // a continued value has its lines joined by a line break, without the space before each
	raw         []byte // the whole of it, with line breaks
}

func splitHeader(head []byte) ([]headerField, error) {
	var fields []headerField
	for line := range bytes.Lines(append(bytes.Clone(head), '\n')) {
		text := string(line[:len(line)-1])
		if more, ok := strings.CutPrefix(text, " "); ok {
			if len(fields) == 0 {
				return nil, fmt.Errorf("the header begins with a continuation line")
			}
			last := &fields[len(fields)-1]
			last.value += "\n" + more
			last.raw = append(last.raw, line...)
			continue
		}
		name, value, ok := strings.Cut(text, " ")
		if !ok || name == "" {
			return nil, fmt.Errorf("header line %q is not a name and a value", text)
		}
		fields = append(fields, headerField{name, value, bytes.Clone(line)})
	}
	return fields, nil
}

// readOrigin reads the headers that every commit has, and returns those that follow.
func (c *Commit) readOrigin(fields []headerField) (rest []headerField, err error) {
	next := func(name string) (string, bool) {
		if len(fields) == 0 || fields[0].name != name {
			return "", false
		}
		value := fields[0].value
		fields = fields[1:]
		return value, true
	}
	tree, ok := next("tree")
	if c.Tree, err = parseHash(tree); !ok || err != nil {
		return nil, fmt.Errorf("bad or missing tree header")
	}
	for value, ok := next("parent"); ok; value, ok = next("parent") {
		parent, err := parseHash(value)
		if err != nil {
			return nil, fmt.Errorf("bad parent header: %w", err)
		}
		c.Parents = append(c.Parents, parent)
	}
	for _, by := range []struct {
		name string
		to   *Signature
	}{{"author", &c.Author}, {"committer", &c.Committer}} {
		value, ok := next(by.name)
		if !ok {
			return nil, fmt.Errorf("bad or missing %s header", by.name)
		}
		if *by.to, err = parseSignature(value); err != nil {
			return nil, fmt.Errorf("%s: %w", by.name, err)
		}
	}
	return fields, nil
}

// parseHash accepts 40 lower-case hexadecimal digits, the one way in which git writes a name, and not the zero name.
func parseHash(text string) (h Hash, err error) {
	if len(text) != 2*len(h) || strings.ToLower(text) != text {
		return h, fmt.Errorf("%q is not an object name", text)
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		return h, fmt.Errorf("%q is not an object name", text)
	}
	if h.IsZero() {
		return h, fmt.Errorf("the zero hash names no object")
	}
	return h, nil
}

// parseSignature reads "name <email> seconds zone" by the rules of git fsck --strict.
func parseSignature(text string) (s Signature, err error) {
	if strings.ContainsAny(text, "\n\r") {
		return s, fmt.Errorf("%q has a line break", text)
	}
	name, rest, ok := strings.Cut(text, "<")
	if !ok || !strings.HasSuffix(name, " ") || strings.Contains(name, ">") {
		return s, fmt.Errorf("%q has no name before an <email>", text)
	}
	email, when, ok := strings.Cut(rest, ">")
	if !ok || strings.Contains(email, "<") || !strings.HasPrefix(when, " ") {
		return s, fmt.Errorf("%q has no <email> before a time", text)
	}
	seconds, zone, _ := strings.Cut(when[1:], " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || strconv.FormatInt(unix, 10) != seconds || unix < 0 {
		return s, fmt.Errorf("bad time %q", seconds)
	}
	place, err := parseZone(zone)
	if err != nil {
		return s, err
	}
	return Signature{Name: strings.TrimSuffix(name, " "), Email: email, When: time.Unix(unix, 0).In(place)}, nil
}

func parseZone(zone string) (*time.Location, error) {
	if len(zone) != 5 || (zone[0] != '+' && zone[0] != '-') {
		return nil, fmt.Errorf("bad time zone %q", zone)
	}
	n, err := strconv.ParseUint(zone[1:], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("bad time zone %q", zone)
	}
	offset := int(n/100)*3600 + int(n%100)*60
	if zone[0] == '-' {
		offset = -offset
	}
	if offset == 0 {
		return time.UTC, nil
	}
	return time.FixedZone(zone, offset), nil
}

// links returns the parents of a commit, by the rule that git itself walks by: the parent lines right after the tree line. It
// asks nothing else of the commit, so that an odd one somewhere on a merged branch cannot stop every walk over it.
func (r *Repo) links(h Hash) ([]Hash, error) {
	r.known.Lock()
	known, ok := r.parents[h]
	r.known.Unlock()
	if ok {
		return known, nil
	}
	raw, err := r.object(plumbing.CommitObject, h, maxCommit)
	if err != nil {
		return nil, err
	}
	line, rest, _ := strings.Cut(string(raw), "\n")
	tree, ok := strings.CutPrefix(line, "tree ")
	if _, err := parseHash(tree); !ok || err != nil {
		return nil, fmt.Errorf("commit %s: %w: no tree", h, ErrMalformed)
	}
	var parents []Hash
	for {
		line, rest, _ = strings.Cut(rest, "\n")
		value, ok := strings.CutPrefix(line, "parent ")
		if !ok {
			break
		}
		parent, err := parseHash(value)
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w: %w", h, ErrMalformed, err)
		}
		parents = append(parents, parent)
	}
	r.known.Lock()
	r.parents[h] = parents
	r.known.Unlock()
	return parents, nil
}
