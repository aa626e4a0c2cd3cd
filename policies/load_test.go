package policies

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

const smallPolicy = "package request\ndeny contains \"m\" if input.grant.reason == \"\"\n"

func TestA47WithoutReadablePoliciesEveryRequestIsBroken(t *testing.T) {
	for name, c := range map[string]struct {
		fsys     fs.FS
		at, want string
	}{
		"no folder":       {fstest.MapFS{"lapse.yaml": {}}, "policies", "there is no policy"},
		"empty folder":    {fstest.MapFS{"policies": {Mode: fs.ModeDir}}, "policies", "there is no policy"},
		"only a README":   {folder(map[string]string{"README.md": "x"}), "policies", "there is no policy"},
		"only tests":      {folder(map[string]string{"a_test.rego": "package a_test\ntest_a if true\n"}), "policies", "there is no policy"},
		"a file instead":  {fstest.MapFS{"policies": {Data: []byte("x"), Mode: 0o644}}, "policies", "read policies"},
		"no bytes":        {one(""), "policies/p.rego", "empty"},
		"only comments":   {one("# package request\n"), "policies/p.rego", "empty"},
		"unparsable":      {one("package request\n\ndeny contains {\n"), "policies/p.rego:4", "unexpected eof"},
		"of Rego v0":      {one("package request\n\ndeny[msg] { msg := \"m\" }\n"), "policies/p.rego:3:1", "keyword is required"},
		"one of two":      {folder(map[string]string{"a.rego": smallPolicy, "b.rego": "package"}), "policies/b.rego:1:", ""},
		"unparsable test": {folder(map[string]string{"a.rego": smallPolicy, "a_test.rego": "package"}), "policies/a_test.rego:1:", ""},
		"not UTF-8":       {one(smallPolicy + "# \xff\n"), "policies/p.rego", "not UTF-8"},
		"NUL":             {one(smallPolicy + "# \x00\n"), "policies/p.rego:3:3", "invisible"},
		"bidi":            {one(smallPolicy + "# é\u202e\n"), "policies/p.rego:3:4", "invisible"},
		"too large":       {one(smallPolicy + strings.Repeat("#", maxFileSize)), "policies/p.rego", "larger than"},
		"symlink":         {fstest.MapFS{"policies/a.rego": {Data: []byte(smallPolicy)}, "policies/b.rego": {Data: []byte("a.rego"), Mode: fs.ModeSymlink}}, "policies/b.rego", "not a plain file"},
		"folder":          {fstest.MapFS{"policies/a.rego": {Data: []byte(smallPolicy)}, "policies/sub/b.rego": {Data: []byte(smallPolicy)}}, "policies/sub", "a folder"},
		"capital ending":  {folder(map[string]string{"a.rego": smallPolicy, "b.REGO": smallPolicy}), "policies/b.REGO", "the name of a policy file"},
		"hidden":          {folder(map[string]string{"a.rego": smallPolicy, ".b.rego": smallPolicy}), "policies/.b.rego", "the name of a policy file"},
		"hostile name":    {folder(map[string]string{"a.rego": smallPolicy, "::error::.rego": smallPolicy}), "policies/::error::.rego", "the name of a policy file"},
		"unreadable":      {failing{one(smallPolicy)}, "policies/p.rego", "open: disk on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Load(c.fsys)
			p := s.Problems()
			if len(p) == 0 || !strings.HasPrefix(p[0].Pos.String(), c.at) || !strings.Contains(p[0].Text, c.want) {
				t.Errorf("problems:\n%s\nwant one at %s with %q", list(p), c.at, c.want)
			}
			if a := s.Request(t.Context(), exampleInput()); len(a.Broken) == 0 {
				t.Error("a request passes")
			}
			if a := s.Active(t.Context(), exampleInput()); len(a.Broken) == 0 || len(a.Denials) != 0 {
				t.Errorf("a live grant ends, or all is well: %+v", a)
			}
		})
	}
}

// failing lists its files and cannot open policies.
type failing struct{ fstest.MapFS }

func (f failing) ReadDir(name string) ([]fs.DirEntry, error) { return f.MapFS.ReadDir(name) }

func (f failing) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".rego") {
		return nil, errors.New("disk on fire")
	}
	return f.MapFS.Open(name)
}

func TestA47TooManyPoliciesAreNotReadInPart(t *testing.T) {
	files := map[string]string{}
	for i := range maxFiles + 1 {
		files[fmt.Sprintf("p%d.rego", i)] = smallPolicy
	}
	if p := Load(folder(files)).Problems(); len(p) == 0 || !strings.Contains(p[0].Text, "policy files; at most") {
		t.Errorf("problems:\n%s", list(p))
	}
	files = map[string]string{}
	for i := range maxTotalSize/maxFileSize + 1 {
		files[fmt.Sprintf("p%d.rego", i)] = smallPolicy + strings.Repeat("#", maxFileSize-len(smallPolicy))
	}
	if p := Load(folder(files)).Problems(); len(p) == 0 || !strings.Contains(p[0].Text, "bytes; at most") {
		t.Errorf("problems:\n%s", list(p))
	}
}

func TestProblemsStayReadable(t *testing.T) {
	text := smallPolicy
	for i := range 500 {
		text += fmt.Sprintf("deny%d := 1\n", i)
	}
	if p := Load(one(text)).Problems(); len(p) != maxProblems+1 || p[maxProblems].Text != "400 more problems" {
		t.Errorf("%d problems, the last %v", len(p), p[len(p)-1])
	}
}

func TestTheDigestTellsPoliciesApart(t *testing.T) {
	seen := map[string]string{}
	for name, files := range map[string]map[string]string{
		"one":          {"a.rego": "ab"},
		"other bytes":  {"a.rego": "ac"},
		"other name":   {"b.rego": "ab"},
		"two":          {"a.rego": "a", "b.rego": "b"},
		"two, shifted": {"a.rego": "ab", "b.rego": ""},
		"none":         {},
	} {
		d := Load(folder(files)).Digest()
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[d] = name
		if d != Load(folder(files)).Digest() || !strings.HasPrefix(d, "sha256:") || len(d) != len("sha256:")+64 {
			t.Errorf("digest %q", d)
		}
	}
	if Load(one(smallPolicy)).Digest() != Load(folder(map[string]string{"p.rego": smallPolicy, "README.md": "x"})).Digest() {
		t.Error("a file that is no policy changes the digest")
	}
}

func TestTheProblemsOfASetCannotBeChangedFromOutside(t *testing.T) {
	s := Load(fstest.MapFS{})
	s.Problems()[0].Text = ""
	if s.Problems()[0].Text == "" {
		t.Error("they were")
	}
}
