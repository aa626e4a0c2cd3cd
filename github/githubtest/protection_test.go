package githubtest_test

import (
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

func TestAProtectedBranchRefusesPushesExceptOfThoseWhoBypass(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.Protect(access, "main", &githubtest.Protection{RequirePull: true, Bypass: []string{"carol"}})
	for login, allowed := range map[string]bool{"bob": false, "carol": true, "root": true} {
		dir := clone(t, s, login)
		commitFile(t, dir, login, "1")
		out, ok := git(t, dir, "push", "origin", "main")
		if ok != allowed || (!ok && !strings.Contains(out, "GH006")) {
			t.Errorf("%s pushes to main: %v, want %v: %s", login, ok, allowed, out)
		}
		if !allowed {
			_, err := s.As(login).PushFiles(access, "main", "", map[string]string{"x": "1"}, "Sneak")
			refused(t, err, 422, "through a pull request")
		}
	}
	s.Protect(access, "main", &githubtest.Protection{RequirePull: true, EnforceAdmins: true})
	_, err := s.As("root").PushFiles(access, "main", "", map[string]string{"x": "1"}, "Sneak")
	refused(t, err, 422, "through a pull request")
}

func TestAProtectedBranchIsNeitherForcedNorDeletedEvenByAdmins(t *testing.T) {
	s := acme(t, githubtest.Options{})
	first := s.Branch(access, "main")
	get[string](t)(s.As("root").PushFiles(access, "main", "", map[string]string{"x": "1"}, "One"))
	get[string](t)(s.As("root").PushFiles(access, "kept", "main", map[string]string{"y": "1"}, "Kept"))
	s.Protect(access, "main", &githubtest.Protection{})
	s.Protect(access, "kept", &githubtest.Protection{})
	dir := clone(t, s, "root")
	for _, spec := range []string{first + ":refs/heads/main", ":refs/heads/kept"} {
		if out, ok := git(t, dir, "push", "--force", "origin", spec); ok || !strings.Contains(out, "GH006") {
			t.Errorf("push --force %s: %s", spec, out)
		}
	}
	refused(t, s.As("root").ForcePush(access, "main", first), 422, "Cannot force-push")
	refused(t, s.As("root").DeleteBranch(access, "kept"), 422, "Cannot delete")
	s.Protect(access, "main", &githubtest.Protection{AllowForcePushes: true})
	mustGit(t, dir, "push", "-q", "--force", "origin", first+":refs/heads/main")
	if s.Branch(access, "main") != first {
		t.Error("main did not move back")
	}
}

func TestAMergeWaitsForReviewsAndChecks(t *testing.T) {
	s := acme(t, githubtest.Options{})
	lapse := s.AddApp(77, "lapse", "acme", "", map[string]string{"checks": "write", "statuses": "write"})
	if lapse == 0 {
		t.Fatal("no installation")
	}
	s.Protect(access, "main", &githubtest.Protection{RequiredReviews: 1, RequiredChecks: []githubtest.RequiredCheck{{Context: "lapse", App: 77}}})
	n := opened(t, s)
	head := s.Pull(access, n).Head
	bob := s.As("bob")
	merge := func() error { _, err := bob.Merge(access, n, "squash"); return err }
	refused(t, merge(), 405, "At least 1 approving review is required")
	get[int64](t)(s.As("dan").Review(access, n, "APPROVE", "")) // a reader's does not count
	refused(t, merge(), 405, "At least 1 approving review is required")
	get[int64](t)(s.As("carol").Review(access, n, "APPROVE", ""))
	must(t, s.As("mallory").SetStatus(access, head, "lapse", "success")) // not the App's
	refused(t, merge(), 405, `Required status check "lapse" is expected`)
	must(t, s.WithToken(s.InstallationToken(77)).SetStatus(access, head, "lapse", "success"))
	must(t, merge())
}

func TestCheckRunsBelongToTheirApp(t *testing.T) {
	s := acme(t, githubtest.Options{})
	opened(t, s)
	head := s.Pull(access, 1).Head
	s.AddApp(77, "lapse", "acme", "", map[string]string{"checks": "write"})
	token := s.InstallationToken(77)
	notes := strings.TrimSuffix(strings.Repeat(`{"path":"a","start_line":1,"end_line":1,"annotation_level":"failure","message":"m"},`, 51), ",")
	path, create := "/repos/acme/access/check-runs", `{"name":"lapse","head_sha":"`+head+`","output":{"title":"t","summary":"s","annotations":[`
	wantStatus(t, call(t, s, token, "POST", path, create+notes+`]}}`), 422)
	wantStatus(t, call(t, s, s.Token("root"), "POST", path, create+`]}}`), 403)
	id := itoa(int64(wantStatus(t, call(t, s, token, "POST", path, create+`]}}`), 201).field(t, "id").(float64)))
	done := `{"conclusion":"failure","output":{"title":"No","summary":"denied","annotations":[{"path":"a","start_line":1,"end_line":1,"annotation_level":"failure","message":"m"}]}}`
	wantStatus(t, call(t, s, s.WorkflowToken(access, nil), "PATCH", path+"/"+id, done), 403)
	wantStatus(t, call(t, s, token, "PATCH", path+"/"+id, done), 200)
	runs := s.CheckRuns(access, head)
	if len(runs) != 1 || runs[0].Conclusion != "failure" || runs[0].Annotations != 1 || runs[0].App != 77 {
		t.Errorf("check runs %+v", runs)
	}
	if got := wantStatus(t, call(t, s, token, "GET", path+"/"+id+"/annotations", ""), 200).list(t); len(got) != 1 {
		t.Errorf("annotations %v", got)
	}
}

func TestCommentsAreChangedByTheirAuthorOrAWriter(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	id := get[int64](t)(s.As("dan").Comment(access, n, "hello"))
	path := "/repos/acme/access/issues/comments/" + itoa(id)
	s.AddOrgMember("acme", "mallory")
	s.RemoveCollaborator(access, "mallory")
	wantStatus(t, call(t, s, s.Token("mallory"), "PATCH", path, `{"body":"mine"}`), 403)
	wantStatus(t, call(t, s, s.Token("mallory"), "DELETE", path, ""), 403)
	wantStatus(t, call(t, s, s.Token("dan"), "PATCH", path, `{"body":"hello again"}`), 200)
	if got := s.Comments(access, n); len(got) != 1 || got[0].Body != "hello again" || !got[0].Updated.After(got[0].Created) {
		t.Errorf("comments %+v", got)
	}
	wantStatus(t, call(t, s, s.Token("bob"), "DELETE", path, ""), 204)
}
