package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/reconciler"
)

const aliceProd = "user: alice\nrole: prod-db-read\nduration: 4h\nreason: Slow checkout query, INC-4211\n"

// give lets alice have prod-db-read for four hours, as she should.
func (th *theatre) give() {
	th.t.Helper()
	if _, err := th.As("alice").PushFiles(stage.Repo, "alice-prod", "", map[string]string{"grants/alice-prod.yaml": aliceProd}, "Request"); err != nil {
		th.t.Fatal(err)
	}
	n, err := th.As("alice").OpenPull(stage.Repo, "alice-prod", "Request")
	if err != nil {
		th.t.Fatal(err)
	}
	if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", ""); err != nil {
		th.t.Fatal(err)
	}
	th.force(n)
	if rep, _ := th.reconcile(); len(rep.Given) != 2 || !strings.Contains(th.holders(), "alice") {
		th.t.Fatalf("given: %v", rep.Given)
	}
}

// A24, A38: mallory pushes thousands of grants to main in one commit. None is given, each run says so and ends, and what is due is taken.
func TestA24FloodOfGrantsDelaysNoRevocation(t *testing.T) {
	th := newTheatre(t, nil)
	th.give()
	files := map[string]string{}
	for i := range 3000 {
		files[fmt.Sprintf("grants/mallory-%04d.yaml", i)] = strings.ReplaceAll(aliceProd, "alice", "mallory")
	}
	if _, err := th.As("mallory").PushFiles(stage.Repo, "main", "", files, "Many"); err != nil {
		t.Fatal(err)
	}
	th.Advance(5 * time.Hour)
	for range 2 {
		a := th.lapse("reconcile")
		if a.code != exitRefused || len(a.out) > 100_000 {
			t.Errorf("exit %d and %d bytes of output", a.code, len(a.out))
		}
		if got := th.holders(); strings.Contains(got, "alice") || strings.Contains(got, "mallory") {
			t.Errorf("still held: %s", got)
		}
	}
	if got := len(th.receipts("refused")); got == 0 || got > 200 {
		t.Errorf("%d receipts of refusals", got)
	}
}

// always is somebody who pushes to the ledger whenever Lapse does, a moment earlier.
type always struct {
	reconciler.GitWriter
	n int
}

func (w *always) Push(_ context.Context, ref string, _, _ gitrepo.Hash) error {
	w.n++
	return fmt.Errorf("%s: %w", ref, gitrepo.ErrMoved)
}

func TestA51LostRacesDelayNoRevocation(t *testing.T) {
	th := newTheatre(t, nil)
	th.give()
	th.Advance(5 * time.Hour)
	env := th.environment("reconcile")
	conn, err := connection{branch: "main"}.open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReconciler(t.Context(), env, conn)
	if err != nil {
		t.Fatal(err)
	}
	racing := &always{GitWriter: r.Write}
	r.Write = racing
	rep, err := r.Run(t.Context(), reconciler.Options{Now: env.now().UTC()})
	if err == nil && !rep.Failed() {
		t.Error("a run that could write nothing says that all is well")
	}
	if got := th.holders(); strings.Contains(got, "alice") {
		t.Errorf("after %d lost races it is still held: %s", racing.n, got)
	}
	if rep, code := th.reconcile(); code != exitFine || len(rep.Taken) != 2 {
		t.Errorf("the next run leaves with %d and records %v", code, rep.Taken)
	}
}
