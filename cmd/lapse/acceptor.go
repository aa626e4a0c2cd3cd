package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/requests"
)

// acceptor is who accepts, by the forge's word: whoever started the workflow by hand, or whose token it is. It must be a person who may
// approve a change of the configuration: what they accept is no less.
func acceptor(ctx context.Context, env *environment, c connection, conn *connected, found *reconciler.Acceptable) (ledger.Accepter, error) {
	who, err := whoAccepts(ctx, env, c, conn)
	if err != nil {
		return ledger.Accepter{}, fmt.Errorf("%w", err)
	}
	if err := mayConfigure(ctx, env, conn, found.Approved, who); err != nil {
		return ledger.Accepter{}, err
	}
	return ledger.Accepter{Login: who.Login, ID: who.ID}, nil
}

// mayBegin wants a ledger that a workflow begins to be begun by a person, who started it by hand and named the commit of main that they
// read: whoever may push may start a workflow, and what begins the ledger is in force unapproved. On any other machine whoever has the
// credentials there is asked for nothing more.
func mayBegin(ctx context.Context, env *environment, o reconcileOptions, conn *connected) error {
	if !env.inActions() {
		return nil
	}
	if o.at == "" {
		return usagef("begin with what? in a workflow --init needs --at, the commit of %s that you read and that is to be in force", conn.branch)
	}
	who, err := workflowActor(ctx, env, conn)
	if err != nil {
		return fmt.Errorf("who begins? %w", err)
	}
	main, err := conn.gatherer.FetchMain(ctx, conn.branch)
	if err != nil {
		return err
	}
	snap, err := conn.gatherer.Snapshot(main)
	if err != nil {
		return err
	}
	return mayConfigure(ctx, env, conn, snap, who)
}

// mayConfigure refuses who may not approve a change of that configuration.
func mayConfigure(ctx context.Context, env *environment, conn *connected, snap *requests.Snapshot, who github.Account) error {
	if who.Bot || who.Deleted {
		return fmt.Errorf("%s is no person's account: set GH_TOKEN to your own token (export GH_TOKEN=$(gh auth token)), or start the workflow by hand", render.Text(who.Login))
	}
	login, err := conn.gatherer.MayConfigure(ctx, snap, who.ID)
	if err != nil {
		return fmt.Errorf("may %s do this? %w", render.Text(who.Login), err)
	}
	if login == "" {
		env.complain(fmt.Errorf("%s may not do this: only who may approve a change of the configuration may (configuration.approvals in lapse.yaml at %.12s)", render.Text(who.Login), snap.Commit))
		return errRefused
	}
	return nil
}

func whoAccepts(ctx context.Context, env *environment, c connection, conn *connected) (github.Account, error) {
	if env.inActions() {
		return workflowActor(ctx, env, conn)
	}
	forge := conn.forge
	if c.appID != 0 {
		token := env.token()
		if token == "" {
			return github.Account{}, usagef("the App is nobody: set GH_TOKEN to your own token as well (export GH_TOKEN=$(gh auth token))")
		}
		var err error
		if forge, err = c.forgeWith(env, token, conn.log); err != nil {
			return github.Account{}, err
		}
	}
	return forge.Self(ctx)
}

// workflowActor is who started this run of a workflow by hand. Whatever starts a run otherwise was not asked.
func workflowActor(ctx context.Context, env *environment, conn *connected) (github.Account, error) {
	if e := env.getenv("GITHUB_EVENT_NAME"); e != "workflow_dispatch" {
		return github.Account{}, fmt.Errorf("this run was started by %q, not by hand: start the workflow with its inputs (Run workflow)", e)
	}
	actor, again := env.getenv("GITHUB_ACTOR"), env.getenv("GITHUB_TRIGGERING_ACTOR")
	if again != "" && !strings.EqualFold(again, actor) {
		return github.Account{}, fmt.Errorf("%s started this run and %s started it again: start a new one", actor, again)
	}
	id, err := strconv.ParseInt(env.getenv("GITHUB_ACTOR_ID"), 10, 64)
	if err != nil || id <= 0 {
		return github.Account{}, errors.New("the workflow does not say who started it (GITHUB_ACTOR_ID)")
	}
	who, exists, err := conn.forge.User(ctx, actor)
	switch {
	case err != nil:
		return who, err
	case !exists || who.ID != id:
		return who, fmt.Errorf("%s is not the account %d that started this run", actor, id)
	}
	return who, nil
}
