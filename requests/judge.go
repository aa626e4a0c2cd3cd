package requests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/policies"
)

// Instant is the time of a run and what the ledger knew then.
type Instant struct {
	Now  time.Time
	Live LiveOf
	Held []string // targets at which Lapse has given what it has not proven taken, sorted
}

// Judgement is a verdict with all that it was made from.
type Judgement struct {
	checks.Verdict
	evidence Evidence
	asked    map[string][]Asked // by id of the grant
}

// Judge asks for the verdict on what was gathered, and keeps what the policies were asked and said.
func Judge(ctx context.Context, f checks.Facts, snap *Snapshot) Judgement {
	r := &recorder{Policies: snap.Policies, asked: map[string][]Asked{}}
	v := checks.Judge(ctx, f, r)
	e := evidenceOf(f, snap)
	e.Verdict = v
	return Judgement{Verdict: v, evidence: e, asked: r.asked}
}

// Evidence is that for the receipt of one grant; "" for that of the configuration. The policies' answers on the other grants of the
// request are on the receipts of those: each holds what the person has beside, so that all on all would grow with the cube.
func (j Judgement) Evidence(grant string) Evidence {
	e := j.evidence
	e.Asked = j.asked[grant]
	return e
}

// Stored is the evidence in the form that receipts hold.
func (j Judgement) Stored(grant string) (json.RawMessage, error) {
	b, err := json.Marshal(j.Evidence(grant))
	if err != nil {
		return nil, fmt.Errorf("encode the evidence: %w", err)
	}
	return b, nil
}

// Grant is what the receipt of one grant that was judged says of it.
func (j Judgement) Grant(f checks.Facts, c grants.Change) *ledger.Grant {
	g := &ledger.Grant{ID: c.ID, Change: c.Kind}
	if c.After == nil {
		return g
	}
	g.Digest, g.User, g.Role = c.After.Digest, c.After.User, c.After.Role
	g.Reason, g.Ticket = c.After.Reason, c.After.Ticket
	g.Exclusive = f.Configuration.Roles[c.After.Role].Exclusive
	for _, gv := range j.Grants {
		if gv.ID == c.ID {
			g.UserID, g.Interval, g.Entitlements = gv.UserID, gv.Interval, gv.Entitlements
		}
	}
	if f.Pull != nil {
		g.Pull, g.Author, g.Labels = f.Pull.Number, f.Pull.Author.Login, f.Pull.Labels
	}
	return g
}

// recorder are policies that are listened to.
type recorder struct {
	checks.Policies
	asked map[string][]Asked
}

func (r *recorder) Request(ctx context.Context, in policies.Input) policies.Answer {
	a := r.Policies.Request(ctx, in)
	r.asked[in.Grant.ID] = append(r.asked[in.Grant.ID], Asked{Input: in, Answer: a})
	return a
}

// Replay rebuilds, offline, the facts that a recorded verdict was made from: of the evidence, and of the trees of its base and of tip,
// the commit that the receipt names. It asks the forge nothing, so that a Gatherer with Git and Types alone will do; one for many
// receipts reads each configuration once.
//
// [Judge] of what it returns must come to the same evidence ([Same]). What the trees forbid is found anew, whether or not the evidence
// tells of it, so that a verdict which left it out is not come to again.
func (g *Gatherer) Replay(e Evidence, tip gitrepo.Hash) (checks.Facts, *Snapshot, error) {
	base := gitrepo.NewHash(e.Base)
	snap, err := g.Snapshot(base)
	if err != nil {
		return checks.Facts{}, nil, err
	}
	change, err := g.Git.Diff(base, tip)
	if err != nil {
		return checks.Facts{}, nil, fmt.Errorf("what commit %s changed: %w", tip, err)
	}
	f := e.facts()
	f.Configuration, f.Guards = snap.Configuration, g.guards(snap, e.Repository, e.Above)
	var trees checks.Facts
	if e.Pull != nil {
		if err := g.proposedConfiguration(&trees, snap, tip, change); err != nil {
			return f, snap, err
		}
	}
	if err := g.request(&trees, snap, change); err != nil {
		return f, snap, err
	}
	f.Request, f.Moved, f.Warnings = trees.Request, trees.Moved, trees.Warnings
	f.Unjudgeable = joined(f.Unjudgeable, trees.Unjudgeable)
	return f, snap, nil
}

// joined is found and what it lacks of the others, unless it was cut short: what was left out then cannot be told.
func joined(found, others []checks.Reason) []checks.Reason {
	if len(found) > maxPaths {
		return found
	}
	has := map[checks.Reason]bool{}
	for _, r := range found {
		has[r] = true
	}
	out := found[:len(found):len(found)]
	for _, r := range others {
		if !has[r] {
			out = append(out, r)
		}
	}
	return out
}

// Same says whether two verdicts, or two of what they were made from, are the same as receipts store them.
func Same[T Evidence | checks.Verdict | []Asked](a, b T) (bool, error) {
	one, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	other, err := json.Marshal(b)
	return bytes.Equal(one, other), err
}
