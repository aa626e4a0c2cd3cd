package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

// Account is who GitHub says somebody is. The id lasts; the login may be renamed and taken by another.
type Account struct {
	Login     string
	ID        int64 // 0: deleted
	Bot       bool  // an app, or anything else that is not a person
	Suspended bool  // told only by User and UserByID
	Deleted   bool
}

// ghost is the account under which GitHub shows the traces of deleted ones.
const ghost = "ghost"

func account(u *gh.User) Account {
	login, id := u.GetLogin(), u.GetID()
	if u == nil || id <= 0 || strings.EqualFold(login, ghost) {
		return Account{Login: login, Deleted: true}
	}
	return Account{
		Login: login, ID: id, Suspended: u.SuspendedAt != nil,
		Bot: u.GetType() != "User" || strings.HasSuffix(login, "[bot]"),
	}
}

// people converts a list in which everyone must be somebody.
func people(users []*gh.User) ([]Account, error) {
	out := make([]Account, 0, len(users))
	seen := map[int64]bool{}
	for _, u := range users {
		a := account(u)
		if a.Deleted || a.Login == "" {
			return nil, errors.New("the answer lists somebody without an id or login")
		}
		if !seen[a.ID] { // the list may shift by one while its pages are read
			out = append(out, a)
		}
		seen[a.ID] = true
	}
	return out, nil
}

const hintTeam = "the team must exist, and the token needs `members: read` on the organization: an app's token or a personal one; a workflow's own GITHUB_TOKEN never has it"

// TeamMembers reads the active members of a team and of its child teams. Who is invited and has not accepted is no member.
func (c *Client) TeamMembers(ctx context.Context, org, slug string) ([]Account, error) {
	if err := checkTeam(org, slug); err != nil {
		return nil, err
	}
	ctx = meant(ctx, http.MethodGet, "orgs", org, "teams", slug, "members")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.User, *gh.Response, error) {
		return c.api.Teams.ListTeamMembersBySlug(ctx, org, slug, &gh.TeamListTeamMembersOptions{ListOptions: o})
	})
	if err != nil {
		return nil, c.explain(err, hintTeam, "read the members of @%s/%s", org, slug)
	}
	members, err := people(list)
	if err != nil {
		return nil, fmt.Errorf("read the members of @%s/%s: %w", org, slug, err)
	}
	return members, nil
}

func checkTeam(org, slug string) error {
	if err := names.Organization(org); err != nil {
		return err
	}
	return names.TeamSlug(slug)
}

// User asks who has a login now; false: nobody.
func (c *Client) User(ctx context.Context, login string) (Account, bool, error) {
	if err := names.Login(login); err != nil {
		return Account{}, false, err
	}
	return c.user(ctx, login)
}

func (c *Client) user(ctx context.Context, login string) (Account, bool, error) {
	u, _, err := c.api.Users.Get(meant(ctx, http.MethodGet, "users", login), login)
	a, found, err := c.found(u, err, "ask who %s is", login)
	if found && !strings.EqualFold(a.Login, login) {
		return Account{}, false, fmt.Errorf("ask who %s is: the answer is about another account", login)
	}
	return a, found, err
}

// UserByID asks who has a numeric id; false: the account no longer exists.
func (c *Client) UserByID(ctx context.Context, id int64) (Account, bool, error) {
	if id <= 0 {
		return Account{}, false, fmt.Errorf("an account's id is positive, not %d", id)
	}
	u, _, err := c.api.Users.GetByID(meant(ctx, http.MethodGet, "user", strconv.FormatInt(id, 10)), id)
	a, found, err := c.found(u, err, "ask who has the id %d", id)
	if found && (a.ID != id || a.Login == "") {
		return Account{}, false, fmt.Errorf("ask who has the id %d: the answer is about another account", id)
	}
	return a, found, err
}

func (c *Client) found(u *gh.User, err error, what string, args ...any) (Account, bool, error) {
	if err = c.explain(err, "", what, args...); IsNotFound(err) {
		return Account{}, false, nil
	}
	if err != nil {
		return Account{}, false, err
	}
	a := account(u)
	return a, !a.Deleted, nil
}

// selfAccount is who the token is, once it was asked.
type selfAccount struct {
	mu      sync.Mutex
	account Account
}

// Self asks who the token is; the answer is kept. An installation's token, a workflow's included, is its app's bot.
func (c *Client) Self(ctx context.Context) (Account, error) {
	c.self.mu.Lock()
	known := c.self.account
	c.self.mu.Unlock()
	if known.ID != 0 {
		return known, nil
	}
	me, err := c.askSelf(ctx)
	if err != nil {
		return Account{}, err
	}
	c.self.mu.Lock()
	defer c.self.mu.Unlock()
	c.self.account = me
	return me, nil
}

func (c *Client) askSelf(ctx context.Context) (Account, error) {
	if c.tr.app != nil {
		return c.bot(ctx)
	}
	u, _, err := c.api.Users.Get(meant(ctx, http.MethodGet, "user"), "")
	err = c.explain(err, "", "ask who the token is")
	if status(err) == http.StatusForbidden {
		return c.viewer(ctx)
	}
	if err != nil {
		return Account{}, err
	}
	if a := account(u); !a.Deleted {
		return a, nil
	}
	return Account{}, errors.New("ask who the token is: the answer has no id")
}

func (c *Client) bot(ctx context.Context) (Account, error) {
	slug, err := c.tr.app.slug(ctx)
	if err != nil {
		return Account{}, err
	}
	if err := names.TeamSlug(slug); err != nil {
		return Account{}, fmt.Errorf("ask who the app is: %w", err)
	}
	a, found, err := c.user(ctx, slug+"[bot]")
	if err == nil && !found {
		err = fmt.Errorf("ask who the app is: there is no account %s[bot]", slug)
	}
	return a, err
}

// viewer asks in GraphQL: the REST API does not tell an installation's token who it is.
func (c *Client) viewer(ctx context.Context) (Account, error) {
	var out struct {
		Data struct {
			Viewer struct {
				Login string `json:"login"`
				ID    int64  `json:"databaseId"`
			} `json:"viewer"`
		} `json:"data"`
		Errors []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	ctx = context.WithValue(ctx, callKey{}, &call{graph: true, repeat: true})
	var body bytes.Buffer
	req, err := c.api.NewRequest(http.MethodPost, graphURL(c.base).String(), map[string]string{"query": "query { viewer { login databaseId } }"})
	if err == nil {
		_, err = c.api.Do(ctx, req, &body)
	}
	if err == nil {
		err = json.Unmarshal(body.Bytes(), &out)
	}
	if err != nil {
		return Account{}, c.explain(err, "", "ask who the token is")
	}
	if len(out.Errors) > 0 {
		e := out.Errors[0]
		err := errors.New(c.clean(e.Message))
		if e.Type == "RATE_LIMITED" {
			err = fmt.Errorf("%w: %w", ErrRateLimited, err)
		}
		return Account{}, fmt.Errorf("ask who the token is: %w", err)
	}
	v := out.Data.Viewer
	if v.ID <= 0 || v.Login == "" {
		return Account{}, errors.New("ask who the token is: the answer has no id")
	}
	return Account{Login: v.Login, ID: v.ID, Bot: strings.HasSuffix(v.Login, "[bot]")}, nil
}
