package github

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// requestReviews asks those who were not asked yet. The author cannot review, and who has reviewed this very head is not
// bothered again. Whom GitHub will not ask (422: no collaborator) is left out.
func (c *Client) requestReviews(ctx context.Context, r Repo, p Publication) error {
	if len(p.Reviewers) == 0 && len(p.TeamReviewers) == 0 {
		return nil
	}
	people, teams, err := c.unasked(ctx, r, p)
	if err != nil || len(people)+len(teams) == 0 {
		return err
	}
	err = c.askFor(ctx, r, p.Number, people, teams)
	if status(err) != http.StatusUnprocessableEntity || len(people)+len(teams) == 1 {
		return c.notAskable(err)
	}
	// One who cannot be asked spoils the request for all.
	var failed []error
	for _, login := range people {
		failed = append(failed, c.notAskable(c.askFor(ctx, r, p.Number, []string{login}, nil)))
	}
	for _, slug := range teams {
		failed = append(failed, c.notAskable(c.askFor(ctx, r, p.Number, nil, []string{slug})))
	}
	return errors.Join(failed...)
}

func (c *Client) notAskable(err error) error {
	if status(err) == http.StatusUnprocessableEntity {
		c.log.Debug("github: somebody cannot be asked for a review", "why", err.Error())
		return nil
	}
	return err
}

func (c *Client) askFor(ctx context.Context, r Repo, number int, people, teams []string) error {
	ctx = once(ctx, "repos", r.Owner, r.Name, "pulls", strconv.Itoa(number), "requested_reviewers")
	callOf(ctx).repeat = true // who is asked already is not asked twice
	_, _, err := c.api.PullRequests.RequestReviewers(ctx, r.Owner, r.Name, number, gh.ReviewersRequest{Reviewers: people, TeamReviewers: teams})
	return c.explain(err, "the token needs `pull_requests: write`", "ask for reviews of %s#%d", r, number)
}

// unasked is who remains to be asked.
func (c *Client) unasked(ctx context.Context, r Repo, p Publication) (people, teams []string, err error) {
	pull, reviews, err := c.read(ctx, r, p)
	if err != nil {
		return nil, nil, err
	}
	skip := map[string]bool{strings.ToLower(pull.Author.Login): true}
	for _, login := range pull.Asked {
		skip[strings.ToLower(login)] = true
	}
	done := map[int64]bool{}
	for _, v := range reviews {
		if v.Commit == p.Head {
			skip[strings.ToLower(v.By.Login)], done[v.By.ID] = true, true
		}
	}
	skipTeam := map[string]bool{}
	for _, slug := range pull.AskedTeams {
		skipTeam[slug] = true
	}
	for _, slug := range p.TeamReviewers {
		skipTeam[slug] = skipTeam[slug] || c.hasReviewed(ctx, r.Owner, slug, done)
	}
	return remaining(p.Reviewers, skip), remaining(p.TeamReviewers, skipTeam), nil
}

// read is the pull request and its reviews, as they were when the verdict was made where that is known.
func (c *Client) read(ctx context.Context, r Repo, p Publication) (Pull, []Review, error) {
	if p.Pull != nil {
		return *p.Pull, p.Reviews, nil
	}
	pull, err := c.Pull(ctx, r, p.Number)
	if err != nil {
		return Pull{}, nil, err
	}
	reviews, err := c.Reviews(ctx, r, p.Number)
	return pull, reviews, err
}

// hasReviewed says whether one of a team is among those who have reviewed; GitHub then no longer counts the team as asked.
// Where it cannot be known, nobody is bothered.
func (c *Client) hasReviewed(ctx context.Context, org, slug string, done map[int64]bool) bool {
	if len(done) == 0 {
		return false
	}
	members, err := c.TeamMembers(ctx, org, slug)
	return err != nil || slices.ContainsFunc(members, func(a Account) bool { return done[a.ID] })
}

// remaining is who of all is not to be skipped, each once. It adds to skip.
func remaining(all []string, skip map[string]bool) []string {
	var out []string
	for _, name := range all {
		if key := strings.ToLower(name); !skip[key] {
			skip[key] = true
			out = append(out, name)
		}
	}
	return out
}
