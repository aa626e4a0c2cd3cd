package gitrepo

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWrittenCommitIsWhatStockGitWouldMake(t *testing.T) {
	bare, work := newRemote(t)
	first := stockCommit(t, work, map[string]string{"a/b/c": "1", "a/d": "1", "a.x": "1", "z": "1"})
	stock(t, work, "push", "-q", "origin", "main")
	second := stockCommit(t, work, map[string]string{"a/b/c": "", "a/d": "2", "n/e/w": "1"})
	r := openBare(t, bare)
	who := Signature{Name: "alice", Email: "alice@acme.com", When: time.Unix(1_700_000_000, 0).In(time.FixedZone("", 3600))}
	got := write(t, r, NewCommit{
		Parents: []Hash{first}, Author: who,
		Changes: map[string][]byte{"a/b/c": nil, "a/d": []byte("2"), "n/e/w": []byte("1")},
	})
	if got != second {
		t.Errorf("ours:\n%s\nstock git's:\n%s", stock(t, bare, "cat-file", "-p", got.String()), stock(t, work, "cat-file", "-p", second.String()))
	}
}

// Whatever is changed, the tree afterwards holds exactly what it should, and stock git finds it sound.
func TestWriteChangesExactlyWhatItIsTold(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	stock(t, dir, "init", "-q", "--bare", ".")
	r := openBare(t, dir)
	at := write(t, r, NewCommit{})
	files := map[string]string{}
	for range 60 {
		changes := map[string][]byte{}
		for range 1 + random.IntN(4) {
			before := maps.Clone(files)
			shuffle(random, files)
			for path := range before {
				if _, ok := files[path]; !ok {
					changes[path] = nil
				}
			}
			for path, content := range files {
				if before[path] != content {
					changes[path] = []byte(content)
				}
			}
		}
		if clash(changes) {
			files = list(t, r, at) // one commit cannot make a file of a directory: see below
			continue
		}
		for path, content := range changes {
			if _, err := r.Entry(at, path); err == nil && content == nil && list(t, r, at)[path] == "" {
				delete(changes, path) // came and went
			}
		}
		at = write(t, r, NewCommit{Parents: []Hash{at}, Changes: changes})
		if diff := cmp.Diff(files, list(t, r, at)); diff != "" {
			t.Fatal(diff)
		}
	}
	stock(t, dir, "fsck", "--strict", "--full")
}

// clash tells whether a path is changed together with one below it.
func clash(changes map[string][]byte) bool {
	for a := range changes {
		for b := range changes {
			if strings.HasPrefix(b, a+"/") {
				return true
			}
		}
	}
	return false
}

func list(t *testing.T, r *Repo, h Hash) map[string]string {
	t.Helper()
	changes, err := r.Diff(Hash{}, h)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range changes {
		content, err := r.Blob(c.After.Hash, 1000)
		if err != nil {
			t.Fatal(err)
		}
		found[c.Path] = string(content)
	}
	return found
}

func TestWriteRemovesEmptiedDirectories(t *testing.T) {
	r := open(t, t.TempDir())
	first := write(t, r, NewCommit{Changes: map[string][]byte{"a/b/c": {}, "d": {}}})
	for path, want := range map[string][]string{"a/b/c": {"d"}, "d": {"a/b/c"}} {
		h := write(t, r, NewCommit{Parents: []Hash{first}, Changes: map[string][]byte{path: nil}})
		if got := slices.Sorted(maps.Keys(list(t, r, h))); !slices.Equal(got, want) {
			t.Errorf("without %s: %v", path, got)
		}
		if e, err := r.Entry(h, "a"); err != nil || (e == nil) != (path == "a/b/c") {
			t.Errorf("without %s: a is %v, %v", path, e, err)
		}
	}
	empty := write(t, r, NewCommit{Parents: []Hash{first}, Changes: map[string][]byte{"a/b/c": nil, "d": nil}})
	if got := list(t, r, empty); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	afresh := write(t, r, NewCommit{Parents: []Hash{first}, BaseTree: &Hash{}, Changes: map[string][]byte{"e": {}}})
	if diff := cmp.Diff(map[string]string{"e": ""}, list(t, r, afresh)); diff != "" {
		t.Error(diff)
	}
}

func TestWriteRefuses(t *testing.T) {
	bare, work := newRemote(t)
	stockCommit(t, work, map[string]string{"dir/file": "1", "file": "1"})
	stock(t, work, "update-index", "--add", "--cacheinfo", "120000,"+stock(t, work, "rev-parse", "HEAD:file")+",link")
	stock(t, work, "commit", "-q", "-m", "link")
	stock(t, work, "push", "-q", "origin", "main")
	r := openBare(t, bare)
	base := hashOf(t, stock(t, work, "rev-parse", "HEAD"))
	for _, test := range []struct {
		name    string
		changes map[string][]byte
		spoil   func(*NewCommit)
		err     error
	}{
		{name: "a file over a directory", changes: map[string][]byte{"dir": {}}},
		{name: "a file below a file", changes: map[string][]byte{"file/x": {}}},
		{name: "a file below a link", changes: map[string][]byte{"link/x": {}}},
		{name: "a file over a link", changes: map[string][]byte{"link": {}}},
		{name: "a file and one below it", changes: map[string][]byte{"n": {}, "n/x": {}}},
		{name: "deleting what is not there", changes: map[string][]byte{"x": nil}, err: fs.ErrNotExist},
		{name: "deleting what is not there, below", changes: map[string][]byte{"x/y": nil}, err: fs.ErrNotExist},
		{name: "deleting a directory", changes: map[string][]byte{"dir": nil}},
		{name: "empty path", changes: map[string][]byte{"": {}}},
		{name: "absolute path", changes: map[string][]byte{"/a": {}}},
		{name: "path with dots", changes: map[string][]byte{"dir/../a": {}}},
		{name: "path that ends in a slash", changes: map[string][]byte{"a/": {}}},
		{name: "hook", changes: map[string][]byte{".git/hooks/post-checkout": {}}},
		{name: "zero byte", changes: map[string][]byte{"a\x00b": {}}},
		{name: "large", changes: map[string][]byte{"a": make([]byte, MaxBlob+1)}, err: ErrLimit},
		{name: "no message", spoil: func(n *NewCommit) { n.Message = " \n" }},
		{name: "zero byte in the message", spoil: func(n *NewCommit) { n.Message = "a\x00" }},
		{name: "header in a name", spoil: func(n *NewCommit) { n.Author.Name = "alice <a@b> 0 +0000\nparent x" }},
		{name: "line break in an address", spoil: func(n *NewCommit) { n.Committer.Email = "a\nb" }},
		{name: "end of the header in a name", spoil: func(n *NewCommit) { n.Author.Name = "alice\n\nx" }},
		{name: "bracket in an address", spoil: func(n *NewCommit) { n.Author.Email = "a>b" }},
		{name: "time before 1970", spoil: func(n *NewCommit) { n.Author.When = time.Time{} }},
		{name: "missing parent", spoil: func(n *NewCommit) { n.Parents = append(n.Parents, Hash{1}) }, err: ErrNoObject},
		{name: "missing tree", spoil: func(n *NewCommit) { n.BaseTree = &Hash{1} }, err: ErrNoObject},
		{name: "signer that fails", spoil: func(n *NewCommit) { n.Signer = brokenSigner{} }, err: fs.ErrPermission},
	} {
		n := NewCommit{Parents: []Hash{base}, Changes: test.changes, Message: "m", Author: alice(), Committer: alice()}
		if test.spoil != nil {
			test.spoil(&n)
		}
		if h, err := r.Write(t.Context(), n); err == nil || test.err != nil && !errors.Is(err, test.err) {
			t.Errorf("%s: %s, %v", test.name, h, err)
		}
	}
}

func TestWriteKeepsTheExecutableBit(t *testing.T) {
	dir := t.TempDir()
	stock(t, dir, "init", "-q", "--bare", ".")
	h := importTree(t, dir, map[string]string{"run": "100755 1", "link": "120000 2"})
	r := openBare(t, dir)
	h = write(t, r, NewCommit{Parents: []Hash{h}, Changes: map[string][]byte{"run": []byte("new"), "link": nil}})
	if e, err := r.Entry(h, "run"); err != nil || e.Mode != ModeExecutable {
		t.Errorf("entry = %v, %v", e, err)
	}
}

type brokenSigner struct{}

func (brokenSigner) Sign([]byte) (string, error) { return "", fs.ErrPermission }
