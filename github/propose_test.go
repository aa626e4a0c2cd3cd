package github_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/github/githubtest"
)

// proposal is a branch on top of main that changes one file and deletes another.
func proposal(t *testing.T, w *world, name string) github.NewBranch {
	t.Helper()
	var commit struct {
		SHA    string
		Commit struct{ Tree struct{ SHA string } }
	}
	if err := w.As("alice").Do(http.MethodGet, "/repos/acme/access/commits/main", nil, &commit); err != nil {
		t.Fatal(err)
	}
	return github.NewBranch{
		Name: name, Parent: commit.SHA, Tree: commit.Commit.Tree.SHA, Message: "Request grants/a.yaml",
		Files: map[string]string{"grants/a.yaml": "user: alice\n", "lapse.yaml": ""},
	}
}

func TestMakeBranchShowsOneCommitOrNothing(t *testing.T) {
	w, c := proposing(t)
	if _, err := w.As("alice").PushFiles(accessRepo, "main", "", map[string]string{"roles/x.yaml": "kept\n"}, "More"); err != nil {
		t.Fatal(err)
	}
	b := proposal(t, w, "lapse/request/alice")
	sha, err := c.MakeBranch(t.Context(), access, b)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Branch(accessRepo, b.Name); got != sha {
		t.Errorf("the branch names %s, want %s", got, sha)
	}
	if text, _ := w.File(accessRepo, b.Name, "grants/a.yaml"); text != "user: alice\n" {
		t.Errorf("the file holds %q", text)
	}
	if _, there := w.File(accessRepo, b.Name, "lapse.yaml"); there {
		t.Error("lapse.yaml is still there")
	}
	if text, _ := w.File(accessRepo, b.Name, "roles/x.yaml"); text != "kept\n" {
		t.Errorf("the rest of the tree is %q", text)
	}
	moves := w.Activity(accessRepo)
	if last := moves[len(moves)-1]; last.Actor != "alice" || last.Kind != "branch_creation" || last.After != sha {
		t.Errorf("the record says %+v, want one creation by alice", last)
	}

	b.Files["grants/a.yaml"] = "user: bob\n"
	if _, err := c.MakeBranch(t.Context(), access, b); !errors.Is(err, github.ErrBranchExists) {
		t.Errorf("a second branch of that name: %v", err)
	}
	if got := w.Branch(accessRepo, b.Name); got != sha {
		t.Error("the branch moved")
	}
	for range 2 {
		if err := c.DeleteBranch(t.Context(), access, b.Name); err != nil {
			t.Errorf("delete the branch: %v", err)
		}
	}
	if _, found, err := c.BranchTip(t.Context(), access, b.Name); found || err != nil {
		t.Errorf("after its deletion: %v, %v", found, err)
	}
}

// An answer that got lost leaves the branch there: it is ours, and not somebody else'w.
func TestALostAnswerIsNoSecondBranch(t *testing.T) {
	w, c := proposing(t)
	w.Fail(githubtest.Failure{Method: "POST", Path: "/repos/acme/access/git/refs", Status: 502, After: true, Times: 1})
	b := proposal(t, w, "lapse/request/alice")
	if _, err := c.MakeBranch(t.Context(), access, b); err != nil {
		t.Errorf("the branch was made: %v", err)
	}
}

func TestAFailureBeforeTheBranchLeavesNothing(t *testing.T) {
	for _, path := range []string{"git/trees", "git/commits", "git/refs"} {
		w, c := proposing(t)
		w.Fail(githubtest.Failure{Method: "POST", Path: "/repos/acme/access/" + path, Status: 403, Times: 1})
		if _, err := c.MakeBranch(t.Context(), access, proposal(t, w, "lapse/request/alice")); err == nil {
			t.Errorf("%s fails and the branch is made", path)
		}
		if w.Branch(accessRepo, "lapse/request/alice") != "" {
			t.Errorf("%s failed and a branch is left", path)
		}
	}
}

func TestNamesThatLeaveTheirPlaceMakeNoBranch(t *testing.T) {
	w, c := proposing(t)
	for _, name := range []string{"", "a/../b", "a?b", "a b", "refs/heads/x", "-x"} {
		b := proposal(t, w, "x")
		w.ForgetRequests()
		b.Name = name
		if _, err := c.MakeBranch(t.Context(), access, b); err == nil {
			t.Errorf("branch %q is made", name)
		}
		if err := c.DeleteBranch(t.Context(), access, name); err == nil {
			t.Errorf("branch %q is deleted", name)
		}
		if n := len(w.Requests()); n > 0 {
			t.Errorf("branch %q: %d requests were sent", name, n)
		}
	}
}

func TestAnIssueTellsWhoWroteIt(t *testing.T) {
	w, c := proposing(t)
	var made struct{ Number int }
	if err := w.As("bob").Do(http.MethodPost, "/repos/acme/access/issues", map[string]any{"title": "Access", "body": "### Role\n\nx"}, &made); err != nil {
		t.Fatal(err)
	}
	i, err := c.Issue(t.Context(), access, made.Number)
	if err != nil || i.Author.Login != "bob" || i.Author.ID != w.UserID("bob") || i.Body != "### Role\n\nx" || i.Pull || i.Closed {
		t.Errorf("the issue is %+v, %v", i, err)
	}
	if _, err := c.Issue(t.Context(), access, 99); !github.IsNotFound(err) {
		t.Errorf("an issue that is not there: %v", err)
	}
}

func proposing(t *testing.T) (*world, *github.Client) {
	t.Helper()
	w := newWorld(t)
	return w, w.client(t, w.Token("alice"))
}
