package reconciler

import "time"

// maxSkew is how far two machines' clocks may be apart without one of them being wrong.
const maxSkew = 2 * time.Minute

// forward keeps time from going back behind the last receipt: a run on a machine whose clock is late would take what another has just
// given, for not yet begun. Where the clocks are further apart, one is wrong, and nobody can tell which: nothing is given then, and
// what is due by this clock is taken.
func (o *Outlook) forward() {
	last := o.state.Time
	switch behind := last.Sub(o.Now); {
	case behind <= 0:
	case behind <= maxSkew:
		o.Now = last
	default:
		o.freeze("the clock here says %s, and the last receipt was written at %s: one of the clocks is wrong",
			o.Now.Format(time.RFC3339), last.Format(time.RFC3339))
	}
}
