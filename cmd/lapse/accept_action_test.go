package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What somebody types into the form of a workflow arrives as words, whatever it looks like.
func TestTheActionAcceptsWhatWasTypedAndRunsNothingOfIt(t *testing.T) {
	script, err := filepath.Abs("../../action/run.sh")
	must(t, err)
	for _, c := range []struct{ accept, because, want string }{
		{"show", "", "accept|--because="},
		{"main:1..2 ledger:3..4", "INC-4300; a key", "accept|--because=INC-4300; a key|--yes=main:1..2|--yes=ledger:3..4"},
		{"$(id) `id` * ;id\nx", `"; touch owned; "`, "accept|--because=\"; touch owned; \"|--yes=$(id)|--yes=`id`|--yes=*|--yes=;id|--yes=x"},
	} {
		dir := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(dir, "lapse-program"), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, "lapse-program", "lapse"), []byte("#!/bin/sh\nIFS='|'\necho \"$*\"\n"), 0o700))
		cmd := exec.Command("bash", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "RUNNER_TEMP="+dir, "GITHUB_OUTPUT="+filepath.Join(dir, "output"), "LAPSE_COMMAND=accept", "LAPSE_BEGIN=", "LAPSE_ACCEPT="+c.accept,
			"LAPSE_BECAUSE="+c.because, "LAPSE_APP_ID=", "LAPSE_APP_PRIVATE_KEY=", "LAPSE_FOR=", "LAPSE_DISPATCH=")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != c.want {
			t.Errorf("%q: %v\n%s\nwant %s", c.accept, err, out, c.want)
		}
		if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
			t.Error("a script was run")
		}
	}
}

// So does the commit with which somebody begins the ledger; and nobody begins and accepts at once.
func TestTheActionBeginsWithWhatWasTypedAndRunsNothingOfIt(t *testing.T) {
	script, err := filepath.Abs("../../action/run.sh")
	must(t, err)
	for _, c := range []struct{ command, begin, want string }{
		{"reconcile", "", "reconcile|--for=6m"},
		{"reconcile", "0123456789012345678901234567890123456789", "reconcile|--init|--at=0123456789012345678901234567890123456789"},
		{"reconcile", "$(touch owned) --allow-revocations=99\nx", "reconcile|--init|--at=$(touch owned) --allow-revocations=99\nx"},
		{"accept", "0123", "::error title=lapse::accept and begin are two things: start the workflow with one of them"},
	} {
		dir := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(dir, "lapse-program"), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, "lapse-program", "lapse"), []byte("#!/bin/sh\nIFS='|'\necho \"$*\"\n"), 0o700))
		cmd := exec.Command("bash", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "RUNNER_TEMP="+dir, "GITHUB_OUTPUT="+filepath.Join(dir, "output"), "LAPSE_COMMAND="+c.command, "LAPSE_BEGIN="+c.begin,
			"LAPSE_ACCEPT=", "LAPSE_BECAUSE=", "LAPSE_APP_ID=", "LAPSE_APP_PRIVATE_KEY=", "LAPSE_FOR=6m", "LAPSE_DISPATCH=")
		out, err := cmd.CombinedOutput()
		if strings.TrimSpace(string(out)) != c.want || (err == nil) != (c.command == "reconcile") {
			t.Errorf("%q: %v\n%s\nwant %s", c.begin, err, out, c.want)
		}
		if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
			t.Error("a script was run")
		}
	}
}
