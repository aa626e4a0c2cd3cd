package names_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/lapse-access/lapse/names"
)

// staysInTemplate says how a URL made from a name leaves its template, or nil: host, path around the name, query and
// fragment must be the template's, and the name's segments must come back as they were, escaped or not.
func staysInTemplate(name string) error {
	for _, put := range []func(string) string{url.PathEscape, func(s string) string { return s }} {
		raw := fmt.Sprintf("https://api.example.com/teams/%s/members?page=2#top", put(name))
		u, err := url.Parse(raw)
		if err != nil {
			return err
		}
		if u.Host != "api.example.com" || u.User != nil || u.RawQuery != "page=2" || u.Fragment != "top" {
			return fmt.Errorf("%s is read as host %q, query %q, fragment %q", raw, u.Host, u.RawQuery, u.Fragment)
		}
		if want := "/teams/" + name + "/members"; u.Path != want {
			return fmt.Errorf("%s has the path %q, want %q", raw, u.Path, want)
		}
		if clean := u.JoinPath(); clean.Path != u.Path {
			return fmt.Errorf("%s is cleaned to %q", raw, clean.Path)
		}
		if q, err := url.ParseQuery("a=1&ref=" + url.QueryEscape(name)); err != nil || q.Get("ref") != name || len(q) != 2 {
			return fmt.Errorf("as a query parameter %q becomes %v, %v", name, q, err)
		}
	}
	return nil
}

// accepted checks what must hold of every name of every kind that is accepted.
func accepted(t *testing.T, kind, s string) {
	if err := staysInTemplate(s); err != nil {
		t.Errorf("%s accepts %q: %v", kind, s, err)
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsPrint(r) || strings.ContainsRune(` "'\%?#*;&<>$(){}[]|~^,=!`+"`", r)
	}) {
		t.Errorf("%s accepts %q", kind, s)
	}
	if s == "" || len(s) > 600 || strings.HasPrefix(s, "-") && kind != "RepositoryName" {
		t.Errorf("%s accepts %q", kind, s)
	}
}

func TestA42AcceptedNamesStayInTheirURLTemplate(t *testing.T) {
	for kind, k := range kinds {
		for _, s := range k.accept {
			accepted(t, kind, s)
			mutate(s, func(m string) {
				if k.check(m) == nil {
					accepted(t, kind, m)
				}
			})
		}
	}
}

// mutate puts every ASCII character and some awkward pieces at every place of s.
func mutate(s string, try func(string)) {
	pieces := []string{"..", "/..", "/../", "./", "//", "%2e", "\u2028", "\u202e", ".lock", ".git"}
	for c := range 128 {
		pieces = append(pieces, string(rune(c)))
	}
	for i := range min(len(s), 12) + 1 {
		for _, p := range pieces {
			try(s[:i] + p + s[i:])
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, k := range kinds {
		for _, s := range k.accept {
			f.Add(s)
		}
		for s := range k.refuse {
			f.Add(s)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		for kind, k := range kinds {
			err := k.check(s)
			if err == nil {
				accepted(t, kind, s)
				continue
			}
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '…' && (r > unicode.MaxASCII || !unicode.IsPrint(r)) }) {
				t.Errorf("%s(%q): the error holds unprintable characters: %q", kind, s, err)
			}
		}
	})
}

func FuzzSplitParty(f *testing.F) {
	f.Add("@acme/data-platform")
	f.Add("group:security")
	f.Fuzz(func(t *testing.T, s string) {
		org, team, group, err := names.SplitParty(s)
		if err != nil {
			return
		}
		if s != "@"+org+"/"+team && s != "group:"+group {
			t.Errorf("%q is split into %q, %q, %q", s, org, team, group)
		}
	})
}
