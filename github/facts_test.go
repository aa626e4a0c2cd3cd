package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/github/githubtest"
)

func TestAPullRequestIsWhatGitHubHas(t *testing.T) {
	w := newWorld(t)
	must(t, w.As("bob").Label(accessRepo, w.number, "urgent", "access"))
	c := w.client(t, w.Token("bob"))
	open, err := c.Pull(t.Context(), access, w.number)
	must(t, err)
	if open.CreatedAt.IsZero() || open.Author.ID != w.UserID("alice") {
		t.Errorf("made at %s by %+v", open.CreatedAt, open.Author)
	}
	want := github.Pull{
		Number: w.number, Title: "Let alice in", Author: github.Account{Login: "alice", ID: w.UserID("alice")}, State: "open", BaseRef: "main", BaseSHA: w.base,
		HeadRef: "ask", HeadSHA: w.head, HeadRepo: accessRepo, Labels: []string{"access", "urgent"}, CreatedAt: open.CreatedAt,
		DefaultBranch: "main", Commits: 1,
	}
	if diff := cmp.Diff(want, open); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	sha, err := w.As("bob").Merge(accessRepo, w.number, "squash")
	must(t, err)
	merged, err := c.Pull(t.Context(), access, w.number)
	must(t, err)
	if !merged.Merged || merged.State != "closed" || merged.MergeCommit != sha || merged.MergedBy.Login != "bob" || merged.MergedAt.IsZero() || merged.HeadSHA != w.head {
		t.Errorf("merged is %+v", merged)
	}
	for _, commit := range []string{sha, w.head} {
		if list, err := c.PullsOf(t.Context(), access, commit); err != nil || !slices.Equal(list, []int{w.number}) {
			t.Errorf("the pull requests of %s are %v, %v", commit, list, err)
		}
	}
	if list, err := c.PullsOf(t.Context(), access, w.base); err != nil || len(list) != 0 {
		t.Errorf("the pull requests of the first commit are %v, %v", list, err)
	}
}

func TestA18AllReviewsAreRead(t *testing.T) {
	w := newWorld(t)
	for i := range 130 {
		_, err := w.As([]string{"bob", "carol"}[i%2]).Review(accessRepo, w.number, "COMMENT", fmt.Sprint(i))
		must(t, err)
	}
	id, err := w.As("carol").Review(accessRepo, w.number, "APPROVE", "")
	must(t, err)
	w.DeleteUser("bob")
	list, err := w.client(t, w.Token("carol")).Reviews(t.Context(), access, w.number)
	must(t, err)
	if len(list) != 131 || !slices.IsSortedFunc(list, func(a, b github.Review) int { return a.At.Compare(b.At) }) {
		t.Fatalf("%d reviews, or out of order", len(list))
	}
	last := list[130]
	want := github.Review{ID: id, By: github.Account{Login: "carol", ID: w.UserID("carol")}, State: "APPROVED", Commit: w.head, At: last.At}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("the last review (-want +got):\n%s", diff)
	}
	if by := list[0].By; by.ID != 0 || !by.Deleted {
		t.Errorf("a deleted reviewer is %+v", by)
	}
}

func TestA04PushesTellWhoPushedWhateverTheCommitsClaim(t *testing.T) {
	w := newWorld(t)
	forged, err := w.As("mallory").Push(accessRepo, "ask", githubtest.Commit{Base: "ask", Files: map[string]string{"x": "y"}, Message: "x", Author: "alice <alice@acme.com>", Committer: "alice <alice@acme.com>"})
	must(t, err)
	must(t, w.As("bob").ForcePush(accessRepo, "ask", w.head))
	c := w.client(t, w.Token("bob"))
	var got []string
	read := func() []github.Push {
		list, err := c.Pushes(t.Context(), access, "refs/heads/ask")
		must(t, err)
		got = nil
		for _, p := range list {
			if p.By.ID != w.UserID(p.By.Login) || p.ID <= 0 {
				t.Errorf("push %+v has another id", p)
			}
			got = append(got, p.By.Login+" "+p.Kind+" "+p.After)
		}
		return list
	}
	list := read()
	want := []string{"alice branch_creation " + w.head, "mallory push " + forged, "bob force_push " + w.head}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pushes (-want +got):\n%s", diff)
	}
	if !list[1].At.After(list[0].At) || list[2].Before != forged {
		t.Errorf("pushes are %+v", list)
	}
	// The record survives the branch.
	must(t, w.As("alice").DeleteBranch(accessRepo, "ask"))
	if list := read(); len(list) != 4 || list[3].Kind != "branch_deletion" {
		t.Errorf("after the deletion the pushes are %q", got)
	}
	if list, err := c.Pushes(t.Context(), access, "never"); err != nil || len(list) != 0 {
		t.Errorf("a branch that never was has pushes: %v, %v", list, err)
	}
}

func TestA20BasesThatMovedAreTold(t *testing.T) {
	w := newWorld(t)
	_, err := w.As("alice").PushFiles(accessRepo, "side", "main", map[string]string{"x": "1"}, "x")
	must(t, err)
	_, err = w.As("alice").PushFiles(accessRepo, "asked", "side", map[string]string{"y": "1"}, "y")
	must(t, err)
	number, err := w.As("alice").OpenPullInto(accessRepo, "side", "asked", "Ask")
	must(t, err)
	c := w.client(t, w.Token("bob"))
	moves := func(base string) int {
		list, err := c.BaseMoves(t.Context(), access, number, base, time.Time{})
		must(t, err)
		return len(list)
	}
	before := moves("main")
	for i := range 101 { // more than one page
		must(t, w.As("alice").EditPull(accessRepo, number, map[string]any{"base": []string{"main", "side"}[i%2]}))
	}
	if n := moves("main"); n != before+101 {
		t.Errorf("%d moves after 101 changes of the base, %d before", n, before)
	}
	was := w.Branch(accessRepo, "side")
	_, err = w.As("alice").PushFiles(accessRepo, "side", "", map[string]string{"x": "2"}, "x")
	must(t, err)
	forward := moves("side")
	must(t, w.As("alice").ForcePush(accessRepo, "side", was))
	if n := moves("side"); n != forward+1 || moves("main") != before+101 {
		t.Errorf("%d moves after a force-push, %d before", n, forward)
	}
	w.Fail(githubtest.Failure{Path: ".*/issues/.*/events", Status: 403, Times: -1})
	if list, err := c.BaseMoves(t.Context(), access, number, "main", time.Time{}); err == nil {
		t.Errorf("events that cannot be read are %v", list)
	}
}

func TestA18AllPushesAreRead(t *testing.T) {
	w := newWorld(t)
	for i := range 105 {
		_, err := w.As("alice").Push(accessRepo, "long", githubtest.Commit{Base: []string{"main", "long"}[min(i, 1)], Files: map[string]string{"x": fmt.Sprint(i)}, Message: "x"})
		must(t, err)
	}
	list, err := w.client(t, w.Token("bob")).Pushes(t.Context(), access, "long")
	must(t, err)
	if len(list) != 105 || list[0].Kind != "branch_creation" || !slices.IsSortedFunc(list, func(a, b github.Push) int { return a.At.Compare(b.At) }) {
		t.Errorf("%d pushes, or out of order", len(list))
	}
}

func TestA13OnlyActiveMembersAreMembersAndChildTeamsCount(t *testing.T) {
	w := newWorld(t)
	w.AddUser("erin", githubtest.User{})
	w.AddTeam("acme", "child", "data", "mallory")
	w.AddMember("acme", "data", "erin", "pending")
	c := w.client(t, w.Token("root"))
	list, err := c.TeamMembers(t.Context(), "acme", "data")
	must(t, err)
	var got []string
	for _, a := range list {
		got = append(got, a.Login)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"bob", "carol", "mallory"}) {
		t.Errorf("members are %q", got)
	}
	for slug, want := range map[string]string{"child": "data", "data": ""} {
		if above, found, err := c.ParentTeam(t.Context(), "acme", slug); above != want || !found || err != nil {
			t.Errorf("above %s is %q, %v, %v", slug, above, found, err)
		}
	}
	if above, found, err := c.ParentTeam(t.Context(), "acme", "nobody"); above != "" || found || err != nil {
		t.Errorf("above a team that is not there is %q, %v, %v", above, found, err)
	}
	// A17: the workflow's own token may not look.
	if list, err := w.workflow(t).TeamMembers(t.Context(), "acme", "data"); err == nil || list != nil || !strings.Contains(err.Error(), "members: read") {
		t.Errorf("the workflow reads %v, %v", list, err)
	}
}

func TestA12AccountsTellWhatBecameOfThem(t *testing.T) {
	w := newWorld(t)
	c, id := w.client(t, w.Token("root")), w.UserID("mallory")
	w.RenameUser("mallory", "mal")
	if a, found, err := c.UserByID(t.Context(), id); err != nil || !found || a.Login != "mal" {
		t.Errorf("renamed: %+v, %v, %v", a, found, err)
	}
	if a, found, err := c.User(t.Context(), "mallory"); err != nil || found {
		t.Errorf("the old login: %+v, %v, %v", a, found, err)
	}
	w.DeleteUser("mal")
	if a, found, err := c.UserByID(t.Context(), id); err != nil || found {
		t.Errorf("deleted: %+v, %v, %v", a, found, err)
	}
	if a, found, err := c.User(t.Context(), "bob"); err != nil || !found || a != (github.Account{Login: "bob", ID: w.UserID("bob")}) {
		t.Errorf("bob is %+v, %v, %v", a, found, err)
	}
}

func TestA08AMergeOfAnotherHeadIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, w.Token("bob"))
	old := w.head
	moved, err := w.As("mallory").PushFiles(accessRepo, "ask", "", map[string]string{"grants/a.yaml": "user: mallory\n"}, "x")
	must(t, err)
	if _, err := c.Merge(t.Context(), access, w.number, old, "squash", ""); !errors.Is(err, github.ErrHeadMoved) {
		t.Errorf("error is %v, want that the head moved", err)
	}
	if _, err := c.Merge(t.Context(), access, w.number, moved, "rebase", ""); !errors.Is(err, github.ErrNotMergeable) {
		t.Errorf("error is %v, want that it cannot be merged", err)
	}
	if w.Pull(accessRepo, w.number).Merged {
		t.Fatal("merged")
	}
	// The answer to the merge is lost; it is done all the same, once.
	w.Fail(githubtest.Failure{Method: http.MethodPut, Path: ".*/merge", Status: 502, After: true})
	sha, err := c.Merge(t.Context(), access, w.number, moved, "squash", "Give alice access")
	if err != nil || sha != w.Branch(accessRepo, "main") {
		t.Errorf("merged as %s, %v", sha, err)
	}
	again, err := c.Merge(t.Context(), access, w.number, moved, "squash", "")
	if err != nil || again != sha {
		t.Errorf("merged again as %s, %v", again, err)
	}
}

func TestA56AtMostOnePullRequestIsOpenForABranch(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, w.Token("bob"))
	if n, open, err := c.FindPull(t.Context(), access, "lapse/removal", "main"); n != 0 || open || err != nil {
		t.Errorf("found %d, %v, %v before it was opened", n, open, err)
	}
	_, err := w.As("bob").PushFiles(accessRepo, "lapse/removal", "main", map[string]string{"x": "y"}, "x")
	must(t, err)
	w.Fail(githubtest.Failure{Method: http.MethodPost, Path: ".*/pulls", Status: 502, After: true}) // opened, and the answer lost
	first, err := c.OpenPull(t.Context(), access, "lapse/removal", "main", "Take back", "…")
	must(t, err)
	second, err := c.OpenPull(t.Context(), access, "lapse/removal", "main", "Take back", "…")
	if err != nil || second != first || len(w.Pulls(accessRepo)) != 2 {
		t.Errorf("opened %d and %d, %v; there are %v", first, second, err, w.Pulls(accessRepo))
	}
	must(t, w.As("bob").ClosePull(accessRepo, first))
	if n, open, err := c.FindPull(t.Context(), access, "lapse/removal", "main"); n != first || open || err != nil {
		t.Errorf("found %d, %v, %v after it was closed", n, open, err)
	}
	third, err := c.OpenPull(t.Context(), access, "lapse/removal", "main", "Take back", "…")
	must(t, err)
	if n, open, err := c.FindPull(t.Context(), access, "lapse/removal", "main"); n != third || !open || err != nil {
		t.Errorf("found %d, %v, %v; want %d, open", n, open, err, third)
	}
	if n, _, err := c.FindPull(t.Context(), access, "lapse/removal", "other"); n != 0 || err != nil {
		t.Errorf("found %d, %v for another base", n, err)
	}
}

func TestAWorkflowIsStarted(t *testing.T) {
	w := newWorld(t)
	_, err := w.As("root").PushFiles(accessRepo, "main", "", map[string]string{".github/workflows/reconcile.yml": "on: workflow_dispatch\n"}, "x")
	must(t, err)
	must(t, w.workflow(t).Dispatch(t.Context(), access, "reconcile.yml", "main"))
	if got := w.Dispatches(accessRepo); len(got) != 1 {
		t.Errorf("started: %+v", got)
	}
	if err := w.workflow(t).Dispatch(t.Context(), access, "reconcile.yml", "nothing"); err == nil {
		t.Error("started on a branch that does not exist")
	}
}

func TestAnAppWorksAgainstTheServer(t *testing.T) {
	w := newWorld(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(t, err)
	w.AddApp(77, "lapse-acme", "acme", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		map[string]string{"members": "read", "pull_requests": "write", "statuses": "write", "checks": "write", "contents": "write", "administration": "read"})
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	c, err := github.New(github.Options{BaseURL: w.APIURL(), Backoff: time.Millisecond,
		App: &github.App{ID: 77, PrivateKeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), InstallationRepo: accessRepo}})
	must(t, err)
	me, err := c.Self(t.Context())
	if err != nil || me.Login != "lapse-acme[bot]" || me.ID != w.UserID("lapse-acme[bot]") || !me.Bot {
		t.Errorf("the app is %+v, %v", me, err)
	}
	if list, err := c.TeamMembers(t.Context(), "acme", "data"); err != nil || len(list) != 2 {
		t.Errorf("members are %v, %v", list, err)
	}
	p := w.publication()
	must(t, c.Publish(t.Context(), access, p))
	if runs := w.CheckRuns(accessRepo, w.head); len(runs) != 1 || runs[0].App != 77 {
		t.Errorf("check runs are %+v", runs)
	}
}

func TestAskingAgainCostsNothing(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, w.Token("bob"))
	ask := func() {
		t.Helper()
		_, err := c.Pull(t.Context(), access, w.number)
		must(t, err)
		_, err = c.Pushes(t.Context(), access, "ask")
		must(t, err)
		_, err = c.TeamMembers(t.Context(), "acme", "data")
		must(t, err)
	}
	ask()
	ask() // the first has made GitHub compute whether it can be merged, which is another answer
	w.ForgetRequests()
	ask()
	if len(w.Requests()) == 0 {
		t.Error("nothing was asked, so nothing can be fresh")
	}
	for _, r := range w.Requests() {
		if r.Status != http.StatusNotModified || r.Counted {
			t.Errorf("%s %s: %d, counted %v", r.Method, r.Path, r.Status, r.Counted)
		}
	}
	w.RemoveMember("acme", "data", "bob")
	if list, err := c.TeamMembers(t.Context(), "acme", "data"); err != nil || len(list) != 1 {
		t.Errorf("after the removal the members are %v, %v", list, err)
	}
}

// Whichever request fails for good, what is gathered is an error and never a part.
func TestA52EveryFailingRequestIsAnError(t *testing.T) {
	w := newWorld(t)
	for i := range 101 {
		_, err := w.As("bob").Review(accessRepo, w.number, "COMMENT", fmt.Sprint(i))
		must(t, err)
	}
	for name, ask := range map[string]func(c *github.Client) (any, error){
		"pull":    func(c *github.Client) (any, error) { return c.Pull(t.Context(), access, w.number) },
		"reviews": func(c *github.Client) (any, error) { return c.Reviews(t.Context(), access, w.number) },
		"pushes":  func(c *github.Client) (any, error) { return c.Pushes(t.Context(), access, "ask") },
		"members": func(c *github.Client) (any, error) { return c.TeamMembers(t.Context(), "acme", "data") },
		"parent": func(c *github.Client) (any, error) {
			above, found, err := c.ParentTeam(t.Context(), "acme", "data")
			if err == nil && !found {
				err = errors.New("told as not there")
			}
			return above, err
		},
	} {
		w.ForgetRequests()
		_, err := ask(w.client(t, w.Token("bob")))
		must(t, err)
		for i := range w.Requests() {
			for fault, f := range map[string]githubtest.Failure{
				"500": {Status: 500}, "cut": {Cut: true}, "half": {Keep: 10}, "empty": {Status: 200, Body: " "}, "404": {Status: 404}, "403": {Status: 403},
			} {
				f.Skip, f.Times = i, -1
				stop := w.Fail(f)
				if _, err := ask(w.client(t, w.Token("bob"))); err == nil {
					t.Errorf("%s: request %d fails (%s) without an error", name, i+1, fault)
				}
				stop()
			}
		}
	}
}
