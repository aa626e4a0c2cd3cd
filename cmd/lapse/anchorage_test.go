package main

import (
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// anchorage is a place for checkpoints, as a test sees it from behind.
type anchorage struct {
	config string // of lapse.yaml
	vars   map[string]string
	file   string // what it keeps, where that is a plain file
	put    func(data []byte)
	shows  func() string // what it keeps
	close  func()        // it answers no more
}

const anchorToken = "an-anchor-token-of-nobody"

// anchorages are the real thing of each kind: a file, a program in sh, and a bare repository over HTTP.
func anchorages(t *testing.T) map[string]anchorage {
	return map[string]anchorage{"file": fileAnchor(t), "exec": execAnchor(t), "git": gitAnchor(t)}
}

func fileAnchor(t *testing.T) anchorage {
	path := filepath.Join(t.TempDir(), "anchor.json")
	a := anchorage{config: "{file: " + path + "}", file: path}
	a.plain(t)
	return a
}

// plain is how a file is read and written from behind.
func (a *anchorage) plain(t *testing.T) {
	path := a.file
	a.shows = func() string {
		b, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
	a.put = func(data []byte) {
		if data == nil {
			must(t, os.Remove(path))
			return
		}
		must(t, os.WriteFile(path, data, 0o600))
	}
	a.close = func() { must(t, os.RemoveAll(filepath.Dir(path))) }
}

// execAnchor is an object store of which only a program knows. It wants a secret, and must see none of Lapse's.
func execAnchor(t *testing.T) anchorage {
	dir := t.TempDir()
	script, path := filepath.Join(dir, "anchor.sh"), filepath.Join(dir, "store", "checkpoint")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(script, []byte(`#!/bin/sh
[ "$STORE_SECRET" = `+anchorToken+` ] || { echo "no secret: $STORE_SECRET" >&2; exit 1; }
[ -z "$LAPSE_SIGNING_KEY$LAPSE_TOKEN" ] || { echo "sees what it must not" >&2; exit 1; }
[ -d "$(dirname "$1")" ] || { echo "the store is down ($STORE_SECRET)" >&2; exit 1; }
case $2 in
read) if [ -e "$1" ]; then cat "$1"; fi ;;
write) cat >"$1" ;;
*) exit 2 ;;
esac
`), 0o700))
	a := anchorage{
		config: "{exec: [" + script + ", " + path + "], env: [STORE_SECRET]}", vars: map[string]string{"STORE_SECRET": anchorToken, "PATH": os.Getenv("PATH")}, file: path,
	}
	a.plain(t)
	return a
}

// bareAnchor is a bare repository whose branch ref keeps a checkpoint.
type bareAnchor struct {
	t   *testing.T
	dir string
}

const anchorRef = "refs/heads/access"

// git runs stock git in the repository, with in on its stdin.
func (b bareAnchor) git(in string, args ...string) string {
	cmd := exec.Command("git", append([]string{"--git-dir", b.dir, "-c", "user.name=x", "-c", "user.email=x@acme.com"}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func (b bareAnchor) shows() string {
	if b.git("", "for-each-ref", anchorRef) == "" {
		return ""
	}
	return b.git("", "cat-file", "blob", anchorRef+":checkpoint.json")
}

func (b bareAnchor) put(data []byte) {
	if data == nil {
		b.git("", "update-ref", "-d", anchorRef)
		return
	}
	blob := strings.TrimSpace(b.git(string(data), "hash-object", "-w", "--stdin"))
	tree := strings.TrimSpace(b.git("100644 blob "+blob+"\tcheckpoint.json\n", "mktree"))
	b.git("", "update-ref", anchorRef, strings.TrimSpace(b.git("", "commit-tree", "-m", "x", tree)))
}

// gitAnchor is stock git's own server, behind a token.
func gitAnchor(t *testing.T) anchorage {
	root := t.TempDir()
	b := bareAnchor{t, filepath.Join(root, "anchor.git")}
	must(t, exec.Command("git", "init", "-q", "--bare", b.dir).Run())
	b.git("", "config", "http.receivepack", "true")
	srv := serveGit(t, root)
	return anchorage{
		config: fmt.Sprintf("{git: %q, ref: %s, token: \"${ANCHOR_TOKEN}\"}", srv.URL+"/anchor.git", anchorRef),
		vars:   map[string]string{"ANCHOR_TOKEN": anchorToken}, shows: b.shows, put: b.put, close: srv.Close,
	}
}

// serveGit serves the repositories in a folder to whoever has the token.
func serveGit(t *testing.T, root string) *httptest.Server {
	core, err := exec.Command("git", "--exec-path").Output()
	must(t, err)
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(core)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=lapse", "GIT_CONFIG_NOSYSTEM=1"},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, token, _ := r.BasicAuth(); token != anchorToken {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you, "+token, http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv
}
