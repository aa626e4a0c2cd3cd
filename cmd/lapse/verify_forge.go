package main

import (
	"context"
	"slices"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/audit/clone"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/ledger"
)

// compare asks the forge what it shows today, and finds what is otherwise in the clone. It keeps no answers.
func (o verifyOptions) compare(ctx context.Context, env *environment, c *clone.Clone, v *audit.Verification) error {
	repo, err := o.accessRepository(ctx, env)
	if err != nil {
		return err
	}
	if err := o.oneGitHub(env); err != nil {
		return err
	}
	token := env.token()
	if token == "" {
		return usagef("no token: %s", tokenHint)
	}
	forge, err := o.forgeWith(env, token, env.logger(o.verbose))
	if err != nil {
		return usage{err}
	}
	f := audit.Forge{}
	if f.Repository, err = forge.RepositoryID(ctx, repo); err != nil {
		return err
	}
	for _, b := range []struct {
		name string
		loss ledger.Loss
		tip  *string
	}{{o.branch, ledger.LossOfMain, &f.Main}, {ledger.Branch, ledger.LossOfLedger, &f.Ledger}} {
		if *b.tip, _, err = forge.BranchTip(ctx, repo, b.name); err != nil {
			return err
		}
		rewinds, err := askRewinds(ctx, forge, repo, b.name, b.loss)
		if err != nil {
			return err
		}
		f.Rewinds = append(f.Rewinds, rewinds...)
	}
	if err := o.askPulls(ctx, forge, repo, c.Approved, &f); err != nil {
		return err
	}
	v.Compare(c.History, f, c.Repository, c.MainTip, c.LedgerTip)
	return nil
}

// askRewinds asks when a branch was moved other than forward, or deleted.
func askRewinds(ctx context.Context, forge *github.Client, repo github.Repo, branch string, loss ledger.Loss) ([]audit.Rewind, error) {
	moves, err := forge.Rewinds(ctx, repo, branch)
	if err != nil {
		return nil, err
	}
	var out []audit.Rewind
	for _, m := range moves {
		after := m.After
		if m.Kind == "branch_deletion" {
			after = ""
		}
		out = append(out, audit.Rewind{Branch: branch, Loss: loss, Before: m.Before, After: after, By: m.By.Login, At: m.At})
	}
	return out, nil
}

// askPulls asks again about so many pull requests as is wanted: half of them the latest, the others spread over all that came before.
func (o verifyOptions) askPulls(ctx context.Context, forge *github.Client, repo github.Repo, all []clone.Pull, f *audit.Forge) error {
	all = slices.CompactFunc(slices.Clone(all), func(a, b clone.Pull) bool { return a.Number == b.Number }) // of one request come several receipts
	f.Of = len(all)
	for _, p := range sample(all, o.pulls) {
		again := audit.PullAgain{Receipt: p.Receipt, Number: p.Number, Recorded: p.Facts}
		now, err := forge.Pull(ctx, repo, p.Number)
		switch {
		case github.IsNotFound(err):
			again.Gone = true
		case err != nil:
			return err
		default:
			again.Now = audit.PullFacts{Author: now.Author.ID, Merged: now.MergeCommit, At: now.MergedAt, Head: now.HeadSHA, Reviews: map[int64]int64{}}
			reviews, err := forge.Reviews(ctx, repo, p.Number)
			if err != nil {
				return err
			}
			for _, r := range reviews {
				again.Now.Reviews[r.ID] = r.By.ID
			}
		}
		f.Pulls = append(f.Pulls, again)
	}
	return nil
}

// sample picks n: half of them the last, the others evenly from those before.
func sample[T any](all []T, n int) []T {
	if len(all) <= n {
		return all
	}
	last := (n + 1) / 2
	before := all[:len(all)-last]
	var out []T
	for i := range n - last {
		out = append(out, before[i*len(before)/(n-last)])
	}
	return append(out, all[len(all)-last:]...)
}
