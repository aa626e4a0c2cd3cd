package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/audit/clone"
	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// verifies holds the history that was played to the rules of verify that no attack on the forge can break: whoever cannot sign for Lapse
// cannot make it find that Lapse did wrong.
func verifies(ctx context.Context, repository string, own ledger.Verifier, now time.Time) error {
	c, err := clone.Read(ctx, clone.Options{Dir: repository, Branch: "main", Now: now, Types: targetTypes(), Roots: ledger.Verifiers{own}})
	if err != nil || len(c.Spoilt) > 0 {
		return nil // the script did away with it, or spoilt it
	}
	made := map[string]bool{} // by the test itself, without evidence
	for _, r := range c.Receipts {
		made[r.Path] = string(r.Judgement) == "{}"
	}
	var errs []error
	for _, f := range audit.Verify(c.History).Findings {
		if made[f.Receipt] {
			continue
		}
		switch f.Rule {
		case audit.RuleHeld, audit.RuleUnasked, audit.RuleOffMain, audit.RuleUnjudged, audit.RuleCommit, audit.RuleSignature:
		default:
			errs = append(errs, fmt.Errorf("verify finds %+v", f))
		}
	}
	return errors.Join(errs...)
}

// replayAll holds every receipt against the published schema, and comes to every verdict on the ledger of the repository again, of the
// evidence and the trees alone, and says where it differs. Every script and every theatre ends with it, so that all that they play,
// attacks included, is replayed.
func replayAll(ctx context.Context, repository string, key []byte, mirror string, now time.Time) error {
	signer, err := ledger.LoadKey(key, nil)
	if err != nil {
		return err
	}
	own, err := ledger.VerifierOf(signer.Public())
	if err != nil {
		return err
	}
	if err := verifies(ctx, repository, own, now); err != nil {
		return err
	}
	git, err := gitrepo.Open(ctx, mirror, gitrepo.Remote{URL: repository})
	if err != nil {
		return err
	}
	if err := git.Fetch(ctx, "+refs/heads/"+ledger.Branch+":refs/test/ledger"); errors.Is(err, gitrepo.ErrNoRef) {
		return nil // the script has none, or did away with it
	} else if err != nil {
		return err
	}
	tip, _, err := git.Ref("refs/test/ledger")
	if err != nil {
		return err
	}
	files, err := git.FS(tip)
	if err != nil {
		return nil // spoilt, by the script
	}
	book, err := ledger.Read(files, ledger.Trust{Roots: ledger.Verifiers{own}})
	if err != nil {
		return err
	}
	if err := validateAll(files); err != nil {
		return err
	}
	g := &requests.Gatherer{Git: git, Types: targetTypes()}
	for _, r := range book.Receipts() {
		if string(r.Judgement) == "{}" {
			continue // written by the test itself
		}
		err := replay(ctx, g, r)
		if errors.Is(err, gitrepo.ErrNoObject) {
			continue // the script had the forge lose it
		}
		if err != nil {
			return fmt.Errorf("replay receipt %d (%s): %w", r.Sequence, r.Kind, err)
		}
	}
	return nil
}

func replay(ctx context.Context, g *requests.Gatherer, r ledger.Receipt) error {
	switch {
	case r.Kind == ledger.Ended && len(r.Judgement) > 0:
		return replayEnd(ctx, g, r)
	case r.Kind != ledger.Approved && r.Kind != ledger.Refused || r.Configuration != nil && r.Configuration.First:
		return nil
	}
	ev, err := requests.ReadEvidence(r.Judgement)
	if err != nil {
		return err
	}
	tip := gitrepo.NewHash(r.Commit)
	if err := bring(ctx, g, gitrepo.NewHash(ev.Base), tip); err != nil {
		return err
	}
	facts, snap, err := g.Replay(ev, tip)
	if err != nil {
		return err
	}
	about := ""
	if r.Grant != nil {
		about = r.Grant.ID
	}
	again := requests.Judge(ctx, facts, snap).Evidence(about)
	if same, err := requests.Same(ev, again); err != nil || !same {
		was, _ := json.Marshal(ev)
		is, _ := json.Marshal(again)
		return fmt.Errorf("the evidence is\n%s\nand comes to\n%s", was, is)
	}
	return nil
}

// replayEnd asks the policies again what ended a grant.
func replayEnd(ctx context.Context, g *requests.Gatherer, r ledger.Receipt) error {
	var seen requests.Ended
	if err := json.Unmarshal(r.Judgement, &seen); err != nil {
		return err
	}
	base := gitrepo.NewHash(seen.Base)
	if err := bring(ctx, g, base); err != nil {
		return err
	}
	snap, err := g.Snapshot(base)
	if err != nil {
		return err
	}
	var again []requests.Asked
	for _, a := range seen.Asked {
		again = append(again, requests.Asked{Input: a.Input, Answer: snap.Policies.Active(ctx, a.Input)})
	}
	if same, err := requests.Same(seen.Asked, again); err != nil || !same {
		return fmt.Errorf("what was seen is %s and is answered by %+v", r.Judgement, again)
	}
	if len(again) == 0 || snap.Digest != seen.Configuration || seen.Files["lapse.yaml"] == "" {
		return fmt.Errorf("%s does not say what judged", r.Judgement)
	}
	return nil
}

func bring(ctx context.Context, g *requests.Gatherer, commits ...gitrepo.Hash) error {
	for _, h := range commits {
		if err := g.Git.FetchHash(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// Whoever leaves out of the evidence what forbids an approval, and has the key, still cannot have the trees forget it.
func TestReplayFindsAnewWhatTheTreesForbid(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	n := th.ask("alice", "broken", plain("roles/staging-read.yaml", "entitlements: 7\n"))
	_, err := th.As("dan").Review(stage.Repo, n, "APPROVE", "")
	must(t, err)
	th.force(n)
	th.lapse("reconcile")
	refused := th.receipts("refused")
	if len(refused) != 1 {
		t.Fatalf("refused: %v", refused)
	}
	var env struct {
		Payload []byte `json:"payload"`
	}
	must(t, json.Unmarshal([]byte(th.git("show", ledger.Branch+":"+refused[0])), &env))
	var s ledger.Statement
	must(t, json.Unmarshal(env.Payload, &s))
	ev, err := requests.ReadEvidence(s.Predicate.Judgement)
	must(t, err)
	if len(ev.Found) == 0 {
		t.Fatal("nothing was found in the broken role")
	}
	git, err := gitrepo.Open(t.Context(), filepath.Join(t.TempDir(), "git"), gitrepo.Remote{URL: filepath.Join(th.dir, stage.Repo+".git")})
	must(t, err)
	g := &requests.Gatherer{Git: git, Types: targetTypes()}
	tip := gitrepo.NewHash(s.Predicate.Commit)
	must(t, bring(t.Context(), g, gitrepo.NewHash(ev.Base), tip))
	ev.Found = nil
	facts, snap, err := g.Replay(ev, tip)
	must(t, err)
	if v := requests.Judge(t.Context(), facts, snap); v.Outcome != checks.OutcomeDenied {
		t.Errorf("without what was found the verdict is %s", v.Outcome)
	}
}
