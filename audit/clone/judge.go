package clone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// judgeAgain comes to every recorded verdict again, of its evidence and the trees alone.
func (r *reader) judgeAgain(ctx context.Context) error {
	r.out.Configurations = map[string]*grants.Configuration{}
	for _, s := range r.out.Receipts {
		if s.Kind != ledger.Approved || s.Configuration == nil {
			continue
		}
		if snap, err := r.gatherer[0].Snapshot(gitrepo.NewHash(s.Configuration.Commit)); err == nil {
			r.out.Configurations[s.Configuration.Commit] = snap.Configuration
		}
	}
	pulls := make([]*Pull, len(r.out.Receipts))
	r.each(ctx, len(r.out.Receipts), func(g *requests.Gatherer, i int) {
		s := &r.out.Receipts[i]
		switch {
		case s.Kind == ledger.Approved || s.Kind == ledger.Refused:
			var was requests.Evidence
			if s.Judged, was = judge(ctx, g, s.Receipt); s.Kind == ledger.Approved && s.Judged.Merged != "" {
				pulls[i] = pullOf(s.Path, was)
			}
		case s.Kind == ledger.Ended && len(s.Judgement) > 0:
			s.Judged = askAgain(ctx, g, s.Judgement)
		}
	})
	for _, p := range pulls {
		if p != nil {
			r.out.Approved = append(r.out.Approved, *p)
		}
	}
	return nil
}

func pullOf(receipt string, was requests.Evidence) *Pull {
	p := &Pull{Receipt: receipt, Number: was.Pull.Number, Facts: audit.PullFacts{
		Author: was.Pull.Author.ID, Merged: was.Pull.Merge.Commit, At: was.Pull.Merge.At, Head: was.Pull.Head, Reviews: map[int64]int64{},
	}}
	counted := map[int64]bool{}
	for _, n := range was.Verdict.Needs {
		for _, a := range n.Have {
			counted[a.Review] = true
		}
	}
	for _, r := range was.Reviews {
		if counted[r.ID] {
			p.Facts.Reviews[r.ID] = r.By.ID
		}
	}
	return p
}

func judge(ctx context.Context, g *requests.Gatherer, r ledger.Receipt) (out *audit.Rejudged, was requests.Evidence) {
	out = &audit.Rejudged{}
	tip := gitrepo.NewHash(r.Commit)
	if r.Configuration != nil {
		snap, err := g.Snapshot(tip)
		if err != nil {
			out.Err = err
			return out, was
		}
		if out.Configuration = snap.Digest; r.Configuration.First {
			return out, was
		}
	}
	was, err := requests.ReadEvidence(r.Judgement)
	if err != nil {
		out.Err = err
		return out, was
	}
	out.Base, out.Now, out.Asked, out.Was = was.Base, was.Now, was.Pull != nil, was.Verdict.Outcome
	if was.Pull != nil && was.Pull.Merge != nil {
		out.Merged, out.Method = was.Pull.Merge.Commit, was.Pull.Merge.Method
	}
	facts, snap, err := g.Replay(was, tip)
	if err != nil {
		out.Err = err
		return out, was
	}
	again := requests.Judge(ctx, facts, snap)
	out.Is, out.JudgedBy = again.Outcome, snap.Digest
	if len(again.Denials) > 0 {
		out.Why = again.Denials[0].Text
	}
	about := ""
	if r.Grant != nil {
		about = r.Grant.ID
	}
	for _, c := range facts.Request.Changes {
		if c.ID == about && c.Kind != grants.End {
			out.Grant = again.Grant(facts, c)
		}
	}
	out.Same, out.Err = same(r.Judgement, was, again.Evidence(about))
	return out, was
}

// same compares the stored bytes first: what is unchanged is nearly always stored as it would be stored today.
func same(stored json.RawMessage, was, is requests.Evidence) (bool, error) {
	b, err := json.Marshal(is)
	if err != nil || bytes.Equal(b, stored) {
		return err == nil, err
	}
	return requests.Same(was, is)
}

// askAgain asks the policies again what ended a grant.
func askAgain(ctx context.Context, g *requests.Gatherer, judgement json.RawMessage) *audit.Rejudged {
	out := &audit.Rejudged{Was: checks.OutcomeDenied, Is: checks.OutcomeDenied}
	var was requests.Ended
	if out.Err = json.Unmarshal(judgement, &was); out.Err != nil {
		return out
	}
	snap, err := g.Snapshot(gitrepo.NewHash(was.Base))
	if err != nil {
		out.Err = err
		return out
	}
	var again []requests.Asked
	for _, a := range was.Asked {
		again = append(again, requests.Asked{Input: a.Input, Answer: snap.Policies.Active(ctx, a.Input)})
	}
	out.Base, out.JudgedBy = was.Base, snap.Digest
	if out.Same, out.Err = requests.Same(was.Asked, again); out.Err == nil && snap.Digest != was.Configuration {
		out.Err = fmt.Errorf("the configuration at %.12s is not the one that it names", was.Base)
	}
	return out
}
