package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// requestCommands are what people who ask do, and what they look at.
//
//	become WHO                        the command acts with WHO's token and cache from here on; nobody: with no token
//	issue WHO FILE                    open an issue with the file's text
//	editissue WHO NUMBER FILE         change its text
//	issuecomment NUMBER REGEXP        the one comment of Lapse on an issue matches
//	pullcount N                       there are so many pull requests
//	awaitpull N                       wait until pull request N was opened by a command in the background
//	branches REGEXP                   a branch has a name that matches
//	workingcopy FOLDER REMOTE         a folder with git's remote origin
func requestCommands() map[string]command {
	return map[string]command{
		"become": cmdBecome, "issue": cmdIssue, "editissue": cmdEditIssue, "issuecomment": cmdIssueComment,
		"pullcount": cmdPullCount, "branches": cmdBranches, "workingcopy": cmdWorkingCopy, "awaitpull": cmdAwaitPull,
	}
}

func cmdBecome(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "become WHO")
	token := ""
	if args[0] != "nobody" {
		token = playOf(ts).Token(args[0])
	}
	ts.Setenv("LAPSE_TOKEN", token)
	ts.Setenv("XDG_CACHE_HOME", ts.MkAbs(".cache-"+args[0])) // everybody sits at a machine of their own
}

func cmdIssue(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "issue WHO FILE")
	body := map[string]any{"title": "Access", "body": strings.TrimSuffix(ts.ReadFile(args[1]), "\n")}
	want(ts, neg, playOf(ts).As(args[0]).Do(http.MethodPost, "/repos/"+stage.Repo+"/issues", body, nil))
}

func cmdEditIssue(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "editissue WHO NUMBER FILE")
	body := map[string]any{"body": ts.ReadFile(args[2])}
	want(ts, neg, playOf(ts).As(args[0]).Do(http.MethodPatch, "/repos/"+stage.Repo+"/issues/"+args[1], body, nil))
}

func cmdIssueComment(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "issuecomment NUMBER REGEXP")
	var ours []string
	for _, c := range playOf(ts).Comments(stage.Repo, num(ts, args[0])) {
		if c.Author == stage.Bot {
			ours = append(ours, c.Body)
		}
	}
	if len(ours) != 1 {
		ts.Fatalf("%d comments of Lapse on issue %s, want one", len(ours), args[0])
	}
	if regexp.MustCompile(args[1]).MatchString(ours[0]) == neg {
		ts.Fatalf("the comment is\n%s", ours[0])
	}
}

func cmdPullCount(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "pullcount N")
	if got := len(playOf(ts).Pulls(stage.Repo)); got != num(ts, args[0]) {
		ts.Fatalf("%d pull requests, want %s", got, args[0])
	}
}

func cmdBranches(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 1, "branches REGEXP")
	ts.Check(ts.Exec("git", "--git-dir", ts.Getenv("REPO"), "for-each-ref", "--format=%(refname:short)", "refs/heads/"))
	found := ts.ReadFile("stdout")
	if regexp.MustCompile("(?m)"+args[0]).MatchString(found) == neg {
		ts.Fatalf("the branches are\n%s", found)
	}
}

func cmdWorkingCopy(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "workingcopy FOLDER REMOTE")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for _, a := range [][]string{{"init", "-q", dir}, {"-C", dir, "remote", "add", "origin", args[1]}} {
		if err := ts.Exec("git", a...); err != nil {
			ts.Fatalf("%v", fmt.Errorf("git %v: %w", a, err))
		}
	}
}

func cmdAwaitPull(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "awaitpull N")
	for end := time.Now().Add(time.Minute); !slices.Contains(playOf(ts).Pulls(stage.Repo), num(ts, args[0])); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("pull request %s was never opened", args[0])
		}
	}
}
