package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	// CheckpointType is the type of a checkpoint's payload: a signature over one is none over a receipt, nor the other way round.
	CheckpointType = "application/vnd.lapse-access.checkpoint+json"

	checkpointVersion = 1
	// MaxCheckpoint is the most bytes of a stored checkpoint.
	MaxCheckpoint = 64 << 10
)

// Checkpoint is where main and the ledger were last, as it is kept outside the forge. The stored form is versioned: fields may be added,
// with another version, which a reader that does not know it refuses.
type Checkpoint struct {
	Version    int       `json:"version"`
	Repository int64     `json:"repository"` // the forge's id of the access repository
	Main       string    `json:"main"`       // tip of main that the run saw
	Ledger     string    `json:"ledger"`     // tip of the ledger
	Sequence   int       `json:"sequence"`   // of the last receipt there
	Last       string    `json:"last"`       // digest of that receipt's envelope
	Time       time.Time `json:"time"`       // when it was written, UTC
}

// SealCheckpoint signs a checkpoint and returns the envelope to keep.
func SealCheckpoint(ctx context.Context, s Signer, c Checkpoint) ([]byte, error) {
	c.Version, c.Time = checkpointVersion, plain(c.Time)
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("seal a checkpoint: %w", err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("seal a checkpoint: %w", err)
	}
	sealed, err := s.Sign(ctx, CheckpointType, payload, true)
	if err != nil {
		return nil, fmt.Errorf("seal a checkpoint: %w", err)
	}
	return sealed, nil
}

// OpenCheckpoint verifies what SealCheckpoint wrote and returns the checkpoint: one signature, by one of the roots, over one checkpoint in
// the form in which Lapse writes it.
func OpenCheckpoint(stored []byte, t Trust) (Checkpoint, error) {
	if len(stored) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("longer than %d bytes", MaxCheckpoint)
	}
	payload, by, err := t.open(stored, CheckpointType, t.Roots)
	if err != nil {
		return Checkpoint{}, err
	}
	if by.bundle != nil {
		if _, err := t.of(by.bundle, by.bundle.Stamped, t.Roots); err != nil {
			return Checkpoint{}, err
		}
	}
	var c Checkpoint
	if err := decodeStrict(payload, &c); err != nil {
		return Checkpoint{}, err
	}
	if again, err := json.Marshal(c); err != nil || !bytes.Equal(again, payload) {
		return Checkpoint{}, errors.New("not in the form in which Lapse writes it")
	}
	return c, c.check()
}

func (c Checkpoint) check() error {
	switch {
	case c.Version != checkpointVersion:
		return fmt.Errorf("version %d, want %d", c.Version, checkpointVersion)
	case c.Repository <= 0:
		return errors.New("it does not say of which repository it is")
	case !commitForm.MatchString(c.Main) || !commitForm.MatchString(c.Ledger):
		return errors.New("it does not say where main and the ledger were")
	case c.Sequence < 1 || c.Sequence > maxSequence || !digestForm.MatchString(c.Last):
		return errors.New("it does not say which receipt was the last")
	case c.Time.Location() != time.UTC || c.Time.Year() < 1970 || c.Time.Year() > 9999:
		return fmt.Errorf("time %s, want UTC after 1970", c.Time)
	}
	return nil
}
