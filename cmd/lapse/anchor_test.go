package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
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

// gitAnchor is stock git's own server, behind a token.
func gitAnchor(t *testing.T) anchorage {
	root := t.TempDir()
	dir := filepath.Join(root, "anchor.git")
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"--git-dir", dir, "-c", "user.name=x", "-c", "user.email=x@acme.com"}, args...)...).Output()
		if err != nil {
			t.Fatalf("git %s: %v", strings.Join(args, " "), err)
		}
		return string(out)
	}
	must(t, exec.Command("git", "init", "-q", "--bare", dir).Run())
	git("config", "http.receivepack", "true")
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
	const ref = "refs/heads/access"
	a := anchorage{config: fmt.Sprintf("{git: %q, ref: %s, token: \"${ANCHOR_TOKEN}\"}", srv.URL+"/anchor.git", ref), vars: map[string]string{"ANCHOR_TOKEN": anchorToken}, close: srv.Close}
	a.shows = func() string {
		if exec.Command("git", "--git-dir", dir, "rev-parse", "-q", "--verify", ref).Run() != nil {
			return ""
		}
		return git("cat-file", "blob", ref+":checkpoint.json")
	}
	a.put = func(data []byte) {
		if data == nil {
			git("update-ref", "-d", ref)
			return
		}
		cmd := exec.Command("git", "--git-dir", dir, "hash-object", "-w", "--stdin")
		cmd.Stdin = strings.NewReader(string(data))
		blob, err := cmd.Output()
		must(t, err)
		mk := exec.Command("git", "--git-dir", dir, "mktree")
		mk.Stdin = strings.NewReader("100644 blob " + strings.TrimSpace(string(blob)) + "\tcheckpoint.json\n")
		tree, err := mk.Output()
		must(t, err)
		git("update-ref", ref, strings.TrimSpace(git("commit-tree", "-m", "x", strings.TrimSpace(string(tree)))))
	}
	return a
}

// anchoredTheatre plays with an anchor.
func anchoredTheatre(t *testing.T, a anchorage) *theatre {
	t.Helper()
	th := emptyTheatre(t, curtain, map[string]string{"lapse.yaml": lapseYAML(t) + "anchor: " + a.config + "\n"})
	maps.Copy(th.vars, a.vars)
	th.want("reconcile", "--init")
	return th
}

func lapseYAML(t *testing.T) string {
	t.Helper()
	files, err := stage.Files()
	must(t, err)
	return files["lapse.yaml"]
}

// fresh takes the local copy away, so that nothing is remembered here.
func (th *theatre) fresh() { must(th.t, os.RemoveAll(filepath.Join(th.dir, "cache"))) }

// behind moves a branch behind GitHub's back: its record of pushes tells nothing. No commit deletes it.
func (th *theatre) behind(branch, commit string) {
	th.t.Helper()
	if commit == "" {
		th.git("update-ref", "-d", "refs/heads/"+branch)
		return
	}
	th.git("update-ref", "refs/heads/"+branch, commit)
}

func (th *theatre) tip(branch string) string {
	th.t.Helper()
	return strings.TrimSpace(th.git("rev-parse", "refs/heads/"+branch))
}

// prune has the forge forget what no branch has.
func (th *theatre) prune() {
	th.t.Helper()
	th.git("reflog", "expire", "--expire=now", "--all")
	th.git("repack", "-a", "-d", "-q")
	th.git("prune", "--expire=now")
}

// grant has somebody ask for production access for 4 hours, and get it.
func (th *theatre) grant(who, id string) {
	th.t.Helper()
	th.approve(who, id)
	th.want("reconcile")
	if !strings.Contains(th.holders(), who) {
		th.t.Fatalf("%s was given nothing: %s", who, th.holders())
	}
}

// approve has somebody ask for production access, and it is merged.
func (th *theatre) approve(who, id string) int {
	th.t.Helper()
	n := th.ask(who, id, plain("grants/"+id+".yaml", strings.Replace(production, "alice", who, 1)))
	if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", ""); err != nil {
		th.t.Fatal(err)
	}
	th.force(n)
	return n
}

// expect runs a reconcile and wants its exit code and words.
func (th *theatre) expect(code int, words ...string) ending {
	th.t.Helper()
	a := th.lapse("reconcile")
	if a.code != code {
		th.t.Errorf("want exit %d: %s", code, a)
	}
	for _, w := range words {
		if !strings.Contains(a.out+a.err, w) {
			th.t.Errorf("it does not say %q: %s", w, a)
		}
	}
	if strings.Contains(a.String(), anchorToken) {
		th.t.Errorf("a secret is printed: %s", a)
	}
	return a
}

func (th *theatre) shows(who string, want bool) {
	th.t.Helper()
	if h := th.holders(); strings.Contains(h, who) != want {
		th.t.Errorf("%s holds something: %v, want %v: %s", who, !want, want, h)
	}
}

func TestA60OnlyTheAnchorKnowsThatTheLedgerWasRewound(t *testing.T) {
	for kind, a := range anchorages(t) {
		t.Run(kind, func(t *testing.T) {
			th := anchoredTheatre(t, a)
			if a.shows() == "" {
				t.Fatal("no checkpoint was written when the ledger was begun")
			}
			if n := len(th.receipts("anchored")); n != 1 {
				t.Errorf("%d receipts say where a checkpoint is kept, want 1", n)
			}
			empty := th.tip("lapse-ledger")
			th.grant("alice", "alice-prod")
			full := th.tip("lapse-ledger")
			th.behind("lapse-ledger", empty)
			th.approve("bob", "bob-prod")
			for range 2 { // by a copy that remembers nothing, each time
				th.fresh()
				th.expect(exitRefused, "the ledger was rewritten", "by the anchor", "with the approval of grants/alice-prod.yaml",
					"git push --force origin "+full+":refs/heads/lapse-ledger", "lapse accept")
				th.shows("bob", false)
			}
			th.Advance(4 * time.Hour)
			th.fresh()
			th.expect(exitFailed, "the ledger was rewritten")
			th.shows("alice", false)
			th.shows("bob", false)

			th.behind("lapse-ledger", full)
			th.fresh()
			th.want("reconcile")
			if strings.Contains(a.shows(), "nothing") || len(th.receipts("taken")) == 0 {
				t.Error("put back, all is not well")
			}
		})
	}
}

func TestA60NothingIsGivenWhileTheAnchorCannotBeBelieved(t *testing.T) {
	for kind, a := range anchorages(t) {
		t.Run(kind, func(t *testing.T) {
			th := anchoredTheatre(t, a)
			th.grant("alice", "alice-prod")
			good := []byte(a.shows())
			th.approve("bob", "bob-prod")
			a.put([]byte("nothing that anybody signed"))
			th.expect(exitRefused, "the last checkpoint of main and the ledger, at the anchor (", "what is there is none of this repository's")
			if a.shows() != "nothing that anybody signed" {
				t.Error("it was written over")
			}
			a.put(nil)
			th.expect(exitRefused, "nothing is there, and the ledger says that one was kept")
			if a.shows() != "" {
				t.Error("another was begun")
			}
			th.shows("bob", false)
			a.put(good)
			th.want("reconcile")
			th.shows("bob", true)
			a.close()
			th.Advance(4*time.Hour + time.Minute)
			th.expect(exitRefused, "it cannot be read")
			th.shows("alice", false)
			th.shows("bob", false)
		})
	}
}

// commitOn makes a commit with one file more than its parent, or of that file alone.
func commitOn(t *testing.T, stageDir, parent, path, text string) string {
	t.Helper()
	dir := filepath.Join(stageDir, stage.Repo+".git")
	index := filepath.Join(t.TempDir(), "index")
	git := func(in string, args ...string) string {
		cmd := exec.Command("git", append([]string{"--git-dir", dir, "-c", "user.name=mallory", "-c", "user.email=mallory@acme.com"}, args...)...)
		cmd.Env, cmd.Stdin = append(os.Environ(), "GIT_INDEX_FILE="+index), strings.NewReader(in)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	args := []string{"commit-tree", "-m", "Rewritten"}
	if parent != "" {
		git("", "read-tree", parent)
		args = append(args, "-p", parent)
	}
	git("", "update-index", "--add", "--cacheinfo", "100644,"+git(text, "hash-object", "-w", "--stdin")+","+path)
	return git("", append(args, git("", "write-tree"))...)
}
