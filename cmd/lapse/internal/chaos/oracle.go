package chaos

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// oracle is what must be, as the harness works it out from what it did itself. Of the product's word it takes one thing: which of two
// answers that were both right it gave, and when. Each receipt is held against the history at the instant it appears on the remote.
type oracle struct {
	w        *World
	seq      int // of what happened in the world
	arrivals map[string]*arrival
	versions []*version
	live     map[string]*version // by id: approved by a receipt that was right, and not ended by one
	approved configuration       // in force
	known    map[holding]time.Time
	ever     map[holding]bool // that were known once: where they come back by hand, Lapse takes them again (A58)
	byHand   map[holding]bool // held, and not given by Lapse
	teams    map[string]map[string]bool
	clock    time.Time // of the newest receipt
	seen     map[string]bool
	children map[string]string // of ledger commits
	sequence int
}

// holding is who holds what, the account as a person would say it.
type holding struct{ entitlement, account string }

func (h holding) String() string { return h.account + " at " + h.entitlement }

// snapshot is main at one commit.
type snapshot struct {
	grants        map[string]file // by id
	configuration configuration
	known         bool // the configuration is one of ours
	other         bool // there is anything else under grants/
}

// arrival is one step of main.
type arrival struct {
	tip           string
	before, after snapshot
	pull          *pull // nil: pushed
	at            time.Time
	verdict       string // of its configuration: "", approved or refused
}

// version is one version of a grant that reached main.
type version struct {
	file
	id           string
	by           *arrival
	start, end   time.Time
	entitlements []string
	verdict      string // "", approved or refused
	over         int    // since when main says that it is over; 0: it does not
	mayBeOver    bool   // main was somewhere without it, and a run may have seen that
	adrift       bool   // it came while main had lost something: what is left out for good may take it along
	doubt        bool   // whoever approved it, or may hold it, left a team before it was judged
}

func newOracle(w *World) *oracle {
	return &oracle{
		w: w, seq: 1, arrivals: map[string]*arrival{}, live: map[string]*version{}, known: map[holding]time.Time{}, ever: map[holding]bool{}, byHand: map[holding]bool{},
		teams: map[string]map[string]bool{"engineering": {"alice": true, "bob": true}, "data-platform": {"carol": true}},
		seen:  map[string]bool{}, children: map[string]string{},
	}
}

// arrive is told of each step forward that main took by somebody's hand.
func (o *oracle) arrive(a *arrival) {
	o.seq++
	o.arrivals[a.tip] = a
	for _, id := range slices.Sorted(maps.Keys(union(a.before.grants, a.after.grants))) {
		was, had := a.before.grants[id]
		is, has := a.after.grants[id]
		if had && has && was.text == is.text {
			continue
		}
		o.endOlder(id, has, is)
		if !has {
			continue
		}
		v := &version{file: is, id: id, by: a, adrift: o.w.lostMain != "", entitlements: a.before.configuration.entitlements(is.role, o.w.o.One)}
		v.start = a.at
		if is.start.After(v.start) {
			v.start = is.start
		}
		v.end = v.start.Add(is.duration)
		o.versions = append(o.versions, v)
	}
}

// endOlder ends the versions of a grant that the new state of its file is the end of: gone, or somebody else's, or another role's.
func (o *oracle) endOlder(id string, has bool, is file) {
	for _, v := range o.versions {
		if v.id == id && v.over == 0 && (!has || is.user != "" && (is.user != v.user || is.role != v.role)) {
			v.over = o.seq
		}
	}
}

// wander is told of main at a commit that is not a step forward: what is not there may be seen as over.
func (o *oracle) wander(at snapshot) {
	o.seq++
	for _, v := range o.versions {
		is, has := at.grants[v.id]
		if !has || is.user != v.user || is.role != v.role || v.over != 0 {
			v.mayBeOver = true
		}
	}
}

// removed is told of Lapse's own removals: they end nothing, for they may only follow an end.
func (o *oracle) removed(ids []string) {
	for _, id := range ids {
		for _, v := range o.versions {
			if v.id == id && v.over == 0 {
				v.over = o.seq
			}
		}
	}
}

// why says why an arrival may not be approved; "" if it must be. Who is in which team is asked now, when it is judged.
func (o *oracle) why(a *arrival) string {
	switch {
	case a.pull == nil:
		return "no pull request brought it"
	case a.before.configuration != o.approved:
		return "its base has a configuration that nobody approved"
	case a.after.other && !a.before.other:
		return "it brings what is no grant"
	}
	p := a.pull
	if !p.sameBytes(a) {
		return "what was merged is not what the branch asked for"
	}
	needs := o.needs(a)
	for _, may := range needs {
		if !slices.ContainsFunc(slices.Sorted(maps.Keys(may)), func(who string) bool { return p.approvedBy(who, a) }) {
			return "an approval is missing"
		}
	}
	for who, r := range p.reviews {
		if r.objects && slices.ContainsFunc(needs, func(may map[string]bool) bool { return may[who] }) {
			return who + " objects"
		}
	}
	return o.unfit(a)
}

// needs are who may approve, one set for each approval that is asked for.
func (o *oracle) needs(a *arrival) []map[string]bool {
	var needs []map[string]bool
	if a.before.configuration != a.after.configuration {
		needs = append(needs, approvers("", nil))
	}
	for id, is := range a.after.grants {
		if a.before.grants[id].text == is.text {
			continue
		}
		if may := approvers(is.role, o.teams["data-platform"]); is.role != "staging" {
			needs = append(needs, may)
		}
	}
	return needs
}

// unfit says what is wrong with what is asked for.
func (o *oracle) unfit(a *arrival) string {
	grants := 0
	for id, is := range a.after.grants {
		if a.before.grants[id].text == is.text {
			continue
		}
		grants++
		switch {
		case is.user == "":
			return id + " is no grant"
		case a.before.configuration.account(is.user, "") == "" || !o.teams["engineering"][is.user]:
			return is.user + " may not hold " + is.role
		case a.before.configuration.entitlements(is.role, o.w.o.One) == nil || is.duration > 8*time.Hour:
			return id + " asks for what there is not"
		case is.start.After(a.at) && !is.start.Add(is.duration).After(a.at):
			return id + " has no time"
		}
	}
	ends := slices.ContainsFunc(slices.Collect(maps.Keys(a.before.grants)), func(id string) bool { _, stays := a.after.grants[id]; return !stays })
	if a.before.configuration != a.after.configuration && (grants > 0 || ends) {
		return "it changes grants and configuration"
	}
	return ""
}

// wants is what must be held at a time if everything is as it should be: what DESIGN.md section 3 says of live grants.
func (o *oracle) wants(now time.Time) map[holding]*version {
	out := map[holding]*version{}
	tip := o.w.main()
	for _, v := range o.live {
		if now.Before(v.start) || !now.Before(v.end) {
			continue
		}
		approved := o.approved.entitlements(v.role, o.w.o.One)
		still := tip.configuration.entitlements(v.role, o.w.o.One)
		for _, e := range v.entitlements {
			was, is := o.approved.account(v.user, e), tip.configuration.account(v.user, e)
			if was == "" || was != is || !slices.Contains(approved, e) || !slices.Contains(still, e) {
				continue
			}
			h := holding{e, was}
			if out[h] == nil || v.end.After(out[h].end) {
				out[h] = v
			}
		}
	}
	return out
}

// justifies is a live grant that lets Lapse give the holding in a process that began at a point of the world; "" if there is one.
func (o *oracle) justifies(h holding, now time.Time, since int) string {
	why := "no grant that was approved gives it"
	for _, v := range o.live {
		if !slices.Contains(v.entitlements, h.entitlement) || o.approved.account(v.user, h.entitlement) != h.account {
			continue
		}
		switch {
		case !slices.Contains(o.approved.entitlements(v.role, o.w.o.One), h.entitlement):
			why = "role " + v.role + " no longer names it, by the configuration that was approved"
		case v.over != 0 && v.over < since:
			why = v.id + ", which gives it, was over before the run began"
		case now.Before(v.start.Add(-skewAllowed)) || !now.Before(v.end):
			why = fmt.Sprintf("%s gives it from %s to %s, and it is %s", v.id, clockText(v.start), clockText(v.end), clockText(now))
		default:
			return ""
		}
	}
	return why
}

// skewAllowed is how far two clocks may be apart (checks.MaxSkew).
const skewAllowed = 2 * time.Minute

func clockText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func union[V any](a, b map[string]V) map[string]bool {
	out := map[string]bool{}
	for k := range a {
		out[k] = true
	}
	for k := range b {
		out[k] = true
	}
	return out
}
