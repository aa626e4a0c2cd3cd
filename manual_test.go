package lapse_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
	"github.com/lapse-access/lapse/targets/file"
	targetgithub "github.com/lapse-access/lapse/targets/github"
)

// fence is a file of an access repository in the manual: its first line names its path.
var fence = regexp.MustCompile("(?ms)^```(?:yaml|rego)\n(# ([a-z]+(?:/[a-z0-9_.-]+)?\\.(?:yaml|rego))\n.*?)^```$")

// manual is every page by its path.
func manual(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	paths, err := filepath.Glob("docs/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("read the manual: %v, %d pages", err, len(paths))
	}
	for _, path := range append(paths, "README.md") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages[path] = string(b)
	}
	return pages
}

// The files that the manual shows are one access repository, and nothing is wrong with it.
func TestTheManualsFilesAreRight(t *testing.T) {
	files := fstest.MapFS{}
	for page, text := range manual(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			if had, ok := files[m[2]]; ok && string(had.Data) != m[1] {
				t.Errorf("%s shows another %s than a page before", page, m[2])
			}
			files[m[2]] = &fstest.MapFile{Data: []byte(m[1]), Mode: 0o644}
		}
	}
	for _, want := range []string{"lapse.yaml", "people.yaml", "roles/prod-db-read.yaml", "policies/request.rego", "policies/active.rego", "grants/alice-prod.yaml"} {
		if files[want] == nil {
			t.Errorf("the manual shows no %s", want)
		}
	}
	c := grants.LoadConfiguration(files, grants.Types{"file": file.Type(), "github": targetgithub.Type()})
	for _, p := range c.Problems {
		t.Error(p)
	}
	for _, p := range policies.Load(files).Problems() {
		t.Error(p)
	}
	asked, problems := grants.LoadGrants(files)
	for _, g := range asked {
		problems = append(problems, c.CheckGrant(*g)...)
	}
	if len(asked) == 0 || len(problems) > 0 {
		t.Errorf("%d grants, %v", len(asked), problems)
	}
}

var link = regexp.MustCompile(`\]\(([^)#: ]+)(#[^) ]*)?\)`)

func TestEveryLinkOfTheManualLeadsSomewhere(t *testing.T) {
	for page, text := range manual(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := fs.Stat(os.DirFS("."), filepath.ToSlash(filepath.Join(filepath.Dir(page), m[1]))); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
