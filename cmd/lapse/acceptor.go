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
)

// acceptor is who accepts, by the forge's word: whoever started the workflow by hand, or whose token it is. It must be a person who may
// approve a change of the configuration: what they accept is no less.
func acceptor(ctx context.Context, env *environment, c connection, conn *connected, found *reconciler.Acceptable) (ledger.Accepter, error) {
	who, err := whoAccepts(ctx, env, c, conn)
	if err != nil {
		return ledger.Accepter{}, err
	}
	if who.Bot || who.Deleted {
		return ledger.Accepter{}, fmt.Errorf("who accepts? %s is no person's account: set GH_TOKEN to your own token (export GH_TOKEN=$(gh auth token)), or start the workflow by hand", who.Login)
	}
	login, err := conn.gatherer.MayConfigure(ctx, found.Approved, who.ID)
	if err != nil {
		return ledger.Accepter{}, fmt.Errorf("may %s accept? %w", who.Login, err)
	}
	if login == "" {
		env.complain(fmt.Errorf("%s may not accept this: only who may approve a change of the configuration may (configuration.approvals in lapse.yaml at %.12s)", render.Text(who.Login), found.Approved.Commit))
		return ledger.Accepter{}, errRefused
	}
	return ledger.Accepter{Login: who.Login, ID: who.ID}, nil
}

func whoAccepts(ctx context.Context, env *environment, c connection, conn *connected) (github.Account, error) {
	if env.inActions() {
		return workflowActor(ctx, env, conn)
	}
	forge := conn.forge
	if c.appID != 0 {
		token := env.token()
		if token == "" {
			return github.Account{}, usagef("who accepts? the App is nobody: set GH_TOKEN to your own token as well (export GH_TOKEN=$(gh auth token))")
		}
		var err error
		if forge, err = c.forgeWith(env, token, conn.log); err != nil {
			return github.Account{}, err
		}
	}
	who, err := forge.Self(ctx)
	if err != nil {
		return who, fmt.Errorf("who accepts? %w", err)
	}
	return who, nil
}

// workflowActor is who started this run of a workflow by hand. Whatever starts a run otherwise was not asked.
func workflowActor(ctx context.Context, env *environment, conn *connected) (github.Account, error) {
	if e := env.getenv("GITHUB_EVENT_NAME"); e != "workflow_dispatch" {
		return github.Account{}, fmt.Errorf("who accepts? this run was started by %q, not by hand: start the workflow with its inputs (Run workflow)", e)
	}
	actor, again := env.getenv("GITHUB_ACTOR"), env.getenv("GITHUB_TRIGGERING_ACTOR")
	if again != "" && !strings.EqualFold(again, actor) {
		return github.Account{}, fmt.Errorf("who accepts? %s started this run and %s started it again: start a new one", actor, again)
	}
	id, err := strconv.ParseInt(env.getenv("GITHUB_ACTOR_ID"), 10, 64)
	if err != nil || id <= 0 {
		return github.Account{}, errors.New("who accepts? the workflow does not say who started it (GITHUB_ACTOR_ID)")
	}
	who, exists, err := conn.forge.User(ctx, actor)
	switch {
	case err != nil:
		return who, fmt.Errorf("who accepts? %w", err)
	case !exists || who.ID != id:
		return who, fmt.Errorf("who accepts? %s is not the account %d that started this run", actor, id)
	}
	return who, nil
}
