package anchors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// program reads and writes a place of its own choosing: any object store that has a command.
//
//	read   exit 0 and the checkpoint on stdout; exit 0 and nothing where there is none; anything else is an error
//	write  the checkpoint on stdin; exit 0 once it is kept
//
// It sees $PATH, $HOME, and the variables that the configuration names; none of Lapse's own secrets.
type program struct {
	args []string
	env  []string
}

func newProgram(c grants.AnchorConfig, m Means) (program, error) {
	p := program{args: append([]string{}, c.Exec...), env: []string{"PATH=" + m.Path, "HOME=" + m.Home, "LC_ALL=C"}}
	for _, name := range c.Env {
		v, err := m.Secret("${" + name + "}")
		if err != nil {
			return p, fmt.Errorf("%s: %w", c.At, err)
		}
		p.env = append(p.env, name+"="+v)
	}
	if filepath.IsAbs(p.args[0]) {
		return p, nil
	}
	for _, folder := range filepath.SplitList(m.Path) {
		if found, err := exec.LookPath(filepath.Join(folder, p.args[0])); err == nil && filepath.IsAbs(found) {
			p.args[0] = found
			return p, nil
		}
	}
	return p, fmt.Errorf("%s: no program %s in $PATH", c.At, p.args[0])
}

func (p program) Read(ctx context.Context) ([]byte, error) {
	out, err := p.run(ctx, "read", nil)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return out, nil
}

func (p program) Write(ctx context.Context, _, new []byte, _ time.Time) error {
	_, err := p.run(ctx, "write", new)
	return err
}

// run is one call. What the program leaves running behind it is not waited for.
func (p program) run(ctx context.Context, verb string, in []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	out, talk := &bounded{most: ledger.MaxCheckpoint}, &bounded{most: 1000, cut: true}
	cmd := exec.CommandContext(ctx, p.args[0], append(p.args[1:len(p.args):len(p.args)], verb)...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = p.env, "/", 2*time.Second
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), out, talk
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s %s: did not end in time: %w", p.args[0], verb, ctx.Err())
	case out.full:
		return nil, fmt.Errorf("%s %s: more than %d bytes", p.args[0], verb, out.most)
	case err != nil:
		said := strings.Join(strings.Fields(talk.String()), " ")
		if said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return nil, fmt.Errorf("%s %s: %w", p.args[0], verb, err)
	}
	return out.Bytes(), nil
}

// bounded keeps the first bytes of what is written to it. More is an error, or cut off.
type bounded struct {
	bytes.Buffer
	most int
	cut  bool
	full bool
}

var errFull = errors.New("more than it may be")

func (b *bounded) Write(p []byte) (int, error) {
	room := max(0, b.most-b.Len())
	b.Buffer.Write(p[:min(len(p), room)])
	if len(p) > room && !b.cut {
		b.full = true
		return room, errFull
	}
	return len(p), nil
}
