package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
)

// moor writes where main and the ledger are now to the anchor of the approved configuration, if that is not what it says already. It
// never moves a checkpoint backward, and writes none while something is known to be lost: it may be the last that knows.
func (r *Reconciler) moor(ctx context.Context, out *Outlook, main gitrepo.Hash, now time.Time) error {
	m := out.moored
	if m == nil || len(out.Losses) > 0 || out.detached != "" || main.IsZero() || out.LedgerTip.IsZero() || out.repository == 0 {
		return nil
	}
	state := out.Book.State()
	c := ledger.Checkpoint{
		Repository: out.repository, Main: main.String(), Ledger: out.LedgerTip.String(), Sequence: state.Sequence, Last: state.Last, Time: now,
	}
	if m.point != nil && m.point.Main == c.Main && m.point.Ledger == c.Ledger {
		return nil
	}
	sealed, err := ledger.SealCheckpoint(ctx, r.signing, c)
	if err == nil {
		err = r.writeMooring(ctx, out, m, sealed, c)
	}
	if err != nil {
		return fmt.Errorf("keep a checkpoint at the anchor (%s): %w", m.name, err)
	}
	return nil
}

// mooredFor says whether what is about to be given may be: what was intended must not be forgotten by losing the ledger. What is taken
// does not wait for it.
func (r *Reconciler) mooredFor(ctx context.Context, out *Outlook) bool {
	if len(out.Plan.Gives()) == 0 {
		return true
	}
	err := r.moor(ctx, out, out.Main, out.Now)
	if err != nil {
		out.fail("%v; nothing is given", err)
	}
	return err == nil
}

// writeMooring writes behind what is there, for as often as somebody else is faster. Where theirs is the newer one, all is well.
func (r *Reconciler) writeMooring(ctx context.Context, out *Outlook, m *mooring, sealed []byte, c ledger.Checkpoint) error {
	place, ok := m.reader.(Anchor)
	if !ok {
		return errors.New("it cannot be written to")
	}
	const attempts = 5
	for i := 1; ; i++ {
		err := place.Write(ctx, m.read, sealed, c.Time)
		if err == nil {
			m.read, m.point, m.shows = sealed, &c, ""
			return nil
		}
		if !errors.Is(err, ErrAnchorMoved) || i == attempts {
			return err
		}
		newer, err := r.overtaken(ctx, out, m, c)
		if err != nil || newer {
			return err
		}
	}
}

// overtaken reads the place again; true: what is there now descends from what was to be written.
func (r *Reconciler) overtaken(ctx context.Context, out *Outlook, m *mooring, c ledger.Checkpoint) (bool, error) {
	var err error
	if m.read, err = m.reader.Read(ctx); err != nil {
		return false, err
	}
	if m.read == nil {
		return false, errors.New("somebody took away what was there")
	}
	if err := r.believe(m, out); err != nil {
		return false, err
	}
	theirs := gitrepo.NewHash(m.point.Ledger)
	if r.within(theirs, gitrepo.NewHash(c.Ledger)) && r.within(gitrepo.NewHash(m.point.Main), gitrepo.NewHash(c.Main)) {
		return false, nil
	}
	if err := r.Write.FetchHash(ctx, theirs); err != nil {
		return false, fmt.Errorf("somebody wrote there that the ledger is at %.12s, which cannot be read: %w", theirs, err)
	}
	if !r.within(gitrepo.NewHash(c.Ledger), theirs) {
		return false, fmt.Errorf("somebody wrote there that the ledger is at %.12s, which does not descend from %.12s", theirs, c.Ledger)
	}
	return true, nil
}

// settle brings the checkpoint up to date at the end of a run, and has the ledger say where one is kept: from then on, that it is not
// there is a finding. Where somebody else's progress keeps it from saying so, the next run does.
func (r *Reconciler) settle(ctx context.Context, out *Outlook) {
	main := out.Main
	if out.RemovalCommit != "" && out.RemovalPull == 0 {
		main = gitrepo.NewHash(out.RemovalCommit)
	}
	now := r.clock(out)
	if err := r.moor(ctx, out, main, now); err != nil {
		out.fail("%v; until that is mended nothing is given", err)
		return
	}
	said, is := out.Book.State().Anchor, ledger.Anchor{}
	if m := out.moored; m != nil {
		if m.point == nil {
			return
		}
		is = ledger.Anchor{Place: m.name, Commit: m.commit}
	}
	if out.detached != "" || len(out.Losses) > 0 || out.unproven || said == nil && is.Place == "" || said != nil && said.Place == is.Place && said.Accepted == "" {
		return
	}
	err := r.append(ctx, now, out, []ledger.Receipt{{Kind: ledger.Anchored, Anchor: &is}})
	if err != nil && !errors.Is(err, errMoved) {
		out.fail("write to the ledger where the checkpoint is kept: %v", err)
	}
}
