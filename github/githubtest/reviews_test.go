package githubtest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

// refused wants a *StatusError with that status and a message that contains the text.
func refused(t *testing.T, err error, status int, text string) {
	t.Helper()
	var e *githubtest.StatusError
	if !errors.As(err, &e) || e.Status != status || !strings.Contains(e.Message, text) {
		t.Errorf("error %v, want %d with %q", err, status, text)
	}
}

func TestTheAuthorCannotJudgeTheirOwnPullRequest(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	_, err := s.As("alice").Review(access, n, "APPROVE", "")
	refused(t, err, 422, "Can not approve your own pull request")
	_, err = s.As("alice").Review(access, n, "REQUEST_CHANGES", "no")
	refused(t, err, 422, "Can not request changes on your own pull request")
	get[int64](t)(s.As("alice").Review(access, n, "COMMENT", "please look"))
}

func TestReadersAndBotsMaySubmitReviews(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	get[int64](t)(s.As("dan").Review(access, n, "APPROVE", ""))
	get[int64](t)(s.WithToken(s.WorkflowToken(access, nil)).Review(access, n, "APPROVE", ""))
	reviews := s.Pull(access, n).Reviews
	if len(reviews) != 2 || reviews[0].Author != "dan" || reviews[1].Author != "github-actions[bot]" {
		t.Errorf("reviews %+v", reviews)
	}
}

func TestAReviewMayNameAnOlderCommitAndDismissingRevivesNothing(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	old := s.Pull(access, n).Head
	get[string](t)(s.As("alice").PushFiles(access, "request", "", map[string]string{"grants/a.yaml": "user: bob\n"}, "Change"))
	get[int64](t)(s.As("bob").ReviewCommit(access, n, old, "APPROVE", ""))
	later := get[int64](t)(s.As("bob").Review(access, n, "REQUEST_CHANGES", "not this"))
	refused(t, s.As("dan").DismissReview(access, n, later, "why not"), 403, "push access")
	must(t, s.As("carol").DismissReview(access, n, later, "settled"))
	v := s.Pull(access, n).Reviews
	if v[0].Commit != old || v[0].State != "APPROVED" || v[1].Commit != s.Pull(access, n).Head || v[1].State != "DISMISSED" {
		t.Errorf("reviews %+v", v)
	}
	_, err := s.As("carol").ReviewCommit(access, n, strings.Repeat("1", 40), "APPROVE", "")
	refused(t, err, 422, "not part of the pull request")
}

func TestAPendingReviewIsSeenByItsAuthorAlone(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	var v struct {
		ID    int64
		State string
	}
	path := "/repos/acme/access/pulls/1/reviews"
	must(t, s.As("bob").Do("POST", path, map[string]string{"body": "draft"}, &v))
	var seen []struct{ ID int64 }
	must(t, s.As("carol").Do("GET", path, nil, &seen))
	if v.State != "PENDING" || len(seen) != 0 {
		t.Errorf("bob's review is %s, carol sees %d reviews", v.State, len(seen))
	}
	get[int64](t)(s.As("carol").Review(access, n, "APPROVE", ""))
	must(t, s.As("bob").Do("POST", path+"/"+itoa(v.ID)+"/events", map[string]string{"event": "APPROVE"}, &v))
	must(t, s.As("carol").Do("GET", path, nil, &seen))
	if v.State != "APPROVED" || len(seen) != 2 {
		t.Errorf("after submitting: %s, carol sees %d reviews", v.State, len(seen))
	}
}

func TestADeletedReviewerIsNullAndTheirLoginIsFree(t *testing.T) {
	s := acme(t, githubtest.Options{})
	n := opened(t, s)
	get[int64](t)(s.As("bob").Review(access, n, "APPROVE", ""))
	old := s.UserID("bob")
	s.DeleteUser("bob")
	if s.AddUser("bob", githubtest.User{}) == old {
		t.Error("the new bob has the old one's id")
	}
	list := call(t, s, s.Token("alice"), "GET", "/repos/acme/access/pulls/1/reviews", "").list(t)
	if len(list) != 1 || list[0]["user"] != nil {
		t.Errorf("reviews %v, want one without a user", list)
	}
	wantStatus(t, call(t, s, s.Token("alice"), "GET", "/user/"+itoa(old), ""), 404)
}

func TestUpdateBranchTreatsReviewCommitsAsAsked(t *testing.T) {
	for name, option := range map[string]githubtest.ReviewsOnUpdate{
		"old": githubtest.KeepReviewCommits, "new": githubtest.MoveReviewCommits, "null": githubtest.NullReviewCommits,
	} {
		t.Run(name, func(t *testing.T) {
			s := acme(t, githubtest.Options{ReviewsOnUpdate: option})
			n := opened(t, s)
			old := s.Pull(access, n).Head
			get[int64](t)(s.As("bob").Review(access, n, "APPROVE", ""))
			get[string](t)(s.As("root").PushFiles(access, "main", "", map[string]string{"x": "y"}, "Meanwhile"))
			must(t, s.As("carol").UpdateBranch(access, n))
			p := s.Pull(access, n)
			want := map[string]string{"old": old, "new": p.Head, "null": ""}[name]
			if p.Head == old || p.Reviews[0].Commit != want {
				t.Errorf("head %s, review of %q, want %q", p.Head, p.Reviews[0].Commit, want)
			}
			log := s.Activity(access)
			if last := log[len(log)-1]; last.Actor != "carol" || last.Kind != "push" || last.Ref != "refs/heads/request" {
				t.Errorf("activity %+v, want carol's push", last)
			}
			refused(t, s.As("carol").UpdateBranch(access, n), 422, "no new commits")
		})
	}
}
