package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/audit/clone"
	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// forge writes a life of one grant with Lapse's own key, in due form, but for what is changed of the approval.
func forge(t *testing.T, change func(c *chronicle, r *ledger.Receipt)) []audit.Finding {
	t.Helper()
	c := newChronicle(t)
	c.now = c.now.Add(10 * time.Minute)
	g := c.gatherer()
	r := c.request(g, 0)
	change(c, &r)
	c.reconcile(g, []ledger.Receipt{r})
	c.run(0, 1)
	own, err := ledger.VerifierOf(c.key.Public())
	must(t, err)
	read, err := clone.Read(t.Context(), clone.Options{Dir: c.clone(), Branch: "main", Now: c.now.Add(time.Hour), Types: targetTypes(), Roots: ledger.Verifiers{own}})
	must(t, err)
	return audit.Verify(read.History).Findings
}

// evidence changes what an approval says that it was made from.
func evidence(change func(e *requests.Evidence)) func(*chronicle, *ledger.Receipt) {
	return func(c *chronicle, r *ledger.Receipt) {
		e, err := requests.ReadEvidence(r.Judgement)
		must(c.t, err)
		change(&e)
		r.Judgement, err = json.Marshal(e)
		must(c.t, err)
	}
}

// The chain, the signatures and the state are as they must be: only judging again tells.
func TestWhatTheKeyItselfWroteFalselyIsFound(t *testing.T) {
	t.Parallel()
	if found := forge(t, func(*chronicle, *ledger.Receipt) {}); len(found) > 0 {
		t.Fatalf("untouched: %+v", found)
	}
	for name, tc := range map[string]struct {
		rule   audit.Rule
		change func(*chronicle, *ledger.Receipt)
	}{
		"nobody approved":       {audit.RuleVerdict, evidence(func(e *requests.Evidence) { e.Reviews = nil })},
		"who asked approved":    {audit.RuleVerdict, evidence(func(e *requests.Evidence) { e.Reviews[0].By = e.Pull.Author })},
		"other bytes approved":  {audit.RuleVerdict, evidence(func(e *requests.Evidence) { e.Reviews[0].SameBytes = false })},
		"carol in no team":      {audit.RuleVerdict, evidence(func(e *requests.Evidence) { e.Teams["@acme/data-platform"] = checks.Team{} })},
		"who pushed is hidden":  {audit.RuleVerdict, evidence(func(e *requests.Evidence) { e.Pushes = nil })},
		"a verdict of its own":  {audit.RuleVerdict, evidence(func(e *requests.Evidence) { e.Verdict.Needs = nil })},
		"policies unasked":      {audit.RuleVerdict, evidence(func(e *requests.Evidence) { e.Asked = nil })},
		"other rules":           {audit.RuleVerdict, evidence(func(e *requests.Evidence) { e.Files = nil })},
		"a merge of no request": {audit.RuleBytes, evidence(func(e *requests.Evidence) { e.Pull.Merge.Commit = e.Base })},
		"more than it gives": {audit.RuleVerdict, func(_ *chronicle, r *ledger.Receipt) {
			r.Grant.Interval.End = r.Grant.Interval.End.Add(time.Hour)
		}},
		"bytes that nobody merged": {audit.RuleBytes, func(_ *chronicle, r *ledger.Receipt) { r.Grant.Digest = "sha256:" + strings.Repeat("0", 64) }},
		"another commit": {audit.RuleBytes, func(c *chronicle, r *ledger.Receipt) {
			r.Commit = c.write(&c.main, "Empty", nil, map[string][]byte{"NOTES.md": []byte("x")}).String()
			c.main = gitrepo.NewHash(r.Commit)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := forge(t, tc.change)
			if !slices.ContainsFunc(found, func(f audit.Finding) bool { return f.Rule == tc.rule && strings.Contains(f.Receipt, "-approved") }) {
				t.Errorf("want %s, found %+v", tc.rule, found)
			}
		})
	}
}
