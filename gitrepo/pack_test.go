package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// manyVersions makes a working tree whose objects git stores as deltas on one another.
func manyVersions(t *testing.T) string {
	t.Helper()
	_, work := newRemote(t)
	rng := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 20_000)
	for i := range text {
		text[i] = byte('a' + rng.IntN(26))
	}
	for i := range 15 {
		text = append(text, fmt.Sprintf("line %d %d\n", i, rng.Int())...)
		stockCommit(t, work, map[string]string{fmt.Sprintf("d/%d.txt", i%5): string(text[i*10:])})
	}
	return work
}

// objectsOf are the names and kinds of all objects, as stock git lists them.
func objectsOf(t *testing.T, dir string) map[Hash]plumbing.ObjectType {
	t.Helper()
	all := map[Hash]plumbing.ObjectType{}
	for line := range strings.Lines(stock(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		k, err := plumbing.ParseObjectType(kind)
		if err != nil {
			t.Fatal(err)
		}
		all[hashOf(t, name)] = k
	}
	return all
}

func TestTheShelfReadsWhatGitStoredHoweverItStoredIt(t *testing.T) {
	for name, repack := range map[string][]string{
		"loose":             nil,
		"offset deltas":     {"repack", "-adfq", "--depth=20"},
		"named deltas":      {"-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=20"},
		"nothing but whole": {"repack", "-adfq", "--depth=0"},
	} {
		t.Run(name, func(t *testing.T) {
			work := manyVersions(t)
			if repack != nil {
				stock(t, work, repack...)
				stock(t, work, "prune-packed")
			}
			r, err := OpenClone(work)
			if err != nil {
				t.Fatal(err)
			}
			var readers sync.WaitGroup
			for range 4 {
				readers.Go(func() { readsAll(t, r, objectsOf(t, work)) })
			}
			readers.Wait()
		})
	}
}

func readsAll(t *testing.T, r *Repo, all map[Hash]plumbing.ObjectType) {
	if len(all) < 60 {
		t.Errorf("only %d objects", len(all))
	}
	for h, kind := range all {
		k, content, err := r.shelf.read(h, maxObject)
		if err != nil || k != kind || plumbing.ComputeHash(k, content) != h {
			t.Errorf("%s %s: read as %s, %v", kind, h, k, err)
		}
		if _, _, err := r.shelf.read(h, int64(len(content))-1); len(content) > 0 && err == nil {
			t.Errorf("%s of %d bytes is read where one less is asked for", h, len(content))
		}
	}
}

// Whoever can write into the folder can store other bytes under a name. They are never returned.
func TestAPackWhoseBytesWereChangedIsNotBelieved(t *testing.T) {
	work := manyVersions(t)
	stock(t, work, "repack", "-adfq", "--depth=20")
	found, err := filepath.Glob(filepath.Join(work, ".git", "objects", "pack", "*.pack"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	all := objectsOf(t, work)
	if err := os.Chmod(found[0], 0o600); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for at := 12; at < len(raw)-20; at += 1 + len(raw)/20 {
		spoilt := bytes.Clone(raw)
		spoilt[at] ^= 1
		if err := os.WriteFile(found[0], spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenClone(work)
		if err != nil {
			t.Fatal(err)
		}
		for h, kind := range all {
			content, err := r.object(kind, h, maxObject)
			if err != nil {
				refused++
			} else if plumbing.ComputeHash(kind, content) != h {
				t.Fatalf("byte %d: %s is returned with other bytes", at, h)
			}
		}
	}
	if refused == 0 {
		t.Error("no change of a byte was noticed")
	}
}

func TestACloneIsReadAndNeverWritten(t *testing.T) {
	work := manyVersions(t)
	bare := stock(t, work, "remote", "get-url", "origin")
	stock(t, work, "push", "-q", "origin", "main")
	clone := filepath.Join(t.TempDir(), "clone")
	stock(t, t.TempDir(), "clone", "-q", bare, clone)
	stock(t, clone, "commit", "-q", "--allow-empty", "-m", "not pushed")
	r, err := OpenClone(clone)
	if err != nil {
		t.Fatal(err)
	}
	at, ref, err := r.CloneRef("main")
	if err != nil || ref != "refs/remotes/origin/main" || at.String() != stock(t, work, "rev-parse", "main") {
		t.Errorf("main is at %s by %s, %v", at, ref, err)
	}
	if _, _, err := r.CloneRef("lapse-ledger"); err == nil || !strings.Contains(err.Error(), "no branch lapse-ledger of origin") {
		t.Errorf("a branch that is not there: %v", err)
	}
	before := listing(t, filepath.Dir(clone))
	_, written := r.Write(context.Background(), NewCommit{Parents: []Hash{at}, Changes: map[string][]byte{"x": []byte("y")}, Message: "m", Author: alice(), Committer: alice()})
	for what, err := range map[string]error{
		"write": written, "set a ref": r.SetRef("refs/lapse/x", at), "fetch": r.Fetch(context.Background(), "+refs/heads/main:refs/lapse/main"),
		"push": r.Push(context.Background(), "refs/heads/main", at, at),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := listing(t, filepath.Dir(clone)); after != before {
		t.Errorf("the folder changed:\n%s\nto\n%s", before, after)
	}
	stock(t, clone, "config", "remote.origin.promisor", "true")
	if err := os.WriteFile(filepath.Join(clone, ".git", "objects", "pack", "pack-x.promisor"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenClone(clone); !errors.Is(err, ErrIncomplete) {
		t.Errorf("a partial clone: %v", err)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil {
			info, _ := d.Info()
			fmt.Fprintf(&all, "%s %d %s\n", path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
