package audit

import (
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// History is all that there is to verify of an access repository: plain facts, read before any rule is asked.
type History struct {
	Now      time.Time
	Receipts []Sealed         // those that verified, by sequence
	Spoilt   []ledger.Finding // what reading the ledger found
	Ledger   []LedgerCommit   // oldest first
	Main     []MainStep       // the first parents of main after the commit with which the ledger began, oldest first
	// Begin is that commit. Adrift: main's first parents do not pass it, and Main is all of them.
	Begin  string
	Adrift bool
	// Before is how many of Main came before it, itself included: a ledger that was begun anew, after one was lost, judges what came before.
	Before int
	// Configurations are those that were approved, by commit. One that cannot be read is not among them.
	Configurations map[string]*grants.Configuration
	Remembered     []Remembered
}

// Remembered is a checkpoint that was kept outside the forge, and whether the history holds what it tells of.
type Remembered struct {
	ledger.Checkpoint
	Name             string // by which whoever asks knows it
	OnLedger, OnMain bool
}

// Sealed is a receipt with where it is stored, and, of one that tells of a verdict, that verdict come to again.
type Sealed struct {
	ledger.Receipt
	Path   string
	In     string // commit of the ledger that brought it; "": none on its line did
	Signer string // id of what signed it
	Judged *Rejudged
}

// Rejudged is what a receipt recorded of a verdict, and what the same evidence comes to today.
type Rejudged struct {
	Err error // why it cannot be judged again; then nothing else is told but the base, if that is known

	Base   string // main commit whose configuration judged
	Now    time.Time
	Asked  bool   // by a pull request
	Merged string // commit as which that was merged; "": it was not
	Method string // of the merge

	Was, Is checks.Outcome
	Why     string // the first denial today
	// Same: all that is recorded of it is what it comes to, byte for byte.
	Same bool

	JudgedBy      string        // digest of the configuration that judged
	Grant         *ledger.Grant // as the receipt has to tell it; nil: the commit brought no such grant
	Configuration string        // digest of the configuration that the commit brought
}

// LedgerCommit is one commit of the ledger.
type LedgerCommit struct {
	Hash    string
	Spoilt  []ledger.Finding // by [ledger.CheckCommit]
	Adds    []int            // sequences of the receipts that it adds and that verified
	Trouble string           // what is wrong with its signature; "": one of the keys signed it with which those receipts are signed
	Throws  bool             // it does nothing but throw the stored state away
	Err     error            // it cannot be read
}

// MainStep is one first-parent commit of main, and what it changed of grants and configuration.
type MainStep struct {
	Hash          string
	At            time.Time // by its own word
	Own           bool      // signed by Lapse
	Files         []FileStep
	Others        int    // paths that it changed and that are no grants
	Configuration string // digest of the configuration after it, if it changed it; else ""
	Err           error  // it cannot be read
}

// FileStep is one path under grants/ that a step changed.
type FileStep struct {
	Path          string
	ID            string       // of the grant; "": the path is none of a grant's
	Before, After *FileVersion // nil: it was not there
}

// FileVersion is a file under grants/ at one commit. Whose it is, and of what role, is told where the step changed a grant in place.
type FileVersion struct {
	User, Role string
}

// Ends says whether the step ended the grant that was there: it removed the file, or gave it to another person or role.
func (f FileStep) Ends() bool {
	return f.Before != nil && (f.After == nil || f.After.User != f.Before.User || f.After.Role != f.Before.Role)
}
