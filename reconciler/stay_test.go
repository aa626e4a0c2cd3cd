package reconciler

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// runs are the moments at which a process that stays for six minutes ran, each taking work, counted from its start.
func runs(t *testing.T, report func(after time.Duration) *Report, moved func(after time.Duration) bool, work time.Duration) []time.Duration {
	t.Helper()
	var at []time.Duration
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		Stay(t.Context(), Staying{
			Until: began.Add(6 * time.Minute), Poll: 15 * time.Second, Now: time.Now,
			Run: func(_ context.Context, now time.Time) *Report {
				at = append(at, now.Sub(began))
				time.Sleep(work) // the bubble's clock
				return report(now.Sub(began))
			},
			Moved: func(context.Context, *Report) bool { return moved(time.Since(began)) },
		})
		if d := time.Since(began); d != 6*time.Minute && work == 0 {
			t.Errorf("stayed for %s", d)
		}
	})
	return at
}

func never(time.Duration) bool { return false }

// next reports the first of the boundaries that lies ahead.
func next(began time.Time, boundaries ...time.Duration) func(time.Duration) *Report {
	return func(after time.Duration) *Report {
		for _, b := range boundaries {
			if b > after {
				return &Report{Next: began.Add(b)}
			}
		}
		return &Report{}
	}
}

// bubble is when the clock of every synctest bubble begins.
var bubble = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestWhoStaysRunsAtEachBoundaryToTheSecond(t *testing.T) {
	got := runs(t, next(bubble, 7*time.Second, 61*time.Second, 6*time.Minute, 7*time.Minute), never, 0)
	want := []time.Duration{0, 7 * time.Second, 61 * time.Second, 6 * time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestA49WhoStaysWithALateClockRunsAtEachBoundaryAllTheSame(t *testing.T) {
	late := next(bubble.Add(time.Hour), 7*time.Second, 61*time.Second) // by the forge, which is an hour ahead
	got := runs(t, func(after time.Duration) *Report {
		rep := late(after)
		rep.lead = time.Hour
		return rep
	}, never, 0)
	if diff := cmp.Diff([]time.Duration{0, 7 * time.Second, 61 * time.Second}, got); diff != "" {
		t.Error(diff)
	}
}

func TestABoundaryThatPassesDuringARunIsNotLost(t *testing.T) {
	got := runs(t, next(bubble, 5*time.Second), never, 10*time.Second)
	if diff := cmp.Diff([]time.Duration{0, 10 * time.Second}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhoStaysRunsWhenMainMoved(t *testing.T) {
	news := true
	got := runs(t, next(bubble), func(after time.Duration) bool {
		if after >= 40*time.Second && news {
			news = false
			return true
		}
		return false
	}, 0)
	if diff := cmp.Diff([]time.Duration{0, 45 * time.Second}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatFailedIsTriedAgain(t *testing.T) {
	got := runs(t, func(after time.Duration) *Report {
		if after < 30*time.Second {
			return &Report{Failures: []string{"a target is down"}}
		}
		return &Report{}
	}, never, 0)
	if diff := cmp.Diff([]time.Duration{0, 15 * time.Second, 30 * time.Second}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhoIsToldToStopStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ran := 0
		time.AfterFunc(20*time.Second, cancel)
		began := time.Now()
		Stay(ctx, Staying{
			Until: began.Add(time.Hour), Poll: 15 * time.Second, Now: time.Now,
			Run:   func(context.Context, time.Time) *Report { ran++; return &Report{} },
			Moved: func(context.Context, *Report) bool { return false },
		})
		if time.Since(began) != 20*time.Second || ran != 1 {
			t.Errorf("stayed for %s, ran %d times", time.Since(began), ran)
		}
	})
}
