package targettest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

func good(m *memory) reconciler.Target { return m }

func TestAGoodTargetPasses(t *testing.T) {
	t.Run("with every ability", func(t *testing.T) { Run(t, able(good)) })
	t.Run("with none", func(t *testing.T) { Run(t, plain(good)) })
}

// fault is a broken target and the case that must catch it.
type fault struct {
	how     string
	caught  string
	harness Harness
}

// broken are targets that each break the contract in one way.
var broken = []fault{
	{"it does nothing", "what was given is listed", able(applying(func(context.Context, *memory, reconciler.Change) error {
		return nil
	}))},
	{"it lists someone who never held", "nobody holds anything at first", able(listing(
		func(hs []reconciler.Holding, err error) ([]reconciler.Holding, error) {
			return append(hs, reconciler.Holding{Account: "zoe"}), err
		}))},
	{"it counts gives", "giving twice is giving once", able(counting)},
	{"it cannot give twice", "giving twice is giving once", able(applying(func(ctx context.Context, m *memory, c reconciler.Change) error {
		if c.Action == reconciler.Give && holds(m, c) {
			return errors.New("409 Conflict")
		}
		return m.Apply(ctx, c)
	}))},
	{"it cannot take twice", "taking twice is taking once", able(applying(takeOnlyHeld))},
	{"it cannot take nothing", "taking what was never given is a success", able(applying(takeOnlyHeld))},
	{"it takes everywhere", "a change touches one account of one entitlement", able(applying(func(ctx context.Context, m *memory, c reconciler.Change) error {
		if c.Action == reconciler.Take {
			_ = m.Apply(ctx, reconciler.Change{Action: c.Action, Account: c.Account, Entitlement: team("oncall")})
			_ = m.Apply(ctx, reconciler.Change{Action: c.Action, Account: c.Account, Entitlement: team("security")})
		}
		return m.Apply(ctx, c)
	}))},
	{"it writes the list it remembers", "a holder added by hand is listed and survives", able(remembering)},
	{"it lists in reverse", "the list is sorted and names each account once", able(listing(
		func(hs []reconciler.Holding, err error) ([]reconciler.Holding, error) {
			slices.Reverse(hs)
			return hs, err
		}))},
	{"it lists accounts twice", "the list is sorted and names each account once", able(listing(
		func(hs []reconciler.Holding, err error) ([]reconciler.Holding, error) {
			if len(hs) > 0 {
				hs = append(hs[:1:1], hs...)
			}
			return hs, err
		}))},
	{"it lists nobody where there is nothing", "an unknown entitlement is an error", able(listing(
		func(hs []reconciler.Holding, err error) ([]reconciler.Holding, error) {
			if err != nil && strings.Contains(err.Error(), "no entitlement") {
				return nil, nil
			}
			return hs, err
		}))},
	{"it makes what it does not find", "an unknown entitlement is an error", able(applying(func(ctx context.Context, m *memory, c reconciler.Change) error {
		m.mu.Lock()
		if m.holders[c.Entitlement.Key()] == nil {
			m.holders[c.Entitlement.Key()] = map[string]reconciler.Holding{}
		}
		m.mu.Unlock()
		return m.Apply(ctx, c)
	}))},
	{"it gives what it does not understand", "an unknown action is an error and changes nothing", able(applying(
		func(ctx context.Context, m *memory, c reconciler.Change) error {
			if c.Action != reconciler.Take {
				c.Action = reconciler.Give
			}
			return m.Apply(ctx, c)
		}))},
	{"it cuts accounts at a question mark", "a hostile account is refused or is the one name it is", able(meaning(func(c *reconciler.Change) {
		c.Account, _, _ = strings.Cut(c.Account, "?")
	}))},
	{"it trims accounts", "a hostile account is refused or is the one name it is", plain(meaning(func(c *reconciler.Change) {
		c.Account = strings.TrimSpace(c.Account)
	}))},
	{"it resolves entitlements like paths", "a hostile entitlement never stands for another", able(meaning(func(c *reconciler.Change) {
		name := c.Entitlement.Values["team"]
		c.Entitlement = team(name[strings.LastIndexByte(name, '/')+1:])
	}))},
	{"it lists another entitlement", "a hostile entitlement never stands for another", able(func(m *memory) reconciler.Target {
		return altered{Target: m, list: func(ctx context.Context, e grants.Entitlement) ([]reconciler.Holding, error) {
			name, _, _ := strings.Cut(e.Values["team"], "#")
			return m.List(ctx, team(name))
		}}
	})},
	{"it does not hear of cancelling when it lists", "a cancelled context is an error and changes nothing", able(func(m *memory) reconciler.Target {
		return altered{Target: m, list: func(_ context.Context, e grants.Entitlement) ([]reconciler.Holding, error) {
			return m.List(context.Background(), e)
		}}
	})},
	{"it does not hear of cancelling when it applies", "a cancelled context is an error and changes nothing", able(applying(
		func(_ context.Context, m *memory, c reconciler.Change) error { return m.Apply(context.Background(), c) }))},
	{"it lists nobody when it is down", "a server that is down is an error and never an empty list", able(listing(
		func(hs []reconciler.Holding, err error) ([]reconciler.Holding, error) {
			if errors.Is(err, errDown) {
				return nil, nil
			}
			return hs, err
		}))},
	{"it believes its changes when it is down", "a server that is down is an error and never an empty list", able(applying(
		func(ctx context.Context, m *memory, c reconciler.Change) error {
			if err := m.Apply(ctx, c); !errors.Is(err, errDown) {
				return err
			}
			return nil
		}))},
	{"it writes back what it read", "two writers at once lose nothing", able(applying(lost))},
	{"it gives to anyone", "an unknown account cannot be given anything and holds nothing to take", able(func(m *memory) reconciler.Target {
		m.accounts = nil
		return m
	})},
	{"it cannot take from the unknown", "an unknown account cannot be given anything and holds nothing to take", able(applying(
		func(ctx context.Context, m *memory, c reconciler.Change) error {
			if c.Action == reconciler.Take && !slices.Contains(m.accounts, c.Account) {
				return errors.New("404 Not Found")
			}
			return m.Apply(ctx, c)
		}))},
	{"it does not list invitations", "an invitation is listed as pending and can be taken back", able(listing(
		func(hs []reconciler.Holding, err error) ([]reconciler.Holding, error) {
			return slices.DeleteFunc(hs, func(h reconciler.Holding) bool { return h.Pending }), err
		}))},
	{"it reads one page", "many holders are all listed", able(listing(
		func(hs []reconciler.Holding, err error) ([]reconciler.Holding, error) {
			return hs[:min(100, len(hs))], err
		}))},
	{"it never shortens", "the end is written, read back, extended and shortened", able(applying(
		func(ctx context.Context, m *memory, c reconciler.Change) error {
			m.mu.Lock()
			if h := m.holders[c.Entitlement.Key()][c.Account]; h.Until.After(c.Until) {
				c.Until = h.Until
			}
			m.mu.Unlock()
			return m.Apply(ctx, c)
		}))},
	{"it writes no end", "the end is written, read back, extended and shortened", able(meaning(func(c *reconciler.Change) {
		c.Until = c.Until.Truncate(1 << 62)
	}))},
	{"it claims an end", "no end is claimed that the target does not write", plain(func(m *memory) reconciler.Target {
		m.ends = true
		return m
	})},
	{"it prints its credentials", "no error carries a credential", able(listing(
		func(hs []reconciler.Holding, err error) ([]reconciler.Holding, error) {
			if err != nil {
				err = fmt.Errorf("https://lapse:%s@example.com: %w", secret, err)
			}
			return hs, err
		}))},
}

func holds(m *memory, c reconciler.Change) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.holders[c.Entitlement.Key()][c.Account]
	return ok
}

func takeOnlyHeld(ctx context.Context, m *memory, c reconciler.Change) error {
	if c.Action == reconciler.Take && !holds(m, c) {
		return errors.New("404 Not Found")
	}
	return m.Apply(ctx, c)
}

// meaning has a target take one change for another.
func meaning(change func(*reconciler.Change)) func(*memory) reconciler.Target {
	return applying(func(ctx context.Context, m *memory, c reconciler.Change) error {
		change(&c)
		return m.Apply(ctx, c)
	})
}

// counting is a target that takes as often as it gave.
func counting(m *memory) reconciler.Target {
	var mu sync.Mutex
	given := map[string]int{}
	return altered{Target: m, apply: func(ctx context.Context, c reconciler.Change) error {
		mu.Lock()
		defer mu.Unlock()
		key := c.Entitlement.Key() + " " + c.Account
		if c.Action == reconciler.Give {
			given[key]++
		} else if given[key]--; given[key] > 0 {
			return nil
		}
		return m.Apply(ctx, c)
	}}
}

// remembering is a target that writes the whole list from what it gave itself.
func remembering(m *memory) reconciler.Target {
	var mu sync.Mutex
	own := map[string]map[string]reconciler.Holding{}
	return altered{Target: m, apply: func(ctx context.Context, c reconciler.Change) error {
		if err := m.Apply(ctx, c); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		m.mu.Lock()
		defer m.mu.Unlock()
		key := c.Entitlement.Key()
		if own[key] == nil {
			own[key] = map[string]reconciler.Holding{}
		}
		if h, ok := m.holders[key][c.Account]; ok {
			own[key][c.Account] = h
		} else {
			delete(own[key], c.Account)
		}
		m.holders[key] = maps.Clone(own[key])
		return nil
	}}
}

func TestEachBrokenTargetIsCaughtByItsCase(t *testing.T) {
	for _, b := range broken {
		t.Run(b.how, func(t *testing.T) {
			c := find(t, b.harness, b.caught)
			synctest.Test(t, func(t *testing.T) {
				p := &probe{TB: t}
				p.try(c, b.harness)
				if !p.Failed() {
					t.Errorf("passed %q", b.caught)
				}
				control := &probe{TB: t}
				if b.harness.NativeEnd {
					control.try(c, able(good))
				} else {
					control.try(c, plain(good))
				}
				if control.Failed() {
					t.Errorf("a good target fails %q, too", b.caught)
				}
			})
		})
	}
}

func TestEachCaseCatchesSomething(t *testing.T) {
	for _, c := range append(cases(able(good)), cases(plain(good))...) {
		if !slices.ContainsFunc(broken, func(f fault) bool { return f.caught == c.name }) {
			t.Errorf("no broken target for %q", c.name)
		}
	}
}

func TestAHarnessThatLeavesThingsOutIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*System){
		"no target":         func(s *System) { s.Target = nil },
		"no hand":           func(s *System) { s.AddByHand = nil },
		"no way down":       func(s *System) { s.Down = nil },
		"one account":       func(s *System) { s.Accounts[1] = s.Accounts[0] },
		"one entitlement":   func(s *System) { s.Other = s.Entitlement },
		"known unknown":     func(s *System) { s.Unknown = s.Other },
		"no unknown people": func(s *System) { s.UnknownAccount = "" },
		"no invitee":        func(s *System) { s.Invitee = "" },
		"no fill":           func(s *System) { s.Fill = nil },
	} {
		h := able(good)
		fresh := h.New
		h.New = func(t testing.TB) System {
			s := fresh(t)
			spoil(&s)
			return s
		}
		p := &probe{TB: t}
		p.try(kase{run: checkHarness}, h)
		if !p.Failed() {
			t.Errorf("%s: accepted", name)
		}
	}
}

func find(t *testing.T, h Harness, name string) kase {
	t.Helper()
	for _, c := range cases(h) {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("no case %q", name)
	return kase{}
}

// probe stands in for a test and notes that it failed instead of failing.
type probe struct {
	testing.TB
	mu     sync.Mutex
	failed bool
}

// try runs a case to its end, or to where it gives up.
func (p *probe) try(c kase, h Harness) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(p, h)
	}()
	<-done
}

func (p *probe) Fail() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = true
}

func (p *probe) Failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *probe) FailNow()              { p.Fail(); runtime.Goexit() }
func (p *probe) Error(...any)          { p.Fail() }
func (p *probe) Errorf(string, ...any) { p.Fail() }
func (p *probe) Fatal(...any)          { p.FailNow() }
func (p *probe) Fatalf(string, ...any) { p.FailNow() }
