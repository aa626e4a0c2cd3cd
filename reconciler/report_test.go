package reconciler

import (
	"testing"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

// Somebody else may have taken a holding before the run could: why it was due, and by how much it was late, is told all the same.
func TestWhatIsFoundTakenIsReportedWithItsCauseAndOverrun(t *testing.T) {
	for name, tt := range map[string]struct {
		until   time.Time
		cause   Cause
		overrun time.Duration
	}{
		"past its end":    {noon.Add(-time.Minute), CauseExpired, time.Minute},
		"before its time": {one, CauseEnded, 0},
	} {
		t.Run(name, func(t *testing.T) {
			out := Outlook{Now: noon, Plan: MakePlan(Situation{Now: noon, Known: known(ledger.Given, "", tt.until), Listings: shows()})}
			taken := out.Report().Taken
			if len(taken) != 1 || taken[0].Cause != tt.cause || taken[0].Overrun != tt.overrun {
				t.Errorf("reported %+v, want one that is %s, late by %s", taken, tt.cause, tt.overrun)
			}
		})
	}
}
