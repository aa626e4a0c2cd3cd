package reconciler

import (
	"time"

	"github.com/lapse-access/lapse/ledger"
)

// Report is what one run saw and did, as data.
type Report struct {
	Now           time.Time `json:"now"`
	Main          string    `json:"main,omitempty"`
	Ledger        string    `json:"ledger,omitempty"`
	Began         bool      `json:"began,omitempty"` // the ledger begins with this run
	Judged        []Judged  `json:"judged,omitempty"`
	Ended         []Ending  `json:"ended,omitempty"`
	Plan          Plan      `json:"plan"`
	Given         []Outcome `json:"given,omitempty"`
	Taken         []Outcome `json:"taken,omitempty"`
	Undone        []Undone  `json:"undone,omitempty"` // steps that a target, read back, does not show
	Notes         []Note    `json:"notes,omitempty"`
	Frozen        []string  `json:"frozen,omitempty"`   // why nothing was given
	Losses        []Loss    `json:"losses,omitempty"`   // what main, the ledger or the anchor had and have no more
	Findings      []string  `json:"findings,omitempty"` // what somebody must look at
	Failures      []string  `json:"failures,omitempty"` // what could not be done, and will be tried again
	Removed       []string  `json:"removed,omitempty"`  // ids
	RemovalCommit string    `json:"removal_commit,omitempty"`
	RemovalPull   int       `json:"removal_pull,omitempty"`
	Walked        string    `json:"walked,omitempty"`  // the commit up to which main was judged, where some of it waits
	Waiting       int       `json:"waiting,omitempty"` // changes of main that the next run judges, for want of time
	Live          int       `json:"live"`
	Next          time.Time `json:"next,omitzero"` // when a grant begins or ends next

	lead time.Duration // that Now has on the clock of this machine
}

// Outcome is one change that a target, read back, shows.
type Outcome struct {
	Holding ledger.Holding `json:"holding"`
	Name    string         `json:"name,omitempty"`
	Grants  []string       `json:"grants,omitempty"`
	Cause   Cause          `json:"cause,omitempty"`
	Until   time.Time      `json:"until,omitzero"`
	Overrun time.Duration  `json:"overrun,omitempty"` // taken: how long it outlived its grant, in nanoseconds
}

// Undone is a step that failed or could not be proven; the next run tries again.
type Undone struct {
	Step
	Error string `json:"error"`
}

// Report sums up an outlook, executed or not.
func (o *Outlook) Report() *Report {
	rep := &Report{
		Now: o.Now, Main: o.Main.String(), Ledger: o.LedgerTip.String(), Began: o.began, Judged: o.Arrivals, Ended: o.Ended, Plan: o.Plan,
		Notes: o.Notes, Frozen: o.Frozen, Losses: o.Losses, Findings: o.Findings, Failures: o.Failures,
		Removed: o.Removed, RemovalCommit: o.RemovalCommit, RemovalPull: o.RemovalPull, Live: len(o.state.Grants), Next: o.next(), lead: o.lead,
	}
	if o.Waiting > 0 {
		rep.Walked, rep.Waiting = o.stuckAt, o.Waiting
	}
	for _, res := range o.results {
		oc := Outcome{Holding: res.Step.Holding(), Name: res.Step.Name, Grants: res.Step.Grants, Cause: res.Step.Cause, Until: res.Step.Until, Overrun: res.Overrun}
		switch {
		case !res.Done:
			rep.Undone = append(rep.Undone, Undone{Step: res.Step, Error: res.Err.Error()})
		case res.Step.Action == Take:
			rep.Taken = append(rep.Taken, oc)
		default:
			rep.Given = append(rep.Given, oc)
		}
	}
	for _, c := range o.Plan.Confirm {
		if c.Kind == ledger.Taken {
			rep.Taken = append(rep.Taken, Outcome{Holding: c.Holding, Grants: c.Grants, Cause: c.Cause, Overrun: max(0, o.Now.Sub(c.Due))})
		}
	}
	return rep
}

// Acted says whether the run changed anything or has something to tell that somebody must look at.
func (r *Report) Acted() bool {
	return len(r.Given)+len(r.Taken)+len(r.Ended)+len(r.Judged)+len(r.Removed) > 0 || r.Failed() || r.Finding()
}

// Failed says whether something could not be done.
func (r *Report) Failed() bool { return len(r.Failures) > 0 || len(r.Undone) > 0 }

// Finding says whether somebody must look at something.
func (r *Report) Finding() bool {
	return len(r.Findings) > 0 || len(r.Frozen) > 0 || len(r.Plan.Blocked) > 0
}

// next is the nearest begin or end of a live or coming grant.
func (o *Outlook) next() time.Time {
	var next time.Time
	for _, g := range o.state.Grants {
		for _, t := range []time.Time{g.Interval.Start, g.Interval.End} {
			if t.After(o.Now) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}
