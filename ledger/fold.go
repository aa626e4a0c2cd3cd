package ledger

import (
	"maps"
	"slices"
)

const (
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
//	anchored            (Anchor)
//	accepted            (Anchor, Doubt)  those that it names and that are not known
func Fold(s State, r Receipt) (State, error) {
	s.Grants = maps.Clone(s.Grants)
	s.Holdings = maps.Clone(s.Holdings)
	err := s.apply(r)
	return s, err
}

// Add is [Fold] in place, for who folds many. On an error the state is as it was.
func (s *State) Add(r Receipt) error { return s.apply(r) }

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
	if r.Push != 0 {
		s.Push = r.Push
	}
	if s.Repository == 0 {
		s.Repository = r.Repository
	}
	switch {
	case r.Kind.ofGrant():
		s.applyJudged(r)
	case r.Kind == Anchored:
		s.applyAnchored(*r.Anchor)
	case r.Kind == Accepted:
		s.applyAccepted(r)
	default:
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
