package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
)

// whoOptions are the flags of lapse who.
type whoOptions struct {
	connection
	about string
	json  bool
}

func newWho(env *environment) *cobra.Command {
	o := &whoOptions{}
	c := &cobra.Command{
		Use:   "who [USER|ROLE|TARGET]",
		Short: "Tell who holds what now, until when, and why",
		Long: `Who tells, by the ledger's word, who holds what through Lapse now, until when and why, and how fresh that word is. It asks no
target: lapse reconcile --dry-run compares with what they show.`,
		Example: `  lapse who
  lapse who alice
  lapse who prod-db --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.about = strings.TrimPrefix(args[0], "@")
			}
			return runWho(c.Context(), env, *o)
		},
	}
	o.flags(c.Flags())
	c.Flags().BoolVar(&o.json, "json", false, "print the holders as JSON")
	return c
}

func runWho(ctx context.Context, env *environment, o whoOptions) error {
	now := env.now().UTC()
	conn, err := o.open(ctx, env)
	if err != nil {
		return err
	}
	standing, err := standWithLedger(ctx, conn, now)
	if err != nil {
		return err
	}
	if err := conn.knows(standing, o.about); err != nil {
		return err
	}
	fresh := audit.Fresh(standing.Book.State(), standing.Main.String(), now, texts(standing.Unfit))
	if fresh.Behind {
		if fresh.Behind, err = conn.brings(standing, fresh.Main); err != nil {
			return err
		}
	}
	if fresh.LastRun, err = conn.lastRun(ctx, standing.Main.String()); err != nil {
		return err
	}
	fresh.Stale = now.Sub(fresh.LastRun) > reconciler.StaleAfter
	holders := audit.Who(standing.Book, o.about, now)
	if o.json {
		err = printJSON(env.out, map[string]any{"holders": append([]audit.Holder{}, holders...), "ledger": fresh})
	} else {
		err = render.Who(env.out, holders, o.about, fresh, terminalOptions(env, time.Time{}))
	}
	return errors.Join(err, findings(env, standing))
}

// lastRun is the heartbeat, as it is signed with a key that main trusts.
func (c *connected) lastRun(ctx context.Context, main string) (time.Time, error) {
	reader, err := c.reader(main)
	if err != nil {
		return time.Time{}, err
	}
	return reader.LastRun(ctx)
}

// brings says whether main, since the commit that a reconcile last wrote of, brought anything that it has to judge. A removal commit
// of Lapse's own, or a new README, makes the ledger's word no older.
func (c *connected) brings(s reconciler.Standing, seen string) (bool, error) {
	change, err := c.git.Diff(gitrepo.NewHash(seen), s.Main)
	if err != nil {
		return true, nil // what main lost cannot be compared with: it has moved
	}
	state := s.Book.State()
	for _, ch := range change {
		id, isGrant := grants.IDOf(ch.Path)
		_, live := state.Grants[id]
		if grants.IsConfiguration(ch.Path) || isGrant && (ch.After != nil || live) {
			return true, nil
		}
	}
	return false, nil
}

// knows wants a name that means something here: a slip of the pen must not pass for "nobody holds it".
func (c *connected) knows(s reconciler.Standing, about string) error {
	if about == "" {
		return nil
	}
	snap, err := c.gatherer.Snapshot(s.Main)
	if err != nil {
		return err
	}
	conf := snap.Configuration
	for login := range conf.People.People {
		if strings.EqualFold(login, about) {
			return nil
		}
	}
	_, role := conf.Roles[about]
	_, target := conf.Config.Targets[about]
	if role || target || told(s.Book.Receipts(), about) {
		return nil
	}
	return fmt.Errorf("%q is no user, role or target of the access repository, and the ledger tells of none; see `lapse who` for everybody", about)
}

// told says whether the ledger ever named it: people leave, and roles go.
func told(receipts []ledger.Receipt, about string) bool {
	for _, r := range receipts {
		if g := r.Grant; g != nil && (strings.EqualFold(g.User, about) || g.Role == about) || r.Holding != nil && r.Holding.Entitlement.Target == about {
			return true
		}
	}
	return false
}
