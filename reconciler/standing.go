package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/requests"
)

// Standing is what check must know beyond the request itself: where main is, who holds live grants, and what would keep a
// reconciler from giving anything whatever the reviews say.
type Standing struct {
	Main  gitrepo.Hash
	Live  requests.LiveOf
	Unfit []checks.Reason
}

// Standing reads main and the ledger. Unlike a run it does not go on without the forge: an answer on old facts is no answer.
func (r *Observer) Standing(ctx context.Context, now time.Time) (Standing, error) {
	tip, err := r.Requests.FetchMain(ctx, r.Branch)
	if err != nil {
		return Standing{}, err
	}
	out := &Outlook{Now: now, Main: tip}
	err = r.lookAtLedger(ctx, Options{Now: now}, out)
	if errors.Is(err, ErrNoLedger) {
		out.freeze("there is no ledger yet: nothing is given until `lapse reconcile --init` has run once")
		err = nil
	}
	if err != nil {
		return Standing{}, err
	}
	s := Standing{Main: tip, Live: out.liveOf}
	for _, f := range out.Frozen {
		s.Unfit = append(s.Unfit, checks.Reason{Text: f, Hint: "whoever runs Lapse must look at this first"})
	}
	if out.state.Configuration != nil {
		snap, err := r.Requests.Snapshot(tip)
		if err != nil {
			return Standing{}, fmt.Errorf("read main: %w", err)
		}
		s.Unfit = append(s.Unfit, out.unfit(snap)...)
	}
	return s, nil
}
