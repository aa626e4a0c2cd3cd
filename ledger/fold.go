package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// StateFile is where the folded state is kept on the branch.
const StateFile = "state.json"

const (
	stateVersion = 1
	maxState     = 64 << 20

	actionGive = "give"
	actionTake = "take"
)

// newState is the state of an empty ledger.
func newState() State {
	return State{Version: stateVersion, Grants: map[string]Grant{}, Holdings: map[string]HoldingState{}}
}

// Fold is the state after one more receipt. It does not change s. Last is left as it was: it is the digest of the stored
// envelope, which only its reader has. Neither the chain nor the receipt's place in it is checked here, so that what is
// about to be appended can be folded as well.
//
//	receipt             grants           holdings
//	approved grant      becomes [id]
//	approved config     (Configuration)
//	refused
//	ended               without [id], if it is that version
//	intended give                        Intended, unless Given; Action "give"
//	given                                Given, no Action
//	intended take                        as it was (unknown: Kept, as Lapse never gave it), Action "take"
//	taken                                gone
//	kept                                 Kept, no Action
func Fold(s State, r Receipt) (State, error) {
	s.Grants = maps.Clone(s.Grants)
	s.Holdings = maps.Clone(s.Holdings)
	err := s.apply(r)
	return s, err
}

// apply is Fold in place.
func (s *State) apply(r Receipt) error {
	if err := checkFact(r); err != nil {
		return err
	}
	if s.Grants == nil {
		s.Grants = map[string]Grant{}
	}
	if s.Holdings == nil {
		s.Holdings = map[string]HoldingState{}
	}
	s.Version = stateVersion
	s.Sequence = max(s.Sequence, r.Sequence)
	if r.Time.After(s.Time) {
		s.Time = r.Time
	}
	if r.Main != "" {
		s.Main = r.Main
	}
	if r.Kind.ofGrant() {
		s.applyJudged(r)
	} else {
		s.applyHeld(r)
	}
	return nil
}

func (s *State) applyJudged(r Receipt) {
	switch {
	case r.Kind == Approved && r.Configuration != nil:
		c := *r.Configuration
		s.Configuration = &c
	case r.Kind == Approved:
		s.Grants[r.Grant.ID] = *r.Grant
	case r.Kind == Ended && s.Grants[r.Grant.ID].Digest == r.Grant.Digest:
		// The end of a version that was replaced does not end the version that replaced it.
		delete(s.Grants, r.Grant.ID)
	}
}

func (s *State) applyHeld(r Receipt) {
	key := r.Holding.Key()
	before, known := s.Holdings[key]
	if r.Kind == Taken {
		delete(s.Holdings, key)
		return
	}
	after := HoldingState{Holding: *r.Holding, Kind: r.Kind, Action: r.Action, Grants: idSet(r.Grants), Until: r.Until, Since: r.Time}
	if r.Action == actionTake {
		after.Kind, after.Until = Kept, before.Until
		if known {
			after.Kind = before.Kind
		}
		if len(r.Grants) == 0 && known {
			after.Grants = before.Grants
		}
	}
	if r.Action == actionGive && before.Kind == Given {
		after.Kind = Given
	}
	if known && before.Kind == after.Kind {
		after.Since = before.Since
	}
	s.Holdings[key] = after
}

// idSet is the ids sorted, each once; never nil, so that it is stored as it is held.
func idSet(ids []string) []string {
	set := append([]string{}, ids...)
	slices.Sort(set)
	return slices.Compact(set)
}

// encodeState is the one stored form of a state.
func encodeState(s State) ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

// ReadState reads the state that was kept on the branch, without a look at the receipts; [Read] checks that it is what
// they add up to. An error for which errors.Is(err, fs.ErrNotExist) holds means that none was kept.
func ReadState(fsys fs.FS) (State, error) {
	data, err := readSmall(fsys, StateFile, maxState)
	if err != nil {
		return State{}, fmt.Errorf("read %s: %w", StateFile, err)
	}
	var s State
	if err := decodeStrict(data, &s); err != nil {
		return State{}, fmt.Errorf("read %s: %w", StateFile, err)
	}
	if s.Version != stateVersion {
		return State{}, fmt.Errorf("read %s: version %d, want %d", StateFile, s.Version, stateVersion)
	}
	again, err := encodeState(s)
	if err != nil {
		return State{}, fmt.Errorf("read %s: %w", StateFile, err)
	}
	if s.Grants == nil || s.Holdings == nil || !bytes.Equal(again, data) {
		return State{}, errors.New("read " + StateFile + ": not in the form in which Lapse writes it")
	}
	return s, nil
}
