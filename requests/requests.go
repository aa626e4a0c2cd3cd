// Package requests gathers everything there is to know about a request, from git and from the forge, into [checks.Facts],
// and asks for the verdict. It is the one way by which `check`, `reconcile` and `verify` come to a verdict, so they cannot
// differ. It holds no rule of its own but these, which concern what was gathered and not what is allowed:
//
//   - A request is the difference between the main branch before and after it, never what a branch claims to change.
//   - Configuration comes from the base commit; of the head only changed files are read, as data.
//   - What could not be looked up is an error, never an empty answer.
package requests

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Forge is what is asked of GitHub. Every method returns all pages or an error.
type Forge interface {
	Pull(ctx context.Context, repo github.Repo, number int) (github.Pull, error)
	Reviews(ctx context.Context, repo github.Repo, number int) ([]github.Review, error)
	Pushes(ctx context.Context, repo github.Repo, ref string) ([]github.Push, error)
	NewestPushes(ctx context.Context, repo github.Repo, ref string) (list []github.Push, all bool, err error)
	Rewinds(ctx context.Context, repo github.Repo, ref string) ([]github.Push, error)
	PushesSince(ctx context.Context, repo github.Repo, ref string, id int64) ([]github.Push, error)
	RepositoryID(ctx context.Context, repo github.Repo) (int64, error)
	BaseMoves(ctx context.Context, repo github.Repo, number int, base string, opened time.Time) ([]time.Time, error)
	PullsOf(ctx context.Context, repo github.Repo, sha string) ([]int, error)
	TeamMembers(ctx context.Context, org, slug string) ([]github.Account, error)
	ParentTeam(ctx context.Context, org, slug string) (string, bool, error)
	User(ctx context.Context, login string) (github.Account, bool, error)
	UserByID(ctx context.Context, id int64) (github.Account, bool, error)
}

// Gatherer gathers facts about the requests of one access repository. It is used by one goroutine at a time.
type Gatherer struct {
	Git   *gitrepo.Repo
	Forge Forge
	Repo  github.Repo
	Types grants.Types

	// Pull and Reviews are what the last Open read, for whoever has something to say to it.
	Pull    github.Pull
	Reviews []github.Review

	id        int64                      // of the repository, once it was asked
	branch    string                     // that main is, as FetchMain was told
	snapshots map[gitrepo.Hash]*Snapshot // by commit

	configurations map[string]*Snapshot // by the names and entries of their roots; without commit
	teams          map[grants.Party]checks.Team
	above          map[string][]string        // teams that a team lies in
	accounts       map[string]*checks.Account // nil: no such account
	approvers      map[int64]checks.Account   // as they stand now
}

// References of the local mirror. They are the gatherer's own; nothing on the forge moves them but a fetch.
const (
	refMain = "refs/lapse/main"
	refHead = "refs/lapse/pull"
)

// FetchMain brings the main branch up to date and returns its tip.
func (g *Gatherer) FetchMain(ctx context.Context, branch string) (gitrepo.Hash, error) {
	g.branch = branch
	if err := g.Git.Fetch(ctx, "+refs/heads/"+branch+":"+refMain); err != nil {
		return gitrepo.Hash{}, fmt.Errorf("fetch branch %s of %s: %w", branch, g.Repo, err)
	}
	tip, ok, err := g.Git.Ref(refMain)
	if err != nil {
		return gitrepo.Hash{}, err
	}
	if !ok {
		return gitrepo.Hash{}, fmt.Errorf("branch %s of %s: not there after a fetch", branch, g.Repo)
	}
	return tip, nil
}

// ID is the forge's numeric id of the access repository. The forge is asked once.
func (g *Gatherer) ID(ctx context.Context) (int64, error) {
	if g.id != 0 {
		return g.id, nil
	}
	id, err := g.Forge.RepositoryID(ctx, g.Repo)
	if err == nil {
		g.id = id
	}
	return id, err
}

// LiveOf tells the live and coming grants of a user, by login.
type LiveOf func(user string) ([]checks.LiveGrant, error)

// errNotFetched says that the forge's answer and its git disagree, as they do for a moment after a push.
var errNotFetched = errors.New("the forge's git does not hold yet what its API tells of")

// Open gathers the facts of an open pull request against the tip of the main branch. unfit are reasons that forbid any
// approval whatever the request says, such as a ledger that does not verify.
func (g *Gatherer) Open(ctx context.Context, number int, main gitrepo.Hash, at Instant, unfit []checks.Reason) (checks.Facts, *Snapshot, error) {
	pull, err := g.Forge.Pull(ctx, g.Repo, number)
	if err != nil {
		return checks.Facts{}, nil, err
	}
	g.Pull, g.Reviews = pull, nil
	head, err := g.fetchHead(ctx, pull)
	if err != nil {
		return checks.Facts{}, nil, err
	}
	snap, err := g.Snapshot(main)
	if err != nil {
		return checks.Facts{}, nil, err
	}
	facts := checks.Facts{
		Now: at.Now, Configuration: snap.Configuration, Repository: g.Repo.String(), Guards: g.guards(snap, g.Repo.String(), nil),
		Pull: pullFacts(pull), Unjudgeable: unfit, Held: at.Held,
	}
	change, reasons, err := g.proposed(main, head)
	if err != nil {
		return checks.Facts{}, nil, err
	}
	facts.Unjudgeable = append(facts.Unjudgeable, reasons...)
	if err := g.proposedConfiguration(&facts, snap, head, change); err != nil {
		return checks.Facts{}, nil, err
	}
	g.known(pull.Author)
	return facts, snap, g.complete(ctx, &facts, snap, pull, head, change, at.Live)
}

// complete fills in what depends on the difference: the request, who reviewed and pushed these bytes, and who the people are.
func (g *Gatherer) complete(ctx context.Context, f *checks.Facts, snap *Snapshot, pull github.Pull, head gitrepo.Hash, change []gitrepo.Change, live LiveOf) error {
	if err := g.request(f, snap, change); err != nil {
		return err
	}
	if err := g.provenance(ctx, f, snap.Commit, pull, head, change); err != nil {
		return err
	}
	if err := g.addGuards(ctx, f, snap); err != nil {
		return err
	}
	return g.people(ctx, f, snap, live)
}

// fetchHead brings the commits of a pull request, which the forge keeps after its branch is gone.
func (g *Gatherer) fetchHead(ctx context.Context, pull github.Pull) (gitrepo.Hash, error) {
	want := gitrepo.NewHash(pull.HeadSHA)
	if g.Git.Has(want) {
		return want, nil
	}
	if err := g.Git.Fetch(ctx, fmt.Sprintf("+refs/pull/%d/head:%s/%d", pull.Number, refHead, pull.Number)); err != nil {
		return gitrepo.Hash{}, fmt.Errorf("fetch the commits of pull request %d: %w", pull.Number, err)
	}
	if !g.Git.Has(want) {
		return gitrepo.Hash{}, fmt.Errorf("pull request %d at %s: %w; run again in a moment", pull.Number, pull.HeadSHA, errNotFetched)
	}
	return want, nil
}

func pullFacts(p github.Pull) *checks.Pull {
	out := &checks.Pull{
		Number: p.Number, Author: account(p.Author), Base: p.BaseRef, HeadRef: p.HeadRef, Head: p.HeadSHA,
		Fork: p.Fork, Draft: p.Draft, Closed: p.State == "closed" && !p.Merged, Labels: p.Labels, CreatedAt: p.CreatedAt,
	}
	if p.Merged {
		out.Merge = &checks.Merge{Commit: p.MergeCommit, At: p.MergedAt, By: account(p.MergedBy)}
	}
	return out
}

func account(a github.Account) checks.Account {
	if a.Deleted {
		return checks.Account{Login: a.Login}
	}
	return checks.Account{Login: a.Login, ID: a.ID, Bot: a.Bot, Suspended: a.Suspended}
}

// LastMain is the tip of main as it was last fetched.
func (g *Gatherer) LastMain() (gitrepo.Hash, bool, error) { return g.Git.Ref(refMain) }

// Bring fetches a commit that main may have lost, with its history. The forge keeps what was pushed to it for a long time.
func (g *Gatherer) Bring(ctx context.Context, commit string) error {
	return g.Git.FetchHash(ctx, gitrepo.NewHash(commit))
}

// TrustAt reads the verifiers under .lapse/trust at a commit.
func (g *Gatherer) TrustAt(commit string) (ledger.Verifiers, error) {
	files, err := g.Git.FS(gitrepo.NewHash(commit))
	if err != nil {
		return nil, fmt.Errorf("read .lapse/trust at %s: %w", commit, err)
	}
	vs, problems := ledger.LoadVerifiers(files)
	var errs []error
	for _, p := range problems {
		errs = append(errs, p)
	}
	return vs, errors.Join(errs...)
}
