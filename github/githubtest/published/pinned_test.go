// Package published holds the stateful GitHub of package githubtest to what GitHub publishes of its API: the OpenAPI
// description and the GraphQL schema, in the versions that testdata/pinned.txt names. Every request and every answer that
// any suite of this module made while it recorded is judged here; whatever deviates fails.
//
//	make test     runs all suites with githubtest.RecordVariable set, then this one over what they recorded
//	go test .     records a life of a request by itself, and judges that
//
// Outside both descriptions are git's own protocol, which stock git holds (in package githubtest), and the answers that a
// scripted Failure or a test's own transport makes up: they are faults. What was asked then is judged all the same, where the
// server was asked.
package published

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pinned is the text of a file of a published npm package, in the version of testdata/pinned.txt, from the cache that
// make needs fills.
func pinned(t testing.TB, npm string) []byte {
	t.Helper()
	list, err := os.ReadFile("testdata/pinned.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line)
		if len(f) != 4 || f[0] != npm {
			continue
		}
		path := filepath.Join(toolCache(t), "npm", f[0], f[1], f[2])
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: run make needs, which fetches %s %s", err, f[0], f[1])
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != f[3] {
			t.Fatalf("%s is not the file that testdata/pinned.txt names: remove it and run make needs", path)
		}
		return text
	}
	t.Fatalf("testdata/pinned.txt does not name %s", npm)
	return nil
}

// toolCache is CACHE of the Makefile.
func toolCache(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("LAPSE_TOOLS"); dir != "" {
		return dir
	}
	dir := os.Getenv("XDG_CACHE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(home, ".cache")
	}
	return filepath.Join(dir, "lapse-tools")
}
