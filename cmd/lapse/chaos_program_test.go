package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/grants"
)

var chaosPrograms = flag.Int("chaos.programs", 12, "how many histories are played with the real program, killed by SIGKILL")

// executioner stands before the forge and kills the program that asks, at the request of a number: before the forge hears of it, or
// after it did and before the program hears.
type executioner struct {
	forge http.Handler
	mu    sync.Mutex
	left  int // requests until then; negative: never
	after bool
	kill  func()
}

func (e *executioner) set(left int, after bool, kill func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left, e.after, e.kill = left, after, kill
}

func (e *executioner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	now, after, kill := e.left == 0, e.after, e.kill
	e.left--
	e.mu.Unlock()
	switch {
	case !now:
		e.forge.ServeHTTP(w, r)
		return
	case after:
		e.forge.ServeHTTP(httptest.NewRecorder(), r)
	}
	kill()
	panic(http.ErrAbortHandler)
}

// A50: the program itself, with the file and the GitHub target, killed by SIGKILL several times in each history, at a request to the
// forge or at any instant: the ledger on the forge always knows what is held, and one run that is left alone puts everything right.
func TestA50TheProgramKilledAtAnyInstantConverges(t *testing.T) {
	program := filepath.Join(t.TempDir(), "lapse")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var mu sync.Mutex
	killed := 0
	t.Run("histories", func(t *testing.T) {
		for seed := range uint64(*chaosPrograms) {
			t.Run(fmt.Sprint(seed+*chaosFrom), func(t *testing.T) {
				t.Parallel()
				n := programHistory(t, program, rand.New(rand.NewPCG(seed+*chaosFrom, 6)))
				mu.Lock()
				defer mu.Unlock()
				killed += n
			})
		}
	})
	t.Logf("%d histories, in which the program was killed %d times", *chaosPrograms, killed)
	if killed < *chaosPrograms {
		t.Errorf("in %d histories the program was killed %d times only", *chaosPrograms, killed)
	}
}

// programHistory gives and takes in rounds, and returns how often the program was killed meanwhile.
func programHistory(t *testing.T, program string, rng *rand.Rand) (killed int) {
	th := newTheatreAt(t, time.Now, nil) // the program knows no other clock
	e := &executioner{forge: th.Handler(), left: -1}
	front := httptest.NewServer(e)
	defer front.Close()
	th.vars["GITHUB_API_URL"], th.vars["GITHUB_SERVER_URL"] = front.URL+"/api/v3/", front.URL
	th.approved("alice-prod")
	for _, live := range []bool{true, false} {
		for range 1 + rng.IntN(4) {
			if th.runProgram(program, e, rng) {
				killed++
			}
			if err := th.known(); err != nil {
				t.Error(err)
			}
			if rng.IntN(4) == 0 { // another machine
				if err := os.RemoveAll(th.vars["XDG_CACHE_HOME"]); err != nil {
					t.Fatal(err)
				}
			}
		}
		th.want("reconcile")
		if team, vault := th.holds(); team != live || vault != live {
			t.Errorf("killed %d times, then run: team %v, vault %v, want %v", killed, team, vault, live)
		}
		if live { // an hour is too long to wait for: its file's deletion ends it as well
			if _, err := th.As("mallory").PushFiles(stage.Repo, "main", "", map[string]string{grants.PathOf("alice-prod"): ""}, "End it"); err != nil {
				t.Fatal(err)
			}
		}
	}
	return killed
}

// runProgram runs lapse reconcile, and kills it; false if it came to its end before.
func (th *theatre) runProgram(program string, e *executioner, rng *rand.Rand) bool {
	th.t.Helper()
	cmd := exec.Command(program, "reconcile")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for k, v := range th.vars {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if err := cmd.Start(); err != nil {
		th.t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() }
	if rng.IntN(3) == 0 {
		e.set(-1, false, nil)
		timer := time.AfterFunc(time.Duration(rng.IntN(250))*time.Millisecond, kill)
		defer timer.Stop()
	} else {
		e.set(rng.IntN(60), rng.IntN(2) == 0, kill)
	}
	err := cmd.Wait()
	e.set(-1, false, nil)
	return err != nil && cmd.ProcessState.ExitCode() == -1
}
