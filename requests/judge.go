package requests

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// Instant is the time of a run and what lived then.
type Instant struct {
	Now  time.Time
	Live LiveOf
}

// Judge asks for the verdict. A policy may name teams that nobody knew of before it was asked; they are looked up and the
// verdict is asked for again, so that the rules themselves make no call.
func (g *Gatherer) Judge(ctx context.Context, f *checks.Facts, snap *Snapshot) (checks.Verdict, error) {
	const rounds = 4 // each round must have found a team that the round before did not know
	for range rounds {
		v := checks.Judge(ctx, *f, snap.Policies)
		missing := missingTeams(v, f.Teams)
		if len(missing) == 0 || f.Pull == nil { // without a pull request nobody's approval is asked for
			return v, nil
		}
		if err := g.addTeams(ctx, f, missing); err != nil {
			return checks.Verdict{}, err
		}
	}
	return checks.Verdict{}, fmt.Errorf("judge: policies ask for other teams each time they are evaluated; make their `approvals` depend on the input alone")
}

func missingTeams(v checks.Verdict, known map[grants.Party]checks.Team) []grants.Party {
	var out []grants.Party
	for _, n := range v.Needs {
		for _, p := range n.From {
			if _, ok := known[p]; !ok && strings.HasPrefix(string(p), "@") {
				out = append(out, p)
			}
		}
	}
	return out
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
	Verdict  checks.Verdict                `json:"verdict"`
}

// Judgement is the stored form of the facts and the verdict.
func Judgement(base string, f checks.Facts, v checks.Verdict) (json.RawMessage, error) {
	return json.Marshal(Evidence{
		Base: base, Now: f.Now, Pull: f.Pull, Found: f.Unjudgeable, Reviews: f.Reviews, Pushes: f.Pushes,
		Teams: f.Teams, Accounts: f.Accounts, Live: f.Live, Verdict: v,
	})
}
