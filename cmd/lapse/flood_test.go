package main

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// flood puts n commits on main in one push, each with a grant that nobody approved; the last but one deletes a file.
func (th *theatre) flood(n int, gone string) {
	th.t.Helper()
	dir := filepath.Join(th.dir, stage.Repo+".git")
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "commit refs/heads/flood\ncommitter mallory <mallory@acme.com> %d +0000\ndata 4\nMore\n", th.Clock().Unix())
		if i == 0 {
			fmt.Fprintf(&in, "from %s", th.git("rev-parse", "main"))
		}
		text := grantFile("mallory", "prod-db-read", "1h", "Slow checkout query, INC-4211")
		fmt.Fprintf(&in, "M 100644 inline grants/flood-%d.yaml\ndata %d\n%s\n", i, len(text), text)
		if i == n-2 {
			fmt.Fprintf(&in, "D %s\n", gone)
		}
	}
	cmd := exec.Command("git", "--git-dir", dir, "fast-import", "--quiet")
	cmd.Stdin = strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		th.t.Fatalf("%v: %s", err, out)
	}
	must(th.t, th.As("mallory").ForcePush(stage.Repo, "main", strings.TrimSpace(th.git("rev-parse", "flood"))))
}

// However many changes of main there are to be judged, a run takes what is due and records how far it came, and the next goes on there.
// What was deleted among them is over at once.
func TestAFloodOfChangesKeepsNoRunFromTaking(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	th.approved("alice-prod")
	th.approved("alice-more")
	th.want("reconcile")
	const n = 450
	th.flood(n, "grants/alice-more.yaml")
	th.ForgetRequests()
	rep, code := th.reconcile()
	all, _ := th.called()
	if code != exitRefused || rep.Waiting != n-200 || rep.Walked == "" || rep.Walked == rep.Main || len(th.receipts("refused")) != 200 {
		t.Fatalf("exit %d, walked up to %q of %q, %d wait, %d refused", code, rep.Walked, rep.Main, rep.Waiting, len(th.receipts("refused")))
	}
	if len(all) > 250 {
		t.Errorf("%d calls", len(all))
	}
	if len(rep.Ended) != 1 || rep.Ended[0].Grant != "alice-more" {
		t.Errorf("ended: %+v", rep.Ended)
	}
	if team, vault := th.holds(); !team || !vault {
		t.Error("what nobody ended was taken")
	}
	th.Advance(2 * time.Hour)
	rep, _ = th.reconcile()
	if team, vault := th.holds(); team || vault || rep.Waiting != n-400 {
		t.Errorf("held after its end: team %v, vault %v; %d wait", team, vault, rep.Waiting)
	}
	if a := th.lapse("reconcile"); strings.Contains(a.out, "wait for the next run") || len(th.receipts("refused")) != n {
		t.Errorf("%d refused\n%s", len(th.receipts("refused")), a)
	}
}

// slow lets each call to the API take its time.
type slow struct {
	took *atomic.Int64
	each time.Duration
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.took.Add(int64(s.each))
	return http.DefaultTransport.RoundTrip(r)
}

// A slow forge does not hold up a run for longer than its budget: where the time is over, what is due is taken.
func TestASlowForgeKeepsNoRunFromTaking(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, nil)
	th.approved("alice-prod")
	th.want("reconcile")
	th.flood(60, "grants/nothing.yaml")
	th.Advance(2 * time.Hour)
	var took atomic.Int64
	var out strings.Builder
	env := th.environment("reconcile")
	begin := th.Clock()
	env.now = func() time.Time { return begin.Add(time.Duration(took.Load())) }
	env.out, env.http = &out, slow{&took, 5 * time.Second}
	code := run(t.Context(), env)
	judged := len(th.receipts("refused"))
	if team, vault := th.holds(); team || vault || code != exitRefused || judged == 0 || judged > 30 {
		t.Errorf("exit %d after %s, held after its end: team %v, vault %v; judged %d\n%s", code, time.Duration(took.Load()), team, vault, judged, out.String())
	}
	if !strings.Contains(out.String(), "main was walked up to ") {
		t.Errorf("it does not say how far it came\n%s", out.String())
	}
	th.lapse("reconcile")
	if judged = len(th.receipts("refused")); judged != 60 {
		t.Errorf("the next run left %d of 60", 60-judged)
	}
}
