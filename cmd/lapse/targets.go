package main

import (
	"context"
	"fmt"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/targets/file"
	targetgithub "github.com/lapse-access/lapse/targets/github"
)

// targetKind is one type of target: what the loader must know of it, and how to connect.
type targetKind struct {
	describe grants.TargetType
	open     func(settings map[string]string, forge *github.Client) reconciler.Target
}

// targetKinds lists every type of target of this program.
func targetKinds() []targetKind {
	return []targetKind{
		{file.Type(), func(s map[string]string, _ *github.Client) reconciler.Target { return file.New(s["path"]) }},
		{targetgithub.Type(), func(s map[string]string, c *github.Client) reconciler.Target { return targetgithub.New(c, s["org"]) }},
	}
}

func targetTypes() grants.Types {
	types := grants.Types{}
	for _, k := range targetKinds() {
		types[k.describe.Name] = k.describe
	}
	return types
}

// opener connects to targets with their secrets resolved.
func opener(env *environment, forge *github.Client) func(context.Context, grants.TargetConfig) (reconciler.Target, error) {
	return func(_ context.Context, c grants.TargetConfig) (reconciler.Target, error) {
		settings := map[string]string{}
		for k, v := range c.Settings {
			s, err := env.expand(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", c.At, k, err)
			}
			settings[k] = s
		}
		for _, k := range targetKinds() {
			if k.describe.Name == c.Type {
				return k.open(settings, forge), nil
			}
		}
		return nil, fmt.Errorf("%s: type %q is not known to this program", c.At, c.Type)
	}
}
