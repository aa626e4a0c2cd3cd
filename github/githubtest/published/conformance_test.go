package published

import (
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

var recorded = flag.String("recorded", "", "judge what all suites recorded in this `folder`, and that all of them did")

// judge holds exchanges to both descriptions.
type judge struct {
	rest  *description
	graph *graph
	met   map[int]bool // departures that were met
	found map[deviation]githubtest.Exchange
}

func newJudge(t testing.TB) *judge {
	t.Helper()
	rest, err := readDescription(pinned(t, "@octokit/openapi"))
	if err != nil {
		t.Fatal(err)
	}
	graph, err := readGraph(pinned(t, "@octokit/graphql-schema"))
	if err != nil {
		t.Fatal(err)
	}
	return (&judge{rest: rest, graph: graph}).again()
}

// again is the same judge before it has seen anything: reading the descriptions takes longer than judging.
func (j *judge) again() *judge {
	return &judge{rest: j.rest, graph: j.graph, met: map[int]bool{}, found: map[deviation]githubtest.Exchange{}}
}

func (j *judge) check(e githubtest.Exchange) {
	deviations := j.rest.check
	if e.Path == "/graphql" {
		deviations = j.graph.check
	}
	for _, d := range deviations(e) {
		if at := slices.IndexFunc(departures(), func(w departure) bool { return w.allows(d) }); at >= 0 {
			j.met[at] = true
			continue
		}
		j.found[d] = e
	}
}

// lines says each deviation with one exchange that shows it.
func (j *judge) lines() []string {
	var lines []string
	for d, e := range j.found {
		lines = append(lines, fmt.Sprintf("%s: %d: %s (as in %s %s?%s)", d.operation, d.status, d.problem, e.Method, e.Path, e.Query))
	}
	slices.Sort(lines)
	return lines
}

// Whatever a server was asked and answered, in any suite, is what GitHub publishes.
func TestEveryExchangeIsAsPublished(t *testing.T) {
	dir := *recorded
	if dir == "" {
		dir = t.TempDir()
		requestOfAlice(t, dir)
	}
	exchanges, users, err := githubtest.Recorded(dir)
	if err != nil {
		t.Fatal(err)
	}
	j := newJudge(t)
	for _, e := range exchanges {
		j.check(e)
	}
	for _, line := range j.lines() {
		t.Error(line)
	}
	t.Logf("%d exchanges of different shapes, %d paths of the description", len(exchanges), len(j.rest.compiled))
	if *recorded != "" {
		everySuiteRecorded(t, users)
		everyDepartureIsMet(t, j)
	}
}

// everySuiteRecorded makes sure that nothing was judged only because nothing was looked at: each package whose tests use the
// server did record, and so did the demo, which runs in a process of its own.
func everySuiteRecorded(t *testing.T, users []githubtest.ServerUser) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	suites := suitesBelow(t, root)
	if len(suites) < 4 {
		t.Errorf("only %v use the server: the test looks in the wrong place", suites)
	}
	for _, suite := range suites {
		if !slices.ContainsFunc(users, func(u githubtest.ServerUser) bool { return u.Folder == suite }) {
			t.Errorf("the tests of %s use the server and recorded nothing", suite)
		}
	}
	if !slices.ContainsFunc(users, func(u githubtest.ServerUser) bool { return u.Program == "lapse" }) {
		t.Error("the demo recorded nothing")
	}
}

// suitesBelow are the folders whose tests import the server, or the stage that is made of it.
func suitesBelow(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root && (d.Name() == "testdata" || d.Name() == "published" || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		folder := filepath.Dir(path)
		if err != nil || !strings.HasSuffix(path, "_test.go") || slices.Contains(found, folder) {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			if strings.HasSuffix(imp.Path.Value, `/githubtest"`) || strings.HasSuffix(imp.Path.Value, `/stage"`) {
				found = append(found, folder)
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func everyDepartureIsMet(t *testing.T, j *judge) {
	t.Helper()
	for i, w := range departures() {
		if !j.met[i] {
			t.Errorf("no exchange departs by %q any more: take it from the list", w.problem)
		}
	}
}
