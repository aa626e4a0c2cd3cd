package grants

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/lapse-access/lapse/names"
)

// AnchorConfig says where the last tips of main and of the ledger are kept outside the forge. One of File, Exec and Git is set.
type AnchorConfig struct {
	File string   // absolute path
	Exec []string // program and arguments; `read` or `write` comes behind them
	Env  []string // names of the variables that the program is given beside its own few
	Git  string   // URL of a repository elsewhere

	Ref      string // of Git
	Username string // of Git, with Token
	Token    string // of Git: "${NAME}", or "" for none
	At       Pos
}

// defaultAnchorRef is where a git anchor keeps its checkpoint unless told otherwise.
const defaultAnchorRef = "refs/heads/lapse-anchor"

// maxPlace is the most characters of a place in words: receipts name it.
const maxPlace = 1000

// Place names where the checkpoint is kept, without secrets. Two configurations with one place mean the same.
func (a AnchorConfig) Place() string {
	switch {
	case a.File != "":
		return "file " + a.File
	case a.Git != "":
		return "git " + a.Git + " " + a.Ref
	}
	words := make([]string, len(a.Exec))
	for i, w := range a.Exec {
		words[i] = strconv.Quote(w)
	}
	return "exec " + strings.Join(words, " ")
}

// anchorEntry is one of {file}, {exec, env} and {git, ref, username, token}.
type anchorEntry struct {
	File     pathText      `yaml:"file,omitempty" jsonschema_description:"A file on the reconciler's machine, outside the repository: an absolute path."`
	Exec     []wordText    `yaml:"exec,omitempty" jsonschema_description:"A program and its arguments. It gets read or write as its last argument, and reads or writes the checkpoint on stdout or stdin."`
	Env      []envText     `yaml:"env,omitempty" jsonschema_description:"With exec: names of environment variables that the program is given."`
	Git      urlText       `yaml:"git,omitempty" jsonschema_description:"A git repository elsewhere: its URL, without a user or a token."`
	Ref      anchorRefText `yaml:"ref,omitempty" jsonschema_description:"With git: the branch, in full; refs/heads/lapse-anchor unless said otherwise."`
	Username plainText     `yaml:"username,omitempty" jsonschema_description:"With git: the user that the token is of, where the server asks for one."`
	Token    secretText    `yaml:"token,omitempty" jsonschema_description:"With git: the environment variable that holds the token."`
}

type (
	pathText      string
	wordText      string
	plainText     string
	envText       string
	urlText       string
	anchorRefText string
)

func (s envText) check() error { return names.EnvName(string(s)) }

func (s pathText) check() error {
	if !path.IsAbs(string(s)) || path.Clean(string(s)) != string(s) || s == "/" {
		return errors.New("want the absolute path of a file, without . or .. in it")
	}
	return inert(string(s))
}

func (s wordText) check() error  { return inert(string(s)) }
func (s plainText) check() error { return inert(string(s)) }

func (s anchorRefText) check() error {
	return checkFullBranch(string(s), defaultAnchorRef)
}

func (s urlText) check() error {
	if !isPlainURL(string(s)) {
		return errors.New(`want a URL like https://git.acme.com/lapse/anchor.git: no user and no token, which stands under token as "${NAME}"`)
	}
	return inert(string(s))
}

// inert: printable ASCII, and nothing that reads like a secret of the environment.
func inert(s string) error {
	switch {
	case s == "" || len(s) > 500:
		return fmt.Errorf("%d characters: want 1 to 500", len(s))
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("want letters, digits and signs of ASCII")
	case strings.Contains(s, "${"):
		return errors.New("it is written out, and never taken from the environment")
	}
	return nil
}

// readAnchor reads the anchor; nil where none is named.
func readAnchor(w configFile, d *decoder) *AnchorConfig {
	at, named := d.places["anchor"]
	if !named || d.unread("anchor") {
		return nil
	}
	e := w.Anchor
	a := AnchorConfig{File: string(e.File), Git: string(e.Git), Ref: string(e.Ref), Username: string(e.Username), Token: string(e.Token), At: at}
	for _, word := range e.Exec {
		a.Exec = append(a.Exec, string(word))
	}
	for _, name := range e.Env {
		a.Env = append(a.Env, string(name))
	}
	before := len(d.problems)
	a.check(d)
	if len(d.problems) > before {
		return nil
	}
	if a.Git != "" && a.Ref == "" {
		a.Ref = defaultAnchorRef
	}
	return &a
}

// check finds keys that do not belong together.
func (a AnchorConfig) check(d *decoder) {
	kinds := 0
	for _, is := range []bool{a.File != "", len(a.Exec) > 0, a.Git != ""} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		d.problem("anchor", "", "anchor: want one of file, exec and git")
	case len(a.Exec) == 0 && len(a.Env) > 0:
		d.problem("anchor.env", "", "env: only a program of exec is given variables")
	case a.Git == "" && a.Ref+a.Username+a.Token != "":
		d.problem("anchor", "", "anchor: ref, username and token belong to git")
	case len(a.Exec) > 0 && strings.Contains(a.Exec[0], "/") && !path.IsAbs(a.Exec[0]):
		d.problem("anchor.exec", "", "exec: want a program, by its absolute path or by a name in $PATH, and its arguments")
	case len(a.Place()) > maxPlace:
		d.problem("anchor", "", "anchor: more than %d characters in all", maxPlace)
	}
}
