package reconciler

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-access/lapse/grants"
)

// hanging answers nothing until it is given up.
type hanging struct{}

func (hanging) List(ctx context.Context, _ grants.Entitlement) ([]Holding, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hanging) Apply(ctx context.Context, _ Change) error {
	<-ctx.Done()
	return ctx.Err()
}

// prompt shows what was not taken yet, and remembers when it was.
type prompt struct{ at *time.Time }

func (p prompt) List(context.Context, grants.Entitlement) ([]Holding, error) {
	if p.at.IsZero() {
		return []Holding{held}, nil
	}
	return nil, nil
}

func (p prompt) Apply(context.Context, Change) error {
	*p.at = time.Now() // of the bubble
	return nil
}

// A target that never answers is given up in the end, and the others do not wait for it.
func TestA52ATargetThatHangsDelaysNoOtherAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken time.Time
		c := &grants.Configuration{Config: grants.Config{Targets: map[string]grants.TargetConfig{"github": {Name: "github"}, "vault": {Name: "vault"}}}}
		r := &Reconciler{Observer: &Observer{Open: func(_ context.Context, c grants.TargetConfig) (Lister, error) {
			if c.Name == "github" {
				return hanging{}, nil
			}
			return prompt{&taken}, nil
		}}}
		began := time.Now()
		both := map[string]grants.Entitlement{team.Key(): team, other.Key(): other}
		l := r.list(t.Context(), c, both)
		if l[team.Key()].Err == nil || l[other.Key()].Err != nil || len(l[other.Key()].Holdings) != 1 {
			t.Errorf("%+v", l)
		}
		looked := time.Now()
		if looked.Sub(began) != patience {
			t.Errorf("looking took %s", looked.Sub(began))
		}
		steps := []Step{{Change: Change{Action: Take, Entitlement: team, Account: "7"}}, {Change: Change{Action: Take, Entitlement: other, Account: "7"}}}
		results := r.readBack(t.Context(), c, r.apply(t.Context(), steps))
		if results[0].Done || results[0].Err == nil || !results[1].Done || !taken.Equal(looked) {
			t.Errorf("%+v, %s after the look", results, taken.Sub(looked))
		}
	})
}
