package clone

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
)

// readKept opens the checkpoints, and looks whether main and the ledger still descend from what they saw. One may be older than what
// signs today: whatever an approved configuration ever named may have signed it, for with a checkpoint nobody hides anything.
func (r *reader) readKept(context.Context) error {
	trust := ledger.Trust{Roots: r.Roots, Keyless: r.Keyless}
	for commit := range r.out.Configurations {
		if named, err := r.gatherer[0].TrustAt(commit); err == nil {
			trust.Roots = trust.Roots.With(named...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Checkpoints)) {
		point, err := ledger.OpenCheckpoint(r.Checkpoints[name], trust)
		if err != nil {
			return fmt.Errorf("checkpoint %s: %w", name, err)
		}
		k := audit.Remembered{Checkpoint: point, Name: name, OnMain: r.descends(r.main, point.Main), OnLedger: r.descends(r.ledger, point.Ledger)}
		r.out.Remembered = append(r.out.Remembered, k)
	}
	return nil
}

// descends: what cannot be walked descends from nothing, and that is found by itself.
func (r *reader) descends(tip gitrepo.Hash, from string) bool {
	found, err := r.git.IsAncestor(gitrepo.NewHash(from), tip)
	return err == nil && found
}
