package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
)

// mortal is a process that is killed after a number of steps. Nothing that is asked of it after that happens.
type mortal struct {
	mu   sync.Mutex
	left int
	dead bool
}

var errKilled = errors.New("killed")

func (m *mortal) step() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		m.dead = true
	}
	if m.dead {
		return errKilled
	}
	m.left--
	return nil
}

// around is one effect: the process may be killed before it, or after it and before it hears of it.
func (m *mortal) around(effect func() error) error {
	if err := m.step(); err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	return m.step()
}

type mortalGit struct {
	reconciler.GitWriter
	*mortal
}

func (g mortalGit) Push(ctx context.Context, ref string, old, new gitrepo.Hash) error {
	return g.around(func() error { return g.GitWriter.Push(ctx, ref, old, new) })
}

type mortalTarget struct {
	reconciler.Target
	*mortal
}

func (t mortalTarget) Apply(ctx context.Context, c reconciler.Change) error {
	return t.around(func() error { return t.Target.Apply(ctx, c) })
}

func (t mortalTarget) List(ctx context.Context, e grants.Entitlement) ([]reconciler.Holding, error) {
	if err := t.step(); err != nil {
		return nil, err
	}
	return t.Target.List(ctx, e)
}

// want runs the command and wants it to end well.
func (th *theatre) want(args ...string) {
	th.t.Helper()
	if a := th.lapse(args...); a.code != exitFine {
		th.t.Fatalf("lapse %s: %s", strings.Join(args, " "), a)
	}
}

// approved brings a grant of alice's to main, approved.
func (th *theatre) approved(id string) {
	th.t.Helper()
	alice := th.As("alice")
	text := grantFile("alice", "prod-db-read", "1h", "Slow checkout query, INC-4211")
	check := func(err error) {
		th.t.Helper()
		if err != nil {
			th.t.Fatal(err)
		}
	}
	_, err := alice.PushFiles(stage.Repo, id, "", map[string]string{grants.PathOf(id): text}, "Request")
	check(err)
	n, err := alice.OpenPull(stage.Repo, id, "Request")
	check(err)
	_, err = th.As("carol").Review(stage.Repo, n, "APPROVE", "Fine")
	check(err)
	th.want("check", "--pull", fmt.Sprint(n), "--publish")
}

// runUntilKilled reconciles in a process that is killed after so many steps; false if it came to its end.
func (th *theatre) runUntilKilled(steps int) bool {
	th.t.Helper()
	ctx := context.Background()
	env := th.environment()
	conn, err := connection{branch: "main"}.open(ctx, env)
	if err != nil {
		th.t.Fatal(err)
	}
	r, err := newReconciler(ctx, env, conn)
	if err != nil {
		th.t.Fatal(err)
	}
	m := &mortal{left: steps}
	open := r.Open
	r.Open = func(ctx context.Context, c grants.TargetConfig) (reconciler.Lister, error) {
		l, err := open(ctx, c)
		return mortalTarget{l.(reconciler.Target), m}, err
	}
	r.Write = mortalGit{r.Write, m}
	_, _ = r.Run(ctx, reconciler.Options{Now: env.now().UTC()})
	return m.dead
}

func (th *theatre) holds() (team, vault bool) {
	b, err := os.ReadFile(th.Vault)
	if err != nil && !os.IsNotExist(err) {
		th.t.Fatal(err)
	}
	return len(th.Members(stage.Org, "prod-oncall")) > 0, bytes.Contains(b, []byte(`"alice"`))
}

// known says whether the ledger, as the forge has it, knows of every holding at the targets.
func (th *theatre) known() error {
	env := th.environment()
	ctx := context.Background()
	conn, err := connection{branch: "main"}.open(ctx, env)
	if err != nil {
		return err
	}
	if err := conn.git.Fetch(ctx, "+refs/heads/"+ledger.Branch+":refs/lapse/ledger"); err != nil {
		return err
	}
	tip, _, err := conn.git.Ref("refs/lapse/ledger")
	if err != nil {
		return err
	}
	files, err := conn.git.FS(tip)
	if err != nil {
		return err
	}
	state, err := ledger.ReadState(files)
	if err != nil {
		return err
	}
	on := map[string]bool{}
	for _, s := range state.Holdings {
		on[s.Entitlement.Target] = true
	}
	team, vault := th.holds()
	if team && !on["github"] || vault && !on["vault"] {
		return fmt.Errorf("held at the targets and unknown to the ledger: team %v, vault %v, ledger %v", team, vault, on)
	}
	return nil
}

// Whenever the process is killed, the ledger knows what is held, and the next run makes it as if nothing had happened.
func TestA50KilledAtAnyStepTheNextRunConverges(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{"giving", "taking"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			for steps := 0; ; steps++ {
				if !killOnce(t, phase, steps) {
					if steps < 8 {
						t.Fatalf("the run came to its end after %d steps: nothing was killed in the middle", steps)
					}
					return
				}
			}
		})
	}
}

func killOnce(t *testing.T, phase string, steps int) bool {
	th := newTheatre(t, nil)
	th.approved("alice-prod")
	if phase == "taking" {
		th.want("reconcile")
		th.Advance(2 * time.Hour)
	}
	killed := th.runUntilKilled(steps)
	if err := th.known(); err != nil {
		t.Errorf("killed after %d steps: %v", steps, err)
	}
	th.want("reconcile")
	team, vault := th.holds()
	if want := phase == "giving"; team != want || vault != want {
		t.Errorf("killed after %d steps, then run again: team %v, vault %v, want %v", steps, team, vault, want)
	}
	th.want("reconcile")
	_, onMain := th.File(stage.Repo, "main", grants.PathOf("alice-prod"))
	if onMain != (phase == "giving") {
		t.Errorf("killed after %d steps, then run again: the file is on main: %v", steps, onMain)
	}
	return killed
}
