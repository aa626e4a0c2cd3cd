package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// lapseAt runs the command on a machine whose clock is so far ahead of GitHub's.
func (th *theatre) lapseAt(ahead time.Duration, args ...string) ending {
	var out, talk bytes.Buffer
	env := th.environment(args...)
	env.out, env.err, env.http = &out, &talk, http.DefaultTransport
	env.now = func() time.Time { return th.Clock().Add(ahead) }
	code := run(th.t.Context(), env)
	return ending{code, out.String(), talk.String()}
}

// coming asks for a role from the next hour on, for an hour, and has it approved and merged.
func (th *theatre) coming(who string) {
	th.t.Helper()
	start := th.Clock().Add(time.Hour).Format(time.RFC3339)
	n := th.ask(who, who+"-coming", plain("grants/"+who+"-coming.yaml", grantWith("user: "+who, "role: prod-db-read", "duration: 1h", "start: "+start)))
	_, err := th.As("carol").Review(stage.Repo, n, "APPROVE", "Fine")
	must(th.t, err)
	th.force(n)
}

// The clock of the machine jumps ahead, or back, or was always wrong. By GitHub's, which it disagrees with, nobody has anything longer
// than was approved, and nobody gets anything; a machine whose clock is right goes on afterwards as if nothing had been.
func TestA49AWrongClockGivesNothingAndKeepsNothing(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"ahead": 30 * time.Hour, "a little too far ahead": 3 * time.Minute, "back": -30 * time.Hour, "a little too far back": -3 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := newTheatre(t, nil)
			th.approved("alice-prod")
			th.want("reconcile")
			th.coming("bob")
			th.Advance(59 * time.Minute)
			th.want("reconcile")
			if got := th.holders(); !strings.Contains(got, "alice") || strings.Contains(got, "bob") {
				t.Fatal(got)
			}

			// alice's hour is over by now, and bob's is yet to begin by any clock but one that is ahead.
			th.Advance(time.Minute)
			a := th.lapseAt(ahead, "reconcile")
			if a.code != exitRefused || !strings.Contains(a.out, "one of them is wrong") {
				t.Errorf("a clock that is %s ahead: %s", ahead, a)
			}
			if got := th.holders(); strings.Contains(got, "alice") || strings.Contains(got, "bob") {
				t.Errorf("%s\n%s", got, a)
			}
			for _, kind := range []string{"taken", "ended"} {
				for _, path := range th.receipts(kind) {
					if !strings.HasPrefix(path, "receipts/2026/03/") {
						t.Errorf("receipt %s is dated by the wrong clock", path)
					}
				}
			}

			// Once it is time by GitHub's clock bob gets what was approved, from a machine whose clock is right.
			th.Advance(time.Minute)
			a = th.lapse("reconcile")
			if a.code != exitFine || !strings.Contains(th.holders(), "bob") {
				t.Errorf("afterwards, by the right clock: %s\n%s", a, th.holders())
			}
			if log := th.lapse("log", "alice-prod"); strings.Contains(log.out, "h late") || strings.Contains(log.out, "d late") {
				t.Errorf("the overrun is that of the wrong clock: %s", log)
			}
		})
	}
}

// Clocks are never quite the same: what was just merged is given, and what is over is taken.
func TestA49ASmallSkewChangesNothing(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-time.Minute, time.Minute} {
		th := newTheatre(t, nil)
		th.approved("alice-prod")
		if a := th.lapseAt(ahead, "reconcile"); a.code != exitFine || !strings.Contains(th.holders(), "alice") {
			t.Errorf("%s ahead: %s\n%s", ahead, a, th.holders())
		}
		th.Advance(time.Hour + time.Minute)
		if a := th.lapseAt(ahead, "reconcile"); a.code != exitFine || strings.Contains(th.holders(), "alice") {
			t.Errorf("%s ahead, after its end: %s\n%s", ahead, a, th.holders())
		}
	}
}
