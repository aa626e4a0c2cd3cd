package ledger

import "github.com/lapse-access/lapse/grants"

// plainFile is git's mode of a file that is neither executable nor a link.
const plainFile = 0o100644

// CheckCommit says what is wrong with one commit of the ledger, given what it changes against its parent: a commit only
// adds receipts and writes the parts of the state. What the receipts say is checked by [Read].
func CheckCommit(changes []grants.FileChange) []Finding {
	var findings []Finding
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
	case c.After == nil && (receipt || c.Path == StateFile):
		return "was removed; a ledger only grows"
	case c.After != nil && c.After.Mode != plainFile:
		return "is not a plain file"
	case receipt && c.Before != nil:
		return "was changed; a ledger only grows"
	}
	return ""
}
