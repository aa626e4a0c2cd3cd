package githubtest_test

import (
	"fmt"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

// Where GitHub is known to surprise, this server does too. What "Update branch" does to a review's commit_id is in
// TestUpdateBranchTreatsReviewCommitsAsAsked, a deleted login that is free again in TestADeletedReviewerIsNullAndTheirLoginIsFree,
// and what one may not see in TestATokenSeesOnlyWhatItMay.

func TestMergeableIsNullUntilSomebodyHasAsked(t *testing.T) {
	s := acme(t, githubtest.Options{})
	opened(t, s)
	mergeable := func() [3]any {
		got := call(t, s, s.Token("bob"), "GET", "/repos/acme/access/pulls/1", "")
		return [3]any{got.field(t, "mergeable"), got.field(t, "mergeable_state"), got.field(t, "merge_commit_sha") != nil}
	}
	reads := func(want ...[3]any) {
		t.Helper()
		for i, w := range want {
			if got := mergeable(); got != w {
				t.Errorf("read %d: %v, want %v", i+1, got, w)
			}
		}
	}
	unknown, clean, dirty := [3]any{nil, "unknown", false}, [3]any{true, "clean", true}, [3]any{false, "dirty", true}
	reads(unknown, clean, clean)
	get[string](t)(s.As("root").PushFiles(access, "main", "", map[string]string{"other": "x\n"}, "The base moves"))
	reads(unknown, clean)
	s.SetMergeableAfter(2)
	get[string](t)(s.As("root").PushFiles(access, "main", "", map[string]string{"grants/a.yaml": "user: carol\n"}, "Conflict"))
	reads(unknown, unknown, dirty)
}

func TestAMergeIsSeenLater(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	head := s.Pull(access, n).Head
	s.SetReadLag(3)
	merge := get[string](t)(s.As("bob").Merge(access, n, "squash"))
	if s.Branch(access, "main") != merge || mustGit(t, clone(t, s, "bob"), "rev-parse", "HEAD") != merge {
		t.Error("git is behind")
	}
	bob := s.Token("bob")
	if got := call(t, s, bob, "GET", "/repos/acme/access/pulls/1", ""); got.field(t, "merged") != false || got.field(t, "state") != "open" || got.field(t, "commits") != 1.0 {
		t.Errorf("the first read sees %s", got.body)
	}
	if got := call(t, s, bob, "GET", "/repos/acme/access/commits/"+merge+"/pulls", "").list(t); len(got) != 0 {
		t.Errorf("the second read finds %d pull requests of the merge", len(got))
	}
	if got := call(t, s, bob, "GET", "/repos/acme/access/activity?ref=main", "").list(t); len(got) == 0 || got[0]["after"] == merge {
		t.Errorf("the third read shows the merge: %v", got)
	}
	if got := call(t, s, bob, "GET", "/repos/acme/access/commits/"+merge+"/pulls", "").list(t); len(got) != 1 || got[0]["merged_at"] == nil {
		t.Errorf("the fourth read finds %v", got)
	}
	got := call(t, s, bob, "GET", "/repos/acme/access/pulls/1", "")
	if got.field(t, "merged") != true || got.field(t, "merge_commit_sha") != merge || got.field(t, "head.sha") != head {
		t.Errorf("the fifth read sees %s", got.body)
	}
	refused(t, s.As("bob").UpdateBranch(access, n), 403, "closed")
}

// What changes something is never behind: a second merge is refused although a read would say that the first is to come.
func TestAWriteIsNeverBehind(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	s.SetReadLag(100)
	get[string](t)(s.As("bob").Merge(access, n, "squash"))
	_, err := s.As("bob").Merge(access, n, "squash")
	refused(t, err, 405, "not mergeable")
	if got := call(t, s, s.Token("bob"), "GET", "/repos/acme/access/pulls/1", ""); got.field(t, "state") != "open" {
		t.Errorf("the read is not behind: %s", got.body)
	}
}

func TestARenamedLoginMayBecomeSomebodyElse(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	get[int64](t)(s.As("bob").Review(access, n, "APPROVE", ""))
	old, token := s.UserID("bob"), s.Token("bob")
	s.RenameUser("bob", "robert")
	wantStatus(t, call(t, s, token, "GET", "/users/bob", ""), 404)
	other := s.AddUser("bob", githubtest.User{})
	if got := call(t, s, token, "GET", "/user", ""); got.field(t, "login") != "robert" || got.field(t, "id") != float64(old) {
		t.Errorf("the token of before is %s", got.body)
	}
	if got := call(t, s, token, "GET", "/users/bob", ""); other == old || got.field(t, "id") != float64(other) {
		t.Errorf("the new bob is %s, not %d", got.body, other)
	}
	review := call(t, s, token, "GET", "/repos/acme/access/pulls/1/reviews", "").list(t)[0]["user"].(map[string]any)
	if review["login"] != "robert" || review["id"] != float64(old) {
		t.Errorf("the review is %v's", review)
	}
	wantStatus(t, call(t, s, s.Token("root"), "GET", "/orgs/acme/members/robert", ""), 204)
	wantStatus(t, call(t, s, s.Token("root"), "GET", "/orgs/acme/members/bob", ""), 404)
	wantStatus(t, call(t, s, s.Token("bob"), "GET", "/repos/acme/access", ""), 404)
}

func TestASkippedJobCountsAsSuccess(t *testing.T) {
	for conclusion, merges := range map[string]bool{"success": true, "skipped": true, "neutral": true,
		"failure": false, "cancelled": false, "timed_out": false, "action_required": false} {
		t.Run(conclusion, func(t *testing.T) {
			s := acme(t, githubtest.Options{})
			s.Protect(access, "main", &githubtest.Protection{RequiredChecks: []githubtest.RequiredCheck{{Context: "check"}}, EnforceAdmins: true})
			n := opened(t, s)
			workflow := s.WithToken(s.WorkflowToken(access, nil))
			must(t, workflow.Do("POST", "/repos/acme/access/check-runs", map[string]string{"name": "check", "head_sha": s.Pull(access, n).Head,
				"conclusion": conclusion}, nil))
			if _, err := s.As("bob").Merge(access, n, "squash"); (err == nil) != merges {
				t.Errorf("merge: %v, want success %v", err, merges)
			}
		})
	}
}

// Whoever can write sets any status, one of another's name too; only a required source tells them apart.
func TestAnyoneWhoWritesSetsAnyStatus(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.AddApp(77, "lapse", "acme", "", map[string]string{"statuses": "write"})
	n := opened(t, s)
	head := s.Pull(access, n).Head
	app := s.WithToken(s.InstallationToken(77))
	must(t, app.SetStatus(access, head, "lapse", "failure"))
	must(t, s.As("mallory").SetStatus(access, head, "lapse", "success"))
	refused(t, s.As("dan").SetStatus(access, head, "lapse", "success"), 403, "push access")
	got := call(t, s, s.Token("bob"), "GET", "/repos/acme/access/commits/"+head+"/status", "")
	if got.field(t, "state") != "success" {
		t.Errorf("combined: %s, want the last one's", got.body)
	}
	for app, merges := range map[int64]bool{0: true, 77: false} {
		t.Run(fmt.Sprint("source ", app), func(t *testing.T) {
			s.Protect(access, "main", &githubtest.Protection{RequiredChecks: []githubtest.RequiredCheck{{Context: "lapse", App: app}}, EnforceAdmins: true})
			call(t, s, s.Token("bob"), "GET", "/repos/acme/access/pulls/1", "")
			got := call(t, s, s.Token("bob"), "GET", "/repos/acme/access/pulls/1", "")
			if blocked := got.field(t, "mergeable_state") == "blocked"; blocked == merges {
				t.Errorf("mergeable_state %v, want it to merge: %v", got.field(t, "mergeable_state"), merges)
			}
		})
	}
}
