package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/cmd/lapse/internal/chaos"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

// Flags of the chaos tests; make chaos sets them.
var (
	chaosN       = flag.Int("chaos.n", 40, "how many histories are played in process")
	chaosSeed    = flag.Uint64("chaos.seed", 0, "play this one history, and tell all of it")
	chaosFrom    = flag.Uint64("chaos.from", 1, "the first seed")
	chaosFirst   = flag.Bool("chaos.first", false, "stop at the first rule that is broken")
	chaosAll     = flag.Bool("chaos.all", false, "want every kind of step, fault and kill to have come")
	chaosMutants = flag.Int("chaos.mutants", 4, "how many mutants are built and played; of the others it is seen that their text is still there")
	chaosSteps   = flag.Int("chaos.steps", 26, "how many steps a history has")
)

// reconcileOnce is lapse reconcile in a process of the harness: the wiring of the command, with the harness at every boundary.
func reconcileOnce(ctx context.Context, p *chaos.Process) chaos.Ending {
	var out bytes.Buffer
	env := &environment{in: strings.NewReader(""), getenv: p.Getenv, now: p.Now, http: p}
	env.out, env.err = scrubbed{env, &out}, scrubbed{env, &out}
	code := exitCode(env, reconcileIn(ctx, env, p))
	return chaos.Ending{Code: code, Output: out.String()}
}

func reconcileIn(ctx context.Context, env *environment, p *chaos.Process) error {
	o := reconcileOptions{connection: connection{branch: "main", backoff: time.Millisecond}, init: p.Init}
	conn, err := o.open(ctx, env)
	if err != nil {
		return err
	}
	opts := reconciler.Options{Now: env.now().UTC(), Init: o.init, AllowRevocations: p.Allow}
	r, err := newReconciler(ctx, env, conn)
	if err != nil {
		return err
	}
	open := r.Open
	r.Open = func(ctx context.Context, c grants.TargetConfig) (reconciler.Lister, error) {
		l, err := open(ctx, c)
		if err != nil {
			return nil, err
		}
		return p.Target(c.Name, l.(reconciler.Target)), nil
	}
	rep, err := r.Run(ctx, opts)
	return finish(env, o, rep, err)
}

// deserved are the findings of lapse verify that a history of the harness deserves: people push past everything and rewind main.
// Everything else is Lapse's own work, in which there is never anything to find.
var deserved = map[audit.Rule]bool{
	audit.RuleUnasked: true, audit.RuleOffMain: true, audit.RuleUnjudged: true, audit.RuleEnd: true,
}

// verifyLedger is lapse verify of the remote, by the published key alone.
func verifyLedger(ctx context.Context, p *chaos.Process) error {
	key := filepath.Join(filepath.Dir(p.Getenv("XDG_CACHE_HOME")), "lapse.pub")
	if err := os.WriteFile(key, []byte(p.PublicKey()), 0o600); err != nil {
		return err
	}
	var out bytes.Buffer
	env := &environment{
		args: []string{"verify", "--offline", "--json", "--dir", p.Remote(), "--key", key},
		in:   strings.NewReader(""), out: &out, err: &out, getenv: p.Getenv, now: p.Now, http: p,
	}
	if code := run(ctx, env); code != exitFine && code != exitRefused {
		return fmt.Errorf("exit %d: %s", code, out.String())
	}
	var v verified
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		return fmt.Errorf("%w: %s", err, out.String())
	}
	var errs []error
	for _, f := range v.Findings {
		if !deserved[f.Rule] {
			errs = append(errs, fmt.Errorf("%s: %s %s: %s", f.Rule, f.Receipt, f.Commit, f.Reason))
		}
	}
	return errors.Join(errs...)
}

// memory is a folder that is no disk, where there is one: histories write many small files, and keep none.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// history plays one seed, in the shape that it has: every third with several reconciles at once.
func history(t *testing.T, seed uint64, steps []chaos.Step) chaos.Result {
	dir, err := os.MkdirTemp(memory(), "chaos")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o := chaos.Options{Seed: seed, Steps: steps, Dir: dir, Processes: 1, Reconcile: reconcileOnce, Verify: verifyLedger}
	if seed%3 == 0 {
		o.Processes, o.One = 2+int(seed%2), true
	}
	r, err := chaos.Play(o)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return r
}

// A50, A51, and every rule of DESIGN.md section 4: see the comment of package chaos.
func TestA50A51RandomHistoriesBreakNoRule(t *testing.T) {
	if *chaosSeed != 0 {
		steps := chaos.Generate(*chaosSeed, *chaosSteps)
		r := history(t, *chaosSeed, steps)
		fmt.Println(strings.Join(r.Trace, "\n"))
		if r.Broken != nil {
			tellShorter(t, *chaosSeed, steps, r.Broken.Rule)
			t.Fatalf("seed %d: %v", *chaosSeed, r.Broken)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	began := time.Now()
	counts, played := playAll(t)
	took := time.Since(began)
	t.Logf("%d histories from seed %d in %s: %.1f a second", played, *chaosFrom, took.Round(time.Second), float64(played)/took.Seconds())
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%7d %s", counts[k], k)
	}
	if *chaosAll {
		wantAll(t, counts, played)
	}
}

// shrinking bounds how long is spent on making one failure shorter; reading a long one takes longer.
const shrinking = 2 * time.Minute

// tellShorter tells the shortest history of the seed that was found to break the same rule.
func tellShorter(t *testing.T, seed uint64, steps []chaos.Step, rule chaos.Rule) {
	end := time.Now().Add(shrinking)
	breaks := func(less []chaos.Step) bool {
		r := history(t, seed, less)
		return r.Broken != nil && r.Broken.Rule == rule
	}
	short := chaos.Shorter(steps, breaks, func() bool { return time.Now().Before(end) })
	r := history(t, seed, short)
	t.Logf("seed %d, %d of its %d steps break the rule:\n%s", seed, len(short), len(steps), strings.Join(r.Trace, "\n"))
}

// playAll plays as many histories as were asked for, as many at once as there are processors and one.
func playAll(t *testing.T) (counts map[string]int, played int) {
	counts = map[string]int{}
	var mu sync.Mutex
	seeds := make(chan uint64)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) + 1 {
		wg.Go(func() {
			for seed := range seeds {
				steps := chaos.Generate(seed, *chaosSteps)
				r := history(t, seed, steps)
				mu.Lock()
				chaos.Sum(counts, r.Counts)
				played++
				first := r.Broken != nil && !t.Failed()
				if r.Broken != nil && !(*chaosFirst && t.Failed()) {
					t.Errorf("seed %d: %v", seed, r.Broken)
				}
				mu.Unlock()
				if first && !*chaosFirst {
					tellShorter(t, seed, steps, r.Broken.Rule)
				}
			}
		})
	}
	for i := range *chaosN {
		mu.Lock()
		stop := *chaosFirst && t.Failed()
		mu.Unlock()
		if stop {
			break
		}
		seeds <- *chaosFrom + uint64(i)
	}
	close(seeds)
	wg.Wait()
	return counts, played
}

// wantAll fails where something was never tried, and kills around an effect hardly ever: a harness that tries nothing finds nothing.
func wantAll(t *testing.T, counts map[string]int, played int) {
	var want []string
	for _, k := range chaos.Kinds() {
		want = append(want, "step "+string(k))
	}
	for _, b := range chaos.Boundaries() {
		want = append(want, "killed "+b)
	}
	for _, k := range []string{"approved", "refused", "intended", "given", "taken", "kept", "ended"} {
		want = append(want, "receipt "+k)
	}
	want = append(want, "fault of the forge", "fault of the vault", "meanwhile", "runs at once", "merge by merge", "merge by squash", "merge by rebase")
	for _, k := range want {
		if counts[k] == 0 {
			t.Errorf("in all histories there was no %q", k)
		}
	}
	for _, b := range chaos.Effects() {
		if k := "killed " + b; counts[k] < played/20 {
			t.Errorf("%q came %d times in %d histories, less than once in twenty", k, counts[k], played)
		}
	}
}
