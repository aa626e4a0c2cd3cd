package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/settings"
)

// doctorOptions are the flags of lapse doctor.
type doctorOptions struct {
	connection
	fix  bool
	json bool
}

func newDoctor(env *environment) *cobra.Command {
	o := &doctorOptions{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is missing in GitHub's settings, and what to do",
		Long: `Doctor looks at what surrounds the access repository on GitHub: the rules of main and of the ledger, whom they do not bind, the
required status and its source, the environment and the secrets in it, the workflows, the last run of reconcile, the App's
permissions, the teams that roles name. It says what is missing and what to do about each, and exits 3 if anything is.

It looks with your own token, which should be an administrator's. With --app-id it knows which App Lapse acts as; with that App's
key in $LAPSE_APP_PRIVATE_KEY it also asks what the App may do.`,
		Example: `  lapse doctor --repo acme/access --app-id 4711
  lapse doctor --repo acme/access --app-id 4711 --fix    # makes the environment and the rules, where they are missing
  lapse doctor --repo acme/access --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDoctor(c.Context(), env, *o) },
	}
	o.flags(c.Flags())
	c.Flags().Lookup("app-id").Usage = "`id` of the GitHub App that Lapse acts as"
	c.Flags().BoolVar(&o.fix, "fix", false, "make the environment and the rules where they are missing; nothing that is there is changed but who may use the environment")
	c.Flags().BoolVar(&o.json, "json", false, "print the findings as JSON")
	return c
}

func runDoctor(ctx context.Context, env *environment, o doctorOptions) error {
	if o.fix && o.appID == 0 {
		return usagef("--fix makes rules that let the App alone through: which one? use --app-id")
	}
	person := o.connection
	person.appID = 0 // the settings are shown to people
	conn, err := person.open(ctx, env)
	if err != nil {
		return err
	}
	app, err := o.app(env, conn)
	if err != nil {
		return err
	}
	look := examination{conn, app, o.appID, o.server(env)}
	facts, err := look.facts(ctx, env)
	if err != nil {
		return err
	}
	if o.fix {
		if err := fix(ctx, env, conn, facts); err != nil {
			return err
		}
		if facts, err = look.facts(ctx, env); err != nil {
			return err
		}
	}
	return showFindings(env, o, facts)
}

// app is a client that is the App, where its key is at hand.
func (o doctorOptions) app(env *environment, conn *connected) (*github.Client, error) {
	if o.appID == 0 || env.getenv("LAPSE_APP_PRIVATE_KEY") == "" {
		return nil, nil
	}
	dir, err := o.cacheFolder(env, conn.repo)
	if err != nil {
		return nil, err
	}
	return o.forge(env, conn.repo, dir, conn.log)
}

// fix makes what is missing as a whole: an environment, a set of rules. What is there and else than it should be stays for people.
func fix(ctx context.Context, env *environment, conn *connected, f settings.Facts) error {
	var errs []error
	done := func(what string, err error) {
		if errs = append(errs, err); err == nil {
			fmt.Fprintf(env.err, "lapse: %s\n", what)
		}
	}
	if e := f.Environment; !f.Hidden("environment") && (e == nil || e.Branches == nil) {
		done("made environment "+settings.Environment+", for "+f.Branch+" alone", conn.forge.MakeEnvironment(ctx, conn.repo, settings.Environment, f.Branch))
	}
	if g := f.Main; !f.Hidden("rules") && !(g.KeepsHistory && g.Pulls && g.Status) {
		done("made the rules of "+f.Branch, conn.forge.MakeRuleset(ctx, conn.repo, github.Ruleset{
			Name: "lapse: " + f.Branch, Branch: f.Branch, Rules: []string{"deletion", "non_fast_forward", "pull_request"},
			Check: github.RequiredCheck{Context: settings.StatusContext, App: f.App}, App: f.App}))
	}
	if !f.Hidden("rules") && !f.Ledger.KeepsHistory {
		done("made the rules of "+settings.LedgerBranch, conn.forge.MakeRuleset(ctx, conn.repo, github.Ruleset{
			Name: "lapse: ledger", Branch: settings.LedgerBranch, Rules: []string{"deletion", "non_fast_forward", "update"}, App: f.App}))
	}
	return errors.Join(errs...)
}

func showFindings(env *environment, o doctorOptions, f settings.Facts) error {
	found := settings.Judge(f)
	if o.json {
		if err := printJSON(env.out, map[string]any{"findings": append([]settings.Finding{}, found...)}); err != nil {
			return err
		}
	}
	for i, finding := range found {
		if !o.json {
			fmt.Fprintf(env.out, "%d. %s: %s\n   %s\n", i+1, render.Text(finding.What), render.Text(finding.Problem), render.Text(finding.Do))
		}
	}
	if len(found) > 0 {
		return errRefused
	}
	if !o.json {
		fmt.Fprintf(env.out, "Nothing is missing in the settings of %s\n", f.Repository)
	}
	return nil
}
