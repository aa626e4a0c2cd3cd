package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// ErrKilled is what a process that was killed gets for everything that it still asks. Nothing of that happens.
var ErrKilled = errors.New("killed")

// Process is one process under test: what it asks of the world goes through here, step by step, and at any step it may be killed.
//
// A reconcile asks its targets side by side. A process that is killed then has got so far at each, which the seed decides for each by
// itself; so a history is the same each time although its targets race.
type Process struct {
	Init  bool // --init
	Allow int  // --allow-revocations

	w         *World
	m         *machine
	rng       *rand.Rand
	ctx       context.Context
	cancel    context.CancelFunc
	doom      doom
	disturbed bool // people do things while it runs
	faulty    bool
	faults    vaultFaults
	since     int // oracle.seq when it began
	frozen    string

	mu      sync.Mutex
	dead    bool
	place   int // boundaries that were passed one after the other
	phase   string
	cuts    map[string]int // by target, in the phase in which it is killed: how many more boundaries it passes
	dying   string         // that phase
	aim     string         // and the kind of boundary at which it is; "": any
	counted bool           // its kill
	began   time.Time      // what Now said first
	newest  time.Time      // and last
	takes   int            // of what is not past its end
}

func (w *World) newProcess(rng *rand.Rand, m *machine) *Process {
	p := &Process{w: w, m: m, rng: rng, since: w.oracle.seq, frozen: w.frozen(), cuts: map[string]int{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	m.proc = p
	return p
}

// frozen is why nothing may be given now; "" if there is nothing.
func (w *World) frozen() string {
	switch {
	case w.lostMain != "":
		return "main lost " + w.lostMain
	case w.goodLedger != "":
		return "the ledger is not what Lapse left"
	}
	return ""
}

// Now is the clock of the machine.
func (p *Process) Now() time.Time {
	now := p.w.Clock().Add(p.m.skew)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began.IsZero() {
		p.began = now
	}
	if now.After(p.newest) {
		p.newest = now
	}
	return now
}

// latest is the latest time that the process can have gone by: two machines' clocks may be a little apart.
func (p *Process) latest() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest.Add(skewAllowed)
}

// Getenv is its environment.
func (p *Process) Getenv(name string) string {
	switch name {
	case "GITHUB_REPOSITORY":
		return stage.Repo
	case "GITHUB_API_URL":
		return p.w.APIURL()
	case "GITHUB_SERVER_URL":
		return p.w.front.url + "/" + p.m.name
	case "LAPSE_TOKEN":
		return p.w.Token(stage.Bot)
	case "LAPSE_SIGNING_KEY":
		return string(p.w.Key)
	case "XDG_CACHE_HOME":
		return p.m.dir
	}
	return ""
}

// Remote is the folder of the access repository at the forge.
func (p *Process) Remote() string { return p.w.RepoDir(stage.Repo) }

// PublicKey is what signs receipts and commits, in PEM.
func (p *Process) PublicKey() string {
	public, _ := keyOf(p.w.o.Seed)
	return public
}

type threadKey struct{}

// at is one step boundary: thread is "" or the target that is asked side by side with others, doing what it does there.
func (p *Process) at(thread, doing, kind string) error {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return ErrKilled
	}
	p.w.count("boundary " + kind)
	if thread != "" && p.w.alone() {
		err := p.aside(thread, doing, kind)
		p.mu.Unlock()
		return err
	}
	p.place++
	if p.dying != "" || p.doom.strikes(p.rng, kind) {
		if p.dying == "" {
			p.w.count("killed " + kind)
		}
		p.die(kind)
		p.mu.Unlock()
		return ErrKilled
	}
	meanwhile := p.disturbed && p.w.alone() && p.rng.IntN(60) == 0
	p.mu.Unlock()
	if meanwhile {
		p.w.meanwhile(p.rng)
	}
	p.w.turns.pass(p)
	return nil
}
