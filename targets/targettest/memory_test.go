package targettest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

const secret = "hunter2hunter2"

var errDown = errors.New("dial: connection refused")

// memory is a system in memory and a target for it that keeps the contract.
type memory struct {
	mu       sync.Mutex
	down     bool
	holders  map[string]map[string]reconciler.Holding // entitlement → account
	accounts []string                                 // those that exist; nil: any plain name
	ends     bool
}

func team(name string) grants.Entitlement {
	return grants.Entitlement{Target: "memory", Values: map[string]string{"team": name}}
}

func newMemory(h Harness) *memory {
	m := &memory{ends: h.NativeEnd, holders: map[string]map[string]reconciler.Holding{}}
	m.holders[team("oncall").Key()] = map[string]reconciler.Holding{}
	m.holders[team("security").Key()] = map[string]reconciler.Holding{}
	if h.UnknownAccounts {
		m.accounts = []string{"alice", "bob", "carol"}
	}
	return m
}

func (m *memory) List(ctx context.Context, e grants.Entitlement) ([]reconciler.Holding, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	holders, err := m.holdersOf(ctx, e)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(holders), func(a, b reconciler.Holding) int {
		return strings.Compare(a.Account, b.Account)
	}), nil
}

func (m *memory) Apply(ctx context.Context, c reconciler.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	holders, err := m.holdersOf(ctx, c.Entitlement)
	if err != nil {
		return err
	}
	switch c.Action {
	case reconciler.Give:
		if m.accounts != nil && !slices.Contains(m.accounts, c.Account) {
			return fmt.Errorf("no account %q", c.Account)
		}
		h := reconciler.Holding{Account: c.Account, Pending: c.Account == "carol"}
		if m.ends {
			h.Until = c.Until
		}
		holders[c.Account] = h
	case reconciler.Take:
		delete(holders, c.Account)
	default:
		return fmt.Errorf("unknown action %q", c.Action)
	}
	return nil
}

func (m *memory) holdersOf(ctx context.Context, e grants.Entitlement) (map[string]reconciler.Holding, error) {
	holders, ok := m.holders[e.Key()]
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case m.down:
		return nil, errDown
	case !ok:
		return nil, fmt.Errorf("no entitlement %s", e.Key())
	}
	return holders, nil
}

func (m *memory) addByHand(_ testing.TB, e grants.Entitlement, account string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holders[e.Key()][account] = reconciler.Holding{Account: account}
}

func (m *memory) fill(t testing.TB, e grants.Entitlement, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("user-%04d", i)
		m.addByHand(t, e, names[i])
	}
	return names
}

func (m *memory) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = true
}

// able is a harness with every ability; with is put between the suite and the good target.
func able(with func(*memory) reconciler.Target) Harness {
	h := Harness{NativeEnd: true, UnknownAccounts: true, Pending: true, Many: 250, Secrets: []string{secret}}
	h.New = newSystem(&h, with)
	return h
}

// plain is a harness without any ability.
func plain(with func(*memory) reconciler.Target) Harness {
	h := Harness{}
	h.New = newSystem(&h, with)
	return h
}

func newSystem(h *Harness, with func(*memory) reconciler.Target) func(testing.TB) System {
	return func(testing.TB) System {
		m := newMemory(*h)
		return System{
			Target: with(m), Entitlement: team("oncall"), Other: team("security"), Unknown: team("nobody"),
			Accounts: [2]string{"alice", "bob"}, UnknownAccount: "mallory", Invitee: "carol",
			AddByHand: m.addByHand, Fill: m.fill, Down: m.stop,
		}
	}
}

// altered is a target of which a part is exchanged.
type altered struct {
	reconciler.Target
	list  func(ctx context.Context, e grants.Entitlement) ([]reconciler.Holding, error)
	apply func(ctx context.Context, c reconciler.Change) error
}

func (a altered) List(ctx context.Context, e grants.Entitlement) ([]reconciler.Holding, error) {
	if a.list == nil {
		return a.Target.List(ctx, e)
	}
	return a.list(ctx, e)
}

func (a altered) Apply(ctx context.Context, c reconciler.Change) error {
	if a.apply == nil {
		return a.Target.Apply(ctx, c)
	}
	return a.apply(ctx, c)
}

// listing breaks what a good target answers.
func listing(change func([]reconciler.Holding, error) ([]reconciler.Holding, error)) func(*memory) reconciler.Target {
	return func(m *memory) reconciler.Target {
		return altered{Target: m, list: func(ctx context.Context, e grants.Entitlement) ([]reconciler.Holding, error) {
			return change(m.List(ctx, e))
		}}
	}
}

// applying breaks what a good target does.
func applying(apply func(ctx context.Context, m *memory, c reconciler.Change) error) func(*memory) reconciler.Target {
	return func(m *memory) reconciler.Target {
		return altered{Target: m, apply: func(ctx context.Context, c reconciler.Change) error { return apply(ctx, m, c) }}
	}
}

// lost is a target that reads all holders, thinks for a while, and writes them all back.
func lost(ctx context.Context, m *memory, c reconciler.Change) error {
	m.mu.Lock()
	before := maps.Clone(m.holders[c.Entitlement.Key()])
	m.mu.Unlock()
	time.Sleep(time.Millisecond) // on the clock of a bubble: until every writer has read
	if err := m.Apply(ctx, c); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if h, ok := m.holders[c.Entitlement.Key()][c.Account]; ok {
		before[c.Account] = h
	} else {
		delete(before, c.Account)
	}
	m.holders[c.Entitlement.Key()] = before
	return nil
}
