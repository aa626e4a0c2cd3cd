package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

// Push is one movement of a branch, as GitHub itself recorded it: neither its time nor its actor come from a commit.
type Push struct {
	ID            int64
	By            Account // ID 0 when GitHub does not tell
	At            time.Time
	Before, After string // SHA; forty zeros where the branch was made or deleted
	Kind          string // push, force_push, branch_creation, branch_deletion, pr_merge or merge_queue_merge
}

// activity is one element of the answer.
// https://docs.github.com/en/rest/repos/repos#list-repository-activities
type activity struct {
	ID        int64     `json:"id"`
	Before    string    `json:"before"`
	After     string    `json:"after"`
	Ref       string    `json:"ref"`
	Timestamp time.Time `json:"timestamp"`
	Kind      string    `json:"activity_type"`
	Actor     *gh.User  `json:"actor"`
}

// Pushes reads everything that was pushed to a branch ("x" or "refs/heads/x"), oldest first. A branch that was deleted keeps its
// record; one that never was has none.
func (c *Client) Pushes(ctx context.Context, r Repo, ref string) ([]Push, error) {
	return c.pushes(ctx, r, ref, "")
}

// pushes are those of one kind; "" means all.
func (c *Client) pushes(ctx context.Context, r Repo, ref, kind string) ([]Push, error) {
	var out []Push
	err := c.pushPages(ctx, r, ref, kind, func(page []Push) bool {
		out = append(out, page...)
		return true
	})
	if err != nil {
		return nil, err
	}
	return oldestFirst(out), nil
}

// PushesSince reads what was pushed to a branch after the push with that id, oldest first; of a push that the record does not hold:
// all of it.
func (c *Client) PushesSince(ctx context.Context, r Repo, ref string, id int64) ([]Push, error) {
	var list []Push
	err := c.pushPages(ctx, r, ref, "", func(page []Push) bool {
		i := slices.IndexFunc(page, func(p Push) bool { return p.ID == id })
		if i < 0 {
			list = append(list, page...)
			return true
		}
		list = append(list, page[:i]...)
		return false
	})
	if err != nil {
		return nil, err
	}
	return oldestFirst(list), nil
}

// pushPages shows each page of a branch's record, newest first, for as long as more is wanted.
func (c *Client) pushPages(ctx context.Context, r Repo, ref, kind string, more func(page []Push) bool) error {
	branch, err := branchOf(r, ref)
	if err != nil {
		return err
	}
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "activity")
	seen, after := map[string]bool{}, ""
	for len(seen) < maxPages {
		page, next, err := c.pushPage(ctx, r, branch, kind, after)
		if err != nil || !more(page) || next == "" {
			return err
		}
		if seen[next] {
			break
		}
		seen[next], after = true, next
	}
	return c.explain(errCircle, "", "read the pushes to %s of %s", branch, r)
}

// NewestPushes reads the newest part of what Pushes reads, oldest first; all: there is no more.
func (c *Client) NewestPushes(ctx context.Context, r Repo, ref string) (list []Push, all bool, err error) {
	branch, err := branchOf(r, ref)
	if err != nil {
		return nil, false, err
	}
	list, next, err := c.pushPage(meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "activity"), r, branch, "", "")
	return oldestFirst(list), next == "", err
}

func branchOf(r Repo, ref string) (string, error) {
	branch := strings.TrimPrefix(ref, "refs/heads/")
	return branch, errors.Join(r.check(), names.Branch(branch))
}

// oldestFirst turns what GitHub lists newest first.
func oldestFirst(pushes []Push) []Push {
	slices.Reverse(pushes)
	slices.SortStableFunc(pushes, func(a, b Push) int { return a.At.Compare(b.At) })
	return pushes
}

func (c *Client) pushPage(ctx context.Context, r Repo, branch, kind, after string) ([]Push, string, error) {
	list, next, err := c.activityPage(ctx, r, url.Values{"ref": {"refs/heads/" + branch}, "activity_type": {kind}, "after": {after}})
	if err != nil {
		return nil, "", c.explain(err, hintRepo, "read the pushes to %s of %s", branch, r)
	}
	var out []Push
	for _, a := range list {
		p, err := pushOf(a, branch)
		if err == nil && kind != "" && p.Kind != kind {
			err = fmt.Errorf("the answer tells of another kind")
		}
		if err != nil {
			return nil, "", fmt.Errorf("read the pushes to %s of %s: %w", branch, r, err)
		}
		out = append(out, p)
	}
	return out, next, nil
}

func (c *Client) activityPage(ctx context.Context, r Repo, query url.Values) ([]activity, string, error) {
	maps.DeleteFunc(query, func(_ string, v []string) bool { return v[0] == "" })
	query.Set("per_page", strconv.Itoa(perPage))
	var list []activity
	resp, err := c.get(ctx, "repos/"+r.Owner+"/"+r.Name+"/activity", query.Encode(), &list)
	if err != nil {
		return nil, "", err
	}
	if resp.After == "" && resp.NextPage != 0 {
		return nil, "", fmt.Errorf("the next page is named in a way that is not known")
	}
	return list, resp.After, nil
}

func pushOf(a activity, branch string) (Push, error) {
	if a.Ref != "refs/heads/"+branch {
		return Push{}, fmt.Errorf("the answer tells of another branch")
	}
	if a.ID <= 0 || a.Kind == "" || a.Timestamp.IsZero() || names.SHA(a.Before) != nil || names.SHA(a.After) != nil {
		return Push{}, fmt.Errorf("one has no id, kind, time or commits")
	}
	return Push{ID: a.ID, By: account(a.Actor), At: a.Timestamp.UTC(), Before: a.Before, After: a.After, Kind: a.Kind}, nil
}
