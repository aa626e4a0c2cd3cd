package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/grants"
)

// Anchor is where a checkpoint is kept outside the forge, by the word of one configuration.
type Anchor struct {
	Place  string `json:"place,omitempty"`  // in words, without secrets; "": nowhere any more
	Commit string `json:"commit,omitempty"` // of the approved configuration that names it
	// Accepted is, in a state, what a person accepted that the place shows instead of a checkpoint: the digest of some bytes, [NoneThere]
	// or [Unreadable].
	Accepted string `json:"accepted,omitempty"`
}

// What a place shows that shows no checkpoint.
const (
	NoneThere  = "none"
	Unreadable = "unreadable"
)

// Loss is what an acceptance is about.
type Loss string

// The losses that a person can accept.
const (
	LossOfMain   Loss = "main"   // main does not descend from Was
	LossOfLedger Loss = "ledger" // the ledger does not descend from Was
	LossOfAnchor Loss = "anchor" // the place that is to hold a checkpoint shows Was
	Unapproved   Loss = "commit" // Was reached main and was refused
)

// Acceptance says who accepted what, and why. It is about exactly the commits that it names and what only they have: it gives nothing,
// and approves nothing.
type Acceptance struct {
	What Loss   `json:"what"`
	Was  string `json:"was"`
	Now  string `json:"now,omitempty"` // main, ledger: the commit that stands in its place; "": the ledger begins anew

	First    int            `json:"first,omitempty"`    // ledger: sequence of the first receipt that is lost; 0: not known
	Last     int            `json:"last,omitempty"`     // ledger: of the last
	Gone     bool           `json:"gone,omitempty"`     // ledger: nobody could read the lost receipts any more
	Grants   []string       `json:"grants,omitempty"`   // ledger: ids of those approved in lost receipts
	Holdings []HoldingState `json:"holdings,omitempty"` // ledger: what by lost receipts is held, and by no other

	Place string `json:"place,omitempty"` // anchor

	By      Accepter `json:"by"`
	Because string   `json:"because"`
}

// Accepter is who accepted, by the forge's word.
type Accepter struct {
	Login string `json:"login"`
	ID    int64  `json:"id"`
}

func (s *State) applyAnchored(a Anchor) {
	s.Anchor = nil
	if a.Place != "" {
		s.Anchor = &a
	}
}

// applyAccepted keeps what lost receipts said is held, so that it is taken back, and what nobody can know any more.
func (s *State) applyAccepted(r Receipt) {
	a := r.Accepted
	switch a.What {
	case LossOfAnchor:
		kept := Anchor{Place: a.Place, Accepted: a.Was}
		if s.Anchor != nil {
			kept.Commit = s.Anchor.Commit
		}
		s.Anchor = &kept
	case LossOfLedger:
		for _, h := range a.Holdings {
			if have, known := s.Holdings[h.Key()]; !known || have.Kind == Taken {
				h.Grants = idSet(h.Grants)
				s.Holdings[h.Key()] = h
			}
		}
		if a.Gone {
			s.Doubt = r.Time
		}
	}
}

func acceptedSubject(a Acceptance) Subject {
	if a.What == LossOfAnchor {
		return Subject{"anchor", sha256Set(grants.Digest([]byte(a.Place)))}
	}
	name := map[Loss]string{LossOfMain: "main", LossOfLedger: Branch, Unapproved: "commit"}[a.What]
	return Subject{name, map[string]string{"gitCommit": a.Was}}
}

// checkAlone: nothing is said of grants, configuration or holdings.
func checkAlone(r Receipt) error {
	if r.Grant != nil || r.Configuration != nil || r.Holding != nil || r.Commit != "" || r.Action != "" || len(r.Judgement) > 0 ||
		len(r.Reasons) > 0 || len(r.Grants) > 0 || !r.Until.IsZero() || !r.Due.IsZero() {
		return fmt.Errorf("%s: says something of a grant or a holding", r.Kind)
	}
	return nil
}

func checkAnchor(a Anchor) error {
	switch {
	case a.Accepted != "":
		return errors.New("anchored: says what was accepted")
	case a.Place == "" && a.Commit == "":
		return nil
	case !isName(a.Place) || !commitForm.MatchString(a.Commit):
		return errors.New("anchored: want a place and the commit of the configuration that names it")
	}
	return nil
}

func checkAcceptance(a Acceptance) error {
	if !isName(a.By.Login) || a.By.ID <= 0 {
		return errors.New("accepted: it does not say by whom")
	}
	if !isName(a.Because) || strings.TrimSpace(a.Because) == "" {
		return errors.New("accepted: it does not say why, in one line")
	}
	ofLedger := a.First != 0 || a.Last != 0 || a.Gone || len(a.Grants) > 0 || len(a.Holdings) > 0
	wrong := errors.New("accepted: it does not say what, and nothing else")
	switch a.What {
	case LossOfMain:
		if ofLedger || a.Place != "" || !commitForm.MatchString(a.Was) || !commitForm.MatchString(a.Now) {
			return wrong
		}
	case Unapproved:
		if ofLedger || a.Place != "" || a.Now != "" || !commitForm.MatchString(a.Was) {
			return wrong
		}
	case LossOfAnchor:
		if ofLedger || a.Now != "" || !isName(a.Place) || a.Was != NoneThere && a.Was != Unreadable && !digestForm.MatchString(a.Was) {
			return wrong
		}
	case LossOfLedger:
		return checkLostLedger(a)
	default:
		return fmt.Errorf("accepted: %q cannot be accepted", a.What)
	}
	return nil
}

func checkLostLedger(a Acceptance) error {
	badTips := !commitForm.MatchString(a.Was) || a.Now != "" && !commitForm.MatchString(a.Now)
	if badTips || a.Place != "" || a.First < 0 || a.Last < a.First || a.Gone && len(a.Holdings) > 0 {
		return errors.New("accepted: it does not say which ledger was lost, and nothing else")
	}
	if slices.ContainsFunc(a.Grants, func(id string) bool { return !isName(id) }) {
		return errors.New("accepted: a grant without an id")
	}
	for _, h := range a.Holdings {
		if err := checkEntitlement(h.Entitlement); err != nil {
			return fmt.Errorf("accepted: no holding that a receipt can tell of: %w", err)
		}
		if !isName(h.Account) || !slices.Contains([]Kind{Intended, Given, Kept, Taken}, h.Kind) {
			return fmt.Errorf("accepted: no holding that a receipt can tell of: kind %.20q, account %.100q", h.Kind, h.Account)
		}
	}
	return nil
}
