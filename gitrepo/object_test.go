package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"
)

// raw stores bytes as an object, whatever they are, and asks stock git whether it is well-formed.
func raw(t *testing.T, bare, kind, content string) (h Hash, wellFormed bool) {
	t.Helper()
	name, err := tryStock(bare, content, "hash-object", "-w", "--literally", "--stdin", "-t", kind)
	if err != nil {
		t.Fatalf("%v: %s", err, name)
	}
	h = hashOf(t, name)
	// What fsck says of this object counts, not what it says of those that it names.
	said, _ := tryStock(bare, "", "fsck", "--strict", "--no-dangling", h.String())
	for line := range strings.Lines(said) {
		for _, word := range []string{
			"error in " + kind + " " + h.String(), "warning in " + kind + " " + h.String(), h.String() + ": object could not be parsed",
		} {
			if strings.Contains(line, word) {
				return h, false
			}
		}
	}
	return h, true
}

func entryText(mode, name, hash string) string {
	h := plumbing.NewHash(hash)
	return mode + " " + name + "\x00" + string(h[:])
}

func TestA34TreesThatAreNotCanonicalAreRefused(t *testing.T) {
	bare, _ := newRemote(t)
	blob, _ := raw(t, bare, "blob", "content")
	empty, _ := raw(t, bare, "tree", "")
	b, d := blob.String(), empty.String()
	file := func(name string) string { return entryText("100644", name, b) }
	dir := func(name string) string { return entryText("40000", name, d) }
	r := openBare(t, bare)
	for _, test := range []struct {
		name, tree string
		ok         bool
		// Stock git's fsck lets a few things through that two readers could see differently.
		stricter bool
	}{
		{name: "empty", tree: "", ok: true},
		{name: "canonical", tree: file("a") + entryText("100755", "b", b) + dir("c") + entryText("120000", "d", b) + entryText("160000", "e", b), ok: true},
		{name: "directory sorts with a slash", tree: file("a.b") + dir("a") + file("a0"), ok: true},
		{name: "directory sorted without the slash", tree: dir("a") + file("a.b")},
		{name: "duplicate", tree: file("a") + file("a")},
		{name: "file and directory of one name", tree: file("a") + dir("a")},
		{name: "file and directory of one name, apart", tree: file("a") + file("a.b") + dir("a")},
		{name: "unsorted", tree: file("b") + file("a")},
		{name: "mode 100664", tree: entryText("100664", "a", b)},
		{name: "mode 0100644", tree: entryText("0100644", "a", b)},
		{name: "mode 040000", tree: entryText("040000", "a", d)},
		{name: "mode 0", tree: entryText("0", "a", b)},
		{name: "mode 100644 in another base", tree: entryText("33188", "a", b)},
		{name: "no mode", tree: entryText("", "a", b)},
		{name: "dot", tree: dir(".")},
		{name: "dot dot", tree: dir("..")},
		{name: ".git", tree: dir(".git")},
		{name: ".GIT", tree: dir(".GIT")},
		{name: ".git for HFS+", tree: dir(".g\u200cit")},
		{name: ".git for NTFS", tree: dir(".git ")},
		{name: ".git with dots", tree: dir(".git...")},
		{name: ".git stream", tree: dir(".git::$INDEX_ALLOCATION")},
		{name: ".git short", tree: dir("GIT~1")},
		{name: ".git after a backslash", tree: dir(`a\.git`)},
		{name: ".gitx", tree: dir(".gitx"), ok: true},
		{name: "git~10", tree: dir("git~10"), ok: true},
		{name: "slash", tree: file("a/b")},
		{name: "empty name", tree: file("")},
		{name: "zero hash", tree: entryText("100644", "a", strings.Repeat("0", 40))},
		{name: "cut off", tree: file("a")[:15]},
		{name: "no end of the name", tree: "100644 a"},
		{name: "no space", tree: "100644\x00" + strings.Repeat("x", 20)},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, wellFormed := raw(t, bare, "tree", test.tree)
			_, err := r.tree(h)
			if test.ok != (err == nil) || err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("our reader: %v", err)
			}
			if wellFormed != (test.ok || test.stricter) {
				t.Errorf("git fsck --strict: well-formed = %v", wellFormed)
			}
			if test.ok {
				return
			}
			commit := hashOf(t, stockInput(t, bare, "m", "commit-tree", empty.String()))
			c, _ := raw(t, bare, "commit", strings.Replace(stock(t, bare, "cat-file", "commit", commit.String()), d, h.String(), 1)+"\n")
			assertRefused(t, r, c, commit)
		})
	}
}

// assertRefused tries every way to read the tree of a commit.
func assertRefused(t *testing.T, r *Repo, commit, base Hash) {
	t.Helper()
	files, err := r.FS(commit)
	if err != nil {
		t.Fatal(err)
	}
	_, readErr := fs.ReadFile(files, "a")
	_, dirErr := fs.ReadDir(files, ".")
	_, statErr := fs.Stat(files, "a")
	_, entryErr := r.Entry(commit, "a")
	_, diffErr := r.Diff(base, commit)
	_, writeErr := r.Write(t.Context(), NewCommit{
		Parents: []Hash{commit}, Changes: map[string][]byte{"n": {}}, Message: "m", Author: alice(), Committer: alice(),
	})
	for name, err := range map[string]error{
		"ReadFile": readErr, "ReadDir": dirErr, "Stat": statErr, "Entry": entryErr, "Diff": diffErr, "Write": writeErr,
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s = %v, want ErrMalformed", name, err)
		}
	}
}

func stockInput(t *testing.T, dir, input string, args ...string) string {
	t.Helper()
	out, err := tryStock(dir, input, args...)
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func TestA34CommitsThatAreNotCanonicalAreRefused(t *testing.T) {
	bare, _ := newRemote(t)
	tree, _ := raw(t, bare, "tree", "")
	const who = "alice <alice@acme.com> 1700000000 +0100"
	parent, _ := raw(t, bare, "commit", fmt.Sprintf("tree %s\nauthor %s\ncommitter %s\n\nm\n", tree, who, who))
	lines := func(lines ...string) string { return strings.Join(lines, "\n") + "\n\nmessage\n" }
	var (
		treeLine   = "tree " + tree.String()
		parentLine = "parent " + parent.String()
		author     = "author " + who
		committer  = "committer " + who
	)
	r := openBare(t, bare)
	for _, test := range []struct {
		name, commit string
		ok           bool
		stricter     bool
	}{
		{name: "canonical", commit: lines(treeLine, parentLine, author, committer), ok: true},
		{name: "root", commit: lines(treeLine, author, committer), ok: true},
		{name: "two parents", commit: lines(treeLine, parentLine, "parent "+strings.Repeat("1", 40), author, committer), ok: true},
		{name: "signed", commit: lines(treeLine, author, committer, "gpgsig -----BEGIN", " x", " ", " -----END"), ok: true},
		{name: "other headers", commit: lines(treeLine, author, committer, "encoding latin1", "change-id abc"), ok: true},
		{name: "two mergetags", commit: lines(treeLine, author, committer, "mergetag object x", " type commit", "mergetag object y"), ok: true},
		{name: "empty name", commit: lines(treeLine, "author  <a@acme.com> 0 +0000", committer), ok: true},
		{name: "empty message", commit: strings.TrimSuffix(lines(treeLine, author, committer), "message\n"), ok: true},
		{name: "second tree", commit: lines(treeLine, treeLine, author, committer)},
		{name: "second tree later", commit: lines(treeLine, author, committer, treeLine), stricter: true},
		{name: "parent after author", commit: lines(treeLine, author, parentLine, committer)},
		{name: "parent after committer", commit: lines(treeLine, author, committer, parentLine), stricter: true},
		{name: "second author", commit: lines(treeLine, author, author, committer)},
		{name: "second committer", commit: lines(treeLine, author, committer, committer), stricter: true},
		{name: "second signature", commit: lines(treeLine, author, committer, "gpgsig x", "gpgsig y"), stricter: true},
		{name: "second encoding", commit: lines(treeLine, author, committer, "encoding a", "encoding b"), stricter: true},
		{name: "no tree", commit: lines(author, committer)},
		{name: "no author", commit: lines(treeLine, committer)},
		{name: "no committer", commit: lines(treeLine, author)},
		{name: "committer first", commit: lines(treeLine, committer, author)},
		{name: "short tree", commit: lines(treeLine[:20], author, committer)},
		{name: "upper-case tree", commit: lines("tree "+strings.ToUpper(tree.String()), author, committer), stricter: true},
		{name: "short parent", commit: lines(treeLine, parentLine[:20], author, committer)},
		{name: "continued tree", commit: lines(treeLine, " x", author, committer)},
		{name: "continued author", commit: lines(treeLine, author, " x", committer)},
		{name: "continued committer", commit: lines(treeLine, author, committer, " x"), stricter: true},
		{name: "continuation first", commit: lines(" x", treeLine, author, committer)},
		{name: "no end of the header", commit: treeLine + "\n" + author + "\n" + committer + "\n", stricter: true},
		{name: "zero byte in the header", commit: lines(treeLine, author, committer, "x \x00y")},
		{name: "zero byte in the message", commit: lines(treeLine, author, committer) + "\x00"},
		{name: "no email", commit: lines(treeLine, "author alice 1700000000 +0100", committer)},
		{name: "no name", commit: lines(treeLine, "author <a@acme.com> 1700000000 +0100", committer)},
		{name: "no space before the email", commit: lines(treeLine, "author alice<a@acme.com> 1700000000 +0100", committer)},
		{name: "no space after the email", commit: lines(treeLine, "author alice <a@acme.com>1700000000 +0100", committer)},
		{name: "bracket in the name", commit: lines(treeLine, "author al>ice <a@acme.com> 1700000000 +0100", committer)},
		{name: "two emails", commit: lines(treeLine, "author alice <a@acme.com> <b@acme.com> 1700000000 +0100", committer)},
		{name: "bracket in the email", commit: lines(treeLine, "author alice <a<b@acme.com> 1700000000 +0100", committer)},
		{name: "time with a zero before it", commit: lines(treeLine, "author alice <a@acme.com> 01 +0100", committer)},
		{name: "negative time", commit: lines(treeLine, "author alice <a@acme.com> -1 +0100", committer)},
		{name: "no time", commit: lines(treeLine, "author alice <a@acme.com> +0100", committer)},
		{name: "endless time", commit: lines(treeLine, "author alice <a@acme.com> 99999999999999999999 +0100", committer)},
		{name: "bad zone", commit: lines(treeLine, "author alice <a@acme.com> 1700000000 0100", committer)},
		{name: "zone in words", commit: lines(treeLine, "author alice <a@acme.com> 1700000000 +UTC0", committer)},
		{name: "text after the zone", commit: lines(treeLine, "author alice <a@acme.com> 1700000000 +0100 x", committer)},
		{name: "header without a value", commit: lines(treeLine, author, committer, "x"), stricter: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, wellFormed := raw(t, bare, "commit", test.commit)
			_, err := r.Commit(h)
			if test.ok != (err == nil) || err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("our reader: %v", err)
			}
			if wellFormed != (test.ok || test.stricter) {
				t.Errorf("git fsck --strict: well-formed = %v", wellFormed)
			}
			if test.ok {
				return
			}
			if _, err := r.FS(h); !errors.Is(err, ErrMalformed) {
				t.Errorf("FS = %v, want ErrMalformed", err)
			}
			if _, err := r.Diff(parent, h); !errors.Is(err, ErrMalformed) {
				t.Errorf("Diff = %v, want ErrMalformed", err)
			}
		})
	}
}

func TestCommitIsReadAsStockGitWroteIt(t *testing.T) {
	bare, work := newRemote(t)
	first := stockCommit(t, work, map[string]string{"a": "1"})
	second := stockCommit(t, work, map[string]string{"a": "2"})
	stock(t, work, "push", "-q", "origin", "main")
	c, err := openBare(t, bare).Commit(second)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Author.String(); got != "alice <alice@acme.com> 1700000000 +0100" {
		t.Errorf("author = %s", got)
	}
	c.Author, c.Committer = Signature{}, Signature{}
	want := Commit{Hash: second, Tree: hashOf(t, stock(t, work, "rev-parse", "HEAD^{tree}")), Parents: []Hash{first}, Message: "change\n"}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestMissingObjectIsNotAnAbsentFile(t *testing.T) {
	bare, work := newRemote(t)
	h := stockCommit(t, work, map[string]string{"d/a": "1", "b": "2"})
	stock(t, work, "push", "-q", "origin", "main")
	for _, gone := range []string{"HEAD:d", "HEAD:b"} {
		name := stock(t, work, "rev-parse", gone)
		if err := os.Remove(bare + "/objects/" + name[:2] + "/" + name[2:]); err != nil {
			t.Fatal(err)
		}
	}
	files, err := openBare(t, bare).FS(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/a", "d/x", "b"} {
		if _, err := fs.ReadFile(files, name); !errors.Is(err, ErrNoObject) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want ErrNoObject", name, err)
		}
	}
	if _, err := fs.Stat(files, "b"); !errors.Is(err, ErrNoObject) {
		t.Errorf("stat: %v, want ErrNoObject", err)
	}
	if _, err := fs.ReadFile(files, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzTree(f *testing.F) {
	blob := strings.Repeat("1", 40)
	f.Add([]byte(entryText("100644", "a", blob) + entryText("40000", "b", blob)))
	f.Add([]byte(entryText("100644", "a.b", blob) + entryText("40000", "a", blob)))
	f.Add([]byte(entryText("160000", ".git", blob)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tree, err := parseTree(raw)
		if err != nil {
			return
		}
		// A canonical tree is the only form of what it says.
		if again := encodeTree(append([]treeEntry(nil), tree.entries...)); string(again) != string(raw) {
			t.Errorf("%q is read as %q", raw, again)
		}
		for _, e := range tree.entries {
			if checkName(e.name) != nil || tree.find(e.name) == nil {
				t.Errorf("entry %q", e.name)
			}
		}
	})
}

func FuzzCommit(f *testing.F) {
	f.Add([]byte("tree " + strings.Repeat("1", 40) + "\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\ngpgsig x\n y\n\nm"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, signed, err := parseCommit(raw)
		if err != nil {
			return
		}
		if c.Signature == "" && string(signed) != string(raw) {
			t.Errorf("what an unsigned commit says, %q, is not all of it, %q", signed, raw)
		}
		unsigned, _, err := parseCommit(signed)
		c.Signature = ""
		if diff := cmp.Diff(c, unsigned); err != nil || diff != "" {
			t.Errorf("without its signature: %v %s", err, diff)
		}
	})
}
