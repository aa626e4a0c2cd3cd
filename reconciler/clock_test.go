package reconciler

import (
	"testing"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

func TestA49WhatIsOverIsTakenByTheLaterClockAndNothingGivenWhereTheyDisagree(t *testing.T) {
	const unknown = time.Duration(-1)
	now := noon
	for name, c := range map[string]struct {
		last   time.Duration // from now, of the last receipt
		skew   time.Duration // of the forge
		want   time.Duration // from now, by which it is decided
		dated  time.Duration
		frozen bool
	}{
		"the first run":                                     {-24 * time.Hour, 0, 0, 0, false},
		"a receipt of this moment":                          {0, 0, 0, 0, false},
		"a receipt of a machine that is a little ahead":     {time.Second, 0, time.Second, time.Second, false},
		"as far ahead as may be":                            {2 * time.Minute, 0, 2 * time.Minute, 2 * time.Minute, false},
		"the forge a little ahead":                          {0, time.Minute, time.Minute, time.Minute, false},
		"the forge a little late":                           {0, -time.Minute, 0, 0, false},
		"a receipt further ahead, the forge agrees with us": {24 * time.Hour, 0, 0, 0, true},
		"a receipt further ahead, the forge says nothing":   {24 * time.Hour, unknown, 24 * time.Hour, 0, true},
		"our clock went back":                               {-time.Minute, 5 * time.Hour, 5 * time.Hour, 5 * time.Hour, true},
		"our clock jumped ahead":                            {-6 * time.Hour, -5 * time.Hour, 0, -5 * time.Hour, true},
		"our clock jumped ahead, since the last receipt":    {-5*time.Hour + time.Minute, -5 * time.Hour, 0, -5*time.Hour + time.Minute, true},
	} {
		o := &Outlook{Now: now, state: ledger.State{Time: now.Add(c.last)}}
		skew, known := c.skew, c.skew != unknown
		if !known {
			skew = 0
		}
		o.tell(skew, known)
		if got := o.Now.Sub(now); got != c.want || len(o.Frozen) > 0 != c.frozen {
			t.Errorf("%s: decides by %s from now, frozen %q; want %s, %v", name, got, o.Frozen, c.want, c.frozen)
		}
		if got := o.dated.Sub(now); got != c.dated {
			t.Errorf("%s: dated %s from now, want %s", name, got, c.dated)
		}
	}
}
