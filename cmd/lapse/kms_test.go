package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/requests"
)

// signedBy is the stage's lapse.yaml with another way to sign.
func signedBy(t *testing.T, signing string) string {
	t.Helper()
	files, err := stage.Files()
	must(t, err)
	text := strings.Replace(files["lapse.yaml"], `{key: "${LAPSE_SIGNING_KEY}"}`, signing, 1)
	if !strings.Contains(text, signing) {
		t.Fatal("lapse.yaml of the stage signs in another way")
	}
	return text
}

// inKMS puts the key of the stage where only the program sigstore-kms-filekms reaches it.
func (th *theatre) inKMS() {
	th.t.Helper()
	dir := th.t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "sigstore-kms-filekms"), "../../ledger/testdata/filekms").CombinedOutput()
	if err != nil {
		th.t.Fatalf("%v\n%s", err, out)
	}
	file := filepath.Join(dir, "key.pem")
	must(th.t, os.WriteFile(file, th.Key, 0o600))
	th.t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	th.vars["LAPSE_SIGNING_KEY"], th.vars["LAPSE_KMS"] = "", "filekms://"+file
}

// The whole way with a key that never leaves its KMS: receipts verify with its public half, and git verifies the commits.
func TestAKeyInAKMSSignsAWholeLife(t *testing.T) {
	th := emptyTheatre(t, curtain, map[string]string{"lapse.yaml": signedBy(t, `{kms: "${LAPSE_KMS}"}`)})
	th.inKMS()
	th.want("reconcile", "--init")
	n := th.ask("alice", "one", plain("grants/one.yaml", honest))
	th.force(n)
	th.want("reconcile")
	if !strings.Contains(th.holders(), "alice") {
		t.Fatal("nothing was given")
	}
	th.Advance(61 * time.Minute)
	th.want("reconcile")
	if strings.Contains(th.holders(), "alice") {
		t.Error("not taken")
	}
	signers := filepath.Join(th.dir, "signers")
	must(t, os.WriteFile(signers, []byte(th.git("show", "main:"+requests.SignersFile)), 0o600))
	th.git("-c", "gpg.ssh.allowedSignersFile="+signers, "verify-commit", "main", "lapse-ledger")
	th.want("who") // verifies all of it by what main trusts
}

// A KMS that is out of reach is no reason to leave access where it is.
func TestAKMSThatIsOutOfReachStopsGivingAndNoRevocation(t *testing.T) {
	th := emptyTheatre(t, curtain, map[string]string{"lapse.yaml": signedBy(t, `{kms: "${LAPSE_KMS}"}`)})
	th.inKMS()
	th.want("reconcile", "--init")
	th.force(th.ask("alice", "one", plain("grants/one.yaml", honest)))
	th.want("reconcile")
	th.force(th.ask("bob", "two", plain("grants/two.yaml", grantWith("user: bob"))))
	th.Advance(61 * time.Minute)
	file := strings.TrimPrefix(th.vars["LAPSE_KMS"], "filekms://")
	must(t, os.WriteFile(filepath.Join(filepath.Dir(file), "down"), nil, 0o600)) // the program answers of the public half alone
	if a := th.lapse("reconcile"); a.code != exitFailed || !strings.Contains(a.out, "nothing is given, what is due is taken") {
		t.Errorf("with a KMS that signs nothing: %s", a)
	}
	if h := th.holders(); strings.Contains(h, "alice") || strings.Contains(h, "bob") {
		t.Errorf("the targets show %s", h)
	}
	must(t, os.Remove(filepath.Join(filepath.Dir(file), "down")))
	th.Advance(time.Minute)
	th.want("reconcile")
	if got := len(th.receipts("taken")); got != 1 {
		t.Errorf("%d receipts of what was taken, want 1", got)
	}
}
