package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/policies"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
)

// checkOptions are the flags of lapse check.
type checkOptions struct {
	connection
	pull     string
	dir      string
	publish  bool
	dispatch string
	json     bool
	sarif    string
}

func newCheck(env *environment) *cobra.Command {
	o := &checkOptions{}
	c := &cobra.Command{
		Use:   "check",
		Short: "Judge a pull request, or the files of an access repository",
		Long: `Check says of a pull request whether it is denied, waiting for named approvals, or approved, with every reason.
Without a pull request it checks the files in --dir.

In a workflow the pull request, the repository and the token come from the event and the environment.`,
		Example: `  lapse check --pull 12 --repository acme/access
  lapse check --pull 12 --publish      # status, check run, comment, reviewers; merges where the role says so
  lapse check --dir .                  # the files here, before they are pushed`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runCheck(c.Context(), env, *o) },
	}
	o.flags(c.Flags())
	c.Flags().StringVar(&o.pull, "pull", "", "`number` of the pull request (default: that of the workflow's event)")
	c.Flags().StringVar(&o.dir, "dir", "", "check the files in this `folder` and ask nobody")
	c.Flags().BoolVar(&o.publish, "publish", false, "say the verdict on the pull request, and merge it where it may be")
	c.Flags().StringVar(&o.dispatch, "dispatch", "", "with --publish: after a merge start this workflow `file`, which reconciles; its name alone, like lapse-reconcile.yml")
	c.Flags().BoolVar(&o.json, "json", false, "print the verdict as JSON")
	c.Flags().StringVar(&o.sarif, "sarif", "", "write what is denied, warned of and waited for to this `file`, as SARIF 2.1.0")
	return c
}

func runCheck(ctx context.Context, env *environment, o checkOptions) error {
	if o.dir != "" {
		if o.pull != "" || o.publish {
			return usagef("--dir checks files alone; leave it out to judge a pull request")
		}
		return checkFiles(env, o)
	}
	about, err := subjectOf(env, o.pull)
	if err != nil {
		return err
	}
	o.structure = time.Hour // a verdict is advice: before it gives anything a reconcile asks again
	conn, err := o.open(ctx, env)
	if err != nil {
		return err
	}
	pulls, err := about.pulls(ctx, conn)
	if err != nil {
		return err
	}
	if len(pulls) == 0 {
		fmt.Fprintf(env.err, "lapse: no open pull request has %.12s as its head: there is nothing to judge\n", about.head)
		return nil
	}
	var failures []error
	denied := false
	for _, n := range pulls {
		err := checkPull(ctx, env, conn, o, n)
		if denied = denied || errors.Is(err, errRefused); err != nil && !errors.Is(err, errRefused) {
			failures = append(failures, err)
		}
	}
	if denied && len(failures) == 0 {
		return errRefused
	}
	return errors.Join(failures...)
}

// checkPull judges one pull request and says the verdict. It is errRefused unless that is approved.
func checkPull(ctx context.Context, env *environment, conn *connected, o checkOptions, n int) error {
	verdict, snap, standing, err := judgePull(ctx, env, conn, n)
	if err != nil {
		return err
	}
	now := env.now().UTC()
	opts := render.Options{
		Now: now, Ends: ends(snap.Configuration), RunURL: runURL(env),
		Heartbeat: &render.Heartbeat{
			Last: standing.Heartbeat.At, Stale: now.Sub(standing.Heartbeat.At) > reconciler.StaleAfter, Stopped: standing.Heartbeat.Stopped,
		},
	}
	if err := showVerdict(env, o, verdict, opts); err != nil {
		return err
	}
	if err := writeSARIF(env, o.sarif, render.Annotations(verdict)); err != nil {
		return err
	}
	if o.publish {
		if err := publish(ctx, env, conn, o, n, verdict, opts); err != nil {
			return err
		}
	}
	if verdict.Outcome != checks.OutcomeApproved {
		return errRefused
	}
	return nil
}

// judgePull is check itself: look, gather, judge.
func judgePull(ctx context.Context, env *environment, conn *connected, n int) (v checks.Verdict, snap *requests.Snapshot, standing reconciler.Standing, err error) {
	now := env.now().UTC()
	main, err := conn.gatherer.FetchMain(ctx, conn.branch)
	if err != nil {
		return v, nil, standing, err
	}
	reader, err := conn.reader(main.String())
	if err != nil {
		return v, nil, standing, err
	}
	standing, err = reader.Glance(ctx, now, main)
	if err != nil {
		return v, nil, standing, err
	}
	at := requests.Instant{Now: now, Live: standing.Live, Held: standing.Held}
	facts, snap, err := conn.gatherer.Open(ctx, n, standing.Main, at, standing.Unfit)
	if err != nil {
		return v, nil, standing, err
	}
	return checks.Judge(ctx, facts, snap.Policies), snap, standing, nil
}

// ends says for each target who guarantees an end there.
func ends(c *grants.Configuration) map[string]render.End {
	types := targetTypes()
	out := map[string]render.End{}
	for name, t := range c.Config.Targets {
		out[name] = render.End{Native: types[t.Type].Native, Text: types[t.Type].End}
	}
	return out
}

func showVerdict(env *environment, o checkOptions, v checks.Verdict, opts render.Options) error {
	if env.inActions() {
		if err := render.WorkflowCommands(env.err, render.Annotations(v)); err != nil {
			return err
		}
		if err := env.tell("GITHUB_STEP_SUMMARY", func(w io.Writer) error {
			_, err := io.WriteString(w, render.Summary(v, opts))
			return err
		}); err != nil {
			return err
		}
		if err := output(env, "verdict", string(v.Outcome)); err != nil {
			return err
		}
	}
	if o.json {
		return printJSON(env.out, v)
	}
	return render.Terminal(env.out, v, render.TerminalOptions{Options: opts, Color: env.terminal && env.getenv("NO_COLOR") == ""})
}

// writeSARIF writes the file that --sarif names, if it does.
func writeSARIF(env *environment, path string, as []render.Annotation) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := render.SARIF(&b, as); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(env.scrub(b.String())), 0o644); err != nil {
		return fmt.Errorf("--sarif: %w", err)
	}
	return nil
}

// publish says the verdict on the pull request, and merges it where the verdict says so, conditional on the head that was judged.
func publish(ctx context.Context, env *environment, conn *connected, o checkOptions, n int, v checks.Verdict, opts render.Options) error {
	p := github.Publication{
		Number: n, Head: v.Head, State: state(v), Description: env.scrub(render.StatusLine(v)), TargetURL: opts.RunURL,
		Comment: env.scrub(render.Comment(v, opts)), Marker: "verdict",
	}
	p.Summary = p.Comment // a check run has room for as much as a comment

	for _, a := range render.Annotations(v) {
		if a.Path == "" {
			continue // about the request as a whole: the summary and the comment say it
		}
		p.Annotations = append(p.Annotations, github.Annotation{Path: a.Path, Line: a.Line, Level: string(a.Level), Title: a.Title, Text: env.scrub(a.Text)})
	}
	p.Reviewers, p.TeamReviewers = reviewers(v)
	p.Pull, p.Reviews = &conn.gatherer.Pull, conn.gatherer.Reviews
	if err := conn.forge.Publish(ctx, conn.repo, p); err != nil {
		return fmt.Errorf("publish the verdict: %w", err)
	}
	if !v.Merge {
		return nil
	}
	sha, err := merge(ctx, env, conn, n, v)
	if err != nil || sha == "" || o.dispatch == "" {
		return err
	}
	return dispatch(ctx, env, conn, o)
}

// merge merges what was judged, and answers the commit; "" if the branch moved since.
func merge(ctx context.Context, env *environment, conn *connected, n int, v checks.Verdict) (string, error) {
	methods, err := conn.forge.MergeMethods(ctx, conn.repo)
	if err != nil {
		return "", err
	}
	method := "merge"
	if len(methods) > 0 {
		method = methods[0]
	}
	sha, err := conn.forge.Merge(ctx, conn.repo, n, v.Head, method, "")
	switch {
	case errors.Is(err, github.ErrHeadMoved):
		fmt.Fprintln(env.err, "lapse: the branch moved after it was judged; it is not merged, and is judged again")
		return "", nil
	case err != nil:
		return "", fmt.Errorf("merge pull request %d: %w", n, err)
	}
	fmt.Fprintf(env.err, "lapse: merged as %.12s\n", sha)
	return sha, output(env, "merged", sha)
}

// dispatch starts the workflow that reconciles. GitHub starts none for what a workflow's own token merges, but lets that token
// start one by name; so in a workflow it is that token that asks, whoever merged.
func dispatch(ctx context.Context, env *environment, conn *connected, o checkOptions) error {
	forge := conn.forge
	if token := env.getenv("GITHUB_TOKEN"); token != "" && env.inActions() {
		var err error
		if forge, err = o.forgeWith(env, token, conn.log); err != nil {
			return err
		}
	}
	if err := forge.Dispatch(ctx, conn.repo, o.dispatch, conn.branch); err != nil {
		return fmt.Errorf("it is merged, but reconcile was not started: %w", err)
	}
	fmt.Fprintf(env.err, "lapse: started %s\n", o.dispatch)
	return nil
}

func state(v checks.Verdict) string {
	switch v.Outcome {
	case checks.OutcomeApproved:
		return "success"
	case checks.OutcomeWaiting:
		return "pending"
	}
	return "failure"
}

// reviewers are those who could satisfy what is not satisfied yet: teams as teams, people of groups by name.
func reviewers(v checks.Verdict) (people, teams []string) {
	if v.Outcome == checks.OutcomeDenied {
		return nil, nil
	}
	for _, n := range v.Needs {
		if n.Satisfied() {
			continue
		}
		p, t := asked(n)
		people, teams = append(people, p...), append(teams, t...)
	}
	return people, teams
}

// checkFiles checks a folder by the loader alone.
func checkFiles(env *environment, o checkOptions) error {
	if at, err := os.Stat(o.dir); err != nil || !at.IsDir() {
		return usagef("--dir %s: there is no such folder", o.dir)
	}
	files := os.DirFS(o.dir)
	conf := grants.LoadConfiguration(files, targetTypes())
	problems := append(conf.Problems, policies.Load(files).Problems()...)
	found, bad := grants.LoadGrants(files)
	problems = append(problems, bad...)
	for _, id := range sortedIDs(found) {
		problems = append(problems, conf.CheckGrant(*found[id])...)
		problems = append(problems, tooLong(conf, *found[id], env.now().UTC())...)
	}
	_, trust := ledger.LoadVerifiers(files)
	problems = append(append(problems, trust...), requests.SignerProblems(files)...)
	if o.json {
		if err := printJSON(env.out, map[string]any{"problems": append([]grants.Problem{}, problems...)}); err != nil {
			return err
		}
	} else if err := render.Problems(env.out, problems); err != nil {
		return err
	}
	if env.inActions() {
		if err := render.WorkflowCommands(env.err, render.ProblemAnnotations(problems)); err != nil {
			return err
		}
	}
	if err := writeSARIF(env, o.sarif, render.ProblemAnnotations(problems)); err != nil {
		return err
	}
	if len(problems) > 0 {
		return errRefused
	}
	fmt.Fprintf(env.err, "lapse: nothing wrong (grants: %d, roles: %d, people: %d)\n", len(found), len(conf.Roles), len(conf.People.People))
	return nil
}

// tooLong says whether a grant would last longer than may be if it were merged now. One with a fixed end says nothing by itself: those
// that are over stay on main until they are removed.
func tooLong(c *grants.Configuration, g grants.Grant, now time.Time) []grants.Problem {
	role, ok := c.Roles[g.Role]
	if !ok || !g.Expires.IsZero() || !c.Usable {
		return nil
	}
	return grants.CheckInterval(g, now, now, &role, c.Config.Limits)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
