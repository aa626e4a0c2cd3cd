package policies

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDefaultPoliciesAreFit(t *testing.T) {
	s := Load(folder(defaultFiles(t)))
	if p := s.Problems(); p != nil {
		t.Fatalf("problems:\n%s", list(p))
	}
	if d := cmp.Diff(Answer{}, s.Request(t.Context(), exampleInput())); d != "" {
		t.Errorf("a good request: %s", d)
	}
	in := exampleInput()
	in.Person.Groups = []string{"departed"}
	if a := s.Active(t.Context(), in); len(a.Denials) != 1 || a.Denials[0].Text != "alice has left" {
		t.Errorf("someone who has left: %+v", a)
	}
}

func TestTheExampleHasTheDefaultPolicies(t *testing.T) {
	const dir = "../example/policies"
	want := defaultFiles(t)
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := map[string]string{}
	paths, err := filepath.Glob(dir + "/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(path)] = string(b)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("go test ./policies -update writes them: %s", d)
	}
}
