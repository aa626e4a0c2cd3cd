package gitrepo

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// graph makes commits from lines "name: parents", and returns their hashes by name.
func graph(t *testing.T, r *Repo, lines ...string) map[string]Hash {
	t.Helper()
	made := map[string]Hash{}
	for _, line := range lines {
		name, parents, _ := strings.Cut(line, ":")
		n := NewCommit{Message: name, Changes: map[string][]byte{name: []byte(name)}}
		for parent := range strings.FieldsSeq(parents) {
			n.Parents = append(n.Parents, made[parent])
		}
		made[name] = write(t, r, n)
	}
	return made
}

func names(made map[string]Hash, hashes []Hash) []string {
	var found []string
	for _, h := range hashes {
		for name, known := range made {
			if known == h {
				found = append(found, name)
			}
		}
	}
	return found
}

// A foxtrot merge swaps its parents: main is merged into a branch, and that is pushed as main.
//
//	a - b - c - m     m's parents: side, then c
//	  \- side -/
var foxtrot = []string{"a:", "b: a", "c: b", "side: a", "m: side c", "n: m", "lone:"}

func TestFirstParents(t *testing.T) {
	r := open(t, t.TempDir())
	g := graph(t, r, foxtrot...)
	for _, test := range []struct {
		tip, stop string
		limit     int
		want      []string
		err       error
	}{
		{tip: "c", stop: "a", want: []string{"c", "b"}},
		{tip: "c", stop: "c"},
		{tip: "c", want: []string{"c", "b", "a"}},
		{tip: "c", limit: 3, want: []string{"c", "b", "a"}},
		{tip: "c", stop: "a", limit: 2, want: []string{"c", "b"}},
		{tip: "c", stop: "a", limit: 1, err: ErrLimit},
		{tip: "n", stop: "m", want: []string{"n"}},
		{tip: "n", stop: "side", want: []string{"n", "m"}},
		{tip: "n", stop: "c", err: ErrNotAncestor},
		{tip: "n", stop: "b", err: ErrNotAncestor},
		{tip: "n", stop: "lone", err: ErrNotAncestor},
		{tip: "b", stop: "c", err: ErrNotAncestor},
	} {
		got, err := r.FirstParents(g[test.tip], g[test.stop], test.limit)
		if !errors.Is(err, test.err) || err != nil && got != nil {
			t.Errorf("from %s to %q: %v", test.tip, test.stop, err)
		}
		if diff := cmp.Diff(test.want, names(g, got)); diff != "" {
			t.Errorf("from %s to %q: %s", test.tip, test.stop, diff)
		}
	}
	if _, err := r.FirstParents(Hash{1}, Hash{}, 0); !errors.Is(err, ErrNoObject) {
		t.Errorf("from a commit that is missing: %v", err)
	}
}

// On random histories the answers must be those of stock git.
func TestWalksAgreeWithStockGit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		dir := t.TempDir()
		stock(t, dir, "init", "-q", "--bare", ".")
		r := openBare(t, dir)
		var all []Hash
		for i := range 14 {
			n := NewCommit{Message: strconv.Itoa(i)}
			for range min(i, random.IntN(3)+random.IntN(2)) {
				if parent := all[max(0, i-1-random.IntN(5))]; !slices.Contains(n.Parents, parent) {
					n.Parents = append(n.Parents, parent)
				}
			}
			all = append(all, write(t, r, n))
		}
		for range 20 {
			a, b := all[random.IntN(len(all))], all[random.IntN(len(all))]
			_, failed := tryStock(dir, "", "merge-base", "--is-ancestor", a.String(), b.String())
			if got, err := r.IsAncestor(a, b); err != nil || got != (failed == nil) {
				t.Errorf("is ancestor: %v, %v; git: %v", got, err, failed)
			}
			bases, _ := tryStock(dir, "", "merge-base", "--all", a.String(), b.String())
			got, err := r.MergeBase(a, b)
			if diff := cmp.Diff(sortedFields(bases), texts(got)); err != nil || diff != "" {
				t.Errorf("merge base: %v\n%s", err, diff)
			}
			between, err := r.Between(a, b, 0)
			if diff := cmp.Diff(sortedFields(stock(t, dir, "rev-list", a.String()+".."+b.String())), texts(between)); err != nil || diff != "" {
				t.Errorf("between: %v\n%s", err, diff)
			}
			for i, h := range between {
				for _, parent := range r.parents[h] {
					if slices.Contains(between[:i], parent) {
						t.Errorf("%s comes before %s, its child", parent, h)
					}
				}
			}
		}
	}
}

func sortedFields(text string) []string {
	fields := strings.Fields(text)
	slices.Sort(fields)
	return fields
}

func texts(hashes []Hash) []string {
	list := make([]string, 0, len(hashes))
	for _, h := range hashes {
		list = append(list, h.String())
	}
	slices.Sort(list)
	return list
}

func TestBetweenHasALimit(t *testing.T) {
	r := open(t, t.TempDir())
	g := graph(t, r, foxtrot...)
	for limit, want := range map[int]error{2: ErrLimit, 3: nil, 0: nil} {
		if got, err := r.Between(g["b"], g["m"], limit); !errors.Is(err, want) || err == nil && len(got) != 3 {
			t.Errorf("limit %d: %v, %v", limit, names(g, got), err)
		}
	}
	if got, err := r.Between(Hash{}, g["c"], 0); err != nil || len(got) != 3 {
		t.Errorf("from nothing: %v, %v", names(g, got), err)
	}
}

// An odd commit on a merged branch must not stop the walks over it, only the reading of it.
func TestMalformedCommitDoesNotStopAWalk(t *testing.T) {
	bare, _ := newRemote(t)
	r := openBare(t, bare)
	root := write(t, r, NewCommit{Message: "root"})
	c, err := r.Commit(root)
	if err != nil {
		t.Fatal(err)
	}
	odd, _ := raw(t, bare, "commit", "tree "+c.Tree.String()+"\nparent "+root.String()+"\nauthor x\nauthor y\n\nm\n")
	if _, err := r.Commit(odd); !errors.Is(err, ErrMalformed) {
		t.Errorf("commit = %v, want ErrMalformed", err)
	}
	tip := write(t, r, NewCommit{Parents: []Hash{root, odd}})
	if ok, err := r.IsAncestor(odd, tip); !ok || err != nil {
		t.Errorf("is ancestor = %v, %v", ok, err)
	}
	if between, err := r.Between(root, tip, 0); len(between) != 2 || err != nil {
		t.Errorf("between = %v, %v", between, err)
	}
}

func TestOwnRefs(t *testing.T) {
	r := open(t, t.TempDir())
	h := write(t, r, NewCommit{})
	if err := r.SetRef("refs/lapse/seen", h); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := r.Ref("refs/lapse/seen"); got != h || !ok || err != nil {
		t.Errorf("ref = %s, %v, %v", got, ok, err)
	}
	for name, to := range map[string]Hash{"refs/heads/main": h, "refs/lapse/../heads/main": h, "refs/lapse/x": {1}} {
		if err := r.SetRef(name, to); err == nil {
			t.Errorf("%s was set to %s", name, to)
		}
	}
	if NewHash(h.String()) != h || !NewHash("main").IsZero() || !NewHash(h.String()+"00").IsZero() {
		t.Error("a hash is not read as it is written")
	}
}
