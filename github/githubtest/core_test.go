package githubtest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/github/githubtest"
)

const access = "acme/access"

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// acme is a server with an organization: alice writes, bob and carol write, dan only reads, mallory writes; root owns.
func acme(t *testing.T, o githubtest.Options) *githubtest.Server {
	t.Helper()
	o.Dir = t.TempDir()
	if o.Now == nil {
		o.Now = func() time.Time { return start }
	}
	s, err := githubtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"root", "alice", "bob", "carol", "dan", "mallory"} {
		s.AddUser(login, githubtest.User{})
	}
	s.AddOrg("acme", "root:admin", "alice", "bob", "carol", "dan")
	must(t, s.AddRepo(access, githubtest.RepoOptions{Files: map[string]string{"README.md": "access\n"}}))
	for _, login := range []string{"alice", "bob", "carol", "mallory"} {
		s.AddCollaborator(access, login, "push")
	}
	must(t, s.Start())
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// opened is a pull request by alice that adds a file on the branch "request".
func opened(t *testing.T, s *githubtest.Server) int {
	t.Helper()
	get[string](t)(s.As("alice").PushFiles(access, "request", "main", map[string]string{"grants/a.yaml": "user: alice\n"}, "Ask"))
	return get[int](t)(s.As("alice").OpenPull(access, "request", "Ask for access"))
}

// git runs the stock command and returns its output and whether it succeeded.
func git(t *testing.T, dir string, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Alice", "GIT_AUTHOR_EMAIL=alice@acme.com", "GIT_COMMITTER_NAME=Alice", "GIT_COMMITTER_EMAIL=alice@acme.com")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err == nil
}

func mustGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, ok := git(t, dir, args...)
	if !ok {
		t.Fatalf("git %s: %s", strings.Join(args, " "), out)
	}
	return out
}

// clone is alice's clone of the access repository with the stock command.
func clone(t *testing.T, s *githubtest.Server, login string) string {
	t.Helper()
	dir := t.TempDir()
	url := strings.Replace(s.CloneURL(access), "http://", "http://x-access-token:"+s.Token(login)+"@", 1)
	mustGit(t, dir, "clone", "-q", url, "work")
	return dir + "/work"
}

func commitFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	must(t, os.WriteFile(dir+"/"+name, []byte(text), 0o644))
	mustGit(t, dir, "add", "-A")
	mustGit(t, dir, "commit", "-q", "-m", "change "+name)
	return mustGit(t, dir, "rev-parse", "HEAD")
}

func TestStockGitClonesPushesForcesAndDeletes(t *testing.T) {
	s := acme(t, githubtest.Options{Log: testLog{t}})
	dir := clone(t, s, "alice")
	first := s.Branch(access, "main")
	mustGit(t, dir, "checkout", "-q", "-b", "topic")
	one := commitFile(t, dir, "one", "1\n")
	mustGit(t, dir, "push", "-q", "origin", "topic")
	mustGit(t, dir, "reset", "-q", "--hard", first)
	two := commitFile(t, dir, "two", "2\n")
	if out, ok := git(t, dir, "push", "origin", "topic"); ok {
		t.Errorf("a push that is not forward succeeded: %s", out)
	}
	mustGit(t, dir, "push", "-q", "--force", "origin", "topic")
	three := commitFile(t, dir, "three", "3\n")
	mustGit(t, dir, "push", "-q", "origin", "topic")
	mustGit(t, dir, "push", "-q", "origin", ":topic")
	mustGit(t, dir, "fetch", "-q", "origin", one) // no branch holds it any more

	zero := strings.Repeat("0", 40)
	want := []string{
		"branch_creation " + zero + " " + one, "force_push " + one + " " + two,
		"push " + two + " " + three, "branch_deletion " + three + " " + zero,
	}
	log := s.Activity(access)[1:]
	if len(log) != len(want) {
		t.Fatalf("activity %+v, want %d entries", log, len(want))
	}
	for i, a := range log {
		if got := a.Kind + " " + a.Before + " " + a.After; got != want[i] || a.Actor != "alice" || a.Ref != "refs/heads/topic" {
			t.Errorf("activity %d: %s by %s on %s, want %s", i, got, a.Actor, a.Ref, want[i])
		}
		if i > 0 && !a.At.After(log[i-1].At) {
			t.Errorf("activity %d is not later than the one before", i)
		}
	}
}

func fastImport(t *testing.T, dir, stream string) {
	t.Helper()
	cmd := exec.Command("git", "fast-import", "--quiet", "--force")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stream)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %s", out)
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func TestThreeMethodsOfMergingMakeTheCommitsThatGitHubMakes(t *testing.T) {
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			s := acme(t, githubtest.Options{})
			number := opened(t, s)
			head := get[string](t)(s.As("alice").PushFiles(access, "request", "", map[string]string{"grants/b.yaml": "user: bob\n"}, "More"))
			before := get[string](t)(s.As("root").PushFiles(access, "main", "", map[string]string{"other": "x\n"}, "Meanwhile"))
			merge := get[string](t)(s.As("bob").Merge(access, number, method))
			p := s.Pull(access, number)
			if !p.Merged || p.MergedBy != "bob" || p.MergeCommit != merge || s.Branch(access, "main") != merge {
				t.Errorf("pull %+v, main %s, want merged as %s by bob", p, s.Branch(access, "main"), merge)
			}
			dir := s.RepoDir(access)
			shape := mustGit(t, dir, "log", "--format=%P|%an|%cn", before+".."+merge, "--first-parent")
			lines := strings.Split(shape, "\n")
			want := map[string]int{"merge": 1, "squash": 1, "rebase": 2}[method]
			if len(lines) != want {
				t.Fatalf("%d commits on main, want %d:\n%s", len(lines), want, shape)
			}
			wantLast := map[string]string{"merge": before + " " + head + "|bob|GitHub", "squash": before + "|alice|GitHub"}[method]
			if method == "rebase" {
				wantLast = strings.Split(lines[0], "|")[0] + "|alice|bob"
			}
			if lines[0] != wantLast {
				t.Errorf("last commit %s, want %s", lines[0], wantLast)
			}
			for path, text := range map[string]string{"grants/a.yaml": "user: alice\n", "grants/b.yaml": "user: bob\n", "other": "x\n"} {
				if got, _ := s.File(access, "main", path); got != text {
					t.Errorf("%s on main is %q, want %q", path, got, text)
				}
			}
			log := s.Activity(access)
			if last := log[len(log)-1]; last.Kind != "pr_merge" || last.After != merge || last.Actor != "bob" {
				t.Errorf("activity %+v, want pr_merge by bob", last)
			}
		})
	}
}

func TestACommitMayClaimAnythingAndTheActivityStillTellsWhoPushed(t *testing.T) {
	s := acme(t, githubtest.Options{})
	sha := get[string](t)(s.As("mallory").Push(access, "forged", githubtest.Commit{
		Author: "Bob <bob@acme.com>", Committer: "GitHub <noreply@github.com>", Message: "Trust me", Parents: []string{"main"}, Base: "main",
		Entries: map[string]githubtest.Entry{"grants/link.yaml": {Mode: "120000", Data: "../lapse.yaml"}, "grants/\"odd\"\n.yaml": {Mode: "100755", Data: "x"}},
	}))
	dir := s.RepoDir(access)
	if got := mustGit(t, dir, "log", "-1", "--format=%an %ae %cn", sha); got != "Bob bob@acme.com GitHub" {
		t.Errorf("the commit says %q", got)
	}
	modes := mustGit(t, dir, "ls-tree", "-r", "--format=%(objectmode)", sha)
	if modes != "100644\n100755\n120000" {
		t.Errorf("modes %q", modes)
	}
	log := s.Activity(access)
	if last := log[len(log)-1]; last.Actor != "mallory" || last.After != sha || last.Kind != "branch_creation" {
		t.Errorf("activity %+v, want mallory's", last)
	}
}
