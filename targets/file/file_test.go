package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/targets/targettest"
	"github.com/rogpeppe/go-internal/lockedfile"
)

func named(name string) grants.Entitlement {
	return grants.Entitlement{Target: "demo", Values: map[string]string{"name": name}}
}

func give(name, account string) reconciler.Change {
	return reconciler.Change{Action: reconciler.Give, Entitlement: named(name), Account: account}
}

const withTwo = `{"version": 1, "entitlements": ["prod-admin", "prod-read"], "holdings": {}}`

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	down := map[string]func(t testing.TB, path string){
		"damaged": func(t testing.TB, path string) { write(t, path, `{"version": 1, "holdings": {`) },
		"emptied": func(t testing.TB, path string) { write(t, path, "") },
		"not mounted": func(t testing.TB, path string) {
			if err := os.RemoveAll(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, down := range down {
		t.Run(name, func(t *testing.T) {
			targettest.Run(t, targettest.Harness{
				NativeEnd: true, Many: 1000,
				New: func(t testing.TB) targettest.System { return newSystem(t, down) },
			})
		})
	}
}

func newSystem(t testing.TB, down func(testing.TB, string)) targettest.System {
	path := filepath.Join(t.TempDir(), "holdings.json")
	write(t, path, withTwo)
	edit := func(t testing.TB, f func(*document)) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d document
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		f(&d)
		data, err = json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(data))
	}
	add := func(e grants.Entitlement, accounts ...string) func(*document) {
		return func(d *document) {
			for _, a := range accounts {
				d.Holdings[e.Values["name"]] = append(d.Holdings[e.Values["name"]], holder{Account: a})
			}
		}
	}
	return targettest.System{
		Target: New(path), Second: New(path),
		Entitlement: named("prod-read"), Other: named("prod-admin"), Unknown: named("prod-write"),
		Accounts: [2]string{"alice", "bob"},
		AddByHand: func(t testing.TB, e grants.Entitlement, account string) {
			edit(t, add(e, account))
		},
		Fill: func(t testing.TB, e grants.Entitlement, n int) []string {
			names := make([]string, n)
			for i := range names {
				names[i] = fmt.Sprintf("user-%04d", n-i)
			}
			edit(t, add(e, names...))
			return names
		},
		Down: func() { down(t, path) },
	}
}

func TestNoFileMeansNobodyHoldsAnything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdings.json")
	to := New(path)
	got, err := to.List(t.Context(), named("anything"))
	if err != nil || len(got) != 0 {
		t.Fatalf("list: %v, %v", got, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("listing made the file")
	}
	if err := to.Apply(t.Context(), give("anything", "alice")); err != nil {
		t.Fatal(err)
	}
	if got, err = to.List(t.Context(), named("anything")); err != nil || len(got) != 1 {
		t.Errorf("list: %v, %v", got, err)
	}
}

func TestTheFileIsForPeople(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdings.json")
	write(t, path, withTwo)
	c := give("prod-read", "bob")
	for _, c := range []reconciler.Change{c, {Action: c.Action, Entitlement: c.Entitlement, Account: "alice",
		Until: time.Date(2026, 12, 1, 19, 0, 0, 0, time.FixedZone("", 3600))}} {
		if err := New(path).Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	want := `{
  "version": 1,
  "entitlements": [
    "prod-admin",
    "prod-read"
  ],
  "holdings": {
    "prod-read": [
      {
        "account": "alice",
        "until": "2026-12-01T18:00:00Z"
      },
      {
        "account": "bob"
      }
    ]
  }
}
`
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode became %v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestADamagedFileIsAnErrorWithItsPlaceAndIsLeftAlone(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"empty":               {"", "1:1: the file ends"},
		"null":                {"null", `want "{"`},
		"a list":              {"[]", `want "{"`},
		"cut off":             {"{\"version\": 1,\n \"holdings\": {\"a\": [{\"account\": \"alice\"}", "2:"},
		"more behind":         {`{"version": 1, "holdings": {}} {}`, "text after"},
		"no version":          {`{"holdings": {}}`, "version 0"},
		"another version":     {`{"version": 2, "holdings": {}}`, "version 2"},
		"unknown key":         {"{\"version\": 1,\n\"holders\": {}}", `2:10: unknown key "holders"`},
		"key in another case": {`{"version": 1, "Holdings": {}}`, `unknown key "Holdings"`},
		"key twice":           {`{"version": 1, "holdings": {}, "holdings": {}}`, "twice"},
		"entitlement twice":   {`{"version": 1, "holdings": {"a": [{"account": "alice"}], "a": []}}`, `key "a" twice`},
		"account twice":       {`{"version": 1, "holdings": {"a": [{"account": "alice"}, {"account": "alice"}]}}`, "holds"},
		"no account":          {`{"version": 1, "holdings": {"a": [{}]}}`, "without an account"},
		"null account":        {`{"version": 1, "holdings": {"a": [{"account": null}]}}`, "null"},
		"null holders":        {`{"version": 1, "holdings": {"a": null}}`, `want "["`},
		"unknown field":       {`{"version": 1, "holdings": {"a": [{"account": "alice", "role": "x"}]}}`, `unknown key "role"`},
		"time without offset": {`{"version": 1, "holdings": {"a": [{"account": "alice", "until": "2026-12-01T18:00:00"}]}}`, "parsing time"},
		"hostile entitlement": {`{"version": 1, "holdings": {"../a": []}}`, "entitlement"},
		"listed twice":        {`{"version": 1, "entitlements": ["a", "a"], "holdings": {}}`, "twice"},
		"not UTF-8":           {"{\"version\": 1, \"holdings\": {\"\xff\": []}}", "not UTF-8"},
	} {
		path := filepath.Join(t.TempDir(), "holdings.json")
		write(t, path, tc.text)
		got, err := New(path).List(t.Context(), named("a"))
		if err == nil || len(got) > 0 || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: list: %v, %v; want an error with %q", name, got, err, tc.want)
		}
		if err := New(path).Apply(t.Context(), give("a", "alice")); err == nil {
			t.Errorf("%s: the change was made", name)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != tc.text {
			t.Errorf("%s: the file became %q, %v", name, after, err)
		}
	}
}

func TestAFileThatIsTooLongIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdings.json")
	write(t, path, withTwo+strings.Repeat(" ", maxFile))
	if got, err := New(path).List(t.Context(), named("prod-read")); err == nil {
		t.Errorf("list: %v", got)
	}
}

func TestALinkStaysALink(t *testing.T) {
	real := filepath.Join(t.TempDir(), "real.json")
	write(t, real, withTwo)
	link := filepath.Join(t.TempDir(), "holdings.json")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := New(link).Apply(t.Context(), give("prod-read", "alice")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if got, err := New(real).List(t.Context(), named("prod-read")); err != nil || len(got) != 1 {
		t.Errorf("behind the link: %v, %v", got, err)
	}
	if err := os.Remove(real); err != nil {
		t.Fatal(err)
	}
	if got, err := New(link).List(t.Context(), named("prod-read")); err == nil {
		t.Errorf("a link to nothing lists %v", got)
	}
}

// While another process has the lock, a change waits, and gives up when it is told to.
func TestAChangeThatWaitsForTheLockCanBeCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdings.json")
	write(t, path, withTwo)
	unlock, err := lockedfile.MutexAt(path + ".lock").Lock()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := New(path).Apply(ctx, give("prod-read", "alice")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("apply: %v", err)
	}
	unlock()
	if err := New(path).Apply(t.Context(), give("prod-read", "bob")); err != nil {
		t.Error(err)
	}
	got, err := New(path).List(t.Context(), named("prod-read"))
	if err != nil || len(got) != 1 || got[0].Account != "bob" {
		t.Errorf("list: %v, %v", got, err)
	}
}

// TestProcessesLoseNothingToEachOther has several processes change the file at once; the environment tells a child what to do.
func TestProcessesLoseNothingToEachOther(t *testing.T) {
	if path := os.Getenv("LAPSE_FILE_TEST"); path != "" {
		for i := range 20 {
			if err := New(path).Apply(t.Context(), give("prod-read", fmt.Sprintf("%s-%02d", os.Getenv("LAPSE_FILE_NAME"), i))); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "holdings.json")
	var children []*exec.Cmd
	for _, name := range []string{"a", "b", "c"} {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessesLoseNothingToEachOther$")
		c.Env = append(os.Environ(), "LAPSE_FILE_TEST="+path, "LAPSE_FILE_NAME="+name)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, c)
	}
	for _, c := range children {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	if got, err := New(path).List(t.Context(), named("prod-read")); err != nil || len(got) != 60 {
		t.Errorf("%d holders, %v; want 60", len(got), err)
	}
}
