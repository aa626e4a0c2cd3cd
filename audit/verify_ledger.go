package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/ledger"
)

// branch holds the ledger itself to its form. Who brought what is wrong with a receipt is the commit that added it.
func (v *verifier) branch() {
	brought := map[string]string{}
	for _, r := range v.Receipts {
		brought[r.Path] = r.In
	}
	for _, f := range v.Spoilt {
		rule := RuleReceipt
		if f.Path == ledger.StateFile || strings.HasPrefix(f.Path, "state/") {
			rule = RuleState
		}
		v.find(rule, f.Path, brought[f.Path], f.Text)
	}
	last := 0
	for _, c := range v.Ledger {
		if c.Err != nil {
			v.find(RuleCommit, "", c.Hash, "cannot be read: "+c.Err.Error())
			continue
		}
		for _, f := range c.Spoilt {
			v.find(RuleCommit, f.Path, c.Hash, f.Text)
		}
		switch {
		case c.Throws:
			v.out.Notes = append(v.out.Notes, fmt.Sprintf("commit %.12s of the ledger threw the stored state away, which proves nothing and comes back from the receipts", c.Hash))
		case c.Trouble != "":
			v.find(RuleSignature, "", c.Hash, c.Trouble)
		}
		for _, n := range slices.Sorted(slices.Values(c.Adds)) {
			if n < last {
				v.find(RuleCommit, "", c.Hash, fmt.Sprintf("it adds receipt %d after a commit that added receipt %d: commits were exchanged", n, last))
			}
			last = max(last, n)
		}
	}
	for _, r := range v.Receipts {
		if r.In == "" {
			v.find(RuleCommit, r.Path, "", "no commit on the ledger's line added it")
		}
	}
}
