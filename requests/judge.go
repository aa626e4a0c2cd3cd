package requests

import (
	"encoding/json"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// Instant is the time of a run and what the ledger knew then.
type Instant struct {
	Now  time.Time
	Live LiveOf
	Held []string // targets at which Lapse has given what it has not proven taken, sorted
}

// Evidence is what a verdict was made from, in the stored form of receipts: with the trees of Base and Head it suffices to
// judge again, offline. Fields may be added, never removed or given another meaning.
type Evidence struct {
	Base     string                        `json:"base"` // main commit whose configuration judged
	Now      time.Time                     `json:"now"`
	Pull     *checks.Pull                  `json:"pull,omitempty"`
	Found    []checks.Reason               `json:"found,omitempty"` // what the gatherer found that forbids approval
	Reviews  []checks.Review               `json:"reviews,omitempty"`
	Pushes   []checks.Push                 `json:"pushes,omitempty"`
	Teams    map[grants.Party]checks.Team  `json:"teams,omitempty"`
	Accounts map[string]checks.Account     `json:"accounts,omitempty"`
	Live     map[string][]checks.LiveGrant `json:"live,omitempty"`
	Moved    []checks.Moved                `json:"moved,omitempty"`
	Held     []string                      `json:"held,omitempty"`
	Verdict  checks.Verdict                `json:"verdict"`
}

// Judgement is the stored form of the facts and the verdict.
func Judgement(base string, f checks.Facts, v checks.Verdict) (json.RawMessage, error) {
	return json.Marshal(Evidence{
		Base: base, Now: f.Now, Pull: f.Pull, Found: f.Unjudgeable, Reviews: f.Reviews, Pushes: f.Pushes,
		Teams: f.Teams, Accounts: f.Accounts, Live: f.Live, Moved: f.Moved, Held: f.Held, Verdict: v,
	})
}
