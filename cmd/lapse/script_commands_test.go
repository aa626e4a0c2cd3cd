package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

type command = func(ts *testscript.TestScript, neg bool, args []string)

// scriptCommands are what people do on the stage. With `!` before it, GitHub must refuse.
//
//	push WHO BRANCH FILE…             commit files of the script (the part of the path after the first /) and push; -FILE deletes
//	forcepush WHO BRANCH REV          move a branch to a commit it had
//	open WHO BRANCH [BASE]            open a pull request
//	review WHO PULL APPROVE|REQUEST_CHANGES|COMMENT [TEXT]
//	reviewcommit WHO PULL REV APPROVE
//	dismiss WHO PULL WHOSE            dismiss somebody's last review
//	merge WHO PULL METHOD             merge|squash|rebase; also: updatebranch WHO PULL, deletebranch WHO BRANCH, label WHO PULL NAME
//	status WHO BRANCH CONTEXT STATE   set a commit status
//	comment WHO PULL TEXT             comment on a pull request
//	rev NAME BRANCH                   remember a branch's commit in $NAME
//	advance DURATION                  let time pass
//	team TEAM add|remove|invite WHO   change a team; team TEAM below PARENT makes one
//	account new|bot WHO [ID]          somebody new; also: account delete|suspend|restore WHO, account rename WHO TO
//	fail METHOD PATH STATUS [COUNT]   let the API fail
//	holds ENTITLEMENT WHO             the target shows it: team:prod-oncall, vault:orders-db-readonly
//	receipts KIND N                   the ledger holds so many receipts of the kind
//	exitcode N COMMAND…               run a command and want the exit code
//	pullcomment PULL REGEXP           the comment of Lapse on a pull request matches
func scriptCommands() map[string]command {
	return map[string]command{
		"push": cmdPush, "forcepush": cmdForcePush, "open": cmdOpen, "review": cmdReview, "reviewcommit": cmdReviewCommit,
		"dismiss": cmdDismiss, "merge": cmdMerge, "updatebranch": cmdUpdateBranch, "deletebranch": cmdDeleteBranch, "label": cmdLabel,
		"status": cmdStatus, "comment": cmdComment, "rev": cmdRev, "advance": cmdAdvance, "team": cmdTeam, "account": cmdAccount,
		"fail": cmdFail, "holds": cmdHolds, "receipts": cmdReceipts, "exitcode": cmdExitCode, "pullcomment": cmdPullComment,
	}
}

// join is all commands of several lists, in which each has a name of its own.
func join(lists ...map[string]command) map[string]command {
	all := map[string]command{}
	for _, list := range lists {
		for name, run := range list {
			if all[name] != nil {
				panic("two commands of the scripts are named " + name)
			}
			all[name] = run
		}
	}
	return all
}

// want fails the script unless the error is as expected.
func want(ts *testscript.TestScript, neg bool, err error) {
	switch {
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("GitHub took it, and should have refused")
	case err != nil:
		ts.Logf("%v", err)
	}
}

func need(ts *testscript.TestScript, args []string, least int, form string) {
	if len(args) < least {
		ts.Fatalf("usage: %s", form)
	}
}

func num(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func filesOf(ts *testscript.TestScript, names []string) map[string]string {
	files := map[string]string{}
	for _, n := range names {
		if gone, ok := strings.CutPrefix(n, "-"); ok {
			files[gone] = ""
			continue
		}
		_, path, ok := strings.Cut(n, "/")
		if !ok {
			ts.Fatalf("file %q: want a folder of the script before the path in the repository", n)
		}
		files[path] = ts.ReadFile(n)
	}
	return files
}

func cmdPush(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "push WHO BRANCH FILE…")
	p := playOf(ts)
	_, err := p.As(args[0]).PushFiles(stage.Repo, args[1], "", filesOf(ts, args[2:]), "Change "+strings.Join(args[2:], " "))
	want(ts, neg, err)
}

func cmdForcePush(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "forcepush WHO BRANCH REV")
	want(ts, neg, playOf(ts).As(args[0]).ForcePush(stage.Repo, args[1], args[2]))
}

func cmdOpen(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "open WHO BRANCH [BASE]")
	base := "main"
	if len(args) > 2 {
		base = args[2]
	}
	_, err := playOf(ts).As(args[0]).OpenPullInto(stage.Repo, base, args[1], "Request")
	want(ts, neg, err)
}

func cmdReview(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "review WHO PULL EVENT [TEXT]")
	cmdReviewCommit(ts, neg, append([]string{args[0], args[1], ""}, args[2:]...))
}

func cmdReviewCommit(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 4, "reviewcommit WHO PULL REV EVENT [TEXT]")
	p := playOf(ts)
	text := "I have read it"
	if len(args) > 4 {
		text = strings.Join(args[4:], " ")
	}
	id, err := p.As(args[0]).ReviewCommit(stage.Repo, num(ts, args[1]), args[2], args[3], text)
	if err == nil {
		p.reviews[args[0]] = id
	}
	want(ts, neg, err)
}

func cmdDismiss(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "dismiss WHO PULL WHOSE")
	p := playOf(ts)
	want(ts, neg, p.As(args[0]).DismissReview(stage.Repo, num(ts, args[1]), p.reviews[args[2]], "No longer"))
}

func cmdMerge(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "merge WHO PULL METHOD")
	_, err := playOf(ts).As(args[0]).Merge(stage.Repo, num(ts, args[1]), args[2])
	want(ts, neg, err)
}

func cmdUpdateBranch(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "updatebranch WHO PULL")
	want(ts, neg, playOf(ts).As(args[0]).UpdateBranch(stage.Repo, num(ts, args[1])))
}

func cmdDeleteBranch(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "deletebranch WHO BRANCH")
	want(ts, neg, playOf(ts).As(args[0]).DeleteBranch(stage.Repo, args[1]))
}

func cmdLabel(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "label WHO PULL NAME")
	want(ts, neg, playOf(ts).As(args[0]).Label(stage.Repo, num(ts, args[1]), args[2]))
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 4, "status WHO BRANCH CONTEXT STATE")
	p := playOf(ts)
	want(ts, neg, p.As(args[0]).SetStatus(stage.Repo, p.Branch(stage.Repo, args[1]), args[2], args[3]))
}

func cmdComment(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "comment WHO PULL TEXT")
	_, err := playOf(ts).As(args[0]).Comment(stage.Repo, num(ts, args[1]), strings.Join(args[2:], " "))
	want(ts, neg, err)
}

func cmdRev(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "rev NAME BRANCH")
	ts.Setenv(args[0], playOf(ts).Branch(stage.Repo, args[1]))
}

func cmdAdvance(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "advance DURATION")
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	playOf(ts).Advance(d)
}

func cmdTeam(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 3, "team TEAM add|remove|invite WHO")
	p := playOf(ts)
	switch args[1] {
	case "add":
		p.AddMember(stage.Org, args[0], args[2], "active")
	case "invite":
		p.AddMember(stage.Org, args[0], args[2], "pending")
	case "remove":
		p.RemoveMember(stage.Org, args[0], args[2])
	case "below":
		p.AddTeam(stage.Org, args[0], args[2])
	default:
		ts.Fatalf("team: %s is not add, remove, invite or below", args[1])
	}
}

func cmdAccount(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "account new|bot|rename|delete|suspend|restore WHO [TO|ID]")
	p := playOf(ts)
	switch args[0] {
	case "new":
		p.AddUser(args[1], githubtest.User{ID: idOf(ts, args)})
		p.AddOrgMember(stage.Org, args[1])
		p.AddCollaborator(stage.Repo, args[1], "push")
	case "bot":
		p.AddUser(args[1], githubtest.User{ID: idOf(ts, args), Bot: true})
		p.AddCollaborator(stage.Repo, args[1], "push")
	case "rename":
		p.RenameUser(args[1], args[2])
	case "delete":
		p.DeleteUser(args[1])
	case "suspend":
		p.SuspendUser(args[1])
	case "restore":
		p.UnsuspendUser(args[1])
	default:
		ts.Fatalf("account: %s is not new, bot, rename, delete, suspend or restore", args[0])
	}
}

func cmdHolds(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "holds ENTITLEMENT WHO")
	p := playOf(ts)
	kind, name, _ := strings.Cut(args[0], ":")
	var held bool
	switch kind {
	case "team":
		held = slices.Contains(append(p.Members(stage.Org, name), p.Invited(stage.Org, name)...), args[1])
	case "vault":
		b, err := os.ReadFile(p.Vault)
		if err != nil && !os.IsNotExist(err) {
			ts.Fatalf("%v", err)
		}
		entry := regexp.MustCompile(`(?s)"` + regexp.QuoteMeta(name) + `": \[[^\]]*"account": "` + regexp.QuoteMeta(args[1]) + `"`)
		held = entry.Match(b)
	default:
		ts.Fatalf("holds: %s is not team:NAME or vault:NAME", args[0])
	}
	if held == neg {
		ts.Fatalf("%s holds %s: %v", args[1], args[0], held)
	}
}

func cmdReceipts(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "receipts KIND N")
	found := receiptFiles(ts, args[0])
	if len(found) != num(ts, args[1]) {
		ts.Fatalf("%d receipts of kind %s, want %s: %v", len(found), args[0], args[1], found)
	}
}

// receiptFiles lists the ledger with stock git.
func receiptFiles(ts *testscript.TestScript, kind string) []string {
	ts.Check(ts.Exec("git", "--git-dir", ts.Getenv("REPO"), "ls-tree", "-r", "--name-only", "lapse-ledger"))
	var found []string
	for _, line := range strings.Fields(ts.ReadFile("stdout")) {
		if strings.HasSuffix(line, "-"+kind+".json") {
			found = append(found, line)
		}
	}
	return found
}

func cmdPullComment(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "pullcomment PULL REGEXP")
	var ours []string
	for _, c := range playOf(ts).Pull(stage.Repo, num(ts, args[0])).Comments {
		if c.Author == stage.Bot {
			ours = append(ours, c.Body)
		}
	}
	if len(ours) != 1 {
		ts.Fatalf("%d comments of Lapse on pull request %s, want one", len(ours), args[0])
	}
	if regexp.MustCompile(args[1]).MatchString(ours[0]) == neg {
		ts.Fatalf("the comment is\n%s", ours[0])
	}
}

func cmdFail(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 3, "fail METHOD PATH STATUS [COUNT]")
	f := githubtest.Failure{Method: args[0], Path: args[1], Status: num(ts, args[2])}
	if len(args) > 3 {
		f.Times = num(ts, args[3])
	}
	playOf(ts).Fail(f)
}

func cmdExitCode(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "exitcode N COMMAND…")
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != num(ts, args[0]) {
		ts.Fatalf("exit code %d, want %s: %s%s", got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}
