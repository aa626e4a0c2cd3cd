package chaos

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strconv"
	"strings"
)

// objects reads a repository through one running git, so that the oracle sees what the remote holds and not what the product makes of it.
type objects struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	trees map[string][]entry
}

type entry struct{ mode, name, sha string }

func openObjects(dir string) (*objects, error) {
	cmd := exec.Command("git", "--git-dir", dir, "-c", "safe.directory=*", "cat-file", "--batch")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &objects{cmd, in, bufio.NewReader(out), map[string][]entry{}}, cmd.Start()
}

func (o *objects) close() error {
	_ = o.in.Close()
	return o.cmd.Wait()
}

// get is the object of a name; sha is "" if there is none.
func (o *objects) get(name string) (sha string, data []byte) {
	if _, err := fmt.Fprintln(o.in, name); err != nil {
		panic("chaos: git cat-file: " + err.Error())
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		panic("chaos: git cat-file: " + err.Error())
	}
	f := strings.Fields(line)
	if len(f) != 3 {
		return "", nil
	}
	n, err := strconv.Atoi(f[2])
	if err != nil {
		return "", nil
	}
	data = make([]byte, n+1)
	if _, err := io.ReadFull(o.out, data); err != nil {
		panic("chaos: git cat-file: " + err.Error())
	}
	return f[0], data[:n]
}

// commit is the tree and the parents of a commit.
func (o *objects) commit(sha string) (tree string, parents []string) {
	_, data := o.get(sha)
	for _, line := range strings.Split(string(data), "\n") {
		switch key, value, _ := strings.Cut(line, " "); {
		case line == "":
			return tree, parents
		case key == "tree":
			tree = value
		case key == "parent":
			parents = append(parents, value)
		}
	}
	return tree, parents
}

func (o *objects) tree(sha string) []entry {
	if known, ok := o.trees[sha]; ok || sha == "" {
		return known
	}
	_, data := o.get(sha)
	var out []entry
	for len(data) > 0 {
		nul := bytes.IndexByte(data, 0)
		mode, name, _ := strings.Cut(string(data[:nul]), " ")
		out = append(out, entry{mode, name, fmt.Sprintf("%x", data[nul+1:nul+21])})
		data = data[nul+21:]
	}
	o.trees[sha] = out
	return out
}

// change is a path that two trees have otherwise; "" where a side has none.
type change struct{ path, before, after string }

func (o *objects) diff(before, after string) []change { return o.diffUnder("", before, after) }

func (o *objects) diffUnder(dir, before, after string) []change {
	if before == after {
		return nil
	}
	type pair struct{ before, after entry }
	pairs := map[string]*pair{}
	var names []string
	at := func(name string) *pair {
		if pairs[name] == nil {
			pairs[name] = &pair{}
			names = append(names, name)
		}
		return pairs[name]
	}
	for _, e := range o.tree(before) {
		at(e.name).before = e
	}
	for _, e := range o.tree(after) {
		at(e.name).after = e
	}
	var out []change
	for _, name := range names {
		p, full := pairs[name], path.Join(dir, name)
		if p.before == p.after {
			continue
		}
		folder := func(e entry) (string, string) { // as a tree, as a file
			if e.mode == "40000" {
				return e.sha, ""
			}
			return "", e.sha
		}
		bt, bf := folder(p.before)
		at, af := folder(p.after)
		out = append(out, o.diffUnder(full, bt, at)...)
		if bf != af {
			out = append(out, change{full, bf, af})
		}
	}
	return out
}

// isAncestor walks back from b; a commit is its own ancestor.
func (o *objects) isAncestor(a, b string) bool {
	seen, next := map[string]bool{}, []string{b}
	for len(next) > 0 {
		h := next[len(next)-1]
		next = next[:len(next)-1]
		if h == a {
			return true
		}
		if seen[h] {
			continue
		}
		seen[h] = true
		_, parents := o.commit(h)
		next = append(next, parents...)
	}
	return false
}
