package audit

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

var dawn = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const (
	begun   = "1111111111111111111111111111111111111111"
	asked   = "2222222222222222222222222222222222222222"
	cleared = "3333333333333333333333333333333333333333"
	other   = "4444444444444444444444444444444444444444"
	sum     = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	another = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// sound is a history with which nothing is wrong: alice had what grant a gives for an hour, and it was taken a minute late.
func sound() History {
	e := grants.Entitlement{Target: "vault", Values: map[string]string{"name": "orders"}}
	g := ledger.Grant{ID: "a", Digest: sum, User: "alice", UserID: 583231, Role: "r", Interval: grants.Interval{Start: dawn, End: dawn.Add(time.Hour)}, Entitlements: []grants.Entitlement{e}, Change: grants.Add}
	h := ledger.Holding{Entitlement: e, Account: "alice"}
	all := []ledger.Receipt{
		{Kind: ledger.Approved, Commit: begun, Configuration: &ledger.Configuration{Commit: begun, Digest: sum, First: true}},
		{Kind: ledger.Approved, Commit: asked, Grant: &g},
		{Kind: ledger.Intended, Action: "give", Holding: &h, Grants: []string{"a"}, Until: g.Interval.End},
		{Kind: ledger.Given, Holding: &h, Grants: []string{"a"}, Until: g.Interval.End},
		{Kind: ledger.Ended, Grant: &g},
		{Kind: ledger.Intended, Action: "take", Holding: &h, Grants: []string{"a"}},
		{Kind: ledger.Taken, Holding: &h, Grants: []string{"a"}, Due: g.Interval.End},
	}
	out := History{
		Now: dawn.Add(2 * time.Hour), Begin: begun,
		Main: []MainStep{
			{Hash: asked, At: dawn, Files: []FileStep{{Path: "grants/a.yaml", ID: "a", After: &FileVersion{}}}},
			{Hash: cleared, At: dawn.Add(61 * time.Minute), Own: true, Files: []FileStep{{Path: "grants/a.yaml", ID: "a", Before: &FileVersion{}}}},
		},
		Ledger: []LedgerCommit{{Hash: "c1", Adds: []int{1}}, {Hash: "c2", Adds: []int{2, 3}}, {Hash: "c3", Adds: []int{4}}, {Hash: "c4", Adds: []int{5, 6, 7}}},
		Configurations: map[string]*grants.Configuration{begun: {
			Usable: true,
			Config: grants.Config{Targets: map[string]grants.TargetConfig{"vault": {Name: "vault", Type: "file", LoginIsAccount: true}}},
			People: grants.People{People: map[string]grants.Person{"alice": {Login: "alice", ID: 583231}}},
			Roles:  map[string]grants.Role{"r": {Name: "r", Entitlements: []grants.Entitlement{e}}},
		}},
	}
	for i, r := range all {
		r.Sequence, r.Time, r.Repository, r.Main = i+1, dawn, 731, asked
		if i >= 4 {
			r.Time = dawn.Add(61 * time.Minute)
		}
		out.Receipts = append(out.Receipts, Sealed{Receipt: r, Path: ledger.Path(r), In: "c"})
	}
	out.Receipts[0].Judged = &Rejudged{Configuration: sum}
	out.Receipts[1].Judged = &Rejudged{
		Base: begun, Now: dawn, Asked: true, Merged: asked, Method: "squash", Was: checks.OutcomeApproved, Is: checks.OutcomeApproved, Same: true,
		JudgedBy: sum, Grant: &g,
	}
	return out
}

func TestWithASoundHistoryNothingIsWrong(t *testing.T) {
	v := Verify(sound())
	if len(v.Findings) > 0 {
		t.Errorf("%+v", v.Findings)
	}
	if o := v.Overruns; o.Taken != 1 || o.P50 != time.Minute || o.P99 != time.Minute || o.Max != time.Minute || len(o.Grants) != 1 || o.Grants[0] != (GrantOverrun{"a", time.Minute}) {
		t.Errorf("overruns: %+v", o)
	}
	if c := v.Verified; c.Receipts != 7 || c.Approved != 1 || c.Configurations != 1 || c.Given != 1 || c.Taken != 1 || c.Held != 0 {
		t.Errorf("counts: %+v", c)
	}
}

// until leaves out the receipts after the first n.
func (h *History) until(n int) { h.Receipts = h.Receipts[:n] }

func TestEachBreachIsFoundByItsRule(t *testing.T) {
	for name, tc := range map[string]struct {
		rule   Rule
		breach func(h *History)
	}{
		"a receipt that does not verify":           {RuleReceipt, func(h *History) { h.Spoilt = []ledger.Finding{{Path: h.Receipts[3].Path, Text: "x"}} }},
		"a state that was changed":                 {RuleState, func(h *History) { h.Spoilt = []ledger.Finding{{Path: "state/grants/aa.json", Text: "x"}} }},
		"a commit that does more":                  {RuleCommit, func(h *History) { h.Ledger[1].Spoilt = []ledger.Finding{{Text: "x"}} }},
		"a commit that cannot be read":             {RuleCommit, func(h *History) { h.Ledger[1].Err = errors.New("x") }},
		"commits that were exchanged":              {RuleCommit, func(h *History) { h.Ledger[1], h.Ledger[2] = h.Ledger[2], h.Ledger[1] }},
		"a receipt that no commit added":           {RuleCommit, func(h *History) { h.Receipts[2].In = "" }},
		"a commit that is not signed":              {RuleSignature, func(h *History) { h.Ledger[3].Trouble = "x" }},
		"a receipt from the future":                {RuleTime, func(h *History) { h.Receipts[6].Time = h.Now.Add(time.Hour) }},
		"a verdict before the merge":               {RuleTime, func(h *History) { h.Receipts[1].Judged.Now = dawn.Add(time.Hour) }},
		"another verdict":                          {RuleVerdict, func(h *History) { h.Receipts[1].Judged.Is = checks.OutcomeWaiting }},
		"other evidence":                           {RuleVerdict, func(h *History) { h.Receipts[1].Judged.Same = false }},
		"no evidence":                              {RuleVerdict, func(h *History) { h.Receipts[1].Judged = nil }},
		"evidence that cannot be read":             {RuleVerdict, func(h *History) { h.Receipts[1].Judged = &Rejudged{Err: errors.New("x")} }},
		"a denial that is recorded as an approval": {RuleVerdict, func(h *History) { j := h.Receipts[1].Judged; j.Was, j.Is = checks.OutcomeDenied, checks.OutcomeDenied }},
		"more entitlements than were approved":     {RuleVerdict, func(h *History) { g := *h.Receipts[1].Grant; g.Entitlements = nil; h.Receipts[1].Judged.Grant = &g }},
		"a configuration that nobody approved":     {RuleConfiguration, func(h *History) { h.Receipts[1].Judged.JudgedBy = another }},
		"a base that is not main before":           {RuleConfiguration, func(h *History) { h.Receipts[1].Judged.Base = cleared }},
		"another beginning":                        {RuleConfiguration, func(h *History) { h.Receipts[0].Sequence = 2 }},
		"a beginning with another configuration":   {RuleBytes, func(h *History) { h.Receipts[0].Judged.Configuration = another }},
		"other bytes than those approved":          {RuleBytes, func(h *History) { g := *h.Receipts[1].Grant; g.Digest = another; h.Receipts[1].Judged.Grant = &g }},
		"a commit without the grant":               {RuleBytes, func(h *History) { h.Receipts[1].Judged.Grant = nil }},
		"no merge":                                 {RuleBytes, func(h *History) { h.Receipts[1].Judged.Merged = other }},
		"an approval that is not on main":          {RuleOffMain, func(h *History) { h.Receipts[1].Commit = other; h.Receipts[1].Judged.Merged = other }},
		"a main that was rewritten":                {RuleOffMain, func(h *History) { h.Adrift = true }},
		"a main that a reconcile never saw":        {RuleOffMain, func(h *History) { h.Receipts[6].Main = other }},
		"a grant without a receipt":                {RuleUnjudged, func(h *History) { h.Main[0].Files[0].ID = "b" }},
		"a configuration without a receipt":        {RuleUnjudged, func(h *History) { h.Main[0].Configuration = another }},
		"a step that cannot be read":               {RuleUnjudged, func(h *History) { h.Main[0].Err = errors.New("x") }},
		"a step that waits for days": {RuleUnjudged, func(h *History) {
			h.Main = append(h.Main, MainStep{Hash: other, At: h.Now.Add(-48 * time.Hour), Files: []FileStep{{Path: "grants/b.yaml", ID: "b", After: &FileVersion{}}}})
		}},
		"a step that says it is yet to come": {RuleUnjudged, func(h *History) {
			h.Main = append(h.Main, MainStep{Hash: other, At: h.Now.Add(48 * time.Hour), Files: []FileStep{{Path: "grants/b.yaml", ID: "b", After: &FileVersion{}}}})
		}},
		"a file that is no grant": {RuleUnasked, func(h *History) { h.Main[0].Files[0].Path, h.Main[0].Files[0].ID = "grants/x.txt", "" }},
		"a grant that nobody asked for": {RuleUnasked, func(h *History) {
			h.until(2)
			h.Main = h.Main[:1]
			h.Receipts[1].Kind = ledger.Refused
			j := h.Receipts[1].Judged
			j.Asked, j.Was, j.Is = false, checks.OutcomeDenied, checks.OutcomeDenied
		}},
		"a removal that adds":            {RuleRemoval, func(h *History) { h.Main[1].Files[0].After = &FileVersion{} }},
		"a removal of something else":    {RuleRemoval, func(h *History) { h.Main[1].Others = 1 }},
		"a removal of what is no grant":  {RuleRemoval, func(h *History) { h.Main[1].Files[0].ID = "" }},
		"a removal before the end":       {RuleRemoval, func(h *History) { h.until(4) }},
		"a give by a grant never judged": {RuleGive, func(h *History) { h.Receipts[2].Grants = []string{"b"} }},
		"a give after the end":           {RuleGive, func(h *History) { h.Receipts[2].Time = dawn.Add(time.Hour) }},
		"a give before the start":        {RuleGive, func(h *History) { h.Receipts[1].Grant.Interval.Start = dawn.Add(time.Minute) }},
		"a give for longer":              {RuleGive, func(h *History) { h.Receipts[2].Until = dawn.Add(2 * time.Hour) }},
		"a give to somebody else": {RuleGive, func(h *History) {
			h.Receipts[2].Holding = &ledger.Holding{Entitlement: h.Receipts[2].Holding.Entitlement, Account: "mallory"}
		}},
		"a give of something else": {RuleGive, func(h *History) {
			h.Receipts[2].Holding = &ledger.Holding{Entitlement: grants.Entitlement{Target: "vault"}, Account: "alice"}
		}},
		"a give without a configuration":  {RuleGive, func(h *History) { h.Configurations = nil }},
		"a give of what main had ended":   {RuleEnd, func(h *History) { h.Receipts[2].Main = cleared }},
		"an end on main without receipt":  {RuleEnd, func(h *History) { h.until(4); h.Main[1].Own = false; h.Receipts[3].Main = cleared }},
		"a give without an intent":        {RuleIntent, func(h *History) { h.Receipts = slices.Delete(h.Receipts, 2, 3) }},
		"a give for longer than intended": {RuleIntent, func(h *History) { h.Receipts[3].Until = dawn.Add(2 * time.Hour) }},
		"a taking from nowhere":           {RuleIntent, func(h *History) { h.Receipts = slices.Delete(h.Receipts, 2, 6) }},
		"kept, though Lapse gave it":      {RuleIntent, func(h *History) { h.Receipts[6].Kind, h.Receipts[6].Due = ledger.Kept, time.Time{} }},
		"an end that no policy asked for": {RuleVerdict, func(h *History) { h.Receipts[4].Judged = &Rejudged{} }},
		"a configuration with other bytes": {RuleBytes, func(h *History) {
			r := Sealed{Path: "x", In: "c", Receipt: h.Receipts[6].Receipt}
			r.Receipt = ledger.Receipt{Sequence: 8, Kind: ledger.Approved, Time: r.Time, Repository: 731, Main: asked, Commit: cleared, Configuration: &ledger.Configuration{Commit: cleared, Digest: another}}
			j := *h.Receipts[1].Judged
			j.Base, j.Merged, j.Grant, j.Configuration = asked, cleared, nil, sum
			r.Judged = &j
			h.Receipts = append(h.Receipts, r)
		}},
		"a give that one of its grants does not give": {RuleGive, func(h *History) {
			r, g := h.Receipts[1], *h.Receipts[1].Grant
			g.ID, g.Entitlements = "b", nil
			r.Grant = &g
			h.Receipts = slices.Insert(h.Receipts, 2, r)
			h.Receipts[3].Grants = []string{"a", "b"}
		}},
		"held past its end":              {RuleHeld, func(h *History) { h.until(4); h.Main = h.Main[:1] }},
		"set out to be given and forgot": {RuleHeld, func(h *History) { h.until(3); h.Main = h.Main[:1] }},
		"held past an early end": {RuleHeld, func(h *History) {
			h.until(5)
			h.Receipts[4].Time, h.Now = dawn.Add(time.Minute), dawn.Add(30*time.Minute)
			h.Main = h.Main[:1]
		}},
	} {
		h := sound()
		tc.breach(&h)
		v := Verify(h)
		if !slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Rule == tc.rule && f.Reason != "" }) {
			t.Errorf("%s: want %s, found %+v", name, tc.rule, v.Findings)
		}
	}
}

func TestWhatAPersonAcceptedIsToldAndNoFinding(t *testing.T) {
	accept := func(h *History, a ledger.Acceptance) {
		a.By, a.Because = ledger.Accepter{Login: "carol", ID: 583233}, "a mistake, looked into"
		r := ledger.Receipt{Sequence: 8, Kind: ledger.Accepted, Time: h.Receipts[6].Time, Repository: 731, Main: asked, Accepted: &a}
		h.Receipts = append(h.Receipts, Sealed{Receipt: r, Path: ledger.Path(r), In: "c"})
	}
	refused := func(h *History) {
		h.until(2)
		h.Main = h.Main[:1]
		h.Receipts[1].Kind = ledger.Refused
		j := h.Receipts[1].Judged
		j.Asked, j.Was, j.Is = false, checks.OutcomeDenied, checks.OutcomeDenied
	}
	for name, tc := range map[string]struct {
		breach func(h *History)
		as     ledger.Acceptance
		told   bool
	}{
		"a push": {refused, ledger.Acceptance{What: ledger.Unapproved, Was: asked}, true},
		"all of a push": {func(h *History) {
			h.Main[0].Files = append(h.Main[0].Files, FileStep{Path: "grants/x.txt", After: &FileVersion{}})
		}, ledger.Acceptance{What: ledger.Unapproved, Was: asked}, true},
		"another push":                {refused, ledger.Acceptance{What: ledger.Unapproved, Was: other}, false},
		"a main that was lost":        {func(h *History) { h.Receipts[6].Main = other }, ledger.Acceptance{What: ledger.LossOfMain, Was: other, Now: cleared}, false},
		"an approval with it":         {func(h *History) { h.Receipts[1].Commit, h.Receipts[1].Judged.Merged = other, other }, ledger.Acceptance{What: ledger.LossOfMain, Was: other, Now: cleared}, true},
		"a loss before another":       {func(h *History) { h.Receipts[1].Commit, h.Receipts[1].Judged.Merged = other, other }, ledger.Acceptance{What: ledger.LossOfMain, Was: other, Now: strings.Repeat("5", 40)}, false},
		"a step that main had before": {func(h *History) { h.Main[0].Files[0].ID = "b" }, ledger.Acceptance{What: ledger.LossOfMain, Was: other, Now: cleared}, false},
		"a loss of another kind":      {func(h *History) { h.Receipts[1].Commit, h.Receipts[1].Judged.Merged = other, other }, ledger.Acceptance{What: ledger.LossOfAnchor, Place: "x", Was: ledger.NoneThere}, false},
	} {
		h := sound()
		r6 := h.Receipts[6]
		tc.breach(&h)
		if len(h.Receipts) < 7 {
			h.Receipts = append(h.Receipts, Sealed{Receipt: ledger.Receipt{Sequence: 7, Kind: ledger.Kept, Time: r6.Time, Repository: 731, Main: asked, Holding: r6.Holding}, Path: "x", In: "c"})
			for len(h.Receipts) < 7 {
				h.Receipts = append(h.Receipts, h.Receipts[len(h.Receipts)-1])
			}
		}
		accept(&h, tc.as)
		v := Verify(h)
		told := len(v.Accepted) > 0 && v.Accepted[0].By == "carol"
		if told != tc.told {
			t.Errorf("%s: told %v, findings %+v", name, v.Accepted, v.Findings)
		}
	}
}

// Whoever reads the first line of many reads what broke, and not what followed from it.
func TestFindingsAreToldWithTheCauseFirst(t *testing.T) {
	h := sound()
	h.until(4)
	h.Main = h.Main[:1]
	h.Ledger[0].Trouble = "x"
	h.Spoilt = []ledger.Finding{{Path: ledger.StateFile, Text: "x"}, {Path: "receipts/z", Text: "x"}}
	var got []Rule
	for _, f := range Verify(h).Findings {
		got = append(got, f.Rule)
	}
	if want := []Rule{RuleReceipt, RuleSignature, RuleState, RuleHeld}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if all := Rules(); !slices.Equal(slices.Compact(slices.Sorted(slices.Values(all))), slices.Sorted(slices.Values(all))) {
		t.Errorf("a rule twice: %v", all)
	}
}

func TestACommitThatMainHasLostIsOneFinding(t *testing.T) {
	h := sound()
	h.until(2)
	h.Main = nil
	h.Receipts[1].Main = asked
	if found := Verify(h).Findings; len(found) != 1 || found[0].Rule != RuleOffMain {
		t.Errorf("%+v", found)
	}
}

// What is no breach and should be known all the same.
func TestWhatBreaksNoRuleIsToldInANote(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(h *History)
		want   string
	}{
		"a merge past a red check": {func(h *History) {
			h.until(2)
			h.Main = h.Main[:1]
			h.Receipts[1].Kind, h.Receipts[1].Grant.Pull = ledger.Refused, 7
			h.Receipts[1].Judged.Was, h.Receipts[1].Judged.Is = checks.OutcomeWaiting, checks.OutcomeWaiting
		}, "grant a was merged by pull request #7 as 222222222222 though its verdict was waiting; it was refused and gave nothing"},
		"the state thrown away": {func(h *History) { h.Ledger[1].Throws, h.Ledger[1].Trouble = true, "x" }, "commit c2 of the ledger threw the stored state away"},
	} {
		h := sound()
		tc.change(&h)
		v := Verify(h)
		if len(v.Findings) > 0 || !slices.ContainsFunc(v.Notes, func(n string) bool { return strings.HasPrefix(n, tc.want) }) {
			t.Errorf("%s: notes %q, findings %+v", name, v.Notes, v.Findings)
		}
	}
}

// What a person accepted to be lost, a checkpoint of before finds no more; one of after does.
func TestACheckpointFindsWhatIsCutOffUnlessThatWasAccepted(t *testing.T) {
	at := func(when time.Time, onLedger, onMain bool) Remembered {
		return Remembered{Name: "a.json", OnLedger: onLedger, OnMain: onMain, Checkpoint: ledger.Checkpoint{Repository: 731, Main: other, Ledger: other, Sequence: 9, Time: when}}
	}
	elsewhere := at(dawn, true, true)
	elsewhere.Repository = 732
	before, after := dawn, dawn.Add(90*time.Minute)
	for name, tc := range map[string]struct {
		kept           Remembered
		accepted       ledger.Loss
		now            string
		findings, told int
	}{
		"all is there":                      {at(before, true, true), "", "", 0, 0},
		"the ledger is cut off":             {at(before, false, true), "", "", 1, 0},
		"both are":                          {at(before, false, false), "", "", 2, 0},
		"another repository's":              {elsewhere, "", "", 1, 0},
		"a ledger, accepted":                {at(before, false, true), ledger.LossOfLedger, other, 0, 1},
		"a ledger, before it was lost":      {at(after, false, true), ledger.LossOfLedger, other, 1, 0},
		"a main, accepted":                  {at(before, true, false), ledger.LossOfMain, cleared, 0, 1},
		"a main, that was lost again since": {at(before, true, false), ledger.LossOfMain, other, 1, 0},
		"another loss was accepted":         {at(before, true, false), ledger.LossOfLedger, other, 1, 0},
	} {
		h := sound()
		h.Remembered = []Remembered{tc.kept}
		if tc.accepted != "" {
			a := ledger.Acceptance{What: tc.accepted, Was: asked, Now: tc.now, By: ledger.Accepter{Login: "carol", ID: 583233}, Because: "looked into"}
			r := ledger.Receipt{Sequence: 8, Kind: ledger.Accepted, Time: h.Receipts[6].Time, Repository: 731, Main: asked, Accepted: &a}
			h.Receipts = append(h.Receipts, Sealed{Receipt: r, Path: ledger.Path(r), In: "c"})
		}
		v := Verify(h)
		n := 0
		for _, f := range v.Findings {
			if f.Rule == RuleAnchor {
				n++
			}
		}
		if n != tc.findings || len(v.Accepted) != tc.told {
			t.Errorf("%s: findings %+v, told %+v", name, v.Findings, v.Accepted)
		}
	}
}

func TestPercentilesAreByNearestRank(t *testing.T) {
	var all []Overrun
	for i := range 200 {
		all = append(all, Overrun{Grants: []string{"a"}, Overrun: time.Duration(200-i) * time.Second})
	}
	o := overruns(all)
	if o.P50 != 100*time.Second || o.P99 != 198*time.Second || o.Max != 200*time.Second || o.Worst.Overrun != o.Max {
		t.Errorf("%+v", o)
	}
	if o := overruns(nil); o.Worst != nil || o.Max != 0 {
		t.Errorf("of none: %+v", o)
	}
}
