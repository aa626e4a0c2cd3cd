package githubtest_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestTheHeadFollowsItsBranchAndStaysAfterTheBranchIsGone(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	head := get[string](t)(s.As("mallory").PushFiles(access, "request", "", map[string]string{"more": "1"}, "More"))
	if got := s.Pull(access, n).Head; got != head {
		t.Errorf("head %s, want %s", got, head)
	}
	must(t, s.As("alice").DeleteBranch(access, "request"))
	if got := s.Pull(access, n).State; got != "closed" {
		t.Errorf("a pull request without its branch is %s", got)
	}
	out := mustGit(t, clone(t, s, "alice"), "ls-remote", "origin", "refs/pull/1/head")
	if !strings.HasPrefix(out, head) {
		t.Errorf("refs/pull/1/head is %q, want %s", out, head)
	}
}

func TestNobodyWritesThePullReferences(t *testing.T) {
	s := acme(t, githubtest.Options{})
	opened(t, s)
	dir := clone(t, s, "alice")
	for _, ref := range []string{"refs/pull/1/head", "refs/pull/7/head", "refs/pull/1/merge"} {
		if out, ok := git(t, dir, "push", "--force", "origin", "HEAD:"+ref); ok {
			t.Errorf("push to %s succeeded: %s", ref, out)
		}
	}
}

func TestAPullRequestFromAForkMergesAndOutlivesTheFork(t *testing.T) {
	s := acme(t, githubtest.Options{})
	fork := get[string](t)(s.AddFork(access, "dan"))
	head := get[string](t)(s.As("dan").PushFiles(fork, "mine", "main", map[string]string{"grants/dan.yaml": "user: dan\n"}, "Ask"))
	n := get[int](t)(s.As("dan").OpenPull(access, "dan:mine", "Ask"))
	merge := get[string](t)(s.As("bob").Merge(access, n, "merge"))
	s.DeleteRepo(fork)
	got := wantStatus(t, call(t, s, s.Token("alice"), "GET", "/repos/acme/access/pulls/1", ""), 200)
	if got.field(t, "head.repo") != nil || got.field(t, "head.sha") != head || got.field(t, "merge_commit_sha") != merge {
		t.Errorf("pull request %s", got.body)
	}
}

func TestPushingTheHeadToTheBaseMergesIndirectly(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	dir := clone(t, s, "bob")
	mustGit(t, dir, "merge", "-q", "--no-ff", "-m", "by hand", "origin/request")
	merge := mustGit(t, dir, "rev-parse", "HEAD")
	mustGit(t, dir, "push", "-q", "origin", "main")
	p := s.Pull(access, n)
	if !p.Merged || p.MergedBy != "bob" || p.MergeCommit != merge || p.MergedAt.IsZero() {
		t.Errorf("pull request %+v, want merged by bob as %s", p, merge)
	}
	log := s.Activity(access)
	if last := log[len(log)-1]; last.Kind != "push" {
		t.Errorf("activity %+v, want a push", last)
	}
}

func TestAConflictIsNotMergeable(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	get[string](t)(s.As("root").PushFiles(access, "main", "", map[string]string{"grants/a.yaml": "user: carol\n"}, "Conflict"))
	for _, method := range []string{"merge", "squash", "rebase"} {
		_, err := s.As("bob").Merge(access, n, method)
		refused(t, err, 405, "not mergeable")
	}
}

func TestMergeIsRefusedForAnotherHeadADraftOrAForbiddenMethod(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	old := s.Pull(access, n).Head
	get[string](t)(s.As("alice").PushFiles(access, "request", "", map[string]string{"b": "1"}, "More"))
	body := fmt.Sprintf(`{"sha":%q}`, old)
	got := wantStatus(t, call(t, s, s.Token("bob"), "PUT", "/repos/acme/access/pulls/1/merge", body), 409)
	if !strings.Contains(string(got.body), "Head branch was modified") {
		t.Errorf("answer %s", got.body)
	}
	_, err := s.As("dan").Merge(access, n, "merge")
	refused(t, err, 403, "push access")
	must(t, s.AddRepo("acme/strict", githubtest.RepoOptions{Methods: []string{"squash"}, Files: map[string]string{"a": "1"}}))
	get[string](t)(s.As("root").PushFiles("acme/strict", "b", "main", map[string]string{"b": "1"}, "b"))
	m := get[int](t)(s.As("root").OpenPull("acme/strict", "b", "b"))
	_, err = s.As("root").Merge("acme/strict", m, "merge")
	refused(t, err, 405, "Merge commits are not allowed")
}

func TestAMergeQueueMovesTheBaseOnceWithACommitForEach(t *testing.T) {
	s := acme(t, githubtest.Options{})
	var numbers []int
	for _, name := range []string{"one", "two"} {
		get[string](t)(s.As("alice").PushFiles(access, name, "main", map[string]string{name: "1"}, name))
		numbers = append(numbers, get[int](t)(s.As("alice").OpenPull(access, name, name)))
	}
	before := s.Branch(access, "main")
	must(t, s.MergeQueue(access, numbers...))
	first, second := s.Pull(access, numbers[0]), s.Pull(access, numbers[1])
	parents := func(sha string) string { return mustGit(t, s.RepoDir(access), "log", "-1", "--format=%P", sha) }
	if parents(first.MergeCommit) != before+" "+first.Head || parents(second.MergeCommit) != first.MergeCommit+" "+second.Head {
		t.Errorf("parents %q and %q", parents(first.MergeCommit), parents(second.MergeCommit))
	}
	log := s.Activity(access)
	last := log[len(log)-1]
	if last.Kind != "merge_queue_merge" || last.Before != before || last.After != second.MergeCommit || s.Branch(access, "main") != last.After {
		t.Errorf("activity %+v", last)
	}
}

func TestCommitsStopAt250AndFilesAt3000(t *testing.T) {
	s := acme(t, githubtest.Options{})
	dir := clone(t, s, "alice")
	mustGit(t, dir, "checkout", "-q", "-b", "many")
	var in strings.Builder
	for i := range 260 {
		fmt.Fprintf(&in, "commit refs/heads/many\ncommitter a <a@acme.com> %d +0000\ndata 1\nx\n", i)
		if i == 0 {
			in.WriteString("from refs/heads/main^0\n")
			for j := range 3010 {
				fmt.Fprintf(&in, "M 100644 inline f/%d\ndata %d\n%d\n", j, len(strconv.Itoa(j)), j)
			}
		}
		in.WriteString("\n")
	}
	fastImport(t, dir, in.String())
	mustGit(t, dir, "push", "-q", "origin", "many")
	n := get[int](t)(s.As("alice").OpenPull(access, "many", "Many"))
	for what, want := range map[string]int{"commits": 250, "files": 3000} {
		total, next := 0, fmt.Sprintf("/repos/acme/access/pulls/%d/%s?per_page=100", n, what)
		for next != "" {
			got := wantStatus(t, call(t, s, s.Token("alice"), "GET", next, ""), 200)
			total += len(got.list(t))
			next = nextPage(s, got.header.Get("Link"))
		}
		if total != want {
			t.Errorf("%d %s, want %d", total, what, want)
		}
	}
	got := call(t, s, s.Token("alice"), "GET", fmt.Sprintf("/repos/acme/access/pulls/%d", n), "")
	if got.field(t, "commits") != 260.0 || got.field(t, "changed_files") != 3010.0 {
		t.Errorf("the pull request counts %v commits and %v files", got.field(t, "commits"), got.field(t, "changed_files"))
	}
}

// nextPage is the path of rel="next" in a Link header; "" when there is none.
func nextPage(s *githubtest.Server, link string) string {
	for _, part := range strings.Split(link, ", ") {
		if url, rel, _ := strings.Cut(part, "; "); rel == `rel="next"` {
			return strings.TrimPrefix(strings.Trim(url, "<>"), strings.TrimSuffix(s.APIURL(), "/"))
		}
	}
	return ""
}
