package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

// pull is a pull request, as its makers know it.
type pull struct {
	number  int
	branch  string
	author  string
	pushers map[string]bool
	pushed  time.Time
	reviews map[string]review // by login: what counts of what they said last
	closed  bool
	ids     []string          // of grants it is about
	was     map[string]string // by id: what the branch was made from
	asks    map[string]string // by id: what it makes of that; "" is gone
	doubt   bool              // an approver left a team since
	base    *configuration    // that it changes; nil: it changes none
}

type review struct {
	at      time.Time // of the approval; zero: none
	objects bool
}

// barred says whether somebody's approval can never count here.
func (p *pull) barred(who string, a *arrival) bool {
	if who == p.author || p.pushers[who] {
		return true
	}
	for id, is := range a.after.grants {
		if a.before.grants[id].text != is.text && is.user == who {
			return true
		}
	}
	return false
}

// approvedBy says whether somebody's approval counts.
func (p *pull) approvedBy(who string, a *arrival) bool {
	r := p.reviews[who]
	return !r.objects && r.at.After(p.pushed) && !p.barred(who, a) && a.at.Sub(r.at) <= 72*time.Hour
}

// sameBytes says whether main took from the branch what the branch held, made from what main held: git may follow a rename and put
// somebody's edit of the one file into the other.
func (p *pull) sameBytes(a *arrival) bool {
	for _, id := range p.ids {
		is := a.after.grants[id].text
		if is != p.asks[id] || a.before.grants[id].text != is && a.before.grants[id].text != p.was[id] {
			return false
		}
	}
	return true
}

func (w *World) open() []*pull {
	return slices.DeleteFunc(slices.Clone(w.pulls), func(p *pull) bool { return p.closed })
}

// free are ids that no open pull request is about.
func (w *World) free(among []string) []string {
	return slices.DeleteFunc(slices.Clone(among), func(id string) bool {
		return slices.ContainsFunc(w.open(), func(p *pull) bool { return slices.Contains(p.ids, id) })
	})
}

var (
	ids   = []string{"alice-1", "alice-2", "bob-1", "bob-2", "team/one", "team/two"}
	roles = []string{"db", "db", "staging", "door"}
)

// grant makes one up.
func (w *World) grant(rng *rand.Rand) file {
	f := file{user: pick(rng, []string{"alice", "bob"}), role: pick(rng, roles), duration: time.Duration(15+rng.IntN(300)) * time.Minute}
	switch rng.IntN(12) {
	case 0:
		f.start = w.Clock().Add(time.Duration(rng.IntN(180)) * time.Minute).Truncate(time.Minute)
	case 1:
		f.duration = 9 * time.Hour // more than a role allows
	}
	f.text = f.render()
	return f
}

// extended is the same grant with another duration.
func extended(rng *rand.Rand, f file) file {
	if f.user == "" {
		return f
	}
	f.duration += time.Duration(1+rng.IntN(90)) * time.Minute
	f.text = f.render()
	return f
}

// wish makes up what somebody asks for: paths and their new text, "" to delete.
func (w *World) wish(rng *rand.Rand) (files map[string]string, about []string) {
	files = map[string]string{}
	put := func(id, text string) { files["grants/"+id+".yaml"], about = text, append(about, id) }
	now := w.main().grants
	here := w.free(sorted(now))
	absent := w.free(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := now[id]; return ok }))
	what := rng.IntN(10)
	if len(here) == 0 || len(absent) == 0 {
		what = 0
	}
	switch {
	case what <= 3 && len(absent) > 0:
		put(pick(rng, absent), w.grant(rng).text)
	case what <= 3 || len(here) == 0:
	case what <= 5:
		id := pick(rng, here)
		put(id, extended(rng, now[id]).text)
	case what == 6:
		put(pick(rng, here), "")
	case what == 7: // renamed
		id := pick(rng, here)
		put(pick(rng, absent), now[id].text)
		put(id, "")
	case what == 8: // to somebody else, or another role
		put(pick(rng, here), w.grant(rng).text)
	default: // as it was once
		if v := w.oracle.versions; len(v) > 0 {
			if old := pick(rng, v); slices.Contains(absent, old.id) {
				put(old.id, old.text)
			}
		}
	}
	return files, about
}

// otherConfiguration makes one up.
func (w *World) otherConfiguration(rng *rand.Rand) configuration {
	c := w.main().configuration
	switch rng.IntN(6) {
	case 0:
		c.wide = !c.wide
	case 1:
		c.narrow = !c.narrow && !w.o.One
	case 2:
		c.alice = pick(rng, []string{"", "alice_r"})
	case 3:
		c.bobGone = !c.bobGone
	case 4:
		c.bobUnset = !c.bobUnset
	default:
		w.serial++
		c.note = w.serial
	}
	c.bobGone = c.bobGone && !c.bobUnset // of nobody
	return c
}

// ask opens a pull request; nil if there is nothing to ask for.
func (w *World) ask(rng *rand.Rand, well bool) *pull {
	if w.main().configuration != w.oracle.approved && rng.IntN(2) == 0 {
		w.adminConfiguration(rng) // mallory thinks better of it
	}
	files, about := w.wish(rng)
	var base *configuration
	if n := rng.IntN(12); n == 0 || n == 1 && !well {
		if n == 0 {
			files, about = map[string]string{}, nil
		}
		was := w.main().configuration
		base = &was
		for path, text := range w.render(w.otherConfiguration(rng)) {
			files[path] = text
		}
	}
	if len(files) == 0 {
		return nil
	}
	w.serial++
	p := &pull{branch: fmt.Sprintf("ask-%d", w.serial), author: pick(rng, []string{"alice", "bob"}), reviews: map[string]review{}, pushers: map[string]bool{}, ids: about, base: base,
		was: map[string]string{}, asks: map[string]string{}}
	for _, id := range about {
		p.was[id] = w.main().grants[id].text
	}
	if !w.push(p, p.author, files) {
		return nil
	}
	n, err := w.As(p.author).OpenPull(stage.Repo, p.branch, "Request")
	if err != nil {
		return nil // it changes nothing
	}
	p.number = n
	w.pulls = append(w.pulls, p)
	w.say("%s asks by #%d for %s", p.author, n, words(files))
	return p
}

func words(files map[string]string) string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(files)) {
		f := parseFile(files[path])
		switch {
		case files[path] == "":
			out = append(out, "no "+path)
		case f.user != "":
			out = append(out, fmt.Sprintf("%s (%s, %s, %s)", path, f.user, f.role, f.duration))
		default:
			out = append(out, path)
		}
	}
	return strings.Join(out, ", ")
}

func (w *World) push(p *pull, who string, files map[string]string) bool {
	if _, err := w.As(who).Push(stage.Repo, p.branch, githubtest.Commit{Files: files, Message: "Request"}); err != nil {
		w.say("%s could not push to %s: %v", who, p.branch, err)
		return false
	}
	p.pushers[who], p.pushed = true, w.Clock()
	for _, id := range p.ids {
		if text, ok := files["grants/"+id+".yaml"]; ok {
			p.asks[id] = text
		}
	}
	return true
}

func (w *World) review(p *pull, who, event string) {
	if p == nil {
		return
	}
	if _, err := w.As(who).Review(stage.Repo, p.number, event, "What I think of it"); err != nil {
		return // nobody reviews their own
	}
	w.say("%s says %s to #%d", who, event, p.number)
	r := p.reviews[who]
	switch {
	case event == "REQUEST_CHANGES":
		r = review{objects: true}
	case who == p.author || p.pushers[who]: // weighs nothing
	default:
		r = review{at: w.Clock()}
	}
	p.reviews[who] = r
}

// merge merges by a method that somebody likes.
func (w *World) merge(rng *rand.Rand, p *pull) {
	if p == nil || p.base != nil && *p.base != w.main().configuration {
		return // two changes of configuration, merged line by line, are one that nobody here wrote
	}
	method := pick(rng, []string{"merge", "squash", "rebase"})
	if _, err := w.As(pick(rng, []string{"dan", mallory, "alice"})).Merge(stage.Repo, p.number, method); err != nil {
		w.say("#%d cannot be merged: %v", p.number, err)
		if rng.IntN(2) == 0 {
			p.closed = w.As(p.author).ClosePull(stage.Repo, p.number) == nil
		}
		return
	}
	p.closed = true
	w.count("merge by " + method)
	w.say("#%d is merged by %s", p.number, method)
	w.moved(p, w.Pull(stage.Repo, p.number).MergedAt)
}

// askWell is how it should go.
func (w *World) askWell(rng *rand.Rand) {
	p := w.ask(rng, true)
	w.review(p, "carol", "APPROVE")
	w.merge(rng, p)
}

// pushAgain brings other bytes to a branch.
func (w *World) pushAgain(rng *rand.Rand, p *pull) {
	if len(p.ids) == 0 {
		return
	}
	id := pick(rng, p.ids)
	text, ok := w.File(stage.Repo, p.branch, "grants/"+id+".yaml")
	if !ok {
		return
	}
	who := pick(rng, []string{p.author, "carol"})
	if w.push(p, who, map[string]string{"grants/" + id + ".yaml": extended(rng, parseFile(text)).text}) {
		w.say("%s pushes again to #%d", who, p.number)
	}
}
