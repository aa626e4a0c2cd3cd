package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

// statusName is the context of our commit status and the name of our check run.
const statusName = "lapse"

// GitHub's bounds, beyond which it answers 422. It says characters and does not say which, so all but the comment's are
// taken as bytes.
const (
	maxDescription = 140   // of a status
	maxComment     = 65536 // characters
	maxSummary     = 65535 // of a check run, and of the text of an annotation
	maxTitle       = 255
)

// Publication is what a pull request is to show of a verdict.
type Publication struct {
	Number      int
	Head        string // SHA that the verdict is about
	State       string // success, pending, failure or error
	Description string // one line; cut after 140 bytes
	TargetURL   string // "" or where the status links to

	Comment string // markdown, escaped by the caller, at most 65,000 characters; "": no comment is made or changed
	Marker  string // letters, digits and hyphens; tells our comment from others by the same account

	Summary     string // markdown of the check run, escaped by the caller
	Annotations []Annotation

	// Pull and Reviews are what was read of the pull request for the verdict; nil: they are read again.
	Pull    *Pull
	Reviews []Review

	Reviewers     []string // logins to ask for a review
	TeamReviewers []string // slugs of teams of the repository's owner
}

// Annotation is a remark of the check run on a line of a file.
type Annotation struct {
	Path  string
	Line  int    // from 1; 0: the file as a whole
	Level string // notice, warning or failure
	Title string
	Text  string // plain
}

// Publish makes the pull request show p, and writes nothing that it shows already. The parts (status, check run, comment,
// requests for review) are independent: every one is tried, and the errors are joined.
func (c *Client) Publish(ctx context.Context, r Repo, p Publication) error {
	if err := p.check(r); err != nil {
		return fmt.Errorf("publish on %s#%d: %w", r, p.Number, err)
	}
	return errors.Join(
		c.publishStatus(ctx, r, p),
		c.publishCheckRun(ctx, r, p),
		c.publishComment(ctx, r, p),
		c.requestReviews(ctx, r, p),
	)
}

var (
	states  = []string{"success", "pending", "failure", "error"}
	levels  = []string{"notice", "warning", "failure"}
	markers = regexp.MustCompile(`^[a-zA-Z0-9-]{1,40}$`)
)

func (p Publication) check(r Repo) error {
	if err := checkPull(r, p.Number); err != nil {
		return err
	}
	if err := names.SHA(p.Head); err != nil {
		return err
	}
	if !slices.Contains(states, p.State) {
		return fmt.Errorf("unknown state %q", p.State)
	}
	if p.Comment != "" && !markers.MatchString(p.Marker) {
		return fmt.Errorf("the marker %q is not made of letters, digits and hyphens", p.Marker)
	}
	for _, a := range p.Annotations {
		if a.Path == "" || a.Line < 0 || !slices.Contains(levels, a.Level) {
			return fmt.Errorf("an annotation has no path, the line %d or the level %q", a.Line, a.Level)
		}
	}
	for _, login := range p.Reviewers {
		if err := names.Login(login); err != nil {
			return err
		}
	}
	for _, slug := range p.TeamReviewers {
		if err := names.TeamSlug(slug); err != nil {
			return err
		}
	}
	return nil
}

// publishStatus sets the commit status, unless the newest one of our name says the same and is our own: anyone who may push
// can set a status.
func (c *Client) publishStatus(ctx context.Context, r Repo, p Publication) error {
	description := plain(p.Description, maxDescription)
	now, err := c.statusNow(ctx, r, p.Head)
	if err != nil {
		return err
	}
	// That it links to an earlier run which said the same is no reason to set it again.
	if now.GetState() == p.State && now.GetDescription() == description && c.isSelf(ctx, now.GetCreator()) {
		return nil
	}
	_, _, err = c.api.Repositories.CreateStatus(once(ctx, "repos", r.Owner, r.Name, "statuses", p.Head), r.Owner, r.Name, p.Head, &gh.RepoStatus{
		State: &p.State, Description: &description, TargetURL: optional(p.TargetURL), Context: gh.String(statusName),
	})
	return c.explain(err, "the token needs `statuses: write`", "set the status of %s in %s", p.Head, r)
}

// statusNow is the newest status of our name; nil: there is none. GitHub lists the newest first.
func (c *Client) statusNow(ctx context.Context, r Repo, sha string) (*gh.RepoStatus, error) {
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "commits", sha, "statuses")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.RepoStatus, *gh.Response, error) {
		return c.api.Repositories.ListStatuses(ctx, r.Owner, r.Name, sha, &o)
	})
	if err != nil {
		return nil, c.explain(err, hintRepo, "read the statuses of %s in %s", sha, r)
	}
	for _, s := range list {
		if s.GetContext() == statusName {
			return s, nil
		}
	}
	return nil, nil
}

// isSelf says whether an account is certainly the token's own.
func (c *Client) isSelf(ctx context.Context, u *gh.User) bool {
	me, err := c.Self(ctx)
	return err == nil && u.GetID() == me.ID
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
