package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// demoOptions are the flags of lapse demo.
type demoOptions struct {
	dir  string
	fast bool
}

func newDemo(env *environment) *cobra.Command {
	o := demoOptions{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "See it all happen, on a GitHub inside this process",
		Long: `Demo starts a stateful GitHub on loopback, makes an access repository with a role and policies, and shows a request denied by
policy, approved, merged, given, expired, taken and removed, three attacks that get nothing, and what an auditor finds. It needs git,
and no network.`,
		Example: `  lapse demo
  lapse demo --fast --dir /tmp/lapse-demo    # no pauses; keeps the repositories for a look with git`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c.Context(), env, o) },
	}
	c.Flags().StringVar(&o.dir, "dir", "", "keep the repositories in this `folder`")
	c.Flags().BoolVar(&o.fast, "fast", false, "no pauses: time is moved instead of waited for")
	return c
}

// demo is one performance.
type demo struct {
	*stage.Stage
	ctx  context.Context
	out  io.Writer
	env  *environment // of the person who watches
	vars map[string]string
	fast bool
	step int
}

func runDemo(ctx context.Context, env *environment, o demoOptions) (err error) {
	dir, cleanup, err := demoFolder(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	d := &demo{ctx: ctx, out: env.out, env: env, fast: o.fast}
	d.Stage, err = stage.New(dir, env.now, nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	d.vars = d.Environment(filepath.Join(dir, "cache"))
	for _, scene := range []func() error{
		d.begin, d.deniedByPolicy, d.approved, d.given, d.expires, d.selfApproval, d.directPush, d.pushAfterApproval, d.history, d.verified,
	} {
		if err := scene(); err != nil {
			return fmt.Errorf("demo, step %d: %w", d.step, err)
		}
	}
	if o.dir != "" {
		d.say("The access repository is %s: look around with stock git, or clone it and run lapse verify --offline there.", filepath.Join(dir, stage.Repo+".git"))
	}
	return nil
}

// demoFolder is the folder that was asked for, which must be empty, or one that is removed at the end.
func demoFolder(dir string) (string, func() error, error) {
	if dir == "" {
		dir, err := os.MkdirTemp("", "lapse-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("--dir: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	if len(entries) > 0 {
		return "", nil, usagef("--dir %s is not empty: name a folder that is, or is not there yet", dir)
	}
	dir, err = filepath.Abs(dir)
	return dir, func() error { return nil }, err
}

// title begins a step.
func (d *demo) title(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.out, "\n%d. %s\n\n", d.step, fmt.Sprintf(format, args...))
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "   %s\n", fmt.Sprintf(format, args...))
}

// show prints text as it would be seen, indented.
func (d *demo) show(text string) {
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintf(d.out, "     %s\n", line)
	}
	fmt.Fprintln(d.out)
}

// pause gives a person time to read.
func (d *demo) pause() error {
	if d.fast {
		return nil
	}
	return d.wait(2 * time.Second)
}

func (d *demo) wait(t time.Duration) error {
	select {
	case <-time.After(t):
		return nil
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
}

// until lets time pass: by waiting, or by moving it.
func (d *demo) until(end time.Time) error {
	left := end.Sub(d.Now())
	if left <= 0 {
		return nil
	}
	if d.fast {
		d.AdvanceTo(end)
		return nil
	}
	return d.wait(left)
}

// lapse runs the real command, by the clock of the GitHub of the demo, and wants the exit code.
func (d *demo) lapse(want int, args ...string) error {
	fmt.Fprintf(d.out, "   $ lapse %s\n", strings.Join(args, " "))
	var out, talk bytes.Buffer
	env := &environment{
		args: args, in: strings.NewReader(""), out: &out, err: &talk,
		getenv: func(k string) string { return d.vars[k] }, now: d.Clock, http: d.env.http, terminal: false,
	}
	code := run(d.ctx, env)
	d.show(talk.String() + out.String())
	if code != want {
		return fmt.Errorf("lapse %s: exit %d, want %d", strings.Join(args, " "), code, want)
	}
	return d.pause()
}
