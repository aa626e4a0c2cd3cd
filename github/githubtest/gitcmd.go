package githubtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// zeroSHA is how git and the activity log write "no commit".
const zeroSHA = "0000000000000000000000000000000000000000"

// person is an author or a committer.
type person struct {
	name, email string
	at          time.Time
}

// webFlow is the committer of what GitHub itself commits.
func webFlow(at time.Time) person { return person{"GitHub", "noreply@github.com", at} }

// gitCommand is one call of git in a repository, deaf to the configuration and identity of whoever runs the program.
type gitCommand struct {
	dir   string
	env   []string
	stdin io.Reader
}

func (s *Server) git(r *repo) gitCommand {
	return gitCommand{dir: r.dir, env: s.gitEnv()}
}

func (s *Server) gitEnv() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + s.opt.Dir,
		"LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_AUTHOR_NAME=GitHub", "GIT_AUTHOR_EMAIL=noreply@github.com",
		"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@github.com",
	}
}

func (g gitCommand) with(env ...string) gitCommand {
	g.env = append(g.env[:len(g.env):len(g.env)], env...)
	return g
}

func (g gitCommand) input(in io.Reader) gitCommand {
	g.stdin = in
	return g
}

// as sets the author and committer of the commits that follow.
func (g gitCommand) as(author, committer person) gitCommand {
	return g.with(
		"GIT_AUTHOR_NAME="+author.name, "GIT_AUTHOR_EMAIL="+author.email, "GIT_AUTHOR_DATE="+gitDate(author.at),
		"GIT_COMMITTER_NAME="+committer.name, "GIT_COMMITTER_EMAIL="+committer.email, "GIT_COMMITTER_DATE="+gitDate(committer.at))
}

func gitDate(t time.Time) string { return fmt.Sprintf("%d +0000", t.Unix()) }

// run returns what git wrote to its standard output, as bytes.
func (g gitCommand) run(args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = g.dir, g.env, g.stdin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.Bytes(), &gitError{args: args, stderr: stderr.String(), err: err}
	}
	return stdout.Bytes(), nil
}

// line is run for commands that answer one line.
func (g gitCommand) line(args ...string) (string, error) {
	out, err := g.run(args...)
	return strings.TrimSpace(string(out)), err
}

// lines is run for commands that answer a list.
func (g gitCommand) lines(args ...string) ([]string, error) {
	out, err := g.run(args...)
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(out)), nil
}

// holds is for commands whose exit status 0 or 1 is the answer.
func (g gitCommand) holds(args ...string) (bool, error) {
	_, err := g.run(args...)
	return exitedClean(err)
}

// exitedClean reads exit status 0 as true and 1 as false; anything else is an error.
func exitedClean(err error) (bool, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return false, nil
	}
	return false, err
}

func (g gitCommand) isAncestor(old, new string) (bool, error) {
	return g.holds("merge-base", "--is-ancestor", old, new)
}

type gitError struct {
	args   []string
	stderr string
	err    error
}

func (e *gitError) Error() string {
	return fmt.Sprintf("git %s: %v: %s", strings.Join(e.args, " "), e.err, strings.TrimSpace(e.stderr))
}

func (e *gitError) Unwrap() error { return e.err }

// initBare makes an empty repository that keeps every object it was ever sent and serves any of them by its id.
func (s *Server) initBare(dir, branch string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("githubtest: make repository: %w", err)
	}
	g := gitCommand{dir: s.opt.Dir, env: s.gitEnv()}
	if _, err := g.run("init", "-q", "--bare", "--template=", "--initial-branch="+branch, dir); err != nil {
		return fmt.Errorf("githubtest: make repository: %w", err)
	}
	config := fmt.Sprintf(bareConfig, s.hooksDir())
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o644); err != nil {
		return fmt.Errorf("githubtest: make repository: %w", err)
	}
	return nil
}

const bareConfig = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	hooksPath = %q
	logAllRefUpdates = false
[gc]
	auto = 0
[receive]
	autogc = false
	hideRefs = refs/pull
	advertisePushOptions = false
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[http]
	receivepack = true
`

func (s *Server) hooksDir() string { return filepath.Join(s.opt.Dir, ".hooks") }

// updateHook refuses what the server decided before it handed a push to git; how a branch may move can be told only
// once its new commits are there.
const updateHook = `#!/bin/sh
refuse() {
	echo "error: GH006: Protected branch update failed for $ref." >&2
	echo "error: $1" >&2
	exit 1
}
ref=$1 old=$2 new=$3
while read -r rule name message; do
	[ "$name" = "$ref" ] || continue
	case $rule in
	refuse) refuse "$message" ;;
	forward)
		case $old in *[!0]*) ;; *) continue ;; esac
		case $new in *[!0]*) git merge-base --is-ancestor "$old" "$new" || refuse "$message" ;; esac ;;
	keep)
		case $new in *[!0]*) ;; *) refuse "$message" ;; esac ;;
	esac
done <<RULES
$GITHUBTEST_RULES
RULES
exit 0
`
