package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
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

	w      *World
	m      *machine
	rng    *rand.Rand
	ctx    context.Context
	cancel context.CancelFunc
	odds   int    // it is killed at one boundary of so many; 0: never
	aim    string // or at this kind of boundary, where it comes for the wait-th time
	wait   int
	faulty bool
	faults vaultFaults
	since  int // oracle.seq when it began
	frozen string

	mu     sync.Mutex
	dead   bool
	place  int // boundaries that were passed one after the other
	phase  string
	cuts   map[string]int // by phase and target: how many more boundaries it passes
	dying  string         // the phase in which it is killed
	began  time.Time      // what Now said first
	newest time.Time      // and last
	takes  int            // of what is not past its end
}

func (w *World) newProcess(rng *rand.Rand, m *machine, odds int) *Process {
	p := &Process{w: w, m: m, rng: rng, odds: odds, since: w.oracle.seq, frozen: w.frozen(), cuts: map[string]int{}}
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
	if p.dying != "" || p.hit(kind) {
		if p.dying == "" {
			p.w.count("killed " + kind)
		}
		p.die(kind)
		p.mu.Unlock()
		return ErrKilled
	}
	meanwhile := (p.odds > 0 || p.aim != "") && p.w.alone() && p.rng.IntN(60) == 0
	p.mu.Unlock()
	if meanwhile {
		p.w.meanwhile(p.rng)
	}
	p.w.turns.pass(p)
	return nil
}

// hit says whether the process is killed at a boundary of the kind.
func (p *Process) hit(kind string) bool {
	if kind == p.aim {
		p.wait--
		return p.wait < 0
	}
	return p.odds > 0 && p.rng.IntN(p.odds) == 0
}

// Boundaries are the kinds at which a process may be killed.
func Boundaries() []string {
	var out []string
	for _, what := range []string{
		"an API call", "a fetch", "asking where to push", "a push of lapse-ledger", "a push of main", "a push of heartbeat",
		"a list at a target", "a give at a target", "a take at a target",
	} {
		out = append(out, "before "+what, "after "+what)
	}
	return out
}

// aside is a boundary of one of several that go side by side.
func (p *Process) aside(thread, doing, kind string) error {
	phase := fmt.Sprintf("%d %s", p.place, doing)
	if p.dying != "" && p.dying != phase {
		p.die(kind)
		return ErrKilled
	}
	if phase != p.phase {
		p.phase = phase
		p.cuts = map[string]int{}
		if p.odds > 0 && p.rng.IntN(p.odds) < 4 || strings.Contains(p.aim, " "+doing+" ") && p.hit(p.aim) {
			p.dying = phase
			for _, target := range []string{"github", "vault"} {
				p.cuts[target] = p.rng.IntN(6)
			}
		}
	}
	if p.dying == "" {
		return nil
	}
	if p.cuts[thread] == 0 {
		p.w.count("killed " + kind)
		p.cuts[thread]--
	}
	if p.cuts[thread] < 0 {
		return ErrKilled
	}
	p.cuts[thread]--
	return nil
}

func (p *Process) die(kind string) {
	p.dead = true
	p.w.say("%s is killed: %s", p.m.name, kind)
	p.cancel()
}

func (p *Process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead || p.dying != ""
}

// RoundTrip is the way to the forge's API, without a network.
func (p *Process) RoundTrip(req *http.Request) (*http.Response, error) {
	asked, _ := req.Context().Value(threadKey{}).([2]string)
	if err := p.at(asked[0], asked[1], "before an API call"); err != nil {
		return nil, err
	}
	resp, err := answer(p.w.Handler(), req)
	if dead := p.at(asked[0], asked[1], "after an API call"); dead != nil {
		return nil, dead
	}
	return resp, err
}

// answer serves a request of a client in this process.
func answer(h http.Handler, req *http.Request) (resp *http.Response, err error) {
	in := req.Clone(req.Context())
	in.RequestURI, in.RemoteAddr = req.URL.RequestURI(), "127.0.0.1:1"
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	kept := &kept{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			if v != http.ErrAbortHandler { //nolint:errorlint // the very value
				panic(v)
			}
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	h.ServeHTTP(kept, in)
	return &http.Response{
		Status: http.StatusText(kept.code()), StatusCode: kept.code(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: kept.header, Body: io.NopCloser(bytes.NewReader(kept.body.Bytes())), ContentLength: int64(kept.body.Len()), Request: req,
	}, nil
}

// kept is an answer that goes nowhere yet.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }

func (k *kept) code() int {
	if k.status == 0 {
		return http.StatusOK
	}
	return k.status
}
