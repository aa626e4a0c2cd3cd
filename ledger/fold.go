package ledger

import (
	"maps"
	"slices"
	"time"

	"github.com/lapse-access/lapse/grants"
)

const (
	actionGive = "give"
	actionTake = "take"

	// Remembered is how long the state holds what was taken. It is part of what receipts mean: with another, old ledgers would not add
	// up to the states that are stored beside them.
	Remembered = grants.MaxWatch

	// sweeping is how often that is looked into: what was taken is forgotten by the first receipt of an hour after its time, so that
	// folding many receipts does not go through all that is remembered for each.
	sweeping = time.Hour
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
//	taken                                Taken, no Action, if Lapse gave it; else gone
//	kept                                 Kept, no Action
//	anchored            (Anchor)
//	accepted            (Anchor, Doubt)  those that it names and that are not known
//	any, in another hour than the last   without those Taken for longer than [Remembered]
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
		s.forget(r.Time)
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
	if r.Kind == Taken && !before.gave() {
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
	if r.Action == actionGive {
		after.Before = before.Kind != Given && before.gave()
		if before.Kind == Given {
			after.Kind = Given
		}
	}
	if r.Action == actionTake {
		after.Before = before.Before
	}
	if r.Kind == Taken && len(r.Grants) == 0 {
		after.Grants = before.Grants
	}
	if known && before.Kind == after.Kind && r.Kind != Taken {
		after.Since = before.Since
	}
	s.Holdings[key] = after
}

// gave says whether Lapse is known to have given the holding: a target, read back, showed it.
func (h HoldingState) gave() bool { return h.Kind == Given || h.Kind == Taken || h.Before }

// forget leaves out what was taken too long ago, at the first receipt of an hour.
func (s *State) forget(now time.Time) {
	if now.Truncate(sweeping).Equal(s.Time.Truncate(sweeping)) {
		return
	}
	maps.DeleteFunc(s.Holdings, func(_ string, h HoldingState) bool { return h.Kind == Taken && now.Sub(h.Since) >= Remembered })
}

// idSet is the ids sorted, each once; never nil, so that it is stored as it is held.
func idSet(ids []string) []string {
	set := append([]string{}, ids...)
	slices.Sort(set)
	return slices.Compact(set)
}
