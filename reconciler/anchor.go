package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// AnchorReader is the half of an anchor that cannot write. A dry run is given nothing more.
type AnchorReader interface {
	// Read returns what was written last; nil where nothing is there. What is there and cannot be read is an error.
	Read(ctx context.Context) ([]byte, error)
}

// Anchor is a place outside the forge that keeps the last checkpoint. It knows nothing of what it keeps.
type Anchor interface {
	AnchorReader
	// Write puts new in the place of old, which is what Read returned last. Where the place can tell that something else is there by
	// now it is ErrAnchorMoved, and nothing is written.
	Write(ctx context.Context, old, new []byte, now time.Time) error
}

// ErrAnchorMoved: somebody wrote to the anchor since it was read.
var ErrAnchorMoved = errors.New("something else is there by now")

// AnchorOpener reaches the place that a configuration names. What it returns for a Reconciler is an [Anchor]; a dry run is given what
// can only read.
type AnchorOpener func(c grants.AnchorConfig) (AnchorReader, error)

// mooring is one place that is to hold a checkpoint, and what it shows:
//
//	the ledger says        | it shows        | what happens
//	one is kept there      | a checkpoint    | main and the ledger must descend from it
//	one is kept there      | anything else   | nothing is given
//	nothing of the place   | nothing         | one is written, and the ledger says so from then on
//	nothing of the place   | a checkpoint    | main and the ledger must descend from it
//	nothing of the place   | anything else   | nothing is given, and nothing is written over it
//	accepted as lost       | a checkpoint    | main and the ledger must descend from it
//	accepted as lost       | what was        | it is written over
//	accepted as lost       | no answer       | a failure, and giving goes on: a person has said so
//	accepted as lost       | anything else   | nothing is given
type mooring struct {
	name   string // as grants.AnchorConfig.Place says
	commit string // of the configuration that names it
	reader AnchorReader
	read   []byte             // as it is there; nil: nothing
	point  *ledger.Checkpoint // what read says; nil: nothing that is to be believed
	shows  string             // where point is nil: as ledger.Acceptance.Was
	fault  string             // why it stops giving
}

// lookAtAnchors reads what the approved configuration's anchor holds, and that of the one before it for as long as the ledger names it.
// What main or the ledger have lost by its word joins what is known to be lost otherwise. Where a newer ledger than the one that was
// read comes to light so, its own word on where a checkpoint is kept is heard as well.
func (r *Observer) lookAtAnchors(ctx context.Context, out *Outlook) error {
	if r.OpenAnchor == nil {
		return nil
	}
	for range maxMoorings {
		found, err := r.readMoorings(ctx, out)
		if err != nil || !found {
			return err
		}
		if err := r.openBook(ctx, out); err != nil {
			return err
		}
		if err := r.readApproved(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// maxMoorings is how many anchors in a row may lead from one to the next.
const maxMoorings = 3

// readMoorings reads those places that were not read yet; found: one knows of a ledger that was not known to be lost.
func (r *Observer) readMoorings(ctx context.Context, out *Outlook) (found bool, err error) {
	named := out.approved.Configuration.Config.Anchor
	if out.unproven {
		named = nil // what main names without approval is never opened
	}
	kept := out.state.Anchor
	out.moored = nil
	if named != nil {
		found, err = r.readMooring(ctx, out, *named, out.state.Configuration.Commit)
		out.moored = out.mooring(named.Place())
	}
	if err != nil || kept == nil || named != nil && kept.Place == named.Place() || kept.Commit == "" {
		return found, err
	}
	before, err := r.anchorAt(ctx, *kept)
	if err != nil {
		out.unmoored(&mooring{name: kept.Place, commit: kept.Commit, shows: ledger.Unreadable}, kept, fmt.Sprintf("the configuration that names it cannot be read: %v", err))
		return found, nil
	}
	more, err := r.readMooring(ctx, out, before, kept.Commit)
	return found || more, err
}

// anchorAt is the anchor that a configuration named when it was approved.
func (r *Observer) anchorAt(ctx context.Context, kept ledger.Anchor) (grants.AnchorConfig, error) {
	if err := r.Requests.Bring(ctx, kept.Commit); err != nil {
		return grants.AnchorConfig{}, err
	}
	snap, err := r.Requests.Snapshot(gitrepo.NewHash(kept.Commit))
	if err != nil {
		return grants.AnchorConfig{}, err
	}
	if a := snap.Configuration.Config.Anchor; a != nil && a.Place() == kept.Place {
		return *a, nil
	}
	return grants.AnchorConfig{}, fmt.Errorf("commit %.12s names another", kept.Commit)
}

func (o *Outlook) mooring(name string) *mooring {
	for _, m := range o.moorings {
		if m.name == name {
			return m
		}
	}
	return nil
}

// readMooring reads one place, once.
func (r *Observer) readMooring(ctx context.Context, out *Outlook, c grants.AnchorConfig, commit string) (found bool, err error) {
	if out.mooring(c.Place()) != nil {
		return false, nil
	}
	m := &mooring{name: c.Place(), commit: commit}
	var kept *ledger.Anchor
	if a := out.state.Anchor; a != nil && a.Place == m.name {
		kept = a
	}
	m.reader, err = r.OpenAnchor(c)
	if err == nil {
		m.read, err = m.reader.Read(ctx)
	}
	if err != nil {
		m.shows = ledger.Unreadable
		out.unmoored(m, kept, fmt.Sprintf("it cannot be read: %v", err))
		return false, nil
	}
	if m.read == nil {
		m.shows = ledger.NoneThere
		out.unmoored(m, kept, "nothing is there, and the ledger says that one was kept")
		return false, nil
	}
	if err := r.believe(m, out); err != nil {
		m.shows = grants.Digest(m.read)
		out.unmoored(m, kept, fmt.Sprintf("what is there is none of this repository's: %v", err))
		return false, nil
	}
	out.moorings = append(out.moorings, m)
	return r.compare(ctx, out, m)
}

// unmoored notes a place without a checkpoint. It stops giving unless nothing was to be there, or a person accepted just this.
func (o *Outlook) unmoored(m *mooring, kept *ledger.Anchor, why string) {
	o.moorings = append(o.moorings, m)
	text := fmt.Sprintf("the last checkpoint of main and the ledger, at the anchor (%s): %s", m.name, why)
	accepted := kept != nil && kept.Accepted != ""
	switch {
	case kept == nil && m.shows == ledger.NoneThere:
	case accepted && (m.shows == ledger.NoneThere || m.shows == kept.Accepted && m.shows != ledger.Unreadable):
	case accepted && m.shows == ledger.Unreadable:
		o.fail("%s; that was accepted, and no checkpoint is kept until it is mended or lapse.yaml names another", text)
	default:
		m.fault = text
		o.Losses = append(o.Losses, Loss{What: ledger.LossOfAnchor, Was: m.shows, Place: m.name})
		o.freeze("%s; mend that, or see `lapse accept`", text)
	}
}

// believe takes what is there for a checkpoint if a trusted key signed it for this repository.
func (r *Observer) believe(m *mooring, out *Outlook) error {
	trust := r.Trust
	if c := out.state.Configuration; c != nil && !out.unproven {
		if named, err := r.Requests.TrustAt(c.Commit); err == nil {
			trust.Roots = trust.Roots.With(named...)
		}
	}
	point, err := ledger.OpenCheckpoint(m.read, trust)
	if err != nil {
		return err
	}
	if out.repository != 0 && point.Repository != out.repository {
		return fmt.Errorf("it is the checkpoint of repository %d, and this is %d", point.Repository, out.repository)
	}
	m.point = &point
	return nil
}

// compare finds what main and the ledger have lost since the checkpoint. Another reconciler may have moved them, and the checkpoint,
// since they were fetched: then all is read again.
func (r *Observer) compare(ctx context.Context, out *Outlook, m *mooring) (found bool, err error) {
	ledgerWas, mainWas := gitrepo.NewHash(m.point.Ledger), gitrepo.NewHash(m.point.Main)
	if r.within(ledgerWas, out.LedgerTip) && (out.Main.IsZero() || out.stale || r.within(mainWas, out.Main)) {
		return false, nil
	}
	if !out.again && r.moved(ctx, out) {
		return false, errMoved
	}
	if !r.within(ledgerWas, out.LedgerTip) && !out.lostLedger(ledgerWas) {
		found, err = r.loseLedger(ctx, out, ledgerWas, byAnchor, m.point)
	}
	if !out.Main.IsZero() && !out.stale && !r.within(mainWas, out.Main) {
		out.record.anchored = append(out.record.anchored, mainWas)
	}
	return found, err
}

// within says whether h is known to be in the history of tip, all of which is here.
func (r *Observer) within(h, tip gitrepo.Hash) bool {
	if tip.IsZero() {
		return false
	}
	behind, err := r.Git.IsAncestor(h, tip)
	return err == nil && behind
}

// moved says whether main or the ledger are elsewhere by now.
func (r *Observer) moved(ctx context.Context, out *Outlook) bool {
	main, err := r.Requests.FetchMain(ctx, r.Branch)
	if err != nil || main != out.Main {
		return err == nil
	}
	tip, err := r.fetchLedger(ctx, &Outlook{})
	return err == nil && tip != out.LedgerTip
}

// byMainsWord reads the file that main names for an anchor where there is no ledger to say what was approved. A file can be read without
// harm, whoever named it: it is believed by its signature alone. A program is not run, and no token sent, on the word of main. Whoever
// begins a ledger takes main's word for everything, and so for this.
func (r *Observer) byMainsWord(ctx context.Context, o Options, out *Outlook) error {
	if r.OpenAnchor == nil || out.Main.IsZero() {
		return nil
	}
	snap, err := r.Requests.Snapshot(out.Main)
	if err != nil || snap.Configuration.Config.Anchor == nil {
		return nil // begin says what is wrong with it
	}
	c := *snap.Configuration.Config.Anchor
	if c.File == "" && !o.Init {
		out.hint = fmt.Sprintf("; lapse.yaml on main names an anchor (%s), and without a ledger nobody can tell whether that was approved: if you know it, `lapse reconcile --init` reads it first, and begins nothing where it holds a checkpoint", c.Place())
		return nil
	}
	_, err = r.readMooring(ctx, out, c, out.Main.String())
	if m := out.mooring(c.Place()); m != nil && m.fault != "" {
		return errors.New(m.fault)
	}
	return err
}
