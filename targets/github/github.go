// Package github holds teams and repositories of one GitHub organization as entitlements:
//
//	{target: github, team: prod-oncall}                       member of the team
//	{target: github, repository: orders, permission: push}    collaborator with that permission
//
// An account is a person's numeric GitHub id in decimal, for logins can be renamed and taken by somebody else. GitHub's API
// takes logins, so each change asks for the login of the id, and then reads back that this very id was changed.
//
// What is listed, and what a change does:
//
//	state of the account                                 listed as         give        take
//	member of the team                                   holder            done        removed
//	member of a child team                               holder, via it    done        removed; an error while the child team stays
//	invited to the organization and the team             pending           done        cancelled
//	invited by e-mail                                    not               -           -
//	no member of the organization                        not               refused     done
//	collaborator with this permission                    holder            done        removed
//	collaborator, a higher permission                    holder, via it    refused     refused
//	collaborator, a lower permission                     not               refused     done
//	invited with this permission                         pending           done        cancelled
//	no collaborator                                      not               added, or invited if outside the organization
//
// Nobody is invited to, or removed from, the organization; but an invitation to it that was for this team alone is cancelled with
// it. GitHub tells of a collaborator only the highest permission, whatever gives it, so where a team or the organization
// gives more, a grant on the repository could not be proven: it is refused.
package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	api "github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/names"
	"github.com/lapse-access/lapse/reconciler"
)

// keyOrg is the key of the target's settings.
const keyOrg = "org"

// The keys of an entitlement.
const (
	keyTeam       = "team"
	keyRepository = "repository"
	keyPermission = "permission"
)

// Type describes GitHub to the loader of configurations.
func Type() grants.TargetType {
	return grants.TargetType{
		Name:     "github",
		Settings: []grants.Field{{Key: keyOrg, Doc: "the organization whose teams and repositories these are", Check: names.Organization}},
		Entitlements: []grants.Form{
			{{Key: keyTeam, Doc: "slug of a team of the organization: its member", Check: names.TeamSlug}},
			{
				{Key: keyRepository, Doc: "name of a repository of the organization, without its owner: its collaborator", Check: names.RepositoryName},
				{Key: keyPermission, Doc: "what the collaborator may do", Values: api.Permissions()},
			},
		},
		AccountsAreIDs: true,
		CheckAccount:   checkAccount,
		OnGitHub:       about,
		End: "The reconciler ends it; GitHub has no end of its own. Sessions see it at once. Clones and forks stay, and so do keys, tokens " +
			"and webhooks that were made with the permission admin or maintain.",
	}
}

// about is the team or the repository of an entitlement.
func about(settings, values map[string]string) string {
	if team := values[keyTeam]; team != "" {
		return "@" + settings[keyOrg] + "/" + team
	}
	return settings[keyOrg] + "/" + values[keyRepository]
}

// checkAccount accepts a numeric id in its only decimal form.
func checkAccount(s string) error {
	if id, err := strconv.ParseInt(s, 10, 64); err != nil || id <= 0 || strconv.FormatInt(id, 10) != s {
		return fmt.Errorf("account %.40q: want a numeric GitHub id", s)
	}
	return nil
}

// New is the target of one organization. The client's token needs `members: write` on the organization for teams, and
// `administration: write` for repositories.
func New(client *api.Client, org string) reconciler.Target { return target{client: client, org: org} }

type target struct {
	client *api.Client
	org    string
}

// system is one entitlement's side of GitHub.
type system interface {
	// holdings lists who holds it, unsorted.
	holdings(ctx context.Context) ([]holding, error)
	// give makes the account a holder, of which before was the list.
	give(ctx context.Context, to api.Account, before []holding) error
	// take ends what the account holds; h is what the list said.
	take(ctx context.Context, h holding) error
	String() string
}

// holding is one account's, as GitHub tells it.
type holding struct {
	id         int64
	login      string
	pending    bool
	via        string
	invitation int64 // of the pending one
}

// List implements [reconciler.Target].
func (t target) List(ctx context.Context, e grants.Entitlement) ([]reconciler.Holding, error) {
	s, err := t.system(e)
	if err != nil {
		return nil, err
	}
	list, err := s.holdings(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]reconciler.Holding, 0, len(list))
	for _, h := range list {
		out = append(out, reconciler.Holding{Account: strconv.FormatInt(h.id, 10), Name: h.login, Pending: h.pending, Via: h.via})
	}
	// Who is a member and invited as well is a member: false sorts first, and the first of an account stays.
	slices.SortStableFunc(out, func(a, b reconciler.Holding) int {
		if c := strings.Compare(a.Account, b.Account); c != 0 || a.Pending == b.Pending {
			return c
		}
		if b.Pending {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(out, func(a, b reconciler.Holding) bool { return a.Account == b.Account }), nil
}

// Apply implements [reconciler.Target].
func (t target) Apply(ctx context.Context, c reconciler.Change) error {
	s, err := t.system(c.Entitlement)
	if err != nil {
		return err
	}
	if err := checkAccount(c.Account); err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Account, 10, 64)
	if err != nil {
		return fmt.Errorf("account %s: %w", c.Account, err)
	}
	switch c.Action {
	case reconciler.Give:
		return t.give(ctx, s, id)
	case reconciler.Take:
		return take(ctx, s, id)
	}
	return fmt.Errorf("unknown action %q", c.Action)
}

// system finds the side of an entitlement. Its values have been checked by the loader, and are checked here all the same.
func (t target) system(e grants.Entitlement) (system, error) {
	for _, form := range Type().Entitlements {
		if _, ok := e.Values[form[0].Key]; !ok {
			continue
		}
		if err := checkForm(form, e.Values); err != nil {
			return nil, err
		}
		if form[0].Key == keyTeam {
			return team{t.client, t.org, e.Values[keyTeam]}, nil
		}
		return repository{t.client, api.Repo{Owner: t.org, Name: e.Values[keyRepository]}, e.Values[keyPermission]}, nil
	}
	return nil, errors.New("an entitlement at GitHub is a team, or a repository with a permission")
}

func checkForm(form grants.Form, values map[string]string) error {
	if len(values) != len(form) {
		return fmt.Errorf("an entitlement with %s has %d values, want %d", form[0].Key, len(values), len(form))
	}
	for _, f := range form {
		v := values[f.Key]
		if f.Check != nil {
			if err := f.Check(v); err != nil {
				return err
			}
		}
		if f.Values != nil && !slices.Contains(f.Values, v) {
			return fmt.Errorf("%s: %.40q is none of %s", f.Key, v, strings.Join(f.Values, ", "))
		}
	}
	return nil
}

// give makes id a holder and reads it back.
func (t target) give(ctx context.Context, s system, id int64) error {
	to, found, err := t.client.UserByID(ctx, id)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("give %s: no GitHub account has the id %d", s, id)
	}
	before, err := s.holdings(ctx)
	if err != nil {
		return err
	}
	if h, ok := find(before, id); ok && h.via == "" {
		return nil
	}
	if err := s.give(ctx, to, before); err != nil {
		return err
	}
	after, err := s.holdings(ctx)
	if err != nil {
		return fmt.Errorf("give %s to %s: read back: %w", s, to.Login, err)
	}
	if h, ok := find(after, id); ok && (h.via == "" || held(before, id)) {
		return nil
	}
	return t.undo(ctx, s, to, before, after)
}

// undo takes back what a change by login gave to anybody that it was not meant for, or in another way than was meant.
func (t target) undo(ctx context.Context, s system, to api.Account, before, after []holding) error {
	why := fmt.Errorf("give %s to %s: read back, GitHub does not show it", s, to.Login)
	for _, h := range after {
		if held(before, h.id) || h.id != to.ID && !strings.EqualFold(h.login, to.Login) {
			continue
		}
		if h.id != to.ID {
			why = fmt.Errorf("give %s to %s: the login now belongs to another account (%d, meant was %d); taken back from it", s, to.Login, h.id, to.ID)
		} else {
			why = fmt.Errorf("give %s to %s: GitHub shows them as holding it through %s, so that it could not be proven or taken back; undone", s, to.Login, h.via)
		}
		h.via = ""
		if err := s.take(ctx, h); err != nil {
			return fmt.Errorf("%w; taking it back failed, do it by hand: %w", why, err)
		}
	}
	return why
}

// take ends whatever id holds, and reads back that it does.
func take(ctx context.Context, s system, id int64) error {
	before, err := s.holdings(ctx)
	if err != nil {
		return err
	}
	if !held(before, id) {
		return nil
	}
	for _, h := range before {
		if h.id != id {
			continue
		}
		if err := s.take(ctx, h); err != nil {
			return err
		}
	}
	after, err := s.holdings(ctx)
	if err != nil {
		return fmt.Errorf("take %s: read back: %w", s, err)
	}
	if h, ok := find(after, id); ok {
		if h.via != "" {
			return fmt.Errorf("take %s from %s: they still hold it through %s, which has to be ended there", s, h.login, h.via)
		}
		return fmt.Errorf("take %s from %s: read back, GitHub still shows it", s, h.login)
	}
	return nil
}

// find is what an account holds; a membership comes before an invitation.
func find(list []holding, id int64) (holding, bool) {
	var found holding
	for _, h := range list {
		if h.id == id && (found.id == 0 || found.pending) {
			found = h
		}
	}
	return found, found.id != 0
}

func held(list []holding, id int64) bool {
	_, ok := find(list, id)
	return ok
}
