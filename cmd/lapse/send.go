package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
)

// sender is somebody who asks: what request, extend and revoke know before they send anything.
type sender struct {
	*connected
	env      *environment
	asker    *asker
	now      time.Time
	url      string // of the repository, as people see it
	self     github.Account
	standing reconciler.Standing
	snap     *requests.Snapshot
}

func newSender(ctx context.Context, env *environment, c connection) (*sender, error) {
	conn, err := c.open(ctx, env)
	if err != nil {
		return nil, err
	}
	s := &sender{connected: conn, env: env, asker: env.asker(), now: env.now().UTC(), url: c.page(env, conn.repo)}
	if s.self, err = conn.forge.Self(ctx); err != nil {
		return nil, err
	}
	if s.standing, err = stand(ctx, conn, s.now); err != nil {
		return nil, err
	}
	s.snap, err = conn.gatherer.Snapshot(s.standing.Main)
	return s, err
}

// stand reads main and the ledger, with the keys that main trusts.
func stand(ctx context.Context, conn *connected, now time.Time) (reconciler.Standing, error) {
	main, err := conn.gatherer.FetchMain(ctx, conn.branch)
	if err != nil {
		return reconciler.Standing{}, err
	}
	reader, err := conn.reader(main.String())
	if err != nil {
		return reconciler.Standing{}, err
	}
	return reader.Standing(ctx, now)
}

// receipts are those of the ledger; none where there is no ledger yet.
func (s *sender) receipts() []ledger.Receipt {
	if s.standing.Book == nil {
		return nil
	}
	return s.standing.Book.Receipts()
}

// myself is the login under which people.yaml has whoever runs the command, else the one that GitHub says.
func (s *sender) myself() string {
	if p, ok := s.snap.Configuration.PersonByID(s.self.ID); ok {
		return p.Login
	}
	return s.self.Login
}

// proposal is one request to send: what becomes of one grant's file.
type proposal struct {
	verb  string // request, extend or revoke
	grant grants.Grant
	text  string // of the file; "": it goes
	why   string
}

func (p proposal) path() string { return p.grant.Path() }

// branchOf is the name of the branch that a request comes from, made of the id, which is safe in a branch but for its slashes.
func branchOf(verb, id string) string {
	const most = 150
	slug := strings.ReplaceAll(id, "/", "--")
	return "lapse/" + verb + "/" + strings.TrimRight(slug[:min(len(slug), most)], "._-")
}

// judge says what would become of the proposal, by the code that check judges with.
func (s *sender) judge(ctx context.Context, p proposal) (checks.Verdict, error) {
	before, err := s.gatherer.FileAt(s.standing.Main, p.path())
	if err != nil {
		return checks.Verdict{}, err
	}
	change := grants.FileChange{Path: p.path(), Before: before}
	if p.text != "" {
		change.After = &grants.File{Mode: gitrepo.ModeFile, Bytes: []byte(p.text)}
	}
	f, snap, err := s.gatherer.Unsent(ctx, s.standing.Main, s.self, []grants.FileChange{change},
		requests.Instant{Now: s.now, Live: s.standing.Live, Held: s.standing.Held}, s.standing.Unfit)
	if err != nil {
		return checks.Verdict{}, err
	}
	v := checks.Judge(ctx, f, snap.Policies)
	v.Head = ""
	return v, nil
}

// preview tells what would become of the proposal, and says whether to send it. A verdict that cannot be had now, because the token
// may not read a team for instance, is no reason not to ask: check judges it on the pull request.
func (s *sender) preview(ctx context.Context, p proposal, anyway bool) error {
	v, err := s.judge(ctx, p)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		fmt.Fprintf(s.env.err, "lapse: who must approve cannot be told here: %s\n", render.Text(err.Error()))
		return nil
	}
	o := render.TerminalOptions{Options: render.Options{Ends: ends(s.snap.Configuration)}, Color: s.env.terminal && s.env.getenv("NO_COLOR") == ""}
	if err := render.Unsent(s.env.err, v, o); err != nil {
		return err
	}
	if v.Outcome != checks.OutcomeDenied || anyway {
		return nil
	}
	if s.env.asks {
		yes, err := s.asker.confirm(ctx, "Send it all the same?", false)
		if err != nil || yes {
			return err
		}
	} else {
		fmt.Fprintln(s.env.err, "lapse: not sent; change what is denied, or send it all the same with --anyway")
	}
	return errRefused
}

// sent is a request that was sent.
type sent struct {
	Pull   int    `json:"pull"`
	URL    string `json:"url"`
	Grant  string `json:"grant"`
	Branch string `json:"branch"`
	Head   string `json:"head,omitempty"`
	Merged string `json:"merged,omitempty"` // commit
	Again  bool   `json:"again,omitempty"`  // it had been sent before
}

// maxBranches is how many branches of one name are tried, where others were left.
const maxBranches = 20

// send makes the branch and opens the pull request. Where the pull request cannot be opened the branch is taken away again, so that
// nothing half done is left; where that fails too, the error says what is there and how to go on.
func (s *sender) send(ctx context.Context, p proposal) (sent, error) {
	commit, err := s.git.Commit(s.standing.Main)
	if err != nil {
		return sent{}, err
	}
	title := render.RequestTitle(p.verb, p.grant)
	b := github.NewBranch{
		Parent: s.standing.Main.String(), Tree: commit.Tree.String(), Message: title + "\n\n" + p.why + "\n", Files: map[string]string{p.path(): p.text},
	}
	want := branchOf(p.verb, p.grant.ID)
	for n := 1; n <= maxBranches; n++ {
		if b.Name = want; n > 1 {
			b.Name = fmt.Sprintf("%s-%d", want, n)
		}
		out := sent{Grant: p.grant.ID, Branch: b.Name}
		out.Head, err = s.forge.MakeBranch(ctx, s.repo, b)
		if err == nil {
			return s.openPull(ctx, out, title, p)
		}
		if !errors.Is(err, github.ErrBranchExists) {
			return sent{}, err
		}
		number, mine, err := s.sentBefore(ctx, b.Name, p)
		if err != nil {
			return sent{}, err
		}
		if mine {
			return sent{Pull: number, URL: s.pullURL(number), Grant: p.grant.ID, Branch: b.Name, Again: true}, nil
		}
	}
	return sent{}, fmt.Errorf("make a branch: %s and %d more of that name are there without a pull request; delete those that nobody needs", want, maxBranches-1)
}

// sentBefore says whether the branch has an open pull request by which this very person asked for this before. The names of branches are
// known to all, and whoever may push can put another request there to stand for one that is then never sent.
func (s *sender) sentBefore(ctx context.Context, branch string, p proposal) (number int, mine bool, err error) {
	number, open, err := s.forge.FindPull(ctx, s.repo, branch, s.branch)
	if err != nil || !open {
		return 0, false, err
	}
	pull, err := s.forge.Pull(ctx, s.repo, number)
	if err != nil || pull.Author.ID != s.self.ID {
		return 0, false, err
	}
	if err := s.git.FetchHash(ctx, gitrepo.NewHash(pull.HeadSHA)); err != nil {
		return 0, false, err
	}
	now, err := s.gatherer.FileAt(gitrepo.NewHash(pull.HeadSHA), p.path())
	return number, (now == nil) == (p.text == ""), err
}

func (s *sender) openPull(ctx context.Context, out sent, title string, p proposal) (sent, error) {
	number, err := s.forge.OpenPull(ctx, s.repo, out.Branch, s.branch, title, render.RequestBody(p.verb, p.why, p.path()))
	if err == nil {
		out.Pull, out.URL = number, s.pullURL(number)
		return out, nil
	}
	// Whoever stops the program here must not be left with half of it either.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if gone := s.forge.DeleteBranch(ctx, s.repo, out.Branch); gone != nil {
		return sent{}, fmt.Errorf("%w\nthe branch %s is there with %s on it, and could not be deleted: %w\nopen a pull request from it at %s/compare/%s...%s, or delete it",
			err, out.Branch, p.path(), gone, s.url, s.branch, out.Branch)
	}
	return sent{}, fmt.Errorf("%w\nnothing is left of it: the branch %s is deleted again", err, out.Branch)
}

func (s *sender) pullURL(number int) string { return fmt.Sprintf("%s/pull/%d", s.url, number) }

// page is the repository's address for people.
func (c connection) page(env *environment, repo github.Repo) string {
	return strings.TrimSuffix(c.server(env), "/") + "/" + repo.String()
}

// tellSent says what was sent.
func tellSent(env *environment, out sent, asJSON bool) error {
	if asJSON {
		return printJSON(env.out, out)
	}
	_, err := fmt.Fprintf(env.out, "%s\n", render.Text(out.URL))
	return err
}
