package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var updateReference = flag.Bool("update-reference", false, "write docs/commands from the program")

const reference = "../../docs/commands"

// The manual's pages of commands are what the program says of itself: go test ./cmd/lapse -run Reference -update-reference
func TestTheReferenceOfCommandsIsTheProgramsOwn(t *testing.T) {
	pages := map[string]string{}
	root := newRoot(&environment{getenv: func(string) string { return "" }})
	root.InitDefaultCompletionCmd()
	collect(t, root, pages)
	if *updateReference {
		for name, text := range pages {
			if err := os.WriteFile(filepath.Join(reference, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	there, err := filepath.Glob(filepath.Join(reference, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if _, ok := pages[filepath.Base(path)]; !ok {
			t.Errorf("%s is about no command", path)
		}
	}
	for name, want := range pages {
		b, err := os.ReadFile(filepath.Join(reference, name))
		if err != nil || string(b) != want {
			t.Errorf("docs/commands/%s is not what the program says (%v); run go test ./cmd/lapse -run Reference -update-reference", name, err)
		}
	}
}

// collect writes the page of a command and of all below it, but for those that a shell alone calls.
func collect(t *testing.T, c *cobra.Command, pages map[string]string) {
	t.Helper()
	c.InitDefaultHelpFlag()
	c.DisableAutoGenTag = true
	var b bytes.Buffer
	if err := doc.GenMarkdown(c, &b); err != nil {
		t.Fatal(err)
	}
	pages[strings.ReplaceAll(c.CommandPath(), " ", "_")+".md"] = b.String()
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			collect(t, sub, pages)
		}
	}
}

var longFlag = regexp.MustCompile(`--[a-z][a-z-]+`)

// What the manual and the README tell people to type exists.
func TestEveryFlagOfTheManualExists(t *testing.T) {
	var known []string
	root := newRoot(&environment{getenv: func(string) string { return "" }})
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		known = append(known, longFlag.FindAllString(c.LocalFlags().FlagUsages(), -1)...)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, "../../README.md", "../../example/README.md") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if !strings.Contains(line, "lapse ") || strings.HasPrefix(strings.TrimSpace(line), "gh ") {
				continue
			}
			for _, f := range longFlag.FindAllString(line, -1) {
				if !slices.Contains(known, f) {
					t.Errorf("%s: no command has %s: %s", path, f, line)
				}
			}
		}
	}
}
