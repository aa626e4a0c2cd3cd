package reconciler

import (
	"testing"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

func TestA49TimeNeverGoesBackBehindTheLastReceipt(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		last   time.Time
		want   time.Time
		frozen bool
	}{
		{time.Time{}, now, false},
		{now.Add(-time.Hour), now, false},
		{now, now, false},
		{now.Add(time.Second), now.Add(time.Second), false},
		{now.Add(2 * time.Minute), now.Add(2 * time.Minute), false},
		{now.Add(2*time.Minute + time.Second), now, true},
		{now.Add(24 * time.Hour), now, true},
	} {
		o := &Outlook{Now: now, state: ledger.State{Time: c.last}}
		if o.forward(); !o.Now.Equal(c.want) || len(o.Frozen) > 0 != c.frozen {
			t.Errorf("last receipt at %s: now %s, frozen %v", c.last, o.Now, o.Frozen)
		}
	}
}
