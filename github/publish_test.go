package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/github/githubtest"
)

const accessRepo = "acme/access"

var access = github.Repo{Owner: "acme", Name: "access"}

// world is an access repository with one open pull request by alice.
type world struct {
	*githubtest.Server
	number int
	head   string
	base   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := githubtest.New(githubtest.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"root", "alice", "bob", "carol", "mallory"} {
		s.AddUser(login, githubtest.User{})
	}
	s.AddOrg("acme", "root:admin", "alice", "bob", "carol", "mallory")
	s.AddTeam("acme", "data", "", "bob", "carol")
	if err := s.AddRepo(accessRepo, githubtest.RepoOptions{Files: map[string]string{"lapse.yaml": "version: 1\n"}, Methods: []string{"squash"}}); err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"alice", "bob", "carol", "mallory"} {
		s.AddCollaborator(accessRepo, login, "push")
	}
	s.AddTeamToRepo(accessRepo, "data", "push")
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{Server: s, base: s.Branch(accessRepo, "main")}
	if w.head, err = s.As("alice").PushFiles(accessRepo, "ask", "main", map[string]string{"grants/a.yaml": "user: alice\n"}, "ask"); err != nil {
		t.Fatal(err)
	}
	if w.number, err = s.As("alice").OpenPull(accessRepo, "ask", "Let alice in"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) client(t *testing.T, token string) *github.Client {
	t.Helper()
	c, err := github.New(github.Options{BaseURL: w.APIURL(), Token: token, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) workflow(t *testing.T) *github.Client {
	return w.client(t, w.WorkflowToken(accessRepo, map[string]string{
		"contents": "write", "pull_requests": "write", "issues": "write", "statuses": "write", "checks": "write", "actions": "write"}))
}

func (w *world) publication() github.Publication {
	return github.Publication{
		Number: w.number, Head: w.head, State: "pending", Description: "waits for 1 of @acme/data", TargetURL: "https://ci.example/1",
		Comment: "**Waiting**", Marker: "verdict", Summary: "One approval is missing.",
		Annotations: []github.Annotation{{Path: "grants/a.yaml", Line: 1, Level: "warning", Title: "long", Text: "A long time."}},
	}
}

// writes lists the requests that changed something since the last call. GraphQL is only asked who the token is.
func (w *world) writes() []string {
	var out []string
	for _, r := range w.Requests() {
		if r.Method != http.MethodGet && !strings.HasSuffix(r.Path, "/graphql") {
			out = append(out, r.Method+" "+r.Path)
		}
	}
	w.ForgetRequests()
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPublicationShowsAndIsNotWrittenTwice(t *testing.T) {
	w := newWorld(t)
	c, p := w.workflow(t), w.publication()
	must(t, c.Publish(t.Context(), access, p))
	wantShown(t, w, p, "in_progress", "")
	if got := w.writes(); len(got) != 3 {
		t.Errorf("written: %q, want a status, a check run and a comment", got)
	}
	must(t, c.Publish(t.Context(), access, p))
	must(t, w.workflow(t).Publish(t.Context(), access, p)) // another process, without our cache
	if got := w.writes(); len(got) != 0 {
		t.Errorf("written again: %q", got)
	}
	p.State, p.Description, p.Comment, p.Summary = "success", "approved by bob", "**Approved**", "All there."
	must(t, c.Publish(t.Context(), access, p))
	wantShown(t, w, p, "completed", "success")
	if n := len(w.Comments(accessRepo, w.number)); n != 1 {
		t.Errorf("there are %d comments, want the one", n)
	}
}

func wantShown(t *testing.T, w *world, p github.Publication, status, conclusion string) {
	t.Helper()
	statuses := w.Statuses(accessRepo, p.Head)
	if want := []githubtest.Status{{Context: "lapse", State: p.State, Description: p.Description, Creator: "github-actions[bot]"}}; !cmp.Equal(want, statuses) {
		t.Errorf("statuses are %+v, want %+v", statuses, want)
	}
	runs := w.CheckRuns(accessRepo, p.Head)
	if len(runs) == 0 {
		t.Fatal("there is no check run")
	}
	run := runs[len(runs)-1]
	if run.Name != "lapse" || run.Status != status || run.Conclusion != conclusion || run.Title != p.Description || run.Summary != p.Summary || run.Annotations != len(p.Annotations) {
		t.Errorf("the check run is %+v, want %s %s", run, status, conclusion)
	}
	comments := w.Comments(accessRepo, w.number)
	if last := comments[len(comments)-1]; !strings.HasSuffix(last.Body, p.Comment) || last.Author != "github-actions[bot]" {
		t.Errorf("the last comment is %+v, want %q", last, p.Comment)
	}
}

func TestManyAnnotationsComeInBatchesAndConcludeLast(t *testing.T) {
	w := newWorld(t)
	p := w.publication()
	p.State, p.Annotations = "failure", nil
	for i := range 120 {
		p.Annotations = append(p.Annotations, github.Annotation{Path: "grants/a.yaml", Line: i, Level: "failure", Text: "x"})
	}
	// The second batch fails: the run must not have concluded, and the next publication must not take it for whole.
	stop := w.Fail(githubtest.Failure{Method: http.MethodPatch, Path: ".*/check-runs/.*", Status: 500})
	c := w.workflow(t)
	if err := c.Publish(t.Context(), access, p); err == nil {
		t.Error("a batch failed without an error")
	}
	stop()
	if runs := w.CheckRuns(accessRepo, w.head); len(runs) != 1 || runs[0].Conclusion != "" {
		t.Errorf("after a failed batch the runs are %+v", runs)
	}
	must(t, c.Publish(t.Context(), access, p))
	wantShown(t, w, p, "completed", "failure")
	w.writes()
	must(t, c.Publish(t.Context(), access, p))
	if got := w.writes(); len(got) != 0 {
		t.Errorf("written again: %q", got)
	}
	// Annotations cannot be removed from a run, so fewer of them make a new one.
	p.Annotations = p.Annotations[:1]
	must(t, c.Publish(t.Context(), access, p))
	wantShown(t, w, p, "completed", "failure")
}

func TestAPersonalTokenPublishesWithoutACheckRun(t *testing.T) {
	w := newWorld(t)
	must(t, w.client(t, w.Token("bob")).Publish(t.Context(), access, w.publication()))
	if runs := w.CheckRuns(accessRepo, w.head); len(runs) != 0 {
		t.Errorf("check runs: %+v", runs)
	}
	if len(w.Statuses(accessRepo, w.head)) != 1 || len(w.Comments(accessRepo, w.number)) != 1 {
		t.Error("the status or the comment is missing")
	}
}

func TestA63SomebodyElsesCommentWithOurMarkerIsNotOurs(t *testing.T) {
	w := newWorld(t)
	c, p := w.workflow(t), w.publication()
	must(t, c.Publish(t.Context(), access, p))
	ours := w.Comments(accessRepo, w.number)[0]
	forged := strings.Replace(ours.Body, "Waiting", "Approved", 1)
	_, err := w.As("mallory").Comment(accessRepo, w.number, forged)
	must(t, err)
	p.Comment = "**Denied**"
	must(t, c.Publish(t.Context(), access, p))
	got := w.Comments(accessRepo, w.number)
	if len(got) != 2 || got[0].ID != ours.ID || !strings.HasSuffix(got[0].Body, "**Denied**") || got[1].Body != forged || got[1].Author != "mallory" {
		t.Errorf("comments are %+v", got)
	}
}

func TestOnlyTheNewestOfOurCommentsIsEdited(t *testing.T) {
	w := newWorld(t)
	c, p := w.workflow(t), w.publication()
	must(t, c.Publish(t.Context(), access, p))
	marker, _, _ := strings.Cut(w.Comments(accessRepo, w.number)[0].Body, "\n")
	bot := w.WithToken(w.WorkflowToken(accessRepo, map[string]string{"issues": "write", "pull_requests": "write"}))
	for _, body := range []string{marker + "\nsecond", "quoting " + marker, "by the same bot"} {
		_, err := bot.Comment(accessRepo, w.number, body)
		must(t, err)
	}
	for i := range 120 { // more than a page
		_, err := w.As("bob").Comment(accessRepo, w.number, fmt.Sprint("noise ", i))
		must(t, err)
	}
	p.Comment = "new"
	must(t, c.Publish(t.Context(), access, p))
	got := w.Comments(accessRepo, w.number)
	if len(got) != 124 || !strings.HasSuffix(got[0].Body, "**Waiting**") || !strings.HasSuffix(got[1].Body, "\nnew") || got[2].Body != "quoting "+marker || got[3].Body != "by the same bot" {
		t.Errorf("%d comments, the first are %+v", len(got), got[:4])
	}
}

func TestA25AStatusThatSomebodyElseSetIsSetAgain(t *testing.T) {
	w := newWorld(t)
	c, p := w.workflow(t), w.publication()
	p.Description, p.TargetURL, p.Comment = "", "", ""
	must(t, c.Publish(t.Context(), access, p))
	for _, state := range []string{"success", "pending"} { // another verdict, and the same by another hand
		must(t, w.As("mallory").SetStatus(accessRepo, w.head, "lapse", state))
		must(t, c.Publish(t.Context(), access, p))
		if got := w.Statuses(accessRepo, w.head); got[0].State != "pending" || got[0].Creator != "github-actions[bot]" {
			t.Errorf("statuses are %+v", got)
		}
	}
}

func TestReviewersAreAskedOnceAndNeverTheAuthor(t *testing.T) {
	w := newWorld(t)
	w.AddUser("dan", githubtest.User{}) // no collaborator
	c, p := w.workflow(t), w.publication()
	p.Reviewers, p.TeamReviewers = []string{"alice", "bob", "Bob", "dan"}, []string{"data"}
	must(t, c.Publish(t.Context(), access, p))
	if got, want := w.Pull(accessRepo, w.number).Requested, []string{"bob", "@acme/data"}; !cmp.Equal(got, want) {
		t.Errorf("asked are %q, want %q", got, want)
	}
	w.writes()
	p.Reviewers = []string{"bob"}
	must(t, c.Publish(t.Context(), access, p))
	if got := w.writes(); len(got) != 0 {
		t.Errorf("asked again: %q", got)
	}
	_, err := w.As("bob").Review(accessRepo, w.number, "COMMENT", "hm")
	must(t, err)
	must(t, c.Publish(t.Context(), access, p))
	if got := w.writes(); len(got) != 0 {
		t.Errorf("who has reviewed this head is asked again: %q", got)
	}
	// A new head is a new question.
	w.head, err = w.As("alice").PushFiles(accessRepo, "ask", "", map[string]string{"grants/a.yaml": "user: bob\n"}, "change")
	must(t, err)
	p.Head = w.head
	must(t, c.Publish(t.Context(), access, p))
	if got := w.Pull(accessRepo, w.number).Requested; len(got) == 0 {
		t.Error("nobody is asked about the new head")
	}
}

func TestOneFailingPartDoesNotStopTheOthers(t *testing.T) {
	for part, path := range map[string]string{"status": ".*/statuses/.*", "check run": ".*/check-runs", "comment": ".*/comments"} {
		w := newWorld(t)
		w.Fail(githubtest.Failure{Method: http.MethodPost, Path: path, Status: 500, Times: -1})
		if err := w.workflow(t).Publish(t.Context(), access, w.publication()); err == nil {
			t.Errorf("the %s fails without an error", part)
		}
		shown := map[string]bool{"status": len(w.Statuses(accessRepo, w.head)) > 0, "check run": len(w.CheckRuns(accessRepo, w.head)) > 0, "comment": len(w.Comments(accessRepo, w.number)) > 0}
		for other, there := range shown {
			if there != (other != part) {
				t.Errorf("the %s fails, and shown are %v", part, shown)
			}
		}
	}
}

func TestWhatGitHubWouldRefuseIsCutOrRefusedBefore(t *testing.T) {
	w := newWorld(t)
	c, p := w.workflow(t), w.publication()
	p.Description = strings.Repeat("ä", 200) + "\n::error::x"
	p.Summary = strings.Repeat("ä", 40000)
	p.Annotations = []github.Annotation{{Path: "x", Level: "notice", Title: strings.Repeat("t", 300), Text: strings.Repeat("ä", 40000)}, {Path: "x", Level: "notice"}}
	must(t, c.Publish(t.Context(), access, p))
	if got := w.Statuses(accessRepo, w.head)[0].Description; len(got) > 140 || !strings.HasSuffix(got, "ä…") {
		t.Errorf("the description is %q", got)
	}
	if got := w.CheckRuns(accessRepo, w.head)[0].Summary; !strings.Contains(got, "too long") {
		t.Errorf("the summary has %d bytes", len(got))
	}
	w.writes()
	must(t, c.Publish(t.Context(), access, p))
	for name, bad := range map[string]func(*github.Publication){
		"state":      func(p *github.Publication) { p.State = "green" },
		"head":       func(p *github.Publication) { p.Head = "main" },
		"number":     func(p *github.Publication) { p.Number = 0 },
		"marker":     func(p *github.Publication) { p.Marker = "x --> <b>" },
		"no marker":  func(p *github.Publication) { p.Marker = "" },
		"level":      func(p *github.Publication) { p.Annotations[0].Level = "error" },
		"reviewer":   func(p *github.Publication) { p.Reviewers = []string{"a/b"} },
		"team":       func(p *github.Publication) { p.TeamReviewers = []string{"acme/data"} },
		"a comment?": func(p *github.Publication) { p.Comment = strings.Repeat("x", 65537) },
	} {
		p := w.publication()
		bad(&p)
		if err := c.Publish(t.Context(), access, p); err == nil {
			t.Errorf("%s: published", name)
		}
	}
}
