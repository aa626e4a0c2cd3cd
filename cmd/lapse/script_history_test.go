package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// historyCommands are what people do to a history:
//
//	queue PULL…                       a merge queue merges the pull requests as one group
//	pushfork WHO BRANCH FILE…         push to a branch of one's own fork, which is made if need be; deletefork WHO deletes it
//	malform WHO BRANCH KIND FILE…     push a commit of the files that git itself would not write; the kinds are in malformations
//	bomb WHO BRANCH FOLDER            push a folder of few objects and ten thousand million paths
//	copyof NAME                       remember the folder of Lapse's local copy in $NAME
//	orphan WHO BRANCH FILE…           push a commit without parents, of these files alone
//	shallow REV                       cut the forge's own copy off behind a commit
//	deep WHO BRANCH FOLDER N          push a folder in a folder, N times
func historyCommands() map[string]command {
	return map[string]command{
		"queue": cmdQueue, "pushfork": cmdPushFork, "deletefork": cmdDeleteFork,
		"malform": cmdMalform, "bomb": cmdBomb, "deep": cmdDeep, "copyof": cmdCopyOf, "shallow": cmdShallow, "orphan": cmdOrphan,
	}
}

func cmdQueue(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 1, "queue PULL…")
	var numbers []int
	for _, a := range args {
		numbers = append(numbers, num(ts, a))
	}
	want(ts, neg, playOf(ts).MergeQueue(stage.Repo, numbers...))
}

func cmdPushFork(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "pushfork WHO BRANCH FILE…")
	p := playOf(ts)
	fork := args[0] + "/access"
	if !p.forked[args[0]] {
		made, err := p.AddFork(stage.Repo, args[0])
		ts.Check(err)
		fork, p.forked[args[0]] = made, true
	}
	_, err := p.As(args[0]).PushFiles(fork, args[1], "", filesOf(ts, args[2:]), "Change")
	want(ts, neg, err)
}

func cmdDeleteFork(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "deletefork WHO")
	p := playOf(ts)
	p.DeleteRepo(args[0] + "/access")
	delete(p.forked, args[0])
}

func cmdCopyOf(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "copyof NAME")
	found, err := filepath.Glob(filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "lapse", "*", stage.Repo, "git"))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("the local copy: %v", found)
	}
	ts.Setenv(args[0], found[0])
}

func cmdOrphan(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "orphan WHO BRANCH FILE…")
	_, err := playOf(ts).As(args[0]).Push(stage.Repo, args[1], githubtest.Commit{Orphan: true, Files: filesOf(ts, args[2:]), Message: "Begin"})
	want(ts, neg, err)
}

func cmdShallow(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "shallow REV")
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("REPO"), "shallow"), []byte(args[0]+"\n"), 0o600))
}

// plumbing is stock git on the repository of the stage, below what GitHub would let through.
type plumbing struct {
	ts  *testscript.TestScript
	dir string
}

func (g plumbing) run(in []byte, args ...string) []byte {
	cmd := exec.Command("git", append([]string{"--git-dir", g.dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_NO_REPLACE_OBJECTS=1")
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		g.ts.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (g plumbing) write(kind string, raw []byte) string {
	return strings.TrimSpace(string(g.run(raw, "hash-object", "-t", kind, "-w", "--stdin", "--literally")))
}

// child is the entry of a tree in the raw: its mode, its name, a zero byte, and the object's name in twenty.
func child(mode, name, hash string) []byte {
	out := []byte(mode + " " + name + "\x00")
	for i := 0; i < len(hash); i += 2 {
		var b byte
		fmt.Sscanf(hash[i:i+2], "%02x", &b)
		out = append(out, b)
	}
	return out
}

// replaceFolder is the commit with another tree at grants/, or at another folder of the root, which stands there already or not.
func (g plumbing) replaceFolder(commit, folder, hash string) string {
	lines := strings.Split(strings.TrimSpace(string(g.run(nil, "ls-tree", commit))), "\n")
	var kept []string
	for _, l := range lines {
		if !strings.HasSuffix(l, "\t"+folder) {
			kept = append(kept, l)
		}
	}
	kept = append(kept, "040000 tree "+hash+"\t"+folder)
	root := strings.TrimSpace(string(g.run([]byte(strings.Join(kept, "\n")+"\n"), "mktree", "--missing")))
	raw := string(g.run(nil, "cat-file", "commit", commit))
	_, rest, _ := strings.Cut(raw, "\n")
	return g.write("commit", []byte("tree "+root+"\n"+rest))
}

// malformations are what one may do to a commit or to the tree of its grants. Each takes what git would write and returns the name
// of a commit that it would not.
var malformations = map[string]func(g plumbing, commit, evil string) string{
	// Of two entries with one name one reader takes the first, another the last.
	"twice": func(g plumbing, commit, evil string) string {
		return g.replaceFolder(commit, "grants", g.write("tree", append(child("100644", "alice-prod.yaml", g.blob(commit)), child("100644", "alice-prod.yaml", evil)...)))
	},
	"unsorted": func(g plumbing, commit, evil string) string {
		return g.replaceFolder(commit, "grants", g.write("tree", append(child("100644", "z.yaml", evil), child("100644", "alice-prod.yaml", g.blob(commit))...)))
	},
	"mode": func(g plumbing, commit, _ string) string {
		return g.replaceFolder(commit, "grants", g.write("tree", child("100664", "alice-prod.yaml", g.blob(commit))))
	},
	"slash": func(g plumbing, commit, evil string) string {
		return g.replaceFolder(commit, "grants", g.write("tree", append(child("100644", "alice-prod.yaml", g.blob(commit)), child("100644", "x/../alice-prod.yaml", evil)...)))
	},
	"second-author": func(g plumbing, commit, _ string) string {
		raw := string(g.run(nil, "cat-file", "commit", commit))
		at := strings.Index(raw, "committer ")
		return g.write("commit", []byte(raw[:at]+"author carol <carol@acme.com> 1 +0000\n"+raw[at:]))
	},
	"late-parent": func(g plumbing, commit, _ string) string {
		raw := string(g.run(nil, "cat-file", "commit", commit))
		at := strings.Index(raw, "\n\n")
		return g.write("commit", []byte(raw[:at]+"\nparent "+commit+raw[at:]))
	},
}

// blob is the grant that a malformed commit shows to one reader.
func (g plumbing) blob(commit string) string {
	return strings.TrimSpace(string(g.run(nil, "rev-parse", commit+":grants/alice-prod.yaml")))
}

func cmdMalform(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 4, "malform WHO BRANCH KIND FILE… (grants/alice-prod.yaml among them)")
	malform, ok := malformations[args[2]]
	if !ok {
		ts.Fatalf("malform: no kind %s", args[2])
	}
	p, g := playOf(ts), plumbing{ts, ts.Getenv("REPO")}
	base := args[1]
	if p.Branch(stage.Repo, base) == "" {
		base = "main"
	}
	sha, err := p.As(args[0]).Push(stage.Repo, "scratch", githubtest.Commit{Base: base, Files: filesOf(ts, args[3:]), Message: "Change"})
	ts.Check(err)
	evil := g.write("blob", []byte("user: mallory\nrole: prod-db-read\nduration: 8h\nreason: Slow checkout query, INC-4211\n"))
	want(ts, neg, p.As(args[0]).ForcePush(stage.Repo, args[1], malform(g, sha, evil)))
	ts.Check(p.As(args[0]).DeleteBranch(stage.Repo, "scratch"))
}

func cmdBomb(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "bomb WHO BRANCH FOLDER")
	g := plumbing{ts, ts.Getenv("REPO")}
	mode, hash := "100644", g.write("blob", []byte("user: mallory\n"))
	for range 10 {
		var raw []byte
		for i := range 10 {
			raw = append(raw, child(mode, fmt.Sprintf("d%d", i), hash)...)
		}
		mode, hash = "40000", g.write("tree", raw)
	}
	pushFolder(ts, neg, args, g, hash)
}

func cmdDeep(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 4, "deep WHO BRANCH FOLDER N")
	path := args[2] + strings.Repeat("/d", num(ts, args[3]))
	_, err := playOf(ts).As(args[0]).PushFiles(stage.Repo, args[1], "", map[string]string{path: "user: mallory\n"}, "Change")
	want(ts, neg, err)
}

// pushFolder puts a tree at a folder of the branch, which may be that of another commit's child.
func pushFolder(ts *testscript.TestScript, neg bool, args []string, g plumbing, hash string) {
	p := playOf(ts)
	sha, err := p.As(args[0]).Push(stage.Repo, "scratch", githubtest.Commit{Base: args[1], Files: map[string]string{"NOTES.md": hash + "\n"}, Message: "Change"})
	ts.Check(err)
	want(ts, neg, p.As(args[0]).ForcePush(stage.Repo, args[1], g.replaceFolder(sha, args[2], hash)))
	ts.Check(p.As(args[0]).DeleteBranch(stage.Repo, "scratch"))
}
