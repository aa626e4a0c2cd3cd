package chaos

import (
	"math/rand/v2"
	"sync"
)

// turns let one of several processes go on at a time, from one boundary to the next; whose turn it is the seed decides.
type turns struct {
	rng  *rand.Rand
	mu   sync.Mutex
	wait map[*Process]chan struct{}
	all  []*Process // that are not at their end
}

func newTurns(rng *rand.Rand, all []*Process) *turns {
	t := &turns{rng: rng, wait: map[*Process]chan struct{}{}, all: all}
	for _, p := range all {
		t.wait[p] = make(chan struct{}, 1)
	}
	return t
}

// begin gives somebody the first turn.
func (t *turns) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

func (t *turns) next() {
	if len(t.all) > 0 {
		t.wait[pick(t.rng, t.all)] <- struct{}{}
	}
}

// pass gives the turn to somebody, perhaps to the same again, and waits for one's own.
func (t *turns) pass(p *Process) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.next()
	t.mu.Unlock()
	<-t.wait[p]
}

// leave is the end of a process, which has the turn.
func (t *turns) leave(p *Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, x := range t.all {
		if x == p {
			t.all = append(t.all[:i:i], t.all[i+1:]...)
			break
		}
	}
	t.next()
}
