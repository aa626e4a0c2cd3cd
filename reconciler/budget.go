package reconciler

import "time"

const (
	// maxAsked is how many changes of main one run asks the forge about and judges. Each costs some ten calls of the five thousand that a
	// token has in an hour, of which a schedule of minutes makes a dozen runs.
	maxAsked = 200
	// maxJudging is how long one run judges before it takes what is due. Jobs are killed by limits of five minutes and more.
	maxJudging = 2 * time.Minute
	// maxAsking is how much of that goes into asking what brought the changes, which comes first and costs a part of what judging does.
	maxAsking = maxJudging / 4
)

// budget is what one run spends on judging. What it cannot judge the next run does: thousands of commits on main must not keep a job
// that is killed by its limit from ever taking anything, or from ever getting further.
type budget struct {
	now   func() time.Time
	began time.Time
	asked int
}

func newBudget(now func() time.Time) *budget { return &budget{now: now, began: now()} }

// spent says whether the time is up.
func (b *budget) spent() bool { return b.now().Sub(b.began) >= maxJudging }

// more says whether one more change may be asked about. The first always may, so that each run gets further.
func (b *budget) more() bool {
	b.asked++
	return b.asked == 1 || b.asked <= maxAsked && b.now().Sub(b.began) < maxAsking
}
