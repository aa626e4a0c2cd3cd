package main

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// forgeCommands are what else people do at the forge:
//
//	retarget WHO PULL BASE            change the base of a pull request
//	closepull WHO PULL                close it without a merge
//	pulls HEAD N                      so many open pull requests come from the branch
//	reviews WHO PULL EVENT N          so many reviews, one after the other
//	draftreview WHO PULL              begin a review that nobody else sees; submitreview WHO PULL EVENT submits it
//	drafts WHO BRANCH N FILE          push a file so many times, each time with other bytes
//	copies WHO BRANCH N FILE FILE…    push so many copies of the first file, each under another name, with the others
//	mergecommit WHO BRANCH REV FILE…  push a merge of REV into the branch by hand, with whatever files one likes
//	protect on|admins|off [CONTEXT…]  demand pull requests and green checks on main: of all who are no administrators, of all, of none
//	truncate METHOD PATH BYTES        from now on the API answers so many bytes and no more
//	answer METHOD PATH STATUS BODY    from now on the API answers this
//	later METHOD PATH STATUS N        the first N answers are whole, the ones after them this error
//	mend                              the API works again
//	lag N                             from now on reads see a merge only after so many of them; 0: all catch up
//	computing N                       from now on mergeable is null for so many reads
//	crowd TEAM N                      so many members more, whom GitHub lists first
func forgeCommands() map[string]command {
	return map[string]command{
		"retarget": cmdRetarget, "closepull": cmdClosePull, "pulls": cmdPulls, "reviews": cmdReviews, "draftreview": cmdDraftReview,
		"submitreview": cmdSubmitReview, "drafts": cmdDrafts, "copies": cmdCopies, "mergecommit": cmdMergeCommit,
		"protect": cmdProtect, "truncate": cmdTruncate, "answer": cmdAnswer, "mend": cmdMend, "later": cmdLater, "lag": cmdLag, "computing": cmdComputing, "crowd": cmdCrowd,
	}
}

func cmdRetarget(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "retarget WHO PULL BASE")
	want(ts, neg, playOf(ts).As(args[0]).EditPull(stage.Repo, num(ts, args[1]), map[string]any{"base": args[2]}))
}

func cmdClosePull(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "closepull WHO PULL")
	want(ts, neg, playOf(ts).As(args[0]).ClosePull(stage.Repo, num(ts, args[1])))
}

func cmdPulls(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "pulls HEAD N")
	p := playOf(ts)
	var open []int
	for _, n := range p.Pulls(stage.Repo) {
		if pull := p.Pull(stage.Repo, n); pull.State == "open" && pull.HeadRef == args[0] {
			open = append(open, n)
		}
	}
	if len(open) != num(ts, args[1]) {
		ts.Fatalf("open from %s: %v, want %s", args[0], open, args[1])
	}
}

func cmdReviews(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 4, "reviews WHO PULL EVENT N")
	for range num(ts, args[3]) {
		cmdReview(ts, neg, args[:3])
	}
}

func cmdDraftReview(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "draftreview WHO PULL")
	p := playOf(ts)
	id, err := p.As(args[0]).ReviewCommit(stage.Repo, num(ts, args[1]), "", "", "")
	p.reviews[args[0]] = id
	want(ts, neg, err)
}

func cmdSubmitReview(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "submitreview WHO PULL EVENT")
	p := playOf(ts)
	path := fmt.Sprintf("/repos/%s/pulls/%s/reviews/%d/events", stage.Repo, args[1], p.reviews[args[0]])
	want(ts, neg, p.As(args[0]).Do("POST", path, map[string]string{"event": args[2]}, nil))
}

func cmdDrafts(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 4, "drafts WHO BRANCH N FILE")
	for i := range num(ts, args[2]) {
		files := filesOf(ts, args[3:])
		for path := range files {
			files[path] += fmt.Sprintf("# draft %d\n", i+1)
		}
		_, err := playOf(ts).As(args[0]).PushFiles(stage.Repo, args[1], "", files, "Draft")
		want(ts, neg, err)
	}
}

func cmdCopies(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 4, "copies WHO BRANCH N FILE FILE…")
	files := filesOf(ts, args[4:])
	for path, text := range filesOf(ts, args[3:4]) {
		for i := range num(ts, args[2]) {
			files[strings.TrimSuffix(path, ".yaml")+fmt.Sprintf("-%03d.yaml", i+1)] = text
		}
	}
	_, err := playOf(ts).As(args[0]).PushFiles(stage.Repo, args[1], "", files, "Many")
	want(ts, neg, err)
}

func cmdMergeCommit(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "mergecommit WHO BRANCH REV FILE…")
	_, err := playOf(ts).As(args[0]).Push(stage.Repo, args[1], githubtest.Commit{
		Base: args[1], Parents: args[2:3], Files: filesOf(ts, args[3:]), Message: "Merge pull request",
	})
	want(ts, neg, err)
}

func cmdProtect(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "protect on|admins|off [CONTEXT…]")
	if args[0] == "off" {
		playOf(ts).Protect(stage.Repo, "main", nil)
		return
	}
	rules := &githubtest.Protection{RequirePull: true, EnforceAdmins: args[0] == "admins"}
	for _, context := range args[1:] {
		rules.RequiredChecks = append(rules.RequiredChecks, githubtest.RequiredCheck{Context: context})
	}
	playOf(ts).Protect(stage.Repo, "main", rules)
}

func cmdTruncate(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 3, "truncate METHOD PATH BYTES")
	playOf(ts).fault(githubtest.Failure{Method: args[0], Path: args[1], Keep: num(ts, args[2]), Times: -1})
}

func cmdAnswer(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 4, "answer METHOD PATH STATUS BODY")
	playOf(ts).fault(githubtest.Failure{Method: args[0], Path: args[1], Status: num(ts, args[2]), Body: args[3], Times: -1})
}

func cmdLater(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 4, "later METHOD PATH STATUS N")
	playOf(ts).fault(githubtest.Failure{Method: args[0], Path: args[1], Status: num(ts, args[2]), Skip: num(ts, args[3]), Times: -1})
}

func cmdLag(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "lag N")
	playOf(ts).SetReadLag(num(ts, args[0]))
}

func cmdComputing(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "computing N")
	playOf(ts).SetMergeableAfter(num(ts, args[0]))
}

func cmdCrowd(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "crowd TEAM N")
	p := playOf(ts)
	for i := range num(ts, args[1]) {
		login := fmt.Sprintf("acme-%03d", i+1)
		p.AddUser(login, githubtest.User{})
		p.AddMember(stage.Org, args[0], login, "active")
	}
}

// fault lasts until mend.
func (p *play) fault(f githubtest.Failure) { p.mend = append(p.mend, p.Fail(f)) }

func cmdMend(ts *testscript.TestScript, _ bool, _ []string) {
	p := playOf(ts)
	for _, remove := range p.mend {
		remove()
	}
	p.mend = nil
}
