package reconciler

import (
	"time"

	"github.com/lapse-access/lapse/checks"
)

// tell makes Now the time by which this run decides, and shift what turns this machine's clock into the one that receipts and commits
// are dated by. There are three clocks: this machine's, the forge's, which is skew ahead of it if that is known, and the last receipt,
// behind which time never goes back: a run on a machine whose clock is late would take what another has just given, for not yet begun.
//
//	they say                                | what is over is taken by | dated by     | giving
//	the same, or nearly                     | the latest               | the same     | goes on
//	here and the forge more than MaxSkew    | the later of the two     | the forge    | stops
//	the last receipt is that much later     | here                     | here         | stops
//	the same, and the forge says nothing    | the last receipt         | the same     | stops
//
// Where clocks are further apart one is wrong, and nobody can tell for sure which. What a wrong one dated, or ended for good, would be
// wrong for every machine after it, and the forge's is the one that they all share. What was taken by a wrong clock before its time is
// given again once clocks agree.
func (o *Outlook) tell(skew time.Duration, known bool) {
	here, last := o.Now, o.state.Time
	o.dated = here
	switch {
	case !known:
	case skew.Abs() <= checks.MaxSkew:
		o.Now = later(here, here.Add(skew)) // what the forge has just merged has begun
		o.dated = o.Now
	default:
		o.shift, o.dated = skew, here.Add(skew)
		o.Now = later(here, o.dated)
		o.freeze("the clock here says %s, and the forge's %s: one of them is wrong", here.Format(time.RFC3339), o.dated.Format(time.RFC3339))
	}
	switch behind := last.Sub(o.dated); {
	case behind <= 0:
	case behind <= checks.MaxSkew:
		o.Now, o.dated = later(o.Now, last), last
	default:
		o.freeze("the clock here says %s, and the last receipt was written at %s: one of the clocks is wrong",
			here.Format(time.RFC3339), last.Format(time.RFC3339))
		if !known {
			o.Now = later(o.Now, last)
		}
	}
	o.lead = o.Now.Sub(here)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (r *Observer) skew() (time.Duration, bool) {
	if r.Skew == nil {
		return 0, false
	}
	return r.Skew()
}

// clock is the time now, as receipts and commits of this run are dated.
func (r *Observer) clock(out *Outlook) time.Time { return r.Clock().UTC().Add(out.shift) }
