package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenMakesARepositoryAndFindsItAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "copy")
	var h Hash
	for i := range 2 {
		r, err := Open(t.Context(), dir, Remote{URL: dir})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			h = write(t, r, NewCommit{Changes: map[string][]byte{"a": []byte("1")}})
		} else if !r.Has(h) {
			t.Error("the commit is gone")
		}
	}
	if got := stock(t, dir, "cat-file", "-p", h.String()+":a"); got != "1" {
		t.Errorf("stock git reads %q", got)
	}
	if got := stock(t, dir, "rev-parse", "--is-bare-repository"); got != "true" {
		t.Errorf("stock git says bare = %s", got)
	}
}

func TestOpenRefusesWhatIsNotABareRepository(t *testing.T) {
	_, work := newRemote(t)
	notEmpty := t.TempDir()
	if err := os.WriteFile(filepath.Join(notEmpty, "letter"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	sha256 := t.TempDir()
	stock(t, sha256, "init", "-q", "--bare", "--object-format=sha256", ".")
	for _, dir := range []string{notEmpty, work, filepath.Join(work, ".git"), sha256} {
		if _, err := Open(t.Context(), dir, Remote{URL: dir}); err == nil {
			t.Errorf("%s was opened", dir)
		}
	}
}

func TestA33HistoryThatIsNotWholeIsRefused(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, bare string, old, tip Hash)
	}{
		{"replace ref", func(t *testing.T, bare string, old, tip Hash) {
			stock(t, bare, "replace", tip.String(), old.String())
		}},
		{"packed replace ref", func(t *testing.T, bare string, old, tip Hash) {
			stock(t, bare, "replace", tip.String(), old.String())
			stock(t, bare, "pack-refs", "--all")
		}},
		{"graft", func(t *testing.T, bare string, old, tip Hash) {
			put(t, bare, "info/grafts", tip.String()+"\n")
		}},
		{"alternates", func(t *testing.T, bare string, old, tip Hash) {
			put(t, bare, "objects/info/alternates", t.TempDir()+"\n")
		}},
		{"shallow", func(t *testing.T, bare string, old, tip Hash) {
			put(t, bare, "shallow", tip.String()+"\n")
		}},
		{"partial clone", func(t *testing.T, bare string, old, tip Hash) {
			stock(t, bare, "config", "core.repositoryformatversion", "1")
			stock(t, bare, "config", "extensions.partialClone", "origin")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bare, work := newRemote(t)
			old := stockCommit(t, work, map[string]string{"a": "1"})
			tip := stockCommit(t, work, map[string]string{"a": "2"})
			stock(t, work, "push", "-q", "origin", "main")
			if _, err := Open(t.Context(), bare, Remote{URL: bare}); err != nil {
				t.Fatalf("before: %v", err)
			}
			test.spoil(t, bare, old, tip)
			_, err := Open(t.Context(), bare, Remote{URL: bare})
			if err == nil || test.name != "partial clone" && !errors.Is(err, ErrIncomplete) {
				t.Errorf("open = %v, want ErrIncomplete", err)
			}
		})
	}
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What is spoiled after the folder was opened changes nothing: objects are read as they are.
func TestA33ReplaceRefsAndGraftsAreNotFollowed(t *testing.T) {
	bare, work := newRemote(t)
	old := stockCommit(t, work, map[string]string{"a": "1"})
	tip := stockCommit(t, work, map[string]string{"a": "2"})
	stock(t, work, "push", "-q", "origin", "main")
	r := openBare(t, bare)
	stock(t, bare, "replace", tip.String(), old.String())
	put(t, bare, "info/grafts", tip.String()+"\n")
	if c, err := r.Commit(tip); err != nil || len(c.Parents) != 1 || c.Parents[0] != old {
		t.Errorf("commit = %+v, %v", c, err)
	}
	if chain, err := r.FirstParents(tip, Hash{}, 0); err != nil || len(chain) != 2 {
		t.Errorf("chain = %v, %v", chain, err)
	}
}

func TestA33ShallowRemoteIsRefused(t *testing.T) {
	overBoth(t, func(t *testing.T, bare, work string, remote Remote) {
		stockCommit(t, work, map[string]string{"a": "1"})
		tip := stockCommit(t, work, map[string]string{"a": "2"})
		stock(t, work, "push", "-q", "origin", "main")
		put(t, bare, "shallow", tip.String()+"\n")
		r := openRemote(t, remote)
		if err := r.Fetch(t.Context(), "+refs/heads/main:refs/lapse/main"); !errors.Is(err, ErrIncomplete) || r.Has(tip) {
			t.Errorf("fetch = %v, want ErrIncomplete", err)
		}
	})
}

func TestA33RemoteReplaceRefsAreNotBrought(t *testing.T) {
	bare, work := newRemote(t)
	old := stockCommit(t, work, map[string]string{"a": "1"})
	tip := stockCommit(t, work, map[string]string{"a": "2"})
	stock(t, work, "push", "-q", "origin", "main")
	stock(t, bare, "replace", tip.String(), old.String())
	r := open(t, bare)
	if err := r.Fetch(t.Context(), "+refs/*:refs/*"); err == nil {
		t.Error("a replace ref was fetched")
	}
	if err := checkWhole(r.store.Filesystem().Root(), r.store); err != nil {
		t.Error(err)
	}
}

// An object whose bytes were changed on disk, under the name of another, must not be believed.
func TestObjectThatIsNotWhatItsNameSaysIsRefused(t *testing.T) {
	bare, work := newRemote(t)
	good := stockCommit(t, work, map[string]string{"a": "1"})
	evil := stockCommit(t, work, map[string]string{"a": "2"})
	stock(t, work, "push", "-q", "origin", "main")
	path := func(h Hash) string { return filepath.Join(bare, "objects", h.String()[:2], h.String()[2:]) }
	content, err := os.ReadFile(path(evil))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path(good)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path(good), content, 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err := openBare(t, bare).Commit(good); !errors.Is(err, ErrMalformed) {
		t.Errorf("commit = %+v, %v; want ErrMalformed", c, err)
	}
}

func TestRefNamesCannotLeadOutOfTheRepository(t *testing.T) {
	r := open(t, t.TempDir())
	for _, name := range []string{"", "main", "../HEAD", "refs/../../x", "refs/heads/../../config", "refs/replace/" + strings.Repeat("a", 40), "refs/heads/x.lock"} {
		if h, ok, err := r.Ref(name); err == nil {
			t.Errorf("ref %q = %s, %v", name, h, ok)
		}
		if err := r.Push(t.Context(), name, Hash{}, Hash{1}); err == nil || errors.Is(err, ErrNoObject) {
			t.Errorf("push %q = %v", name, err)
		}
	}
}
