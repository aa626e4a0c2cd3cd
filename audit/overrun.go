package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/lapse-access/lapse/ledger"
)

// Overrun is how long one holding outlived the last of the grants that gave it.
type Overrun struct {
	Grants  []string       `json:"grants"`
	Holding ledger.Holding `json:"holding"`
	Due     time.Time      `json:"due"`
	Taken   time.Time      `json:"taken"`
	Overrun time.Duration  `json:"overrun"` // in nanoseconds
	Receipt string         `json:"receipt"`
}

// Overruns are those of a whole history. A percentile is the least that so many of a hundred did not exceed.
type Overruns struct {
	Taken int           `json:"taken"` // how many holdings they are of
	P50   time.Duration `json:"p50"`   // in nanoseconds, as the others
	P99   time.Duration `json:"p99"`
	Max   time.Duration `json:"max"`
	Worst *Overrun      `json:"worst,omitempty"` // nil: none
	// Grants is how long something outlived each grant, the worst first.
	Grants []GrantOverrun `json:"grants"`
}

// GrantOverrun is the longest that something which a grant gave outlived it.
type GrantOverrun struct {
	Grant   string        `json:"grant"`
	Overrun time.Duration `json:"overrun"` // in nanoseconds
}

func overruns(all []Overrun) Overruns {
	out := Overruns{Taken: len(all), Grants: []GrantOverrun{}}
	if len(all) == 0 {
		return out
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Overrun) int { return cmp.Compare(a.Overrun, b.Overrun) })
	worst := all[len(all)-1]
	out.P50, out.P99, out.Max, out.Worst = percentile(all, 50), percentile(all, 99), worst.Overrun, &worst
	most := map[string]time.Duration{}
	for _, o := range all {
		for _, id := range o.Grants {
			most[id] = max(most[id], o.Overrun)
		}
	}
	for id, d := range most {
		out.Grants = append(out.Grants, GrantOverrun{id, d})
	}
	slices.SortFunc(out.Grants, func(a, b GrantOverrun) int {
		return cmp.Or(cmp.Compare(b.Overrun, a.Overrun), cmp.Compare(a.Grant, b.Grant))
	})
	return out
}

// percentile is by nearest rank, of what is sorted.
func percentile(sorted []Overrun, p int) time.Duration {
	rank := (p*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1].Overrun
}
