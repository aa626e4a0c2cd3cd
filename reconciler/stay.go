package reconciler

import (
	"context"
	"time"
)

// Staying says how a process goes on after its first run, so that what begins or ends between two ticks of a schedule is acted on to
// the second.
type Staying struct {
	Until time.Time     // nothing is begun after it
	Poll  time.Duration // how often main is asked whether it moved, and how soon what failed is tried again; positive
	Now   func() time.Time
	Run   func(ctx context.Context, now time.Time) *Report
	Moved func(ctx context.Context, seen *Report) bool // where that cannot be told: false; ends are known without the forge
}

// Stay runs at once, and then again
//
//	at each begin and end of a grant
//	when main moved, as a look every Poll tells
//	after Poll, while something could not be done or waits to be judged
//
// until s.Until, or until ctx ends.
func Stay(ctx context.Context, s Staying) {
	for ctx.Err() == nil {
		seen := s.Run(ctx, s.Now().UTC())
		if !s.await(ctx, seen) {
			return
		}
	}
}

// await waits for a reason to run again; false if there is none before the end.
func (s Staying) await(ctx context.Context, seen *Report) bool {
	for {
		wake := s.Now().Add(s.Poll)
		next := seen.Next // by our clock, which may be late
		if !next.IsZero() {
			next = next.Add(-seen.lead)
		}
		if !next.IsZero() && next.Before(wake) {
			wake = next
		}
		last := wake.After(s.Until)
		if last {
			wake = s.Until
		}
		if !Sleep(ctx, wake.Sub(s.Now())) || last {
			return false
		}
		due := !next.IsZero() && !s.Now().Before(next)
		if due || seen.Failed() || seen.Waiting > 0 || s.Moved(ctx, seen) {
			return true
		}
	}
}

// Sleep says whether the time passed before ctx ended.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
