package published

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

// Records are one for each shape, so that a suite of hours is judged in seconds; what a description could tell apart must not
// be one shape.
func TestOneRecordForWhatNoDescriptionTellsApart(t *testing.T) {
	dir := t.TempDir()
	s, err := githubtest.New(githubtest.Options{Dir: t.TempDir(), Record: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.AddUser("bob", githubtest.User{})
	known := 0
	ask := func(body string) int {
		t.Helper()
		// Nobody's repository: what is asked is recorded, whatever the answer.
		_ = s.As("bob").Do("POST", "/repos/acme/access/pulls", jsonText(body), nil)
		exchanges, _, err := githubtest.Recorded(dir)
		if err != nil {
			t.Fatal(err)
		}
		more := len(exchanges) - known
		known = len(exchanges)
		return more
	}
	for _, c := range []struct {
		body string
		more int
	}{
		{`{"title":"Ask 1","draft":false,"n":[1,2],"sha":"6c3b469ec82d4f0b"}`, 1},
		{`{"title":"Ask 2","draft":false,"n":[3],"sha":"0a1b2c3d4e5f6a7b"}`, 0},
		{`{"title":"Tell 2","draft":false,"n":[3],"sha":"0a1b2c3d4e5f6a7b"}`, 1},
		{`{"title":"Ask 2","draft":true,"n":[3],"sha":"0a1b2c3d4e5f6a7b"}`, 1},
		{`{"title":"Ask 2","draft":false,"n":[],"sha":"0a1b2c3d4e5f6a7b"}`, 1},
		{`{"title":"Ask 2","draft":false,"n":[3,"4"],"sha":"0a1b2c3d4e5f6a7b"}`, 1},
		{`{"title":"Ask 2","draft":false,"n":[-3],"sha":"0a1b2c3d4e5f6a7b"}`, 1},
		{`{"title":"Ask 2","draft":false,"n":[3.5],"sha":"0a1b2c3d4e5f6a7b"}`, 1},
		{`{"title":null,"draft":false,"n":[3],"sha":"0a1b2c3d4e5f6a7b"}`, 1},
		{`{"title":"Ask 2","draft":false,"n":[3],"sha":"0a1b2c3d4e5f6a7b","more":1}`, 1},
	} {
		if got := ask(c.body); got != c.more {
			t.Errorf("%s: %d records more, want %d", c.body, got, c.more)
		}
	}
}

type jsonText string

func (j jsonText) MarshalJSON() ([]byte, error) { return []byte(j), nil }

// What cannot be recorded would not be judged, and must not pass for judged.
func TestAServerThatCannotRecordDoesNotStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := githubtest.New(githubtest.Options{Dir: t.TempDir(), Record: file}); err == nil {
		t.Error("it started")
	}
	t.Setenv(githubtest.RecordVariable, file)
	if _, err := githubtest.New(githubtest.Options{Dir: t.TempDir()}); err == nil {
		t.Error("it started, for the folder that the environment names")
	}
}
