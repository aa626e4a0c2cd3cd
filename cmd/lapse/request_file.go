package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/names"
)

// writeRequest writes the grant's file into the working copy, asks nobody and sends nothing.
func writeRequest(env *environment, o requestOptions) error {
	if o.wait || o.json {
		return usagef("--file sends nothing: leave out --wait and --json")
	}
	if err := o.complete(); err != nil {
		return err
	}
	if o.user == "" {
		return usagef("whose grant is it? a file alone is written without asking GitHub who you are; use --for-user")
	}
	root, err := workingCopy()
	if err != nil {
		return err
	}
	defer root.Close()
	conf := grants.LoadConfiguration(root.FS(), targetTypes())
	id, err := freeHere(root, o)
	if err != nil {
		return err
	}
	g, text, err := o.grant(id)
	if err != nil {
		return err
	}
	if problems := problemsOf(conf, g, env.now().UTC()); len(problems) > 0 && !o.anyway {
		if err := render.Problems(env.err, problems); err != nil {
			return err
		}
		fmt.Fprintln(env.err, "lapse: not written; --anyway writes it all the same")
		return errRefused
	}
	if err := writeNew(root, g.Path(), text); err != nil {
		return err
	}
	fmt.Fprintln(env.err, "lapse: commit it on a branch of its own, and open a pull request with nothing else in it")
	_, err = fmt.Fprintln(env.out, render.Text(filepath.Join(root.Name(), filepath.FromSlash(g.Path()))))
	return err
}

// problemsOf are those of the grant if it were merged now.
func problemsOf(conf *grants.Configuration, g grants.Grant, now time.Time) []grants.Problem {
	var r *grants.Role
	if role, known := conf.Roles[g.Role]; known {
		r = &role
	}
	return append(conf.CheckGrant(g), grants.CheckInterval(g, now, now, r, conf.Config.Limits)...)
}

// workingCopy is the folder with lapse.yaml, here or above. Nothing outside it is read or written, whatever links it holds.
func workingCopy() (*os.Root, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if info, err := os.Lstat(filepath.Join(at, "lapse.yaml")); err == nil && info.Mode().IsRegular() {
			return os.OpenRoot(at)
		}
		if at == filepath.Dir(at) {
			return nil, usagef("no lapse.yaml in %s or above: --file writes into a working copy of the access repository", dir)
		}
	}
}

// freeHere is the id that was asked for, or the first that no file here has.
func freeHere(root *os.Root, o requestOptions) (string, error) {
	if o.id != "" {
		if err := names.GrantID(o.id); err != nil {
			return "", usagef("--id: %w", err)
		}
		return o.id, nil
	}
	return o.freeID(nil, func(id string) (bool, error) {
		_, err := root.Lstat(filepath.FromSlash(grants.PathOf(id)))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	})
}

// writeNew writes a file that must not be there yet.
func writeNew(root *os.Root, name, text string) error {
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
			return fmt.Errorf("make the folder %s: %w", dir, err)
		}
	}
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usagef("--id: %s is there already; choose another", name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
