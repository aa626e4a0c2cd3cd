package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// privateKeys are one of each kind that may sign, as PEM.
func privateKeys(t *testing.T) map[string]string {
	t.Helper()
	_, ed, err := ledger.GenerateKey()
	must(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	must(t, err)
	return map[string]string{"ed25519": string(ed), "p256": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
}

// published is the file that stock git is to be told of, as it is on main.
func (th *theatre) published() string {
	th.t.Helper()
	path := filepath.Join(th.t.TempDir(), "allowed_signers")
	must(th.t, os.WriteFile(path, []byte(th.git("show", "main:"+requests.SignersFile)), 0o600))
	return path
}

// verifies says whether git verify-commit accepts the commit with that file, and what it says.
func (th *theatre) verifies(signers, commit string) (string, bool) {
	out, err := exec.Command("git", "--git-dir", filepath.Join(th.dir, stage.Repo+".git"), "-c", "gpg.ssh.allowedSignersFile="+signers, "verify-commit", commit).CombinedOutput()
	return string(out), err == nil
}

// ownCommits are all that Lapse made: the whole ledger, and the removals on main.
func (th *theatre) ownCommits() []string {
	removals := strings.Fields(th.git("log", "--format=%H", "--author="+requests.CommitEmail, "main"))
	if len(removals) == 0 {
		th.t.Error("there is no removal commit")
	}
	return append(removals, strings.Fields(th.git("log", "--format=%H", ledger.Branch))...)
}

func TestStockGitVerifiesEveryCommitOfLapseWithThePublishedFile(t *testing.T) {
	t.Parallel()
	for name, private := range privateKeys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := newTheatreSigned(t, private)
			th.over()
			th.want("reconcile")
			signers := th.published()
			all := th.ownCommits()
			for _, commit := range all {
				if said, ok := th.verifies(signers, commit); !ok || !strings.Contains(said, `Good "git" signature for `+requests.CommitEmail) {
					t.Errorf("git verify-commit %s: %s", commit, said)
				}
			}
			shown := th.git("-c", "gpg.ssh.allowedSignersFile="+signers, "log", "--show-signature", ledger.Branch)
			if n := strings.Count(shown, `Good "git" signature for `+requests.CommitEmail); n == 0 || n != strings.Count("\n"+shown, "\ncommit ") {
				t.Errorf("git log --show-signature accepts %d commits of\n%s", n, shown)
			}
			for what, commit := range th.spoilt(all[len(all)-1]) {
				if said, ok := th.verifies(signers, commit); ok {
					t.Errorf("%s: git verify-commit says %s", what, said)
				}
			}
		})
	}
}

// spoilt are commits that nobody must take for Lapse's, though they say that they are: of the one given with another text, another
// tree, other parents, no signature, and signed by another key.
func (th *theatre) spoilt(commit string) map[string]string {
	th.t.Helper()
	text := th.git("cat-file", "commit", commit)
	tree := strings.Fields(th.git("rev-parse", "main^{tree}"))[0]
	head, message, _ := strings.Cut(text, "\n\n")
	begin := strings.Index(head, "\ngpgsig ")
	unsigned := head[:begin]
	return map[string]string{
		"another text":  th.writeCommit(text + "more\n"),
		"another tree":  th.writeCommit("tree " + tree + text[strings.Index(text, "\n"):]),
		"other parents": th.writeCommit(strings.Replace(text, "\nauthor ", "\nparent "+commit+"\nauthor ", 1)),
		"no signature":  th.writeCommit(unsigned + "\n\n" + message),
		"another key":   th.signedByAnother(unsigned, message),
	}
}

// writeCommit puts the text of a commit into the repository.
func (th *theatre) writeCommit(text string) string {
	th.t.Helper()
	c := exec.Command("git", "--git-dir", filepath.Join(th.dir, stage.Repo+".git"), "hash-object", "-t", "commit", "-w", "--stdin")
	c.Stdin = strings.NewReader(text)
	out, err := c.Output()
	must(th.t, err)
	return strings.TrimSpace(string(out))
}

// signedByAnother signs the commit as stock git would, with a key that Lapse never had.
func (th *theatre) signedByAnother(head, message string) string {
	th.t.Helper()
	dir := th.t.TempDir()
	key, text := filepath.Join(dir, "key"), filepath.Join(dir, "commit")
	must(th.t, exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).Run())
	must(th.t, os.WriteFile(text, []byte(head+"\n\n"+message), 0o600))
	must(th.t, exec.Command("ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", key, text).Run())
	sig, err := os.ReadFile(text + ".sig")
	must(th.t, err)
	return th.writeCommit(head + "\ngpgsig " + strings.ReplaceAll(strings.TrimSuffix(string(sig), "\n"), "\n", "\n ") + "\n\n" + message)
}

// A key that is replaced leaves its line, with the time until which it was good: what it signed before verifies, what it signs later
// does not. Whoever forgets a line is told so, by check before the merge and by doctor after it.
func TestThePublishedSignersFollowTheKeys(t *testing.T) {
	t.Parallel()
	h := newHospital(t)
	th := h.theatre
	th.vars["LAPSE_TOKEN"] = th.Token(stage.Bot)
	th.approved("alice-prod")
	th.want("reconcile")
	first := th.git("show", "main:"+requests.SignersFile)
	secret, public := anotherKey(t)
	warns := func(path, text string) string {
		n := th.ask("alice", "change-"+strconv.Itoa(len(th.git("for-each-ref"))), plain(path, text))
		_, err := th.As("dan").Review(stage.Repo, n, "APPROVE", "")
		must(t, err)
		v := th.check(n)
		if v.Outcome != checks.OutcomeApproved {
			t.Errorf("a stale file stops a change of keys: %+v", v)
		}
		th.force(n)
		th.want("reconcile")
		all := ""
		for _, w := range v.Warnings {
			all += w.Pos.String() + ": " + w.Text + " (" + w.Hint + ")\n"
		}
		return all
	}
	said := warns(ledger.TrustDir+"/new.pub", public)
	_, line, found := strings.Cut(said, "add the line ")
	line = strings.TrimSuffix(line, ")\n")
	if !found || !h.tells("does not name the trusted key") {
		t.Fatalf("a trusted key without a line: check warns of %q, doctor of %v", said, h.findings())
	}
	if said := warns(requests.SignersFile, first+line+"\n"); said != "" || h.tells(requests.SignersFile) {
		t.Errorf("with the line that was named: check warns of %q, doctor of %v", said, h.findings())
	}
	old, _ := th.File(stage.Repo, "main", ledger.TrustDir+"/lapse.pub")
	th.vars["LAPSE_SIGNING_KEY"] = secret + old
	th.Advance(2 * time.Hour)
	th.want("reconcile")
	for _, commit := range th.ownCommits() {
		if said, ok := th.verifies(th.published(), commit); !ok {
			t.Errorf("with both keys: %s", said)
		}
	}
	_, err := th.As("alice").Push(stage.Repo, "retire", githubtest.Commit{Base: "main", Files: map[string]string{ledger.TrustDir + "/lapse.pub": ""}, Message: "Retire"})
	must(t, err)
	n, err := th.As("alice").OpenPull(stage.Repo, "retire", "Retire")
	must(t, err)
	if v := th.check(n); !slices.ContainsFunc(v.Warnings, func(r checks.Reason) bool { return strings.Contains(r.Text, "names a key that is not under") }) {
		t.Errorf("a line without its key: %+v", v.Warnings)
	}
}

// tells says whether doctor, run by mallory, names it.
func (h *hospital) tells(text string) bool {
	h.vars["LAPSE_TOKEN"] = h.Token("mallory")
	defer func() { h.vars["LAPSE_TOKEN"] = h.Token(stage.Bot) }()
	for _, f := range h.findings() {
		if strings.Contains(f.What+f.Problem+f.Do, text) {
			return true
		}
	}
	return false
}

func TestALineOfAKeyThatWasReplacedHoldsUntilItsTime(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	head := th.git("rev-parse", ledger.Branch)
	text := th.git("show", "main:"+requests.SignersFile)
	for until, want := range map[string]bool{"20260304": true, "20260228": false} {
		path := filepath.Join(t.TempDir(), "allowed")
		must(t, os.WriteFile(path, []byte(strings.Replace(text, `io namespaces="git"`, `io namespaces="git",valid-before="`+until+`"`, 1)), 0o600))
		if said, ok := th.verifies(path, strings.TrimSpace(head)); ok != want {
			t.Errorf("a commit of %s, by a key that was good until %s: %s", curtain(), until, said)
		}
	}
}
