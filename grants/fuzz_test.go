package grants

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"
)

// checkProblems checks what must hold of the problems of any bytes.
func checkProblems(t *testing.T, data []byte, problems []Problem) {
	last := strings.Count(string(data), "\n") + 1
	text := strings.Split(string(data), "\n")
	for _, p := range problems {
		if p.Text == "" || p.Line < 0 || p.Line > last || p.Column < 0 {
			t.Errorf("%+v of %d lines", p, last)
		}
		if p.Column > 0 && p.Line > 0 && p.Column > utf8.RuneCountInString(text[p.Line-1])+1 {
			t.Errorf("%+v is outside of %q", p, text[p.Line-1])
		}
		for _, r := range p.Error() {
			if what, _ := hidden(r); what != "" || r == '\n' {
				t.Errorf("%q holds %s", p.Error(), what)
			}
		}
	}
}

func FuzzLoadGrant(f *testing.F) {
	for _, s := range []string{
		grantYAML, grantWith(), grantWith("reason: 'it''s'"), grantWith("reason: |\n  x\n"), "a: &a [*a]", "? a\n: b", "- - -", "---", "!!map {}", "%YAML 1.2\n---\na: b", "{a: b, c: [d, e]}",
		"a: \"\\x41\\u202e\"", "\"a\\\n b\": c", "a: b # c\n#d\n", "---\n- a\n...\n", "a: 'b\n\n c'", "user: ! x", "a: *\xc3\xa9", "\xef\xbb\xbfa: b", grantWith("duration:", "expires: 2026-12-01T18:00:00+01:00"),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		g, problems := LoadGrant("grants/x.yaml", data)
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
		checkProblems(t, data, problems)
		if (g == nil) == (len(problems) == 0) {
			t.Fatalf("%v with %q", g, lines(problems))
		}
		if g == nil {
			return
		}
		again, problems := LoadGrant("grants/x.yaml", g.Marshal())
		if len(problems) > 0 {
			t.Fatalf("%q is written %q: %q", data, g.Marshal(), lines(problems))
		}
		if diff := cmp.Diff(g, again, cmpopts.IgnoreFields(Grant{}, "Digest", "At")); diff != "" {
			t.Error(diff)
		}
		stock(t, data, g)
	})
}

// stock checks that the YAML library alone reads the same text: what we accept has no second reading.
func stock(t *testing.T, data []byte, g *Grant) {
	var m map[string]string
	if err := yaml.Unmarshal(data, &m); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	want := map[string]string{"user": g.User, "role": g.Role, "reason": g.Reason, "ticket": g.Ticket}
	for key, value := range want {
		if m[key] != value {
			t.Errorf("%q: %s is %q here and %q in YAML", data, key, value, m[key])
		}
	}
}

func FuzzLoadConfiguration(f *testing.F) {
	f.Add(configYAML, peopleYAML, roleYAML)
	f.Add("version: 1", "people: {}", "{}")
	f.Add(strings.Replace(configYAML, "targets:", "targets: []", 1), strings.Replace(peopleYAML, "groups:", "groups: {}\nx:", 1), strings.Replace(roleYAML, "github", "prod-db", 1))
	f.Fuzz(func(t *testing.T, config, people, role string) {
		c := LoadConfiguration(exampleFiles(map[string]string{"lapse.yaml": config, "people.yaml": people, "roles/prod-db-read.yaml": role}), exampleTypes())
		texts := map[string]string{"lapse.yaml": config, "people.yaml": people, "roles/prod-db-read.yaml": role}
		for _, p := range c.Problems {
			checkProblems(t, []byte(texts[p.File]), []Problem{p})
		}
		for _, r := range c.Roles {
			checkRole(t, c, r)
		}
		if c.Usable && len(c.Config.Configuration) == 0 && !c.Config.Automatic {
			t.Error("nobody has to approve a change of the configuration")
		}
		ids := map[int64]string{}
		for login, p := range c.People.People {
			for _, id := range append([]int64{p.ID}, p.Also...) {
				if other, ok := ids[id]; ok || id <= 0 {
					t.Errorf("%d is %q and %q", id, login, other)
				}
				ids[id] = login
			}
		}
	})
}

func checkRole(t *testing.T, c *Configuration, r Role) {
	always := c.Config.Automatic
	for _, line := range r.Approvals {
		if line.Count < 1 || len(line.From) == 0 {
			t.Errorf("an approval line %+v", line)
		}
		always = always || line.WhenLongerThan == 0
	}
	if !always || len(r.Entitlements) == 0 || len(r.Eligible) == 0 || r.MaxDuration <= 0 {
		t.Errorf("a role %+v", r)
	}
	for _, e := range r.Entitlements {
		if _, ok := c.Config.Targets[e.Target]; !ok {
			t.Errorf("an entitlement at an unknown target: %+v", e)
		}
	}
}
