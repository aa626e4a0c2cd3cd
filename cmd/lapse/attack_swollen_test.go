package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/ledger"
)

// swell puts one large file on the ledger at each of the paths: a push of a few kilobytes.
func (th *theatre) swell(large string, paths []string) {
	th.t.Helper()
	var in strings.Builder
	fmt.Fprintf(&in, "blob\nmark :1\ndata %d\n%s\n", len(large), large)
	fmt.Fprintf(&in, "commit refs/heads/swell\ncommitter mallory <mallory@acme.com> %d +0000\ndata 4\nMore\nfrom %s", th.Clock().Unix(), th.git("rev-parse", ledger.Branch))
	for _, path := range paths {
		fmt.Fprintf(&in, "M 100644 :1 %s\n", path)
	}
	cmd := exec.Command("git", "--git-dir", filepath.Join(th.dir, stage.Repo+".git"), "fast-import", "--quiet", "--force")
	cmd.Stdin = strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		th.t.Fatalf("%v: %s", err, out)
	}
	must(th.t, th.As("mallory").ForcePush(stage.Repo, ledger.Branch, strings.TrimSpace(th.git("rev-parse", "swell"))))
}

// most is how many bytes the heap had at most while something was done.
func most(do func()) uint64 {
	done, found := make(chan bool), make(chan uint64)
	go func() {
		var top uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			top = max(top, m.HeapInuse)
			select {
			case <-done:
				found <- top
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	do()
	close(done)
	return <-found
}

// mallory puts one large file on the ledger at many paths, of receipts or of the state. Whoever held them all while reading would need
// more memory than any machine has, and take nothing.
func TestA60ASwollenLedgerDelaysNoRevocation(t *testing.T) {
	receipts, parts := make([]string, 100), make([]string, 100)
	for i := range 100 {
		receipts[i], parts[i] = fmt.Sprintf("receipts/2026/03/0000001/%010d-given.json", 1000+i), fmt.Sprintf("state/holdings/%02x.json", i)
	}
	for name, tc := range map[string]struct {
		large string
		paths []string
	}{
		"receipts": {`{"payloadType":"application/vnd.in-toto+json","payload":"` + strings.Repeat("AAAA", 2_000_000) + `","signatures":[{"keyid":"SHA256:nobody","sig":"AAAA"}]}` + "\n", receipts},
		"state":    {strings.Repeat("{", 8_000_000), parts},
	} {
		t.Run(name, func(t *testing.T) {
			th := newTheatre(t, nil)
			th.grant("alice", "alice-prod")
			th.swell(tc.large, tc.paths)
			th.Advance(5 * time.Hour)
			var a ending
			if top := most(func() { a = th.lapse("reconcile") }); top > 300<<20 {
				t.Errorf("it took %d MB to read the ledger", top>>20)
			}
			if a.code == exitFine || !strings.Contains(a.out, "the ledger does not verify") {
				t.Errorf("%s", a)
			}
			th.shows("alice", false)
		})
	}
}

// mallory moves the ledger to and fro, in the forge's record for ever. It is where it was each time: nothing is lost, and giving goes on.
func TestA60ALedgerThatWasMovedToAndFroStopsNothing(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	tip := th.tip(ledger.Branch)
	for i := range 120 {
		must(t, th.As("mallory").ForcePush(stage.Repo, ledger.Branch, th.commitOn(tip, "notes.txt", fmt.Sprint(i))))
		must(t, th.As("mallory").ForcePush(stage.Repo, ledger.Branch, tip))
	}
	th.grant("alice", "alice-prod")
	th.fresh()
	th.grant("bob", "bob-prod")

	// What Lapse wrote is lost all the same, though it hides among them and behind a merge.
	full := th.tip(ledger.Branch)
	must(t, th.As("mallory").ForcePush(stage.Repo, ledger.Branch, strings.TrimSpace(th.git("-c", "user.name=mallory", "-c", "user.email=mallory@acme.com", "commit-tree", "-m", "Merged", "-p", tip, "-p", full, tip+"^{tree}"))))
	must(t, th.As("mallory").ForcePush(stage.Repo, ledger.Branch, tip))
	th.fresh()
	a := th.lapse("reconcile")
	if a.code == exitFine || !strings.Contains(a.out, "git push --force origin "+full) {
		t.Errorf("%s", a)
	}
}
