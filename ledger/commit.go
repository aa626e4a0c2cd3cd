package ledger

import (
	"fmt"

	"github.com/lapse-access/lapse/grants"
)

// plainFile is git's mode of a file that is neither executable nor a link.
const plainFile = 0o100644

// CheckCommit says what is wrong with one commit of the ledger: it has one parent, but for the first, which has none; and against that
// parent it only adds receipts and writes the parts of the state, or throws them away. What the receipts say is checked by [Read]. Findings about the commit
// as a whole have no path.
//
// Paths are compared byte for byte and modes whole, so that nothing passes here that another git, or another file system, would read as
// something else. That trees are in git's one form is for who reads them to see to.
func CheckCommit(first bool, parents int, changes []grants.FileChange) []Finding {
	var findings []Finding
	switch {
	case first && parents != 0:
		findings = append(findings, Finding{Text: "the ledger does not begin with it: it has a parent"})
	case !first && parents != 1:
		findings = append(findings, Finding{Text: fmt.Sprintf("has %d parents; a ledger is one line of commits", parents)})
	}
	for _, c := range changes {
		if text := badChange(c); text != "" {
			findings = append(findings, Finding{Path: c.Path, Text: text})
		}
	}
	return findings
}

func badChange(c grants.FileChange) string {
	_, receipt := receiptNumber(c.Path)
	switch {
	case !receipt && !isStateFile(c.Path):
		return "does not belong in a ledger"
	case c.After == nil && receipt:
		return "was removed; a ledger only grows"
	case c.After != nil && c.After.Mode != plainFile:
		return "is not a plain file"
	case receipt && c.Before != nil:
		return "was changed; a ledger only grows"
	}
	return ""
}
