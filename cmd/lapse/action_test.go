package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	releasedCommit = "1111111111111111111111111111111111111111"
	otherCommit    = "2222222222222222222222222222222222222222"
	builtCommit    = "3333333333333333333333333333333333333333"
)

// world is what is on github.com of the action's repository: one release, v1.2.3, of one commit.
func world(t *testing.T, change func(dir string)) string {
	t.Helper()
	dir := t.TempDir()
	program := "#!/bin/sh\necho released\n"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	for name, text := range map[string]string{
		"tags":                              "v1.2.3 " + releasedCommit + "\nv1.3.0 " + otherCommit + "\nnotes " + builtCommit + "\n",
		"releases/v1.2.3/lapse_linux_amd64": program,
		"releases/v1.2.3/checksums.txt":     strings.Repeat("0", 64) + "  lapse_linux_arm64\n" + sum + "  lapse_linux_amd64\n",
		"attested":                          sum + " v1.2.3 " + releasedCommit + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(dir)
	}
	return dir
}

// put replaces a file of the world.
func put(t *testing.T, name, text string) func(string) {
	return func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A release is run if it is what it says, in both ways, and never else; where there is none, the source at the ref is built.
func TestTheActionRunsAVerifiedReleaseOrItsOwnSource(t *testing.T) {
	const released, source, fails = "a release", "its source", "nothing"
	for _, c := range []struct {
		name   string
		env    map[string]string
		change func(string)
		want   string
		says   string
	}{
		{name: "by tag", env: map[string]string{"LAPSE_ACTION_REF": "v1.2.3"}, want: released},
		{name: "by the tag's commit", env: map[string]string{"LAPSE_ACTION_REF": releasedCommit}, want: released},
		{name: "another version is asked for", env: map[string]string{"LAPSE_ACTION_REF": otherCommit, "LAPSE_VERSION": "v1.2.3"}, want: released},
		{name: "a commit without a tag", env: map[string]string{"LAPSE_ACTION_REF": strings.Repeat("4", 40)}, want: source, says: "no release is made of"},
		{name: "a commit whose tag is no version", env: map[string]string{"LAPSE_ACTION_REF": builtCommit}, want: source, says: "no release is made of"},
		{name: "a tag without a release", env: map[string]string{"LAPSE_ACTION_REF": otherCommit}, want: source, says: "there is no release v1.3.0"},
		{name: "a branch", env: map[string]string{"LAPSE_ACTION_REF": "main"}, want: source},
		{name: "a folder of the repository", env: map[string]string{"LAPSE_ACTION_REPOSITORY": "", "LAPSE_ACTION_REF": ""}, want: source},
		{name: "another server", env: map[string]string{"GITHUB_SERVER_URL": "https://github.acme.com"}, want: source},
		{name: "another machine", env: map[string]string{"RUNNER_OS": "Windows"}, want: source},
		{name: "a version that is not there", env: map[string]string{"LAPSE_VERSION": "v9.9.9"}, want: fails, says: "there is no release v9.9.9"},
		{name: "a version that is none", env: map[string]string{"LAPSE_VERSION": "v1.2.3; id"}, want: fails, says: "want a release like"},
		{name: "another program", change: put(t, "releases/v1.2.3/lapse_linux_amd64", "#!/bin/sh\necho evil\n"), want: fails, says: "not what its checksum says"},
		{name: "no checksum", change: put(t, "releases/v1.2.3/checksums.txt", ""), want: fails, says: "names no checksum"},
		{name: "nobody attests it", change: put(t, "attested", ""), want: fails, says: "nothing attests"},
		{name: "built from another commit", env: map[string]string{"LAPSE_ACTION_REF": releasedCommit},
			change: func(dir string) {
				text, _ := os.ReadFile(filepath.Join(dir, "attested"))
				put(t, "attested", strings.Replace(string(text), releasedCommit, otherCommit, 1))(dir)
			}, want: fails, says: "nothing attests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, out := find(t, world(t, c.change), c.env)
			if got != c.want || !strings.Contains(out, c.says) {
				t.Errorf("runs %s, want %s; says %q, want %q in it", got, c.want, out, c.says)
			}
		})
	}
}

// find runs action/find.sh, and answers what would be run.
func find(t *testing.T, world string, over map[string]string) (string, string) {
	t.Helper()
	temp := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"PATH": filepath.Join(here, "testdata", "gh") + ":" + os.Getenv("PATH"), "GH_WORLD": world,
		"RUNNER_TEMP": temp, "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64", "GITHUB_SERVER_URL": "https://github.com",
		"GITHUB_OUTPUT": filepath.Join(temp, "output"), "GITHUB_ACTION_PATH": filepath.Join(here, "..", "..", "action"),
		"LAPSE_ACTION_REPOSITORY": "lapse-access/lapse", "LAPSE_ACTION_REF": "v1.2.3",
	}
	for k, v := range over {
		env[k] = v
	}
	cmd := exec.Command("bash", "../../action/find.sh")
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.CombinedOutput()
	said, _ := os.ReadFile(env["GITHUB_OUTPUT"])
	program, _ := exec.Command(filepath.Join(temp, "lapse-program", "lapse")).Output()
	switch {
	case err != nil && len(said) == 0 && len(program) == 0:
		return "nothing", string(out)
	case err == nil && strings.HasPrefix(string(said), "source=") && len(strings.TrimSpace(string(said))) == len("source=")+64 && len(program) == 0:
		return "its source", string(out)
	case err == nil && len(said) == 0 && string(program) == "released\n":
		return "a release", string(out)
	}
	return fmt.Sprintf("%v, output %q, program %q", err, said, program), string(out)
}
