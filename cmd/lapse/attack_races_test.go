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
