package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

// Rule is what a finding breaks: a short code that does not change.
type Rule string

// The rules that a history is held to.
const (
	RuleReceipt       Rule = "receipt"       // every receipt is there, unchanged, in its place, signed by what may sign it
	RuleState         Rule = "state"         // the stored state is what the receipts add up to
	RuleCommit        Rule = "commit"        // a commit of the ledger has one parent, adds receipts and writes the state, and nothing else
	RuleSignature     Rule = "signature"     // a commit of the ledger is signed with the key of its receipts
	RuleTime          Rule = "time"          // nothing is recorded before it can have happened
	RuleVerdict       Rule = "verdict"       // the same evidence comes to the same verdict
	RuleConfiguration Rule = "configuration" // what judged was approved itself
	RuleBytes         Rule = "bytes"         // what was approved is what the commit brought to main
	RuleOffMain       Rule = "off-main"      // what was approved is on main's line of first parents
	RuleUnjudged      Rule = "unjudged"      // every step of main that changes grants or configuration has its receipt
	RuleUnasked       Rule = "unasked"       // whatever reached main without a pull request only ended grants
	RuleRemoval       Rule = "removal"       // Lapse's own commits on main only remove grants that have ended
	RuleGive          Rule = "give"          // what is given is what live, approved grants give, to whom, and for as long
	RuleIntent        Rule = "intent"        // nothing is given or taken that the ledger did not say before
	RuleEnd           Rule = "end"           // what main ended has ended
	RuleHeld          Rule = "held"          // nothing is held past its end
	RuleAnchor        Rule = "anchor"        // what was noted outside the forge is still there
	RuleForge         Rule = "forge"         // the forge shows the same
)

// Rules are all of them, in the order in which findings are told: what breaks first, the others often follow from.
func Rules() []Rule {
	return []Rule{
		RuleAnchor, RuleReceipt, RuleCommit, RuleSignature, RuleState, RuleTime, RuleVerdict, RuleConfiguration, RuleBytes, RuleOffMain,
		RuleUnjudged, RuleUnasked, RuleRemoval, RuleGive, RuleIntent, RuleEnd, RuleHeld, RuleForge,
	}
}

// Finding is one breach of a rule.
type Finding struct {
	Rule    Rule   `json:"rule"`
	Receipt string `json:"receipt,omitempty"` // path on the ledger
	Commit  string `json:"commit,omitempty"`  // of the ledger for its own rules, else of main
	Reason  string `json:"reason"`
}

// Accepted is a breach that a person has accepted, with `lapse accept`: it is told, and is no finding any more.
type Accepted struct {
	Finding
	By      string `json:"by"`
	Because string `json:"because"`
}

// Verification is what verifying a history came to.
type Verification struct {
	Verified Counts     `json:"verified"`
	Overruns Overruns   `json:"overruns"`
	Findings []Finding  `json:"findings"`
	Accepted []Accepted `json:"accepted,omitempty"`
	Notes    []string   `json:"notes,omitempty"` // what is no finding, and should be known
}

// Counts are what was looked at.
type Counts struct {
	Receipts       int       `json:"receipts"`
	LedgerCommits  int       `json:"ledger_commits"`
	MainCommits    int       `json:"main_commits"` // first parents since the ledger began
	Approved       int       `json:"approved"`     // grants, each version
	Refused        int       `json:"refused"`
	Configurations int       `json:"configurations"` // approved
	Given          int       `json:"given"`          // holdings, each time
	Taken          int       `json:"taken"`
	Held           int       `json:"held"` // still, within their time
	First          time.Time `json:"first,omitzero"`
	Last           time.Time `json:"last,omitzero"`
}

// Verify holds a history to every rule. It is pure: what it says follows from the history alone.
func Verify(h History) Verification {
	v := &verifier{History: h, line: lineOf(h), accepted: acceptances(h.Receipts)}
	v.branch()
	v.receipts()
	v.kept()
	v.main()
	v.held()
	return v.finish()
}

// verifier is one run of Verify.
type verifier struct {
	History
	line     line
	accepted map[ledger.Loss][]Sealed
	at       Sealed       // the receipt that is being looked at
	state    ledger.State // before it
	covered  coverage
	lives    versions
	ends     map[string][]int  // places at which main ended each grant
	lastWord map[string]Sealed // the last receipt of each holding
	given    []Overrun
	out      Verification
}

func (v *verifier) find(r Rule, receipt, commit, reason string) {
	v.out.Findings = append(v.out.Findings, Finding{Rule: r, Receipt: receipt, Commit: commit, Reason: reason})
}

// wrong is a finding about the receipt that is being looked at.
func (v *verifier) wrong(r Rule, reason string) {
	commit := v.at.In
	if v.at.Commit != "" {
		commit = v.at.Commit
	}
	v.find(r, v.at.Path, commit, reason)
}

// receipts goes through the receipts in order, with the state that they have added up to so far.
func (v *verifier) receipts() {
	for _, r := range v.Receipts {
		v.at = r
		v.count(r)
		v.inTime()
		switch r.Kind {
		case ledger.Approved, ledger.Refused:
			v.judged()
		case ledger.Ended:
			v.ended()
		case ledger.Intended, ledger.Given, ledger.Taken, ledger.Kept:
			v.holding()
		}
		if err := v.state.Add(r.Receipt); err != nil {
			v.wrong(RuleReceipt, err.Error())
		}
	}
}

func (v *verifier) count(r Sealed) {
	c := &v.out.Verified
	if c.Receipts++; c.First.IsZero() {
		c.First = r.Time
	}
	c.Last = r.Time
	switch {
	case r.Kind == ledger.Approved && r.Configuration != nil:
		c.Configurations++
	case r.Kind == ledger.Approved:
		c.Approved++
	case r.Kind == ledger.Refused:
		c.Refused++
	case r.Kind == ledger.Given:
		c.Given++
	case r.Kind == ledger.Taken:
		c.Taken++
	}
}

// skew is how far the clocks of who wrote and of who verifies may be apart, more than those of two who write ([checks.MaxSkew]): it is told
// of what was done, and stops nothing.
const skew = 5 * time.Minute

// inTime: that times do not run backwards along the chain is seen where it is read.
func (v *verifier) inTime() {
	if v.at.Time.After(v.Now.Add(skew)) {
		v.wrong(RuleTime, "it is of "+v.at.Time.Format(time.RFC3339)+", which is yet to come")
	}
}

func (v *verifier) finish() Verification {
	v.out.Verified.LedgerCommits, v.out.Verified.MainCommits = len(v.Ledger), len(v.Main)
	v.out.Overruns = overruns(v.given)
	v.out.Findings = append([]Finding{}, v.out.Findings...) // none is [] in JSON
	place := map[Rule]int{}
	for i, r := range Rules() {
		place[r] = i
	}
	slices.SortStableFunc(v.out.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(place[a.Rule], place[b.Rule]), cmp.Compare(a.Receipt, b.Receipt), cmp.Compare(a.Commit, b.Commit))
	})
	v.out.Findings = slices.Compact(v.out.Findings)
	return v.out
}
