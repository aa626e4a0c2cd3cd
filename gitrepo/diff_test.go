package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"
)

// On random trees, changed at random, a difference must be what git diff-tree says; and written with its changes the one
// must become the other.
func TestDiffAgreesWithStockGit(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	stock(t, dir, "init", "-q", "--bare", ".")
	r := openBare(t, dir)
	files := map[string]string{}
	last := Hash{}
	for range 40 {
		for range 1 + random.IntN(6) {
			shuffle(random, files)
		}
		h := importTree(t, dir, files)
		compareWithStock(t, r, dir, last, h)
		if !last.IsZero() {
			compareWithStock(t, r, dir, h, last)
		}
		last = h
	}
}

// shuffle makes one change to the files: of content, of kind, or of a file into a directory and back.
func shuffle(random *rand.Rand, files map[string]string) {
	path := string("abc"[random.IntN(3)])
	for range random.IntN(3) {
		path += []string{"/", ".", "-", "0"}[random.IntN(4)] + string("abc"[random.IntN(3)])
	}
	for _, other := range slices.Collect(maps.Keys(files)) {
		if other == path || strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/") {
			delete(files, other)
		}
	}
	if random.IntN(4) > 0 {
		mode := []string{"100644", "100644", "100755", "120000", "160000"}[random.IntN(5)]
		files[path] = mode + " " + fmt.Sprint(random.IntN(5))
	}
}

// importTree commits files with stock git's fast-import; a content is its mode and a number.
func importTree(t *testing.T, dir string, files map[string]string) Hash {
	t.Helper()
	var script strings.Builder
	fmt.Fprintf(&script, "commit refs/heads/import\nmark :1\ncommitter alice <alice@acme.com> 1700000000 +0000\ndata 1\nm\ndeleteall\n")
	for _, path := range slices.Sorted(maps.Keys(files)) {
		mode, content, _ := strings.Cut(files[path], " ")
		if mode == "160000" {
			fmt.Fprintf(&script, "M 160000 %s %s\n", strings.Repeat("1", 39)+content, path)
			continue
		}
		fmt.Fprintf(&script, "M %s inline %s\ndata %d\n%s\n", mode, path, len(content), content)
	}
	script.WriteString("get-mark :1\n")
	stockInput(t, dir, script.String(), "fast-import", "--quiet", "--force")
	return hashOf(t, stock(t, dir, "rev-parse", "refs/heads/import"))
}

func compareWithStock(t *testing.T, r *Repo, dir string, a, b Hash) {
	t.Helper()
	r.store.Reindex() // fast-import brought packs behind our back
	changes, err := r.Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		line := ":"
		for _, e := range []*Entry{c.Before, c.After} {
			if e == nil {
				e = &Entry{}
			}
			line += fmt.Sprintf("%06o %s ", e.Mode, e.Hash)
		}
		got = append(got, line+c.Path)
	}
	from := a.String()
	if a.IsZero() {
		from = stockInput(t, dir, "", "hash-object", "-w", "-t", "tree", "--stdin")
	}
	var want []string
	for line := range strings.Lines(stock(t, dir, "diff-tree", "-r", "--no-renames", strings.TrimSpace(from), b.String())) {
		f := strings.Fields(line) // :mode mode hash hash status path
		want = append(want, f[0]+" "+f[2]+" "+f[1]+" "+f[3]+" "+f[5])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("from %s to %s:\n%s", a, b, diff)
	}
	if !slices.IsSortedFunc(changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) }) {
		t.Errorf("not sorted: %v", got)
	}
}

// The cost of a difference grows with the change: with all of the unchanged objects gone, it must still be found.
func TestDiffReadsOnlyWhatChanged(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	files := map[string][]byte{}
	for i := range 10_000 {
		files[fmt.Sprintf("grants/%02d/%02d.yaml", i/100, i%100)] = fmt.Appendf(nil, "%d", i)
	}
	before := write(t, r, NewCommit{Changes: files})
	made := countObjects(t, r)
	after := write(t, r, NewCommit{Parents: []Hash{before}, Changes: map[string][]byte{"grants/42/17.yaml": []byte("new")}})
	if more := countObjects(t, r) - made; more != 5 { // a blob, three trees, a commit
		t.Errorf("a change of one file stored %d objects, want 5", more)
	}
	keep := map[string]bool{}
	for _, commit := range []Hash{before, after} {
		keep[commit.String()] = true
		for _, path := range []string{".", "grants", "grants/42"} {
			e, err := r.Entry(commit, path)
			if err != nil {
				t.Fatal(err)
			}
			keep[e.Hash.String()] = true
		}
	}
	root := r.store.Filesystem().Root()
	eachObject(t, r, func(path, name string) {
		if !keep[name] {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	})
	fresh, err := Open(t.Context(), root, Remote{URL: root})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := fresh.Diff(before, after)
	if err != nil || len(changes) != 1 || changes[0].Path != "grants/42/17.yaml" {
		t.Errorf("diff = %v, %v", changes, err)
	}
}

func eachObject(t *testing.T, r *Repo, do func(path, name string)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.store.Filesystem().Root(), "objects", "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		do(path, filepath.Base(filepath.Dir(path))+filepath.Base(path))
	}
}

func countObjects(t *testing.T, r *Repo) (n int) {
	eachObject(t, r, func(string, string) { n++ })
	return n
}

// A few small trees can describe more files than anyone can list, and deeper ones than a path can name.
// nest puts an entry into a tree of so many like it, and that into another, and so on.
func nest(t *testing.T, r *Repo, e Entry, width, depth int) Entry {
	t.Helper()
	for range depth {
		var entries []treeEntry
		for i := range width {
			entries = append(entries, treeEntry{fmt.Sprint(i), e})
		}
		h, err := r.put(plumbing.TreeObject, encodeTree(entries))
		if err != nil {
			t.Fatal(err)
		}
		e = Entry{ModeDir, h}
	}
	return e
}

func TestTreesThatExplodeHaveALimit(t *testing.T) {
	bare, _ := newRemote(t)
	r := openBare(t, bare)
	blob, err := r.put(plumbing.BlobObject, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	empty, err := r.put(plumbing.TreeObject, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, root := range map[string]Entry{
		"wide": nest(t, r, Entry{ModeFile, blob}, 10, 10), "wide and without a file": nest(t, r, Entry{ModeDir, empty}, 10, 10),
		"deep": nest(t, r, Entry{ModeFile, blob}, 1, maxPath),
	} {
		h := write(t, r, NewCommit{BaseTree: &root.Hash})
		if _, err := r.Diff(Hash{}, h); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: compare: %v, want ErrLimit", name, err)
		}
		fsys, err := r.FS(h)
		if err != nil {
			t.Fatal(err)
		}
		err = fs.WalkDir(fsys, ".", func(_ string, _ fs.DirEntry, err error) error { return err })
		if !errors.Is(err, ErrLimit) {
			t.Errorf("%s: walk: %v, want ErrLimit", name, err)
		}
	}
}

func TestOneTreeMayBeWalkedAsOftenAsOneLikes(t *testing.T) {
	bare, work := newRemote(t)
	h := stockCommit(t, work, map[string]string{"d/a": "1", "e/a": "1"})
	stock(t, work, "push", "-q", "origin", "main")
	r := openBare(t, bare)
	fsys, err := r.FS(h)
	if err != nil {
		t.Fatal(err)
	}
	for range maxPlaces + 1 {
		if _, err := fs.ReadDir(fsys, "d"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEntry(t *testing.T) {
	bare, work := newRemote(t)
	stockCommit(t, work, map[string]string{"d/a": "1", "b": "2"})
	if err := os.Symlink("d", filepath.Join(work, "link")); err != nil {
		t.Fatal(err)
	}
	h := stockCommit(t, work, nil)
	stock(t, work, "push", "-q", "origin", "main")
	r := openBare(t, bare)
	for path, mode := range map[string]uint32{
		".": ModeDir, "d": ModeDir, "d/a": ModeFile, "b": ModeFile, "link": ModeSymlink,
		"x": 0, "d/x": 0, "b/x": 0, "link/a": 0, "D/a": 0,
	} {
		e, err := r.Entry(h, path)
		if err != nil || (e == nil) != (mode == 0) || e != nil && e.Mode != mode {
			t.Errorf("%s: %v, %v", path, e, err)
		}
	}
	for _, path := range []string{"", "/b", "d/", "../b", "d//a", "./b"} {
		if e, err := r.Entry(h, path); err == nil {
			t.Errorf("%q: %v", path, e)
		}
	}
}
