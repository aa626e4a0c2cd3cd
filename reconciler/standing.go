package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// Standing is what check must know beyond the request itself: where main is, who holds live grants, and what would keep a
// reconciler from giving anything whatever the reviews say.
type Standing struct {
	Main  gitrepo.Hash
	Live  requests.LiveOf
	Held  []string // targets at which Lapse has given what it has not proven taken, sorted
	Unfit []checks.Reason
	Book  *ledger.Book // as it was read; nil where there is no ledger yet, or it was not read
	// Heartbeat is the last, as [Observer.Glance] found it.
	Heartbeat Heartbeat
}

// Standing reads main and the ledger. Unlike a run it does not go on without the forge: an answer on old facts is no answer.
func (r *Observer) Standing(ctx context.Context, now time.Time) (Standing, error) {
	out, err := r.stand(ctx, now)
	if err == nil && r.rewritten(out) {
		// A run may have seen a newer main between the two fetches.
		if out, err = r.stand(ctx, now); err == nil && r.rewritten(out) {
			out.freeze("%v: %.12s is not behind %.12s", requests.ErrRewritten, out.state.Main, out.Main)
		}
	}
	if err != nil {
		return Standing{}, err
	}
	s := Standing{Main: out.Main, Live: out.liveOf, Held: out.state.HeldTargets(), Book: out.Book}
	for _, f := range out.Frozen {
		s.Unfit = append(s.Unfit, checks.Reason{Text: f, Hint: "whoever runs Lapse must look at this first"})
	}
	if out.state.Configuration != nil {
		snap, err := r.Requests.Snapshot(out.Main)
		if err != nil {
			return Standing{}, fmt.Errorf("read main: %w", err)
		}
		s.Unfit = append(s.Unfit, out.unfit(snap)...)
	}
	return s, nil
}

func (r *Observer) stand(ctx context.Context, now time.Time) (*Outlook, error) {
	tip, err := r.Requests.FetchMain(ctx, r.Branch)
	if err != nil {
		return nil, err
	}
	out := &Outlook{Now: now, Main: tip}
	err = r.lookAtLedger(ctx, Options{Now: now}, out)
	if errors.Is(err, ErrNoLedger) {
		out.freeze("there is no ledger yet: nothing is given until `lapse reconcile --init` has run once")
		err = nil
	}
	return out, err
}

// rewritten says whether main does not descend from what was last seen of it. What cannot be read does not.
func (r *Observer) rewritten(out *Outlook) bool {
	if out.state.Main == "" {
		return false
	}
	behind, err := r.Git.IsAncestor(gitrepo.NewHash(out.state.Main), out.Main)
	return err != nil || !behind
}
