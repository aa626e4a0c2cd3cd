package requests

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
)

// derived are the facts that the trees of the base and of the commit judged tell by themselves, with what is in the evidence.
var derived = map[string]string{
	"Configuration": "the base's",
	"Request":       "the difference of the two",
	"Moved":         "the difference of their lapse.yaml",
	"Warnings":      "the keys of the second",
	"Guards":        "the base's approvers, with Repository and Above",
}

func TestEveryFactIsInTheEvidenceOrDerivedFromTheTrees(t *testing.T) {
	var f checks.Facts
	facts := reflect.ValueOf(&f).Elem()
	for i := range facts.NumField() {
		if _, ok := derived[facts.Type().Field(i).Name]; !ok {
			fill(t, facts.Type().Field(i).Name, facts.Field(i))
		}
	}
	stored, err := json.Marshal(evidenceOf(f, &Snapshot{Commit: gitrepo.NewHash("11"), Digest: "sha256:11"}))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ReadEvidence(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, e.facts(), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Guards" }, cmp.Ignore())); diff != "" {
		t.Errorf("what is not in the evidence must be derived from the trees, in Replay:\n%s", diff)
	}
	for name := range derived {
		if _, ok := facts.Type().FieldByName(name); !ok {
			t.Errorf("the facts have no %s to derive", name)
		}
	}
}

// fill makes every field of v, all the way down, one that is not its zero.
func fill(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 8, 0, 1, 5, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(path)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(len(path)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, path, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, path+"0", v.Index(0))
		fill(t, path+"1", v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, path+"key", key)
		fill(t, path+"value", value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	default:
		t.Fatalf("%s is of a kind that cannot be stored: %s", path, v.Kind())
	}
}

func TestEvidenceOfANewerLapseIsNotReadAsIfItWereWhole(t *testing.T) {
	for _, text := range []string{`{"base":"11","weather":"fine"}`, `{"base":"11"}{}`, `{"base":`, `{"pull":{"moon":1}}`, ``} {
		if e, err := ReadEvidence([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", text, e)
		}
	}
}

func TestEvidenceNamesTheFilesThatJudged(t *testing.T) {
	s := Snapshot{digests: map[string]string{
		"lapse.yaml": "1", "people.yaml": "2", "roles/prod-db-read.yaml": "3", "roles/other.yaml": "4", "policies/request.rego": "5",
		".github/workflows/lapse.yml": "6", ".lapse/trust/lapse.pub": "7",
	}}
	want := map[string]string{"lapse.yaml": "1", "people.yaml": "2", "roles/prod-db-read.yaml": "3", "policies/request.rego": "5"}
	if diff := cmp.Diff(want, s.judging("prod-db-read")); diff != "" {
		t.Error(diff)
	}
	if len(s.digests) != 7 {
		t.Error("naming the files changed the snapshot")
	}
}

func TestWhatTheTreesForbidIsFoundThoughTheEvidenceLeavesItOut(t *testing.T) {
	a, b := checks.Reason{Text: "a"}, checks.Reason{Text: "b"}
	if got := joined([]checks.Reason{a}, []checks.Reason{a, b}); !slices.Equal(got, []checks.Reason{a, b}) {
		t.Errorf("joined to %v", got)
	}
	cut := make([]checks.Reason, maxPaths+1)
	if got := joined(cut, []checks.Reason{b}); len(got) != len(cut) {
		t.Error("what was cut short is no longer what was judged")
	}
}
