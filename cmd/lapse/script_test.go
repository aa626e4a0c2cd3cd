package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// TestMain lets scripts run the real command, as a process of its own, by the clock of the GitHub that it talks to.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lapse": func() {
		env := &environment{
			args: os.Args[1:], in: os.Stdin, out: os.Stdout, err: os.Stderr,
			getenv: os.Getenv, now: forgeClock(os.Getenv("GITHUB_SERVER_URL")), http: http.DefaultTransport,
			asks: isTerminal(os.Stdin),
		}
		os.Exit(run(context.Background(), env))
	}})
}

// forgeClock asks the forge for its time, once; without a forge it is ours.
func forgeClock(url string) func() time.Time {
	now := time.Now()
	if resp, err := http.Head(url); err == nil {
		resp.Body.Close()
		if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			now = t
		}
	}
	return func() time.Time { return now }
}

// The scripts under testdata/script are the product as people meet it: the real command, the stateful GitHub, real git. Those
// named a07-… are the attacks of that number; the commands that set them up are in script_*_test.go.
func TestScripts(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/script")
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setStage,
		Cmds:                join(scriptCommands(), reviewCommands(), historyCommands(), forgeCommands(), requestCommands()),
		Condition:           func(string) (bool, error) { return false, nil },
	})
}

// play is the stage of one script. Time stands still but for what happens, and for `advance`.
type play struct {
	*stage.Stage
	reviews map[string]int64 // last review of each person
	forked  map[string]bool  // who has a fork
	mend    []func()         // take away the faults of the API
}

type playKey struct{}

func playOf(ts *testscript.TestScript) *play { return ts.Value(playKey{}).(*play) }

// setStage gives each script its own GitHub. Files of the script under repository/ are put over the example's; an empty one leaves
// it out.
func setStage(e *testscript.Env) error {
	over, err := overlay(filepath.Join(e.WorkDir, "repository"))
	if err != nil {
		return err
	}
	p := &play{reviews: map[string]int64{}, forked: map[string]bool{}}
	dir := filepath.Join(e.WorkDir, ".stage")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	p.Stage, err = stage.New(dir, curtain, nil, over)
	if err != nil {
		return err
	}
	e.Defer(func() { _ = p.Close() })
	e.Values[playKey{}] = p
	for k, v := range p.Environment(filepath.Join(e.WorkDir, ".cache")) {
		e.Setenv(k, v)
	}
	e.Setenv("HOME", e.WorkDir)
	e.Setenv(githubtest.RecordVariable, os.Getenv(githubtest.RecordVariable)) // the demo has a server of its own
	e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	e.Setenv("REPO", filepath.Join(dir, stage.Repo+".git"))
	e.Setenv("VAULT", p.Vault)
	watchForRaces(e)
	e.Defer(func() {
		if err := replayAll(context.Background(), e.Getenv("REPO"), p.Key, filepath.Join(e.WorkDir, ".replay"), p.Clock()); err != nil {
			e.T().Fatal(err)
		}
	})
	return nil
}

// watchForRaces fails the script when a process of it reports a data race. Such a process ends with an exit code of its own, which
// `!` would take for any other. Nor does it then sleep for a second before each exit, as the race detector lets it by default.
func watchForRaces(e *testscript.Env) {
	reports := filepath.Join(e.WorkDir, ".race")
	e.Setenv("GORACE", "atexit_sleep_ms=0 log_path="+reports)
	e.Defer(func() {
		found, _ := filepath.Glob(reports + ".*")
		for _, path := range found {
			text, err := os.ReadFile(path)
			e.T().Fatal(err, string(text))
		}
	})
}

func overlay(root string) (map[string]string, error) {
	over := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) && path == root {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		over[filepath.ToSlash(rel)] = strings.TrimPrefix(string(b), "(none)\n")
		return err
	})
	return over, err
}
