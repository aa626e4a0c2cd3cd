package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// Glance is [Observer.Standing] for who needs one verdict. Where the newest commit of the ledger is Lapse's own and nobody is seen to
// have moved the branch back, it believes the state that the commit holds, of which it reads the head and the grants of those it is
// asked for; the receipts are not read, and Book is nil. Otherwise it reads all of them. A verdict on it is advice: before anything is
// given a reconcile reads everything.
func (r *Observer) Glance(ctx context.Context, now time.Time, main gitrepo.Hash) (Standing, error) {
	s, sure, err := r.glance(ctx, now, main)
	if err == nil && !sure {
		s, err = r.Standing(ctx, now)
	}
	if err != nil {
		return Standing{}, err
	}
	s.Heartbeat, err = r.heartbeat(ctx)
	return s, err
}

// glance is not sure where anything is other than it mostly is.
func (r *Observer) glance(ctx context.Context, now time.Time, main gitrepo.Hash) (s Standing, sure bool, err error) {
	ledgerSpec := "+" + ledgerRef + ":" + ledgerHere
	err = r.Git.Fetch(ctx, ledgerSpec, heartbeatSpec)
	if errors.Is(err, gitrepo.ErrNoRef) { // no heartbeat yet
		err = r.Git.Fetch(ctx, ledgerSpec)
	}
	if err != nil {
		return s, false, nil
	}
	tip, ok, err := r.Git.Ref(ledgerHere)
	if err != nil || !ok || r.own(tip) != nil {
		return s, false, err
	}
	out := &Outlook{Now: now, Main: main}
	if ok, err := r.undisputed(ctx, tip, out); err != nil || !ok {
		return s, false, err
	}
	files, err := r.Git.FS(tip)
	if err != nil {
		return s, false, err
	}
	head, err := ledger.ReadHead(files)
	if err != nil || head.Configuration == nil {
		return s, false, nil
	}
	if id, err := r.Requests.ID(ctx); err != nil || id != head.Repository {
		return s, false, nil // another repository's, by the same key
	}
	out.state = ledger.State{Main: head.Main, Configuration: head.Configuration}
	if r.rewritten(out) {
		return s, false, nil // or main moved since it was fetched
	}
	snap, err := r.Requests.Snapshot(main)
	if err != nil {
		return s, false, fmt.Errorf("read main: %w", err)
	}
	return Standing{Main: main, Live: liveFrom(files, now), Held: head.Targets, Unfit: out.unfit(snap)}, true, r.saw(tip)
}

// undisputed says whether the ledger descends from what this mirror saw of it. One that has seen nothing asks the forge.
func (r *Observer) undisputed(ctx context.Context, tip gitrepo.Hash, out *Outlook) (bool, error) {
	seen, ok, err := r.Git.Ref(ledgerSeen)
	if err != nil {
		return false, err
	}
	if ok {
		behind, err := r.Git.IsAncestor(seen, tip)
		return err == nil && behind, nil
	}
	rewinds, err := r.Requests.Rewinds(ctx, ledger.Branch)
	if err != nil || len(rewinds) > maxRewinds {
		return false, nil
	}
	for _, h := range rewinds {
		if own, err := r.lostAt(ctx, h, tip, out.repository); err != nil || !own.IsZero() {
			return false, nil // or a person accepted it, which the receipts say
		}
	}
	return true, nil
}

// liveFrom tells live and coming grants by the state that was kept on the ledger.
func liveFrom(files fs.FS, now time.Time) requests.LiveOf {
	return func(user string) ([]checks.LiveGrant, error) {
		found, err := ledger.ReadGrants(files, user)
		if err != nil {
			return nil, fmt.Errorf("read what %s holds: %w", user, err)
		}
		return liveAt(now, found), nil
	}
}
