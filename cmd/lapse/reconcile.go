package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/names"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
)

// reconcileOptions are the flags of lapse reconcile.
type reconcileOptions struct {
	connection
	init             bool
	at               string
	dryRun           bool
	json             bool
	allowRevocations uint32
	stay, poll       durationFlag
}

func newReconcile(env *environment) *cobra.Command {
	o := &reconcileOptions{poll: durationFlag(15 * time.Second)}
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "Give what was approved, take what is over, prove both",
		Long: `Reconcile reads the main branch and the ledger, judges what reached main since the last run, compares what live grants
give with what the targets show, revokes, gives, reads back, writes receipts and commits the removal of grants that are over.

With --for it stays that long: it runs again at each begin and end of a grant and when main moved, so that a scheduled job acts to
the second between two ticks. It prints a report for each run that did something, and leaves with the worst of their exit codes.

Receipts and commits are signed with what lapse.yaml names (signing): a key or a KMS, by a variable, or the identity of the workflow.`,
		Example: `  lapse reconcile --repository acme/access --init    # once, to begin the ledger
  lapse reconcile --init --at 5cedf9974b6600f2…      # in a workflow that you started by hand: with what you read, in full
  lapse reconcile --repository acme/access
  lapse reconcile --repository acme/access --for 6m  # from a schedule of every five minutes
  lapse reconcile --repository acme/access --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runReconcile(c.Context(), env, *o) },
	}
	o.flags(c.Flags())
	c.Flags().BoolVar(&o.init, "init", false, "begin the ledger: accept the configuration at the tip of main as it is now")
	c.Flags().StringVar(&o.at, "at", "", "with --init: begin only with this `commit` of main, which you have read; in a workflow it is needed")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the plan and stop; nothing is able to write")
	c.Flags().BoolVar(&o.json, "json", false, "print the plan or the report as JSON")
	c.Flags().Uint32Var(&o.allowRevocations, "allow-revocations", 0, "let this run take up to `n` holdings for other reasons than their end")
	c.Flags().Var(&o.stay, "for", "stay this long, like 6m, and act at each begin and end")
	c.Flags().Var(&o.poll, "poll", "with --for: how often to ask git whether main moved, and to try again what failed")
	return c
}

func runReconcile(ctx context.Context, env *environment, o reconcileOptions) error {
	if o.dryRun && o.stay > 0 {
		return usagef("--dry-run shows one plan and ends; leave out --for")
	}
	if o.at != "" && !o.init {
		return usagef("--at says what --init begins with: give both")
	}
	if o.at != "" && names.SHA(o.at) != nil {
		return usagef("--at: want a whole commit, 40 hexadecimal digits as `git rev-parse HEAD` prints them")
	}
	conn, err := o.open(ctx, env)
	if err != nil {
		return err
	}
	opts := reconciler.Options{Now: env.now().UTC(), Init: o.init, At: o.at, AllowRevocations: int(o.allowRevocations)}
	if o.dryRun {
		return dryRun(ctx, env, conn, o, opts)
	}
	if o.init {
		if err := mayBegin(ctx, env, o, conn); err != nil {
			return err
		}
	}
	r, err := newReconciler(ctx, env, conn)
	if err != nil {
		return err
	}
	if o.stay > 0 {
		return stay(ctx, env, r, o, opts)
	}
	rep, err := r.Run(ctx, opts)
	return finish(env, o, rep, err)
}

// finish shows the report of a run and turns it into the exit code.
func finish(env *environment, o reconcileOptions, rep *reconciler.Report, err error) error {
	switch {
	case rep.Began:
		fmt.Fprintf(env.err, "lapse: the ledger begins here: the configuration on main at %.12s is in force\n", rep.Main)
	case o.init && err == nil:
		fmt.Fprintln(env.err, "lapse: there was a ledger already, and --init began none")
	}
	if rep.Main != "" {
		if showErr := showReport(env, o, rep); showErr != nil {
			err = errors.Join(err, showErr)
		}
	}
	if err != nil {
		return err
	}
	return reportError(rep)
}

// reportError turns a report into the exit code: what could not be done weighs more than what was refused.
func reportError(rep *reconciler.Report) error {
	switch {
	case rep.Failed():
		return errFailed
	case rep.Finding():
		return errRefused
	}
	return nil
}

// newReconciler wires everything that can write.
func newReconciler(ctx context.Context, env *environment, conn *connected) (*reconciler.Reconciler, error) {
	signers, roots, err := openSigners(ctx, env, conn)
	if err != nil {
		return nil, err
	}
	open := opener(env, conn.forge)
	observer := conn.observer(roots, func(ctx context.Context, c grants.TargetConfig) (reconciler.Lister, error) {
		return open(ctx, c)
	})
	observer.OpenAnchor = anchorOpener(env, conn)
	return &reconciler.Reconciler{
		Observer: observer, Write: conn.git, Signers: signers, Pulls: pulls{conn.forge, conn.repo}, Author: lapseAuthor(), Scrub: env.scrub,
	}, nil
}

// lapseAuthor is who Lapse's commits say made them.
func lapseAuthor() gitrepo.Signature {
	return gitrepo.Signature{Name: requests.CommitName, Email: requests.CommitEmail}
}

// dryRun looks with what cannot write: no key, listers instead of targets, and an observer that has no way to push.
func dryRun(ctx context.Context, env *environment, conn *connected, o reconcileOptions, opts reconciler.Options) error {
	main, err := conn.gatherer.FetchMain(ctx, conn.branch)
	if err != nil {
		return err
	}
	trust, err := conn.gatherer.TrustAt(main.String())
	if err != nil {
		return err
	}
	open := opener(env, conn.forge)
	observer := conn.observer(trust, func(ctx context.Context, c grants.TargetConfig) (reconciler.Lister, error) {
		t, err := open(ctx, c)
		return struct{ reconciler.Lister }{t}, err
	})
	observer.OnMainsWord = true
	observer.OpenAnchor = readOnly(anchorOpener(env, conn))
	out, err := observer.Look(ctx, opts)
	if err != nil {
		return err
	}
	rep := out.Report()
	if err := outputPlan(env, rep); err != nil {
		return err
	}
	if o.json {
		err = printJSON(env.out, rep)
	} else {
		err = render.PlanText(env.out, renderPlan(rep), terminalOptions(env, opts.Now))
	}
	if err != nil {
		return err
	}
	return reportError(rep)
}

func terminalOptions(env *environment, now time.Time) render.TerminalOptions {
	return render.TerminalOptions{Options: render.Options{Now: now}, Color: env.terminal && env.getenv("NO_COLOR") == ""}
}

func showReport(env *environment, o reconcileOptions, rep *reconciler.Report) error {
	r := renderReport(rep)
	if err := outputPlan(env, rep); err != nil {
		return err
	}
	if env.inActions() {
		if err := render.WorkflowCommands(env.err, render.ReportAnnotations(r)); err != nil {
			return err
		}
		if err := env.tell("GITHUB_STEP_SUMMARY", func(w io.Writer) error {
			_, err := io.WriteString(w, render.ReportSummary(r))
			return err
		}); err != nil {
			return err
		}
	}
	if o.json {
		return printJSON(env.out, rep)
	}
	return render.ReportText(env.out, r, terminalOptions(env, rep.Now))
}

// pulls opens the removal pull request.
type pulls struct {
	forge *github.Client
	repo  github.Repo
}

func (p pulls) EnsurePull(ctx context.Context, head, base, title, body string) (int, error) {
	n, open, err := p.forge.FindPull(ctx, p.repo, head, base)
	if err != nil || open {
		return n, err
	}
	return p.forge.OpenPull(ctx, p.repo, head, base, title, body)
}

func renderPlan(rep *reconciler.Report) render.Plan {
	p := render.Plan{Now: rep.Now, Next: rep.Next}
	for _, s := range rep.Plan.Steps {
		p.Lines = append(p.Lines, stepLine(s))
	}
	for _, c := range rep.Plan.Confirm {
		if c.Kind == ledger.Kept {
			p.Kept = append(p.Kept, holdingLine("keep", c.Holding, c.Grants))
		}
	}
	return p
}

func renderReport(rep *reconciler.Report) render.Report {
	r := render.Report{Now: rep.Now, Removal: removal(rep), Next: rep.Next}
	for _, o := range rep.Taken {
		l := holdingLine("take", o.Holding, o.Grants)
		l.Name, l.Why, l.Overrun = o.Name, string(o.Cause), o.Overrun
		r.Done = append(r.Done, l)
	}
	for _, o := range rep.Given {
		l := holdingLine("give", o.Holding, o.Grants)
		l.Name, l.Why, l.Until = o.Name, string(o.Cause), o.Until
		r.Done = append(r.Done, l)
	}
	for _, f := range rep.Undone {
		r.Failed = append(r.Failed, render.Failure{PlanLine: stepLine(f.Step), Error: f.Error})
	}
	for _, j := range rep.Judged {
		r.Refused = append(r.Refused, refusals(j)...)
	}
	for _, c := range rep.Plan.Confirm {
		if c.Kind == ledger.Kept {
			r.Kept = append(r.Kept, holdingLine("keep", c.Holding, c.Grants))
		}
	}
	for _, b := range rep.Plan.Blocked {
		r.Notes = append(r.Notes, fmt.Sprintf("not done: %s %s at %s, %s: %s", b.Action, render.Entitlement(b.Entitlement), b.Entitlement.Target, or(b.Name, b.Account), b.Why))
	}
	for _, n := range rep.Notes {
		r.Notes = append(r.Notes, grants.PathOf(n.Grant)+": "+n.Text)
	}
	for _, e := range rep.Ended {
		if e.Expired {
			continue // what it gave stands among what was taken
		}
		r.Notes = append(r.Notes, grants.PathOf(e.Grant)+" is over: "+e.Reason)
	}
	if rep.Waiting > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("main was walked up to %.12s; %d more changes wait for the next run", rep.Walked, rep.Waiting))
	}
	r.Notes = append(append(append(r.Notes, rep.Frozen...), rep.Findings...), rep.Failures...)
	return r
}

// removal says which files went, and how.
func removal(rep *reconciler.Report) string {
	if len(rep.Removed) == 0 {
		return ""
	}
	how := fmt.Sprintf("in commit %.12s", rep.RemovalCommit)
	if rep.RemovalPull > 0 {
		how = fmt.Sprintf("in pull request #%d", rep.RemovalPull)
	}
	var paths []string
	for _, id := range rep.Removed {
		paths = append(paths, grants.PathOf(id))
	}
	return strings.Join(paths, ", ") + " " + how
}

func refusals(j reconciler.Judged) []render.Refusal {
	if j.Verdict.Outcome == checks.OutcomeApproved {
		return nil
	}
	var out []render.Refusal
	for _, g := range j.Verdict.Grants {
		if g.Kind != grants.End {
			out = append(out, render.Refusal{Grant: g.ID, Commit: j.Commit, Reasons: reconciler.Reasons(j.Verdict)})
		}
	}
	return out
}

func stepLine(s reconciler.Step) render.PlanLine {
	l := holdingLine(string(s.Action), s.Holding(), s.Grants)
	l.Name, l.Why, l.Until = s.Name, string(s.Cause), s.Until
	return l
}

func holdingLine(action string, h ledger.Holding, ids []string) render.PlanLine {
	return render.PlanLine{
		Action: action, Target: h.Entitlement.Target, Entitlement: render.Entitlement(h.Entitlement), Account: h.Account, Grants: ids,
	}
}
