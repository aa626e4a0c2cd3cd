package grants

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestA15OnePersonIsFoundByEachOfTheirIDs(t *testing.T) {
	c := LoadConfiguration(exampleFiles(nil), exampleTypes())
	for id, want := range map[int64]string{583231: "alice", 2: "bob", 601122: "bob", 5: "", 0: "", -2: ""} {
		if p, ok := c.PersonByID(id); p.Login != want || ok != (want != "") {
			t.Errorf("%d is %q, want %q", id, p.Login, want)
		}
	}
}

func TestA43AnIDThatTwoClaimIsNobodys(t *testing.T) {
	people := strings.Replace(peopleYAML, "carol: {id: 3}", "carol: {id: 601122}", 1)
	c := LoadConfiguration(exampleFiles(map[string]string{"people.yaml": people}), exampleTypes())
	if p, ok := c.PersonByID(601122); ok {
		t.Errorf("601122 is %q", p.Login)
	}
	if diff := cmp.Diff([]string{"bob", "carol"}, c.Unread); diff != "" {
		t.Error(diff)
	}
	members, ok := c.Members("security")
	if !ok || len(members) != 1 || members[0].Login != "dan" {
		t.Errorf("%v, %v", members, ok)
	}
}

func TestMembersOfAnUnknownGroupAreNotAnEmptyAnswer(t *testing.T) {
	c := LoadConfiguration(exampleFiles(nil), exampleTypes())
	members, ok := c.Members("security")
	var logins []string
	for _, p := range members {
		logins = append(logins, p.Login)
	}
	if diff := cmp.Diff([]string{"carol", "dan"}, logins); diff != "" || !ok {
		t.Error(diff, ok)
	}
	if _, ok := c.Members("nobody"); ok {
		t.Error("an unknown group has an answer")
	}
}

func TestAccountsFollowTheTypeOfTheTarget(t *testing.T) {
	config := strings.Replace(configYAML, "targets:\n", "targets:\n  list: {type: file, path: /etc/list}\n", 1)
	people := strings.Replace(peopleYAML, "bob: {id: 2, ", "bob: {id: 2, accounts: {list: bobby}, ", 1)
	c := LoadConfiguration(exampleFiles(map[string]string{"lapse.yaml": config, "people.yaml": people}), exampleTypes())
	if len(c.Problems) > 0 {
		t.Fatal(lines(c.Problems))
	}
	for _, tt := range []struct{ login, target, want string }{
		{"alice", "github", "583231"}, {"bob", "github", "2"},
		{"alice", "prod-db", "alice_r"}, {"bob", "prod-db", ""},
		{"alice", "list", "alice"}, {"bob", "list", "bobby"},
		{"alice", "nowhere", ""},
	} {
		if got, ok := c.Account(c.People.People[tt.login], tt.target); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s at %s is %q, want %q", tt.login, tt.target, got, tt.want)
		}
	}
	clash := strings.Replace(people, "bobby", "Alice", 1)
	c = LoadConfiguration(exampleFiles(map[string]string{"lapse.yaml": config, "people.yaml": clash}), exampleTypes())
	if diff := cmp.Diff([]string{"alice", "bob"}, c.Unread); diff != "" {
		t.Errorf("an account that is another's login:\n%s", diff)
	}
}

func TestUserAndRoleOfAGrantAreInTheConfiguration(t *testing.T) {
	people := strings.Replace(peopleYAML, "dan: {id: 4}", "dan: {id: 0}", 1)
	files := exampleFiles(map[string]string{"people.yaml": people, "roles/broken.yaml": "x: 1\n"})
	c := LoadConfiguration(files, exampleTypes())
	for text, want := range map[string][]string{
		grantWith():                           nil,
		grantWith("user: alcie"):              {`grants/x.yaml:1:7: people.yaml has no user "alcie" (did you mean "alice"?)`},
		grantWith("user: Alice"):              {`grants/x.yaml:1:7: people.yaml has no user "Alice" (did you mean "alice"?)`},
		grantWith("user: dan"):                {`grants/x.yaml:1:7: user "dan" could not be read from people.yaml, see its problems`},
		grantWith("role: prod-db-raed"):       {`grants/x.yaml:2:7: there is no role "prod-db-raed" (did you mean "prod-db-read"?)`},
		grantWith("role: broken"):             {`grants/x.yaml:2:7: role "broken" could not be read, see the problems of roles/broken.yaml`},
		grantWith("role: admin", "user: eve"): {`grants/x.yaml:1:7: people.yaml has no user "eve" (known: alice, bob, carol)`, `grants/x.yaml:2:7: there is no role "admin" (known: prod-db-read)`},
	} {
		g, problems := LoadGrant("grants/x.yaml", []byte(text))
		if g == nil {
			t.Fatal(lines(problems))
		}
		if diff := cmp.Diff(want, lines(c.CheckGrant(*g))); diff != "" {
			t.Errorf("%s%s", text, diff)
		}
	}
}

func TestNearestIsTheNameThatWasMeant(t *testing.T) {
	known := []string{"user", "role", "duration", "expires", "start", "reason", "ticket"}
	for name, want := range map[string]string{"rol": "role", "Role": "role", "durration": "duration", "expire": "expires", "usr": "user", "xyz": "", "": "", "resaon": "reason"} {
		if got, _ := nearest(name, known); got != want {
			t.Errorf("%q is taken for %q, want %q", name, got, want)
		}
	}
	for _, known := range [][]string{{"rolb", "role"}, {"role", "rolb"}} {
		if got, _ := nearest("rola", known); got != "rolb" {
			t.Errorf("of %q the nearest is %q, want the first in order", known, got)
		}
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"größe", "grösse", 2}, {"ab", "ba", 2}} {
		if got := edits(tt.a, tt.b); got != tt.want || edits(tt.b, tt.a) != tt.want {
			t.Errorf("%q to %q takes %d edits, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
