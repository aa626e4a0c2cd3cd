package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestFSKeepsTheContractOfFileSystems(t *testing.T) {
	r := open(t, t.TempDir())
	h := write(t, r, NewCommit{Changes: map[string][]byte{
		"lapse.yaml": []byte("version: 1\n"), "roles/a.yaml": []byte("a"), "roles.b": []byte("b"), "roles-c": {},
		"grants/x/y/z.yaml": []byte("z"), "grants/x.yaml": []byte(strings.Repeat("big", 10_000)),
	}})
	files, err := r.FS(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(files, "lapse.yaml", "roles/a.yaml", "roles.b", "roles-c", "grants/x/y/z.yaml", "grants/x.yaml"); err != nil {
		t.Error(err)
	}
}

func TestA35LinksAndSubmodulesShowAndAreNeverFollowed(t *testing.T) {
	bare, work := newRemote(t)
	stockCommit(t, work, map[string]string{"grants/real.yaml": "user: alice\n", "run": "#!/bin/sh\n"})
	for link, to := range map[string]string{
		"grants/link.yaml": "real.yaml", "grants/out.yaml": "/etc/passwd", "dir": "grants", "grants/up": "..",
	} {
		if err := os.Symlink(to, filepath.Join(work, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(work, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	stock(t, work, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",grants/sub")
	if err := os.Mkdir(filepath.Join(work, "grants", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := stockCommit(t, work, nil)
	stock(t, work, "push", "-q", "origin", "main")
	files, err := openBare(t, bare).FS(h)
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]string{}
	err = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Type() != d.Type() || info.Sys().(*Entry) == nil {
			t.Errorf("%s: %v and %v", path, info.Mode(), d.Type())
		}
		modes[path] = info.Mode().String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		".": "drwxr-xr-x", "grants": "drwxr-xr-x", "run": "-rwxr-xr-x", "dir": "Lrwxrwxrwx", "grants/real.yaml": "-rw-r--r--",
		"grants/link.yaml": "Lrwxrwxrwx", "grants/out.yaml": "Lrwxrwxrwx", "grants/up": "Lrwxrwxrwx", "grants/sub": "?---------",
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"grants/link.yaml", "grants/out.yaml", "dir", "grants/sub"} {
		if content, err := fs.ReadFile(files, name); !errors.Is(err, errNotFollowed) {
			t.Errorf("read %s = %q, %v", name, content, err)
		}
		if _, err := files.Open(name); !errors.Is(err, errNotFollowed) {
			t.Errorf("open %s = %v", name, err)
		}
		if _, err := fs.ReadDir(files, name); err == nil {
			t.Errorf("%s was listed", name)
		}
	}
	for _, name := range []string{"dir/real.yaml", "grants/up/run", "grants/sub/x", "grants/real.yaml/x"} {
		if content, err := fs.ReadFile(files, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read %s = %q, %v", name, content, err)
		}
	}
}

func TestLargeFileIsRefusedUnread(t *testing.T) {
	bare, work := newRemote(t)
	for name, size := range map[string]int64{"big": MaxBlob + 1, "most": MaxBlob} {
		f, err := os.Create(filepath.Join(work, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	h := stockCommit(t, work, nil)
	stock(t, work, "push", "-q", "origin", "main")
	fetched := open(t, bare)
	if err := fetched.Fetch(t.Context(), "+refs/heads/main:refs/lapse/main"); err != nil {
		t.Fatal(err)
	}
	for where, r := range map[string]*Repo{"loose": openBare(t, bare), "packed": fetched} {
		files, err := r.FS(h)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := fs.ReadFile(files, "big"); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %d bytes, %v; want ErrLimit", where, len(content), err)
		}
		if info, err := fs.Stat(files, "big"); err != nil || info.Size() != MaxBlob+1 {
			t.Errorf("%s: %v, %v", where, info, err)
		}
		if content, err := fs.ReadFile(files, "most"); err != nil || len(content) != MaxBlob {
			t.Errorf("%s: %d bytes, %v", where, len(content), err)
		}
		e, err := r.Entry(h, "most")
		if err != nil {
			t.Fatal(err)
		}
		if content, err := r.Blob(e.Hash, 1024); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %d bytes, %v; want ErrLimit", where, len(content), err)
		}
	}
}
