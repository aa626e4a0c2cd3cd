package main

import (
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// reviewCommands are what people do about reviews; each is described where it is defined.
func reviewCommands() map[string]command {
	return map[string]command{
		"pushas": cmdPushAs, "pushmerge": cmdPushMerge, "reviewedcommit": cmdReviewedCommit, "editreview": cmdEditReview,
		"editpull": cmdEditPull, "onupdate": cmdOnUpdate, "reopen": cmdReopen, "workflow": cmdWorkflow,
	}
}

// cmdPushAs pushes a commit that claims to be somebody else's: pushas WHO BRANCH AUTHOR COMMITTER FILE…
func cmdPushAs(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 5, "pushas WHO BRANCH AUTHOR COMMITTER FILE…")
	_, err := playOf(ts).As(args[0]).Push(stage.Repo, args[1], githubtest.Commit{
		Author: args[2], Committer: args[3], Files: filesOf(ts, args[4:]), Message: "Change " + strings.Join(args[4:], " "),
	})
	want(ts, neg, err)
}

// cmdPushMerge pushes a merge: the files given on top of those of FIRST, with SECOND as the other parent. pushmerge WHO BRANCH
// FIRST SECOND FILE…
func cmdPushMerge(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 4, "pushmerge WHO BRANCH FIRST SECOND [FILE…]")
	_, err := playOf(ts).As(args[0]).Push(stage.Repo, args[1], githubtest.Commit{
		Base: args[2], Parents: args[3:4], Files: filesOf(ts, args[4:]), Message: "Merge " + args[3],
	})
	want(ts, neg, err)
}

// cmdEditReview changes the text of somebody's last review: editreview WHO PULL TEXT
func cmdEditReview(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "editreview WHO PULL TEXT")
	p := playOf(ts)
	path := "/repos/" + stage.Repo + "/pulls/" + args[1] + "/reviews/" + strconv.FormatInt(p.reviews[args[0]], 10)
	want(ts, neg, p.As(args[0]).Do("PUT", path, map[string]string{"body": strings.Join(args[2:], " ")}, nil))
}

// cmdEditPull changes the text of a pull request: editpull WHO PULL TEXT
func cmdEditPull(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "editpull WHO PULL TEXT")
	text := strings.Join(args[2:], " ")
	want(ts, neg, playOf(ts).As(args[0]).EditPull(stage.Repo, num(ts, args[1]), map[string]any{"title": text, "body": text}))
}

// cmdReopen opens a closed pull request again: reopen WHO PULL
func cmdReopen(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "reopen WHO PULL")
	want(ts, neg, playOf(ts).As(args[0]).EditPull(stage.Repo, num(ts, args[1]), map[string]any{"state": "open"}))
}

// cmdOnUpdate says what "update branch" does to the commits of earlier reviews: onupdate keep|move|null
func cmdOnUpdate(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "onupdate keep|move|null")
	does, ok := map[string]githubtest.ReviewsOnUpdate{
		"keep": githubtest.KeepReviewCommits, "move": githubtest.MoveReviewCommits, "null": githubtest.NullReviewCommits,
	}[args[0]]
	if !ok {
		ts.Fatalf("onupdate: %s is not keep, move or null", args[0])
	}
	playOf(ts).SetReviewsOnUpdate(does)
}

// cmdReviewedCommit sees on which commit GitHub says somebody's last review was given: reviewedcommit WHO PULL REV|null
func cmdReviewedCommit(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "reviewedcommit WHO PULL REV|null")
	p := playOf(ts)
	for _, v := range p.Pull(stage.Repo, num(ts, args[1])).Reviews {
		if v.ID != p.reviews[args[0]] {
			continue
		}
		if want := strings.TrimPrefix(args[2], "null"); (v.Commit == want) == neg {
			ts.Fatalf("the review of %s is on %q", args[0], v.Commit)
		}
		return
	}
	ts.Fatalf("%s has not reviewed pull request %s", args[0], args[1])
}

// cmdWorkflow is what a workflow of the repository does with the token that it finds, as github-actions[bot]: workflow push BRANCH
// FILE…, workflow open BRANCH, workflow review PULL EVENT
func cmdWorkflow(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "workflow push BRANCH FILE… | workflow open BRANCH | workflow review PULL EVENT")
	p := playOf(ts)
	bot := p.WithToken(p.WorkflowToken(stage.Repo, map[string]string{"contents": "write", "pull_requests": "write"}))
	var err error
	switch args[0] {
	case "push":
		_, err = bot.PushFiles(stage.Repo, args[1], "", filesOf(ts, args[2:]), "Change "+strings.Join(args[2:], " "))
	case "open":
		_, err = bot.OpenPull(stage.Repo, args[1], "Request")
	case "review":
		need(ts, args, 3, "workflow review PULL EVENT")
		_, err = bot.Review(stage.Repo, num(ts, args[1]), args[2], "I have read it")
	default:
		ts.Fatalf("workflow: %s is not push, open or review", args[0])
	}
	want(ts, neg, err)
}

// idOf is the numeric id that a new account is to have; 0, the next free one, unless the arguments name it.
func idOf(ts *testscript.TestScript, args []string) int64 {
	if len(args) < 3 {
		return 0
	}
	return int64(num(ts, args[2]))
}
