package gitrepo

import (
	"context"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stock runs the stock git in dir, with nobody's configuration, and returns what it printed.
func stock(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := tryStock(dir, "", args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func tryStock(dir, input string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@acme.com", "GIT_AUTHOR_DATE=1700000000 +0100",
		"GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=alice@acme.com", "GIT_COMMITTER_DATE=1700000000 +0100")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// stockCommit commits files in a working tree with the stock git; an empty content deletes.
func stockCommit(t testing.TB, dir string, files map[string]string) Hash {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if content == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stock(t, dir, "add", "-A")
	stock(t, dir, "commit", "-q", "--allow-empty", "-m", "change")
	return hashOf(t, stock(t, dir, "rev-parse", "HEAD"))
}

func hashOf(t testing.TB, text string) Hash {
	t.Helper()
	h, err := parseHash(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// newRemote makes a bare repository, and a working tree that pushes to its main branch.
func newRemote(t testing.TB) (bare, work string) {
	t.Helper()
	root := t.TempDir()
	bare, work = filepath.Join(root, "acme.git"), filepath.Join(root, "work")
	stock(t, root, "init", "-q", "--bare", "-b", "main", bare)
	stock(t, bare, "config", "http.receivepack", "true")
	stock(t, root, "init", "-q", "-b", "main", work)
	stock(t, work, "remote", "add", "origin", bare)
	return bare, work
}

// serve answers smart HTTP for the repository with git http-backend, to alice with the token only.
func serve(t testing.TB, bare, token string) *httptest.Server {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: path, Args: []string{"http-backend"},
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(bare), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=alice",
			"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		},
		Stderr: &strings.Builder{},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, given, _ := req.BasicAuth(); given != token {
			http.Error(w, "no entry with "+given, http.StatusUnauthorized)
			return
		}
		own := *backend // one Stderr for each request
		own.Stderr = &strings.Builder{}
		own.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return server
}

func open(t testing.TB, remote string) *Repo {
	t.Helper()
	return openRemote(t, Remote{URL: remote})
}

func openRemote(t testing.TB, remote Remote) *Repo {
	t.Helper()
	r, err := Open(context.Background(), filepath.Join(t.TempDir(), "copy"), remote)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// openBare opens a bare repository that stock git made.
func openBare(t testing.TB, dir string) *Repo {
	t.Helper()
	r, err := Open(context.Background(), dir, Remote{URL: dir})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func alice() Signature {
	return Signature{Name: "alice", Email: "alice@acme.com", When: time.Unix(1_700_000_000, 0).UTC()}
}

func write(t testing.TB, r *Repo, n NewCommit) Hash {
	t.Helper()
	if n.Message == "" {
		n.Message = "change"
	}
	if n.Author == (Signature{}) {
		n.Author = alice()
	}
	n.Committer = n.Author
	h, err := r.Write(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
