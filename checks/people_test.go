package checks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lapse-access/lapse/grants"
)

func TestIdsThatAreNobodysOrTwoPeoplesNameNobody(t *testing.T) {
	s := sound()
	s.Configuration.People.People["eve"] = grants.Person{Login: "eve", ID: 9, Also: []int64{4}}
	s.Configuration.People.People["ghost"] = grants.Person{Login: "ghost"}
	d := newDirectory(s.Facts)
	for id, want := range map[int64]string{0: "", 1: "alice", 3: "carol", 33: "carol", 4: "", 9: "eve", 6: ""} {
		if got := d.person(Account{Login: "dan", ID: id}); got != want {
			t.Errorf("id %d is %q, want %q", id, got, want)
		}
	}
	if len(d.faults()) != 1 {
		t.Errorf("%+v", d.faults())
	}
}

func TestMembersArePeopleThatPeopleYamlHas(t *testing.T) {
	s := sound()
	s.Configuration.People.Groups["security"] = []string{"dan", "mallory"}
	s.Teams[dataTeam] = Team{Members: []Account{mallory, carolTwo, {Login: "ghost"}, {Login: "bob", ID: 2, Bot: true}, {Login: "dan", ID: 4, Suspended: true}}}
	d := newDirectory(s.Facts)
	for party, want := range map[grants.Party]map[string]bool{security: {"dan": true}, dataTeam: {"carol": true}} {
		got, err := d.members(party)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", party, err, diff)
		}
	}
	for _, party := range []grants.Party{"@acme/gone", "group:gone", "group:", "@acme", "everyone", ""} {
		if got, err := d.members(party); err == nil {
			t.Errorf("%q has members %v", party, got)
		}
	}
}

func TestMayHoldIsTheRuleOfTheVerdict(t *testing.T) {
	s := sound()
	role := s.Configuration.Roles["prod-db-read"]
	for login, want := range map[string]bool{"alice": true, "carol": false, "nobody": false} {
		if got, faults := MayHold(s.Facts, role, login); got != want || len(faults) > 0 {
			t.Errorf("%s may hold: %t, %v", login, got, faults)
		}
	}
	delete(s.Teams, engTeam)
	if got, faults := MayHold(s.Facts, role, "alice"); got || len(faults) != 1 {
		t.Errorf("a team that is not known: %t, %v", got, faults)
	}
}
