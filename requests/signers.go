package requests

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

const (
	// CommitName and CommitEmail are whose Lapse's commits say they are; the e-mail is the principal of SignersFile, too. It is nobody's
	// mailbox, so that no account at a forge can claim it.
	CommitName  = "Lapse"
	CommitEmail = "lapse@lapse-access.github.io"

	// SignersFile is the published file by which stock git verifies Lapse's commits (gpg.ssh.allowedSignersFile). It decides nothing: what
	// Lapse itself trusts is in [ledger.TrustDir].
	SignersFile = ".lapse/allowed_signers"
)

// maxSigners is far above what anybody's keys need. More is not read: each line that names no key of Lapse's would be a finding.
const maxSigners = 8 << 10

const signersHead = `# Lapse's commits on main and on the ledger are signed by these keys, which are those of .lapse/trust:
#   git config gpg.ssh.allowedSignersFile "$PWD/.lapse/allowed_signers" && git verify-commit origin/lapse-ledger
# The line of a key that was replaced stays, with namespaces="git",valid-before="<YYYYMMDD>".
`

// AllowedSigners is the file that names the keys among those who may sign; git knows no identities of workflows.
func AllowedSigners(trusted ledger.Verifiers) (string, error) {
	var b strings.Builder
	b.WriteString(signersHead)
	for _, key := range trusted.Keys() {
		line, err := gitrepo.AllowedSigners(CommitEmail, key)
		if err != nil {
			return "", err
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

// SignerProblems is what is wrong with the published file of an access repository, where keys are trusted: each of them has its line there, and no
// other key has, but one that was replaced and whose line says until when it was good.
func SignerProblems(files fs.FS) []grants.Problem {
	trusted, _ := ledger.LoadVerifiers(files) // what is wrong there is told of elsewhere
	if len(trusted.Keys()) == 0 {
		return nil
	}
	problem := func(line int, text, hint string) grants.Problem {
		return grants.Problem{Pos: grants.Pos{File: SignersFile, Line: line}, Text: text, Hint: hint}
	}
	text, err := fs.ReadFile(files, SignersFile)
	if errors.Is(err, fs.ErrNotExist) {
		return []grants.Problem{problem(0, "is not there, so that git cannot verify Lapse's commits", "lapse init writes it; it never changes what is there")}
	}
	if err == nil && len(text) > maxSigners {
		err = fmt.Errorf("longer than %d bytes", maxSigners)
	}
	if err != nil {
		return []grants.Problem{problem(0, "cannot be read: "+err.Error(), "")}
	}
	lines := strings.Split(string(text), "\n")
	var out []grants.Problem
	good := map[string]bool{}
	for _, k := range trusted {
		if k.Public == nil {
			continue
		}
		want, err := gitrepo.AllowedSigners(CommitEmail, k.Public)
		if err != nil {
			continue // of a kind that signs no commits
		}
		want = strings.TrimSpace(want)
		if good[want] = true; !slices.Contains(lines, want) {
			out = append(out, problem(0, fmt.Sprintf("does not name the trusted key %s", k.ID), "add the line "+want))
		}
	}
	for i, line := range lines {
		if line == "" || strings.HasPrefix(line, "#") || good[line] || replaced.MatchString(line) {
			continue
		}
		out = append(out, problem(i+1, "names a key that is not under "+ledger.TrustDir, `take the line out, or, for a key that was replaced, write namespaces="git",valid-before="<YYYYMMDD>"`))
	}
	return out
}

// replaced is how the line of a key begins that was Lapse's until a time.
var replaced = regexp.MustCompile(`^` + regexp.QuoteMeta(CommitEmail) + ` namespaces="git",valid-before="[0-9]{8,14}Z?" (?:ssh|ecdsa)-`)
