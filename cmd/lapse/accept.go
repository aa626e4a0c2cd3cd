package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
)

// acceptOptions are the flags of lapse accept.
type acceptOptions struct {
	connection
	commits []string
	because string
	yes     []string
	json    bool
}

func newAccept(env *environment) *cobra.Command {
	o := &acceptOptions{}
	c := &cobra.Command{
		Use:   "accept [commit...]",
		Short: "Let go what was lost for good, with a signed receipt of who did",
		Long: `Accept shows what main, the ledger or the anchor have lost, so that nothing is given, and lets a person say that it may stay so:
main was rewritten and cannot be put back, receipts are gone, the anchor holds no checkpoint any more. With a commit, it is about one
that reached main without approval and was refused, so that an audit finds the word of somebody who looked at it.

Putting back what was lost is the better cure wherever somebody still has it: lapse reconcile prints the git commands.

Nothing is given by accepting, and nothing that was not approved becomes so. Main is walked on from where it parted from what was lost,
grants whose files went with it end, and what by lost receipts is held is taken back.

On a terminal it asks; elsewhere --yes names exactly what was shown, and nothing is written if that is not what is lost by now. Whoever
may approve a change of the configuration may accept. It needs what signs receipts, and so runs where reconcile runs: in a
workflow that somebody started by hand, or with their own token in $GH_TOKEN.`,
		Example: `  lapse accept --repository acme/access                     # show what there is to accept
  lapse accept --because "main was rewritten to remove a key, INC-4300"
  lapse accept 3f2a91c --because "a typo in the README, pushed past the rule"
  lapse accept --because "…" --yes main:0c391ee1…..b1a95d79…  # as shown, in full`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			o.commits = args
			return runAccept(c.Context(), env, *o)
		},
	}
	o.flags(c.Flags())
	c.Flags().StringVar(&o.because, "because", "", "why, in a line; it stands in the receipt")
	c.Flags().StringArrayVar(&o.yes, "yes", nil, "accept what has this `name`, without asking; may be given several times")
	c.Flags().BoolVar(&o.json, "json", false, "print what there is to accept as JSON, and stop")
	return c
}

func runAccept(ctx context.Context, env *environment, o acceptOptions) error {
	for _, c := range o.commits {
		if strings.Trim(c, "0123456789abcdef") != "" {
			return usagef("%q is no commit: give its hexadecimal name", c)
		}
	}
	conn, err := o.open(ctx, env)
	if err != nil {
		return err
	}
	r, err := newReconciler(ctx, env, conn)
	if err != nil {
		return err
	}
	found, err := r.Acceptable(ctx, reconciler.Options{Now: env.now().UTC()}, append(o.commits, commitsOf(o.yes)...))
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(env.out, found)
	}
	if len(found.Losses) == 0 && len(o.yes) == 0 {
		fmt.Fprintln(env.err, "lapse: nothing is lost: there is nothing to accept")
		return nil
	}
	showLosses(env.out, found.Losses)
	word, err := o.word(ctx, env, found)
	if err != nil {
		return err
	}
	if word.By, err = acceptor(ctx, env, o.connection, conn, found); err != nil {
		return err
	}
	return writeAcceptance(ctx, env, r, found, word)
}

// commitsOf are the commits among the names of what is accepted.
func commitsOf(names []string) []string {
	var out []string
	for _, n := range names {
		if c, ok := strings.CutPrefix(n, string(ledger.Unapproved)+":"); ok {
			out = append(out, c)
		}
	}
	return out
}

func writeAcceptance(ctx context.Context, env *environment, r *reconciler.Reconciler, found *reconciler.Acceptable, word reconciler.Acceptance) error {
	rep, err := r.Accept(ctx, found, word)
	if errors.Is(err, reconciler.ErrNotShown) {
		env.complain(err)
		return errRefused
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(env.out, "accepted by %s (%d), in commit %.12s of the ledger\n", render.Text(word.By.Login), word.By.ID, rep.Ledger)
	for _, l := range rep.Losses {
		if n := len(l.Holdings); n > 0 {
			fmt.Fprintf(env.out, "  %d holdings that lost receipts alone told of are known again, and taken back unless a grant gives them\n", n)
		}
	}
	fmt.Fprintln(env.err, "lapse: the next `lapse reconcile` goes on from here")
	return nil
}

// word is what the person says: by names, or by answers on a terminal.
func (o acceptOptions) word(ctx context.Context, env *environment, found *reconciler.Acceptable) (reconciler.Acceptance, error) {
	word := reconciler.Acceptance{Names: o.yes, Because: strings.TrimSpace(o.because)}
	switch {
	case len(o.yes) > 0 && word.Because == "":
		return word, usagef("say why: --because \"…\"")
	case len(o.yes) > 0:
		return word, nil
	case !env.asks:
		var names []string
		for _, l := range found.Losses {
			names = append(names, "--yes "+l.Name())
		}
		fmt.Fprintf(env.err, "lapse: nothing is accepted yet. Put it back if anybody can; else:\n  lapse accept --because \"…\" %s\n", strings.Join(names, " "))
		return word, errRefused
	}
	ask := env.asker()
	for _, l := range found.Losses {
		yes, err := ask.confirm(ctx, "Accept "+l.Name()+"?", false)
		if err != nil {
			return word, err
		}
		if yes {
			word.Names = append(word.Names, l.Name())
		}
	}
	if len(word.Names) == 0 {
		fmt.Fprintln(env.err, "lapse: nothing is accepted")
		return word, errRefused
	}
	if word.Because != "" {
		return word, nil
	}
	var err error
	word.Because, err = ask.ask(ctx, question{text: "Why?", check: func(s string) error {
		if s == "" {
			return errors.New("say why, in a line")
		}
		return nil
	}})
	return word, err
}

// showLosses says what there is to accept. Subjects of commits are hostile text.
func showLosses(w io.Writer, losses []reconciler.Loss) {
	for _, l := range losses {
		switch l.What {
		case ledger.LossOfMain:
			fmt.Fprintf(w, "main was at %s, by %s\n", l.Was, l.By)
			fmt.Fprintf(w, "  and is at %s, which does not descend from it\n", l.Now)
		case ledger.LossOfLedger:
			fmt.Fprintf(w, "the ledger was at %s, by %s\n", l.Was, l.By)
			if l.Now == "" {
				fmt.Fprintf(w, "  and is gone; it would begin anew, with the configuration of commit %s in force\n", l.Begins)
			} else {
				fmt.Fprintf(w, "  and is at %s, which does not descend from it\n", l.Now)
			}
		case ledger.LossOfAnchor:
			fmt.Fprintf(w, "the anchor (%s) holds no checkpoint of this repository: %s\n", render.Text(l.Place), anchorShows(l.Was))
			fmt.Fprintln(w, "  another would be written over what is there")
		case ledger.Unapproved:
			fmt.Fprintf(w, "commit %s reached main without approval, and was refused; it stays so\n", l.Was)
		}
		for _, c := range l.Commits {
			fmt.Fprintf(w, "  lost: %.12s %s\n", c.Commit, render.Text(c.Subject))
		}
		if l.More > 0 {
			fmt.Fprintf(w, "  lost: %d more commits\n", l.More)
		}
		if l.First > 0 {
			fmt.Fprintf(w, "  lost: receipts %d to %d\n", l.First, l.Last)
		}
		for _, id := range l.Grants {
			fmt.Fprintf(w, "  concerns %s\n", render.Text(grants.PathOf(id)))
		}
		for _, h := range l.Holdings {
			fmt.Fprintf(w, "  known by lost receipts alone: %s at %s, %s\n", render.Text(render.Entitlement(h.Entitlement)), render.Text(h.Entitlement.Target), render.Text(h.Account))
		}
		if l.Gone {
			fmt.Fprintln(w, "  nobody here can read that any more: what it gave or ended cannot be told; look at the targets yourself")
		}
		fmt.Fprintf(w, "  name: %s\n", l.Name())
	}
}

func anchorShows(was string) string {
	switch was {
	case ledger.NoneThere:
		return "nothing is there"
	case ledger.Unreadable:
		return "it cannot be read"
	}
	return "what is there has the digest " + was
}
