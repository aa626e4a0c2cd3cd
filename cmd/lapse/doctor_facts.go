package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/names"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
	"github.com/lapse-access/lapse/settings"
)

// examination looks at one access repository: as a person, and as the App where that is possible.
type examination struct {
	*connected
	app   *github.Client // nil: its key is not at hand
	appID int64

	server string // URL
}

// facts looks at everything. A part that cannot be seen is told of, and hides no other.
func (e examination) facts(ctx context.Context, env *environment) (settings.Facts, error) {
	f := settings.Facts{Repository: e.repo.String(), Branch: e.branch, Now: env.now().UTC(), StaleAfter: reconciler.StaleAfter, App: e.appID,
		Unseen: map[string]string{}, Teams: map[string]string{}, Workflows: map[string]string{}}
	for _, part := range []struct {
		name string
		look func(context.Context, *settings.Facts) error
	}{
		{"repository", e.repository}, {"ledger", func(ctx context.Context, f *settings.Facts) error { return e.ledger(ctx, env, f) }}, {"rules", e.rules}, {"environment", e.environment},
		{"workflows", e.workflows}, {"app", e.permissions},
	} {
		err := part.look(ctx, &f)
		if ctx.Err() != nil {
			return f, context.Cause(ctx)
		}
		if err != nil {
			f.Unseen[part.name] = err.Error()
		}
	}
	return f, nil
}

func (e examination) repository(ctx context.Context, f *settings.Facts) (err error) {
	f.DefaultBranch, err = e.forge.DefaultBranch(ctx, e.repo)
	return err
}

// ledger reads main and the ledger as check does, and what the configuration asks of GitHub.
func (e examination) ledger(ctx context.Context, env *environment, f *settings.Facts) error {
	main, err := e.gatherer.FetchMain(ctx, e.branch)
	if err != nil {
		return err
	}
	snap, err := e.gatherer.Snapshot(main)
	if err != nil {
		return err
	}
	for _, p := range append(snap.Problems(), requests.SignerProblems(snap.Files)...) {
		f.Problems = append(f.Problems, p.Error())
	}
	trust, err := e.gatherer.TrustAt(main.String())
	if err != nil {
		return err
	}
	if len(trust) == 0 {
		f.Problems = append(f.Problems, "no key is trusted: there is none under .lapse/trust/")
	}
	e.asks(ctx, f, snap.Configuration)
	if snap.Configuration.Config.Signing.Keyless {
		if err := e.keyless(ctx, env, f, snap.Files, trust); err != nil {
			return err
		}
	}
	if _, f.Ledgered, err = e.forge.BranchTip(ctx, e.repo, settings.LedgerBranch); err != nil {
		return err
	}
	f.LastRun, err = e.observer(trust, nil).LastRun(ctx)
	return err
}

// asks is what the configuration asks of GitHub: teams, secrets and permissions.
func (e examination) asks(ctx context.Context, f *settings.Facts, c *grants.Configuration) {
	f.PushesMain = !c.Config.RemovalByPull
	f.Needs = map[string]string{"contents": "write", "pull_requests": "write", "checks": "write", "statuses": "write", "members": "read"}
	secrets := map[string]bool{"LAPSE_APP_ID": true, "LAPSE_APP_PRIVATE_KEY": true}
	addSecret(secrets, c.Config.Signing.Key)
	addSecret(secrets, c.Config.Signing.KMS)
	for _, t := range c.Config.Targets {
		for _, v := range t.Settings {
			addSecret(secrets, v)
		}
	}
	for _, r := range c.Roles {
		for _, ent := range r.Entitlements {
			switch about := targetTypes().OnGitHub(c, ent); {
			case strings.HasPrefix(about, "@"):
				f.Needs["members"] = "write"
			case about != "":
				f.Needs["administration"] = "write"
			}
		}
	}
	f.Secrets = slices.Sorted(maps.Keys(secrets))
	reader := e.forge
	if e.app != nil {
		reader = e.app
	}
	for name := range teamsOf(c) {
		org, team, _ := strings.Cut(strings.TrimPrefix(name, "@"), "/")
		if _, err := reader.TeamMembers(ctx, org, team); err != nil {
			f.Teams[name] = err.Error()
		}
	}
}

func addSecret(secrets map[string]bool, setting string) {
	if name, ok := strings.CutPrefix(setting, "${"); ok {
		secrets[strings.TrimSuffix(name, "}")] = true
	}
}

// teamsOf are all teams that approve, may ask, or are given, as "@org/team".
func teamsOf(c *grants.Configuration) map[string]bool {
	all := map[string]bool{}
	add := func(parties []grants.Party) {
		for _, p := range parties {
			if org, team, _, err := names.SplitParty(string(p)); err == nil && team != "" {
				all["@"+org+"/"+team] = true
			}
		}
	}
	for _, line := range c.Config.Configuration {
		add(line.From)
	}
	for _, r := range c.Roles {
		add(r.Eligible)
		for _, line := range r.Approvals {
			add(line.From)
		}
		for _, ent := range r.Entitlements {
			if about := targetTypes().OnGitHub(c, ent); strings.HasPrefix(about, "@") {
				all[about] = true
			}
		}
	}
	return all
}

func (e examination) rules(ctx context.Context, f *settings.Facts) (err error) {
	if f.Main, err = e.guard(ctx, e.branch); err != nil {
		return err
	}
	f.Ledger, err = e.guard(ctx, settings.LedgerBranch)
	return err
}

// guard adds up the rulesets and the protection of a branch.
func (e examination) guard(ctx context.Context, branch string) (settings.Guard, error) {
	var g settings.Guard
	rules, err := e.forge.RulesOf(ctx, e.repo, branch)
	if err != nil {
		return g, err
	}
	has, sets := map[string]bool{}, map[int64]bool{}
	for _, r := range rules {
		has[r.Type], sets[r.Ruleset] = true, true
		status(&g, r.Checks)
	}
	if err := e.free(ctx, &g, slices.Sorted(maps.Keys(sets))); err != nil {
		return g, err
	}
	g.KeepsHistory, g.Pulls = has["deletion"] && has["non_fast_forward"], has["pull_request"]
	p, there, err := e.forge.Protection(ctx, e.repo, branch)
	if err != nil || !there {
		return g, err
	}
	status(&g, p.Checks)
	g.KeepsHistory, g.Pulls = g.KeepsHistory || !p.Deleted && !p.Forced, g.Pulls || p.Pulls
	if !p.BindsAdmins && len(rules) == 0 {
		g.Free = append(g.Free, settings.Free{Name: "administrators"})
	}
	return g, nil
}

// status notes that our status is required, and from which App.
func status(g *settings.Guard, checks []github.RequiredCheck) {
	for _, c := range checks {
		if c.Context == settings.StatusContext {
			g.Status, g.StatusApp = true, max(g.StatusApp, c.App)
		}
	}
}

// free notes whom the rulesets do not bind.
func (e examination) free(ctx context.Context, g *settings.Guard, sets []int64) error {
	for _, id := range sets {
		actors, err := e.forge.BypassOf(ctx, e.repo, id)
		if errors.Is(err, github.ErrHidden) {
			g.FreeHidden = true
			continue
		}
		if err != nil {
			return err
		}
		for _, a := range actors {
			who := settings.Free{Name: fmt.Sprintf("%s %d", a.Kind, a.ID)}
			if a.Kind == "Integration" {
				who.Name, who.App = fmt.Sprintf("app %d", a.ID), a.ID
			}
			if !slices.Contains(g.Free, who) {
				g.Free = append(g.Free, who)
			}
		}
	}
	return nil
}

func (e examination) environment(ctx context.Context, f *settings.Facts) error {
	got, there, err := e.forge.Environment(ctx, e.repo, settings.Environment)
	if err == nil && there {
		f.Environment = &settings.Room{Branches: got.Branches, Secrets: got.Secrets}
	}
	return err
}

func (e examination) workflows(ctx context.Context, f *settings.Facts) (err error) {
	for _, file := range settings.Workflows() {
		if f.Workflows[file], err = e.forge.WorkflowState(ctx, e.repo, file); err != nil {
			return err
		}
	}
	asks, err := e.forge.WorkflowState(ctx, e.repo, settings.RequestWorkflow)
	if asks != "" && f.Needs != nil {
		f.Needs["issues"] = "write"
	}
	return err
}

func (e examination) permissions(ctx context.Context, f *settings.Facts) (err error) {
	if e.app != nil {
		f.Permissions, err = e.app.AppPermissions(ctx)
	}
	return err
}
