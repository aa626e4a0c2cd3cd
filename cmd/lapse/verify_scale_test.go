package main

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/audit"
)

// grantsToVerify is how many grants the history has that verify is measured on. To make one of 10,000 takes minutes.
var grantsToVerify = flag.Int("grants", 1000, "how many grants the history has that verify is measured on")

// An auditor's patience is ten seconds on two processors for ten thousand grants: twenty of processor time. A machine that is busy with
// other things makes every second of a processor do less, which stock git, checking the same objects in the same run, feels as well.
func TestVerifyIsQuick(t *testing.T) {
	t.Parallel()
	n := *grantsToVerify
	program := filepath.Join(t.TempDir(), "lapse")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	began := time.Now()
	c := newChronicle(t)
	c.run(n, 10)
	dir := c.clone()
	t.Logf("%d receipts made in %s", len(c.book.Receipts()), time.Since(began).Round(time.Second))
	key := filepath.Join(t.TempDir(), "lapse.pub")
	must(t, os.WriteFile(key, c.key.PublicPEM(), 0o600))

	fsck := exec.Command("git", "-C", dir, "-c", "pack.threads=2", "fsck", "--no-dangling")
	if out, err := fsck.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	began = time.Now()
	verify := exec.Command(program, "verify", "--offline", "--dir", dir, "--key", key, "--json")
	var talk strings.Builder
	verify.Stderr = &talk
	out, err := verify.Output()
	took := time.Since(began)
	if err != nil {
		t.Fatalf("%v\n%s%.3000s", err, talk.String(), out)
	}
	checkLarge(t, out, n)
	spent := func(c *exec.Cmd) time.Duration { return c.ProcessState.UserTime() + c.ProcessState.SystemTime() }
	ratio := float64(spent(verify)) / float64(spent(fsck))
	t.Logf("verify: %s, of processors %s; git fsck of the same: %s; ratio %.1f", took.Round(time.Millisecond), spent(verify), spent(fsck), ratio)
	if most := time.Second + time.Duration(n)*2*time.Millisecond; spent(verify) > most && ratio > 15 {
		t.Errorf("verify takes %s of processors, want at most %s, or 15 times what git fsck takes", spent(verify), most)
	}
}

// checkLarge: all of it was looked at, and everything taken on time.
func checkLarge(t *testing.T, out []byte, n int) {
	t.Helper()
	var v audit.Verification
	must(t, json.Unmarshal(out, &v))
	c := v.Verified
	if c.Approved != n || c.Given != n || c.Taken != n || c.Held != 0 || c.Receipts != 6*n+1 || c.MainCommits < n || len(v.Findings) > 0 {
		t.Errorf("verified %+v, findings %v", c, v.Findings)
	}
	if o := v.Overruns; o.Taken != n || len(o.Grants) != n || o.Max > 2*time.Minute {
		t.Errorf("overruns: %d, %d grants, at most %s", o.Taken, len(o.Grants), o.Max)
	}
}
