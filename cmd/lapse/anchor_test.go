package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

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
