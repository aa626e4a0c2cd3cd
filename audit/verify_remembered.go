package audit

import (
	"fmt"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

// kept holds main and the ledger to the checkpoints that were kept outside the forge: both only ever grow.
func (v *verifier) kept() {
	for _, k := range v.Remembered {
		seen := fmt.Sprintf("%s, of %s, ", k.Name, k.Time.Format(time.RFC3339))
		if known := v.state.Repository; known != 0 && k.Repository != known {
			v.find(RuleAnchor, "", "", fmt.Sprintf("%sis a checkpoint of repository %d, and the ledger is that of %d", seen, k.Repository, known))
			continue
		}
		if !k.OnLedger {
			v.cutOff(k, ledger.LossOfLedger, Finding{Rule: RuleAnchor, Commit: k.Ledger, Reason: fmt.Sprintf("%ssaw the ledger with receipt %d as its last, and it does not descend from that: it was cut off or rewritten", seen, k.Sequence)})
		}
		if !k.OnMain {
			v.cutOff(k, ledger.LossOfMain, Finding{Rule: RuleAnchor, Commit: k.Main, Reason: seen + "saw main, which does not descend from that: it was rewritten"})
		}
	}
}

// cutOff makes a finding, or tells of it, if a person has accepted a loss since, and what they saw in its place is still there. That the
// receipt of it is on the ledger shows as much of the ledger itself.
func (v *verifier) cutOff(k Remembered, what ledger.Loss, f Finding) {
	for _, a := range v.accepted[what] {
		if a.Time.After(k.Time) && (what == ledger.LossOfLedger || v.line.has(a.Accepted.Now)) {
			v.out.Accepted = append(v.out.Accepted, Accepted{Finding: f, By: a.Accepted.By.Login, Because: a.Accepted.Because})
			return
		}
	}
	v.out.Findings = append(v.out.Findings, f)
}
