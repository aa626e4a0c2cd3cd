package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
)

// environment is everything the command knows of the world around it. Nothing else reads the arguments, the environment's
// variables or the clock.
type environment struct {
	args     []string
	in       io.Reader
	out      io.Writer // the result
	err      io.Writer // the talk
	getenv   func(string) string
	now      func() time.Time
	http     http.RoundTripper
	terminal bool     // a person reads out
	asks     bool     // a person can be asked: in is a terminal
	redraws  bool     // err is a terminal, on which a line can be drawn again
	used     []string // secrets that were read, to be kept out of every text
}

// Exit codes of every command.
const (
	exitFine    = 0
	exitFailed  = 1 // could not do it
	exitUsage   = 2
	exitRefused = 3 // refused, or a finding
)

// refused is the error of a command that did its work and whose answer is no. What is to be said has been said.
type refused struct{ error }

// failed is the error of a command that said itself what it could not do.
type failed struct{ error }

var (
	errRefused = refused{errors.New("refused")}
	errFailed  = failed{errors.New("not everything could be done")}
)

// usage is an error in how the command was called.
type usage struct{ error }

func usagef(format string, args ...any) error { return usage{fmt.Errorf(format, args...)} }

// run is the whole program: it returns the exit code. Whatever it writes, wherever it comes from, holds no secret.
func run(ctx context.Context, world *environment) int {
	env := new(environment)
	*env = *world
	env.out, env.err = scrubbed{env, world.out}, scrubbed{env, world.err}
	root := newRoot(env)
	root.SetArgs(env.args)
	root.SetIn(env.in)
	root.SetOut(env.out)
	root.SetErr(env.err)
	return exitCode(env, root.ExecuteContext(ctx))
}

func exitCode(env *environment, err error) int {
	var r refused
	var f failed
	var u usage
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &r):
		return exitRefused
	case errors.As(err, &f):
		return exitFailed
	case errors.As(err, &u):
		env.complain(err)
		return exitUsage
	}
	env.complain(err)
	return exitFailed
}

// complain writes an error for a person, and as an annotation where a workflow is running.
func (env *environment) complain(err error) {
	text := env.scrub(err.Error())                   // here too: of a secret with several lines each would be written by itself
	for i, line := range strings.Split(text, "\n") { // joined errors are one to a line
		prefix := "lapse: "
		if i > 0 {
			prefix = "       "
		}
		fmt.Fprintf(env.err, "%s%s\n", prefix, render.Text(line))
	}
	if env.inActions() {
		_ = render.WorkflowCommands(env.err, []render.Annotation{{Level: render.LevelFailure, Title: "lapse", Text: text}})
	}
}

func (env *environment) inActions() bool { return env.getenv("GITHUB_ACTIONS") == "true" }

// scrub takes every secret of the environment out of a text, whatever library put it there.
func (env *environment) scrub(s string) string {
	var secrets []string
	for _, name := range []string{"LAPSE_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "LAPSE_APP_PRIVATE_KEY", "LAPSE_SIGNING_KEY"} {
		if v := env.getenv(name); v != "" {
			secrets = append(secrets, v)
		}
	}
	return render.SecretScrubber(append(secrets, env.used...)...)(s)
}

func (env *environment) logger(verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(lines{env.err}, &slog.HandlerOptions{Level: level}))
}

// scrubbed writes what holds no secret. A secret that is cut between two writes is not seen, so texts are written whole.
type scrubbed struct {
	env *environment
	to  io.Writer
}

func (s scrubbed) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.to, s.env.scrub(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// lines writes log lines, one by one, as text that acts nowhere: what others say is in them.
type lines struct{ to io.Writer }

func (l lines) Write(p []byte) (int, error) {
	if _, err := io.WriteString(l.to, render.Text(strings.TrimSuffix(string(p), "\n"))+"\n"); err != nil {
		return 0, err
	}
	return len(p), nil
}

func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:     "lapse",
		Version: version(),
		Short:   "Access for a while, by pull request",
		Long: strings.TrimSpace(`
Lapse gives people access for a while, through pull requests. A request is a file under grants/ in an access
repository; lapse check judges it, lapse reconcile gives what was merged and takes it back on time.

Exit codes: 0 fine, 1 could not do it, 2 wrong usage, 3 refused or a finding.`),
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; see `%s --help`", flagError(err), c.CommandPath())
	})
	root.AddCommand(newInit(env), newRequest(env), newExtend(env), newRevoke(env), newCheck(env), newReconcile(env), newAccept(env), newLog(env), newWho(env), newVerify(env), newDoctor(env), newDemo(env))
	for _, c := range append(root.Commands(), root) {
		args := c.Args
		c.Args = func(c *cobra.Command, a []string) error {
			err := args(c, a)
			switch wants := strings.Fields(c.Use)[1:]; {
			case err == nil || !c.HasParent() || !c.Runnable():
			case len(a) < len(wants):
				err = fmt.Errorf("%s wants %s", c.CommandPath(), strings.Join(wants, " "))
			default:
				err = fmt.Errorf("%s does not take the argument %q", c.CommandPath(), strings.Join(a[len(wants):], " "))
			}
			if err != nil {
				return usagef("%w; see `%s --help`", err, c.CommandPath())
			}
			return nil
		}
	}
	return root
}

// flagError says of a value that is none what it should have been.
func flagError(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err
	}
	f := bad.GetFlag()
	var number *strconv.NumError
	switch {
	case f.Value.Type() == "bool":
		return fmt.Errorf("--%s=%s: it takes no value; leave it out for no", f.Name, bad.GetValue())
	case errors.As(err, &number):
		return fmt.Errorf("--%s %q: want a whole number, 0 or more", f.Name, bad.GetValue())
	}
	return fmt.Errorf("--%s: %w", f.Name, errors.Unwrap(bad))
}

// version is what this program was built from, by the word of the toolchain: a release's tag, or the commit of a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	return or(v, "unknown") + " " + runtime.Version()
}
