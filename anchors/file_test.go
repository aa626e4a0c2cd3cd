package anchors

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Whoever can read the lock can hold it for ever. A run that waited for it would never end, and the next, which waits for that one, would
// take nothing.
func TestALockThatSomebodyHoldsHoldsUpNoRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	unlock, err := lockedfile.MutexAt(path + ".lock").Lock()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = wrote(t, file(path), ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want that it did not come in time", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was written all the same: %v", err)
	}
	unlock()
	if err := wrote(t, file(path), t.Context()); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// wrote is what came of a writing that is not to take for ever.
func wrote(t *testing.T, f file, ctx context.Context) error {
	t.Helper()
	came := make(chan error, 1)
	go func() { came <- f.Write(ctx, nil, []byte("{}"), time.Time{}) }()
	select {
	case err := <-came:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for ever")
		return nil
	}
}

func TestWhatIsReadInTimeIsReadAndWhatComesLateIsHandedOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	held, late := make(chan bool), make(chan string)
	cancel()
	is, err := inTime(ctx, func() (string, error) { <-held; return "late", nil }, func(s string) { late <- s })
	if is != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", is, err)
	}
	close(held)
	if s := <-late; s != "late" {
		t.Errorf("late came %q", s)
	}
	if is, err := inTime(t.Context(), func() (string, error) { return "now", nil }, nil); is != "now" || err != nil {
		t.Errorf("%q, %v", is, err)
	}
}
