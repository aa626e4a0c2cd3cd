package ledger

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/lapse-access/lapse/grants"
)

// plainFile is git's mode of a file that is neither executable nor a link.
const plainFile = 0o100644

// CheckCommit says what is wrong with one commit of the ledger: it has one parent, but for the first, which has none; and against that
// parent it only adds receipts and writes the parts of the state, or throws them away. What the receipts say is checked by [Read].
// Findings about the commit as a whole have no path.
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

// ThrowsStateAway says whether a commit does nothing but that. Anybody may: the state proves nothing, and comes back from the receipts.
func ThrowsStateAway(changes []grants.FileChange) bool {
	whole := false
	for _, c := range changes {
		if c.After != nil || !isStateFile(c.Path) {
			return false
		}
		whole = whole || c.Path == StateFile
	}
	return whole
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

const (
	// SignedByFile is in a commit of Lapse's own that holds no receipt, where it was signed without a key: a payload that says nothing, signed
	// by the key that signed the commit.
	SignedByFile = "signed-by.json"

	signedByType = "application/vnd.lapse-access.signed-by+json"
	signedByText = "{}\n"
)

// SignedBy is what [SignedByFile] holds in the commits of this signer; nil: they are signed with a key that readers have.
func SignedBy(ctx context.Context, s Signer) ([]byte, error) {
	v, err := s.Verifier(ctx)
	if err != nil || v.Identity == nil {
		return nil, err
	}
	return s.Sign(ctx, signedByType, []byte(signedByText), true)
}

// CommitKey is the key that must have signed a commit of Lapse's own, by the certificate that the commit holds: in the last receipt of
// a ledger, or in [SignedByFile]. The certificate is of one of the roots, and was good when what it signed there was timestamped.
func (t Trust) CommitKey(files fs.FS) (crypto.PublicKey, error) {
	stored, err := readSmall(files, SignedByFile, maxEnvelope)
	payloadType := signedByType
	if errors.Is(err, fs.ErrNotExist) {
		stored, err = lastReceipt(files)
		payloadType = PayloadType
	}
	if err != nil {
		return nil, err
	}
	_, by, err := t.open(stored, payloadType, t.Roots)
	if err != nil {
		return nil, err
	}
	if by.bundle == nil {
		return nil, errors.New("the commit holds no certificate")
	}
	if _, err := t.of(by.bundle, by.bundle.Stamped, t.Roots); err != nil {
		return nil, err
	}
	return by.bundle.Public, nil
}

// lastReceipt is the last receipt of a ledger as it is stored, by the word of its state.
func lastReceipt(files fs.FS) ([]byte, error) {
	head, err := ReadHead(files)
	if err != nil {
		return nil, err
	}
	dir := path.Dir(Path(Receipt{Kind: Kept, Sequence: head.Sequence, Time: head.Time}))
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), fmt.Sprintf("%010d-", head.Sequence)) {
			return readSmall(files, path.Join(dir, e.Name()), maxEnvelope)
		}
	}
	return nil, fmt.Errorf("receipt %d: %w", head.Sequence, fs.ErrNotExist)
}
