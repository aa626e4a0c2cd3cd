package audit

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

// Forge is what the forge shows today of what a history tells.
type Forge struct {
	Repository   int64  // id
	Main, Ledger string // tips; "": the branch is not there
	Rewinds      []Rewind
	Pulls        []PullAgain
	Of           int // how many pull requests the ledger tells of
}

// Rewind is a movement of a branch other than forward, by the forge's own record of pushes.
type Rewind struct {
	Branch string
	Loss   ledger.Loss // as which a person may have accepted it
	Before string
	After  string
	By     string
	At     time.Time
}

// PullAgain is a pull request that brought what was approved: as it was recorded, and as the forge shows it now.
type PullAgain struct {
	Receipt  string
	Number   int
	Recorded PullFacts
	Now      PullFacts
	Gone     bool // the forge has no such pull request any more
}

// PullFacts are those that cannot change once a pull request is merged.
type PullFacts struct {
	Author  int64 // id; 0: the account was deleted since
	Merged  string
	At      time.Time
	Head    string
	Reviews map[int64]int64 // who gave each review that counted, by its id
}

// Compare holds what a clone tells to what the forge shows. tips are the clone's.
func (v *Verification) Compare(h History, f Forge, repository int64, main, ledgerTip string) {
	find := func(receipt, commit, format string, args ...any) {
		v.Findings = append(v.Findings, Finding{Rule: RuleForge, Receipt: receipt, Commit: commit, Reason: fmt.Sprintf(format, args...)})
	}
	if repository != 0 && f.Repository != repository {
		find("", "", "the ledger is that of repository %d, and this is %d", repository, f.Repository)
	}
	for _, b := range []struct{ name, here, there string }{{"main", main, f.Main}, {ledger.Branch, ledgerTip, f.Ledger}} {
		switch {
		case b.there == "":
			find("", b.here, "the forge has no branch %s, and the clone has it at %.12s", b.name, b.here)
		case b.there != b.here:
			find("", b.here, "the forge has %s at %.12s, and the clone at %.12s, which is what was verified: `git fetch origin`, and verify again", b.name, b.there, b.here)
		}
	}
	lost := acceptances(h.Receipts)
	for _, r := range f.Rewinds {
		if len(h.Receipts) > 0 && r.At.Before(h.Receipts[0].Time) {
			continue // before there was a ledger
		}
		v.rewound(r, lost[r.Loss])
	}
	for _, p := range f.Pulls {
		if why := p.differs(); why != "" {
			find(p.Receipt, p.Recorded.Merged, "pull request %d: %s", p.Number, why)
		}
	}
	if f.Of > len(f.Pulls) {
		v.Notes = append(v.Notes, fmt.Sprintf("the forge was asked again about %d of the %d pull requests; --pulls %d asks about all", len(f.Pulls), f.Of, f.Of))
	}
}

func (v *Verification) rewound(r Rewind, accepted []Sealed) {
	to := "was deleted"
	if r.After != "" {
		to = fmt.Sprintf("was moved to %.12s", r.After)
	}
	f := Finding{Rule: RuleForge, Commit: r.Before, Reason: fmt.Sprintf("%s %s from %.12s, which is no way forward, by %s on %s", r.Branch, to, r.Before, r.By, r.At.UTC().Format(time.RFC3339))}
	for _, a := range accepted {
		if a.Accepted.Was == r.Before || a.Time.After(r.At) {
			v.Accepted = append(v.Accepted, Accepted{Finding: f, By: a.Accepted.By.Login, Because: a.Accepted.Because})
			return
		}
	}
	v.Findings = append(v.Findings, f)
}

// differs says what the forge shows otherwise than it was recorded; "": nothing. An account that was deleted since is no difference.
func (p PullAgain) differs() string {
	was, is := p.Recorded, p.Now
	switch {
	case p.Gone:
		return "the forge has it no more"
	case was.Merged != is.Merged:
		return fmt.Sprintf("it was merged as %.12s, and the forge now says %.12s", was.Merged, is.Merged)
	case !was.At.Equal(is.At):
		return fmt.Sprintf("it was merged at %s, and the forge now says %s", was.At.Format(time.RFC3339), is.At.Format(time.RFC3339))
	case was.Head != is.Head:
		return fmt.Sprintf("its branch was at %.12s, and the forge now says %.12s", was.Head, is.Head)
	case was.Author != is.Author && is.Author != 0:
		return fmt.Sprintf("account %d opened it, and the forge now says %d", was.Author, is.Author)
	}
	for _, id := range slices.Sorted(maps.Keys(was.Reviews)) {
		by := was.Reviews[id]
		now, there := is.Reviews[id]
		if !there {
			return fmt.Sprintf("review %d, which counted, is not there any more", id)
		}
		if now != by && now != 0 {
			return fmt.Sprintf("account %d gave review %d, and the forge now says %d", by, id, now)
		}
	}
	return ""
}
