package grants

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// broken is an access repository of which one file was edited (the first text replaced by the second), and what must come
// of it.
type broken struct {
	file, old, new string
	want           []string
	unusable       bool
	noRole         bool
}

func testBroken(t *testing.T, tests []broken) {
	t.Helper()
	originals := map[string]string{"lapse.yaml": configYAML, "people.yaml": peopleYAML, "roles/prod-db-read.yaml": roleYAML}
	for _, tt := range tests {
		if !strings.Contains(originals[tt.file], tt.old) {
			t.Fatalf("%s does not hold %q", tt.file, tt.old)
		}
		edited := strings.Replace(originals[tt.file], tt.old, tt.new, 1)
		c := LoadConfiguration(exampleFiles(map[string]string{tt.file: edited}), exampleTypes())
		if diff := cmp.Diff(tt.want, lines(c.Problems)); diff != "" {
			t.Errorf("%s: %q for %q:\n%s", tt.file, tt.new, tt.old, diff)
		}
		if c.Usable == tt.unusable {
			t.Errorf("%s: %q for %q: usable is %v", tt.file, tt.new, tt.old, c.Usable)
		}
		if _, ok := c.Roles["prod-db-read"]; ok == tt.noRole {
			t.Errorf("%s: %q for %q: the role is there: %v", tt.file, tt.new, tt.old, ok)
		}
	}
}

func TestA22SomebodyHasToApprove(t *testing.T) {
	const role, config = "roles/prod-db-read.yaml", "lapse.yaml"
	const first = `  - {from: ["@acme/data-platform"], count: 1}` + "\n"
	const all = first + "  - {from: [group:security], count: 1, when_longer_than: 4h}\n"
	const approvals = `configuration: {approvals: [{from: ["@acme/security"], count: 2}]}`
	testBroken(t, []broken{
		{file: role, old: "count: 1}", new: "count: 0}", noRole: true, want: []string{role + `:9:44: count: 0 approvals: want 1 to 20`}},
		{file: role, old: "count: 1}", new: "count: -1}", noRole: true, want: []string{role + `:9:44: count: -1 approvals: want 1 to 20`}},
		{file: role, old: "count: 1}", new: "count: 21}", noRole: true, want: []string{role + `:9:44: count: 21 approvals: want 1 to 20`}},
		{file: role, old: "count: 1}", new: "count: 1.0}", noRole: true, want: []string{role + `:9:44: count: want a whole number in decimal digits, without quotes`}},
		{file: role, old: "count: 1}", new: "count: 010}", noRole: true, want: []string{role + `:9:44: count: want a whole number in decimal digits, without quotes`}},
		{file: role, old: "count: 1}", new: "count: 99999999999999999999}", noRole: true, want: []string{role + `:9:44: count: the number is too large`}},
		{file: role, old: `"@acme/data-platform"], count: 1}`, new: `"@acme/data-platform"]}`, noRole: true, want: []string{role + `:9:5: the key "count" is missing`}},
		{file: role, old: `from: ["@acme/data-platform"]`, new: `from: []`, noRole: true, want: []string{role + `:9:12: from: nobody is named (name a team ("@organization/team") or a group ("group:name"))`}},
		{file: role, old: `"@acme/data-platform"`, new: `"acme/data-platform"`, noRole: true, want: []string{role + `:9:13: from[0]: party "acme/data-platform" at column 1: want "@organization/team" or "group:name"`}},
		{file: role, old: `"@acme/data-platform"`, new: `data-platform`, noRole: true, want: []string{role + `:9:13: from[0]: party "data-platform" at column 1: want "@organization/team" or "group:name"`}},
		{file: role, old: `["@acme/data-platform"]`, new: `["@acme/data-platform", "@acme/data-platform"]`, noRole: true, want: []string{role + `:9:36: "@acme/data-platform" is named twice`}},
		{file: role, old: "merge: auto", new: "standing: [alcie, bob, bob]", noRole: true, want: []string{
			role + `:11:12: people.yaml has no user "alcie" (did you mean "alice"?)`, role + `:11:24: "bob" is named twice`}},
		{file: role, old: `group:security`, new: `group:securty`, noRole: true, want: []string{role + `:10:13: people.yaml has no group "securty" (did you mean "security"?)`}},
		{file: role, old: all, new: "", noRole: true, want: []string{role + `:8:11: approvals: want a list, got nothing`}},
		{file: role, old: "approvals:                                           # each line must be satisfied\n" + all, new: "approvals: []\n", noRole: true,
			want: []string{role + ":8:12: approvals: nobody has to approve (add a line, for instance {from: [\"@organization/team\"], count: 1}; only `automatic: true` in lapse.yaml allows none)"}},
		{file: role, old: "approvals:                                           # each line must be satisfied\n" + all, new: "", noRole: true, want: []string{role + `:2:1: the key "approvals" is missing`}},
		{file: role, old: first, new: "", noRole: true, want: []string{role + `:9:3: approvals: nobody has to approve a short grant (add a line without when_longer_than)`}},
		{file: config, old: approvals + "\n", new: "", unusable: true,
			want: []string{"lapse.yaml:2:1: configuration.approvals: nobody has to approve (add a line, for instance {from: [\"@organization/team\"], count: 1}; only `automatic: true` in lapse.yaml allows none)"}},
		{file: config, old: approvals, new: "configuration: {approvals: []}", unusable: true,
			want: []string{"lapse.yaml:6:28: configuration.approvals: nobody has to approve (add a line, for instance {from: [\"@organization/team\"], count: 1}; only `automatic: true` in lapse.yaml allows none)"}},
		{file: config, old: approvals, new: "configuration: {}", unusable: true, want: []string{`lapse.yaml:6:16: the key "approvals" is missing`}},
		{file: config, old: "count: 2", new: "count: 0", unusable: true, want: []string{`lapse.yaml:6:63: count: 0 approvals: want 1 to 20`}},
		{file: config, old: `["@acme/security"]`, new: `[group:secrity]`, unusable: true, want: []string{`lapse.yaml:6:37: people.yaml has no group "secrity" (did you mean "security"?)`}},
		{file: config, old: "count: 2", new: "count: 2, when_longer_than: 1h", unusable: true, want: []string{
			`lapse.yaml:6:28: configuration.approvals: nobody has to approve a short grant (add a line without when_longer_than)`,
			`lapse.yaml:6:84: when_longer_than has no meaning for the configuration`,
		}},
	})
}

func TestOnlyAutomaticAllowsNoApprovals(t *testing.T) {
	role := roleYAML[:strings.Index(roleYAML, "approvals:")] + "approvals: []\n"
	automatic := strings.Replace(configYAML, "automatic: false", "automatic: true", 1)
	c := LoadConfiguration(exampleFiles(map[string]string{"lapse.yaml": automatic, "roles/prod-db-read.yaml": role}), exampleTypes())
	if r, ok := c.Roles["prod-db-read"]; !ok || len(r.Approvals) != 0 || !c.Usable {
		t.Errorf("%v, %q", ok, lines(c.Problems))
	}
}

func TestLapseFileIsWhatTheProgramUnderstands(t *testing.T) {
	const f = "lapse.yaml"
	const github, dsn = "{type: github, org: acme}", `{type: postgres, dsn: "${PROD_DB_DSN}"}`
	const gone = `roles/prod-db-read.yaml:5:14: target "github" could not be read, see the problems of lapse.yaml`
	const goneDB = `roles/prod-db-read.yaml:4:14: target "prod-db" could not be read, see the problems of lapse.yaml`
	testBroken(t, []broken{
		{file: f, old: "version: 1", new: "version: 2", unusable: true, want: []string{`lapse.yaml:2:10: version: version 2: this program reads version 1`}},
		{file: f, old: "removal: push", new: "removal: pul_request", unusable: true, want: []string{`lapse.yaml:7:10: removal: "pul_request" is unknown, did you mean "pull_request"?`}},
		{file: f, old: "removal: push", new: "branch: a..b", unusable: true, want: []string{`lapse.yaml:7:9: branch: branch "a..b": character '.' at column 2: two dots in a row`}},
		{file: f, old: "max_duration: 24h", new: "max_duration: 1d", unusable: true, want: []string{`lapse.yaml:8:24: max_duration: "1d" is not a duration: want hours, minutes and seconds in whole numbers, like 4h, 90m or 1h30m`}},
		{file: f, old: "unexplained_revocations: 10", new: "unexplained_revocations: -1", unusable: true, want: []string{`lapse.yaml:8:73: unexplained_revocations: -1: want 0 to 100000`}},
		{file: f, old: "unexplained_revocations: 10", new: "watch: 720h1s", unusable: true, want: []string{`lapse.yaml:8:55: watch: 720h1s: want at most 720h, which is how long the ledger remembers`}},
		{file: f, old: "automatic: false", new: "automatic: yes", unusable: true, want: []string{`lapse.yaml:9:12: automatic: want true or false, without quotes`}},
		{file: f, old: "automatic: false", new: "automatic: 'true'", unusable: true, want: []string{`lapse.yaml:9:12: automatic: want true or false, without quotes`}},
		{file: f, old: `{key: "${LAPSE_SIGNING_KEY}"}`, new: "{}", unusable: true, want: []string{`lapse.yaml:10:10: signing: want one of keyless, key and kms (write {keyless: true}, or {key: "${NAME}"}, or {kms: "${NAME}"})`}},
		{file: f, old: `{key: "${LAPSE_SIGNING_KEY}"}`, new: `{kms: "awskms:///alias/lapse"}`, unusable: true, want: []string{`lapse.yaml:10:16: kms: a secret never stands in a file: want "${NAME}", the whole value, with the name of an environment variable`}},
		{file: f, old: `{key: "${LAPSE_SIGNING_KEY}"}`, new: `{key: "${K}", keyless: true}`, unusable: true, want: []string{`lapse.yaml:10:10: signing: want one of keyless, key and kms (write {keyless: true}, or {key: "${NAME}"}, or {kms: "${NAME}"})`}},
		{file: f, old: "automatic: false", new: "anchor: {}", unusable: true, want: []string{`lapse.yaml:9:9: anchor: want one of file, exec and git`}},
		{file: f, old: "automatic: false", new: "anchor: {fil: /srv/a}", unusable: true, want: []string{`lapse.yaml:9:9: anchor: want one of file, exec and git`, `lapse.yaml:9:10: unknown key "fil" (did you mean "file"?)`}},
		{file: f, old: "automatic: false", new: "anchor: {file: /srv/a, exec: [x]}", unusable: true, want: []string{`lapse.yaml:9:9: anchor: want one of file, exec and git`}},
		{file: f, old: "automatic: false", new: "anchor: {file: a.json}", unusable: true, want: []string{`lapse.yaml:9:16: file: want the absolute path of a file, without . or .. in it`}},
		{file: f, old: "automatic: false", new: "anchor: {file: /srv/../a}", unusable: true, want: []string{`lapse.yaml:9:16: file: want the absolute path of a file, without . or .. in it`}},
		{file: f, old: "automatic: false", new: "anchor: {file: /srv/a, token: \"${T}\"}", unusable: true, want: []string{`lapse.yaml:9:9: anchor: ref, username and token belong to git`}},
		{file: f, old: "automatic: false", new: "anchor: {file: /srv/a, env: [T]}", unusable: true, want: []string{`lapse.yaml:9:29: env: only a program of exec is given variables`}},
		{file: f, old: "automatic: false", new: "anchor: {exec: []}", unusable: true, want: []string{`lapse.yaml:9:9: anchor: want one of file, exec and git`}},
		{file: f, old: "automatic: false", new: "anchor: {exec: [./x]}", unusable: true, want: []string{`lapse.yaml:9:16: exec: want a program, by its absolute path or by a name in $PATH, and its arguments`}},
		{file: f, old: "automatic: false", new: "anchor: {exec: [x, \"${KEY}\"]}", unusable: true, want: []string{`lapse.yaml:9:20: exec[1]: it is written out, and never taken from the environment`}},
		{file: f, old: "automatic: false", new: "anchor: {git: \"https://u:p@git.acme.com/a.git\"}", unusable: true, want: []string{`lapse.yaml:9:15: git: want a URL like https://git.acme.com/lapse/anchor.git: no user and no token, which stands under token as "${NAME}"`}},
		{file: f, old: "automatic: false", new: "anchor: {git: \"https://git.acme.com/a.git\", token: s3cr3t}", unusable: true, want: []string{`lapse.yaml:9:52: token: a secret never stands in a file: want "${NAME}", the whole value, with the name of an environment variable`}},
		{file: f, old: "automatic: false", new: "anchor: {git: \"https://git.acme.com/a.git\", ref: main}", unusable: true, want: []string{`lapse.yaml:9:50: ref: want a branch in full, like refs/heads/lapse-anchor`}},
		{file: f, old: "targets:", new: "tragets:", unusable: true, noRole: true, want: []string{
			`lapse.yaml:2:1: the key "targets" is missing`, `lapse.yaml:3:1: unknown key "tragets" (did you mean "targets"?)`,
			goneDB, gone,
		}},
		// One bad target stays one bad target.
		{file: f, old: github, new: "{type: githib, org: acme}", noRole: true, want: []string{`lapse.yaml:4:19: no type of target is called "githib" (did you mean "github"?)`, gone}},
		{file: f, old: github, new: "{org: acme}", noRole: true, want: []string{`lapse.yaml:4:12: the key "type" is missing (known: file, github, postgres)`, gone}},
		{file: f, old: github, new: "{type: github, og: acme}", noRole: true, want: []string{
			`lapse.yaml:4:12: the key "org" is missing: every github target has it (the organization)`, `lapse.yaml:4:31: unknown key "og" of a github target (did you mean "org"?)`, gone}},
		{file: f, old: github, new: "{type: github, org: ac/me}", noRole: true, want: []string{`lapse.yaml:4:32: org: organization "ac/me": character '/' at column 3: want letters, digits and hyphens, a letter or digit first`, gone}},
		{file: f, old: github, new: `{type: github, org: "${ORG}"}`, noRole: true, want: []string{`lapse.yaml:4:32: org: this is not a secret, so its value is written out and never taken from the environment`, gone}},
		{file: f, old: "  github: ", new: "  GitHub: ", noRole: true, want: []string{
			`lapse.yaml:4:3: target "GitHub": character 'G' at column 1: want lower-case letters, digits, dots, hyphens and underscores, a letter or digit first`,
			`roles/prod-db-read.yaml:5:14: lapse.yaml has no target "github" (known: prod-db)`}},
		{file: f, old: dsn, new: "{type: postgres}", noRole: true, want: []string{`lapse.yaml:5:12: the key "dsn" is missing: every postgres target has it (the connection string)`, goneDB}},
	})
}

func TestA64SecretsStandInNoFileAndNoMessage(t *testing.T) {
	for _, value := range []string{`postgres://u:hunter2@db`, `'${A}hunter2'`, `'hunter2${A}'`, `'hunter2'`, `'$hunter2'`, `'${hunter2}'`, `'${A}${hunter2}'`, `1234567`, `0xdeadbeef`} {
		text := strings.Replace(configYAML, `"${PROD_DB_DSN}"`, value, 1)
		c := LoadConfiguration(exampleFiles(map[string]string{"lapse.yaml": text}), exampleTypes())
		if _, ok := c.Config.Targets["prod-db"]; ok || len(c.Problems) != 2 {
			t.Errorf("%s: %q", value, lines(c.Problems))
		}
		if all := strings.Join(lines(c.Problems), "\n"); strings.Contains(all, "hunter2") || strings.Contains(all, "1234567") || strings.Contains(all, "deadbeef") {
			t.Errorf("%s is shown: %s", value, all)
		}
	}
}

func TestRolesAreWhatTheirTargetsUnderstand(t *testing.T) {
	const f = "roles/prod-db-read.yaml"
	const team = "{target: github, team: prod-oncall}"
	want := func(problems ...string) []string {
		for i, p := range problems {
			problems[i] = f + ":" + p
		}
		return problems
	}
	testBroken(t, []broken{
		{file: f, old: "target: github", new: "target: githab", noRole: true, want: want(`5:14: lapse.yaml has no target "githab" (did you mean "github"?)`)},
		{file: f, old: team, new: "{team: x}", noRole: true, want: want(`5:5: the key "target" is missing`)},
		{file: f, old: team, new: "{target: github}", noRole: true, want: want(`5:5: nothing says what is held at github (type github) (one of: team, repository)`)},
		{file: f, old: team, new: "{target: github, teem: x}", noRole: true, want: want(`5:28: unknown key "teem" of a github entitlement (did you mean "team"?)`)},
		{file: f, old: team, new: "{target: github, team: x, permission: pull}", noRole: true, want: want(`5:43: unknown key "permission" of a github entitlement with "team" (known: team)`)},
		{file: f, old: team, new: "{target: github, team: ../x}", noRole: true, want: want(`5:28: team: team "../x": character '.' at column 1: want lower-case letters, digits, hyphens and underscores, as in the team's address`)},
		{file: f, old: team, new: "{target: github, repository: acme/x}", noRole: true, want: want(`5:5: the key "permission" is missing: every github entitlement with "repository" has it`)},
		{file: f, old: team, new: "{target: github, repository: acme/x, permission: admin}", noRole: true, want: want(`5:54: permission: "admin" is unknown: want pull or push`)},
		{file: f, old: team, new: "{target: prod-db, role: readonly}", noRole: true, want: want(`5:5: the same entitlement twice (it stands on line 4 already)`)},
		{file: f, old: team, new: "{target: prod-db, role: 'x; drop table'}", noRole: true, want: want(`5:29: role: account "x; drop table": character ';' at column 2: want letters, digits and ._@+-, a letter, digit or underscore first`)},
		{file: f, old: team, new: "github", noRole: true, want: want(`5:5: entitlements[1]: want keys and values, got text`)},
		{file: f, old: team, new: "{target: github, team: 5}", noRole: true, want: want(`5:28: team: want text, but "5" is a number to YAML (if text is meant, quote it: '5')`)},
		{file: f, old: "  - {target: prod-db, role: readonly}\n  - " + team, new: "  []", noRole: true, want: want(`4:3: entitlements: a role gives something`)},
		{file: f, old: "max_duration: 8h", new: "max_duraton: 8h", noRole: true, want: want(`2:1: the key "max_duration" is missing`, `6:1: unknown key "max_duraton" (did you mean "max_duration"?)`)},
		{file: f, old: "merge: auto", new: "merge: manual", noRole: true, want: want(`11:8: merge: "manual" is unknown: want auto`)},
		{file: f, old: "exclusive: false", new: "exclusive: off", noRole: true, want: want(`12:12: exclusive: want true or false, without quotes`)},
		{file: f, old: `["@acme/engineering", group:contractors]`, new: "[]", noRole: true, want: want(`7:11: eligible: nobody is named (name a team ("@organization/team") or a group ("group:name"))`)},
		{file: f, old: `["@acme/engineering", group:contractors]`, new: "group:contractors", noRole: true, want: want(`7:11: eligible: want a list, got text`)},
		{file: f, old: roleYAML, new: "", noRole: true},
	})
}

func TestPeopleAreWhoTheySay(t *testing.T) {
	const f = "people.yaml"
	testBroken(t, []broken{
		{file: f, old: "id: 3}", new: "id: 2}", want: []string{
			`people.yaml:4:13: bob and carol share the id 2 (each belongs to one person)`, `people.yaml:5:15: carol and bob share the id 2 (each belongs to one person)`}, noRole: false},
		{file: f, old: "id: 3}", new: "id: 601122}", want: []string{
			`people.yaml:4:23: bob and carol share the id 601122 (each belongs to one person)`, `people.yaml:5:15: carol and bob share the id 601122 (each belongs to one person)`}},
		{file: f, old: "also: [601122]", new: "also: [2]", want: []string{`people.yaml:4:13: bob lists the id 2 twice`, `people.yaml:4:23: bob lists the id 2 twice`}},
		{file: f, old: "id: 3}", new: "id: 0}", want: []string{`people.yaml:5:15: id: GitHub's ids are positive`}},
		{file: f, old: "id: 3}", new: "id: -3}", want: []string{`people.yaml:5:15: id: GitHub's ids are positive`}},
		{file: f, old: "id: 3}", new: "id: '3'}", want: []string{`people.yaml:5:15: id: want a whole number in decimal digits, without quotes`}},
		{file: f, old: "id: 3}", new: "email: c@acme.com}", want: []string{`people.yaml:5:10: the key "id" is missing`}},
		{file: f, old: "carol: {", new: "Dan: {", want: []string{
			`people.yaml:5:8: Dan and dan share the login "dan" (case does not matter) (each belongs to one person)`,
			`people.yaml:6:8: dan and Dan share the login "dan" (case does not matter) (each belongs to one person)`,
			`people.yaml:8:14: people has no "carol" (known: alice, bob)`,
			`roles/prod-db-read.yaml:10:13: group "security" could not be read, see the problems of people.yaml`}, noRole: true},
		{file: f, old: "carol: {", new: "ca/rol: {", noRole: true, want: []string{
			`people.yaml:5:3: login "ca/rol": character '/' at column 3: want letters, digits and hyphens, a letter or digit first`,
			`people.yaml:8:14: people has no "carol" (known: alice, bob, dan)`,
			`roles/prod-db-read.yaml:10:13: group "security" could not be read, see the problems of people.yaml`}},
		{file: f, old: "email: alice@acme.com", new: "email: alice", want: []string{`people.yaml:3:30: email: e-mail address "alice" has no @ and domain`}},
		{file: f, old: "prod-db: alice_r", new: "prod-bd: alice_r", want: []string{`people.yaml:3:66: lapse.yaml has no target "prod-bd" (did you mean "prod-db"?)`}},
		{file: f, old: "prod-db: alice_r", new: "prod-db: alice_the_long", want: []string{`people.yaml:3:66: a role of postgres has at most 10 characters`}},
		{file: f, old: "prod-db: alice_r", new: "prod-db: PUBLIC", want: []string{`people.yaml:3:66: account "PUBLIC" can mean every account: name one`}},
		{file: f, old: "prod-db: alice_r", new: "github: alice", want: []string{`people.yaml:3:65: accounts at github are GitHub's numeric ids (remove the line; the id of the person is enough)`}},
		{file: f, old: "also: [601122]", new: "accounts: {prod-db: Alice_R}", want: []string{
			`people.yaml:3:66: alice and bob share the account "alice_r" at prod-db (case does not matter) (each belongs to one person)`,
			`people.yaml:4:36: bob and alice share the account "alice_r" at prod-db (case does not matter) (each belongs to one person)`}},
		{file: f, old: "[carol, dan]", new: "[carol, carol]", noRole: true, want: []string{`people.yaml:8:21: carol is named twice`, `roles/prod-db-read.yaml:10:13: group "security" could not be read, see the problems of people.yaml`}},
		{file: f, old: "[carol, dan]", new: "[carol, dn]", noRole: true, want: []string{`people.yaml:8:21: people has no "dn" (did you mean "dan"?)`, `roles/prod-db-read.yaml:10:13: group "security" could not be read, see the problems of people.yaml`}},
		{file: f, old: "groups:", new: "group:", unusable: true, want: []string{`people.yaml:7:1: unknown key "group" (did you mean "groups"?)`}},
		{file: f, old: "people:\n", new: "people: &p\n", unusable: true, want: []string{`people.yaml:2:9: an anchor (remove it; every value is written out)`}},
	})
}

func TestA47WithoutItsFilesAConfigurationIsUnusable(t *testing.T) {
	for file, want := range map[string]string{
		"lapse.yaml":  "lapse.yaml: cannot be read: file does not exist",
		"people.yaml": "people.yaml: cannot be read: file does not exist",
	} {
		c := LoadConfiguration(exampleFiles(map[string]string{file: ""}), exampleTypes())
		if c.Usable || len(c.Problems) == 0 || c.Problems[0].Error() != want {
			t.Errorf("%s: usable %v, %q", file, c.Usable, lines(c.Problems))
		}
	}
	for _, mode := range []fs.FileMode{fs.ModeSymlink | 0o777, 0o755, fs.ModeIrregular, fs.ModeDir} {
		for _, file := range []string{"lapse.yaml", "people.yaml"} {
			fsys := exampleFiles(nil)
			fsys[file].Mode = mode
			if c := LoadConfiguration(fsys, exampleTypes()); c.Usable {
				t.Errorf("%s of mode %v is used", file, mode)
			}
		}
	}
}

func TestTargetsAreReadThoughTheRestIsNot(t *testing.T) {
	text := strings.Replace(configYAML, "version: 1", "version: 9", 1)
	c := LoadConfiguration(exampleFiles(map[string]string{"lapse.yaml": text, "people.yaml": ""}), exampleTypes())
	if c.Usable || len(c.Config.Targets) != 2 {
		t.Errorf("usable %v, targets %v", c.Usable, c.Config.Targets)
	}
}

func TestAnAnchorIsNamedByItsPlaceAlone(t *testing.T) {
	for text, want := range map[string]string{
		`{file: /srv/anchor.json}`:                                                               "file /srv/anchor.json",
		`{exec: [aws-anchor, "s3://acme/x y"], env: [AWS_TOKEN]}`:                                `exec "aws-anchor" "s3://acme/x y"`,
		`{git: "https://git.acme.com/a.git", token: "${ANCHOR_TOKEN}"}`:                          "git https://git.acme.com/a.git refs/heads/lapse-anchor",
		`{git: "https://git.acme.com/a.git", ref: refs/heads/b, username: x, token: "${OTHER}"}`: "git https://git.acme.com/a.git refs/heads/b",
	} {
		edited := strings.Replace(configYAML, "automatic: false", "anchor: "+text, 1)
		c := LoadConfiguration(exampleFiles(map[string]string{"lapse.yaml": edited}), exampleTypes())
		if !c.Usable || c.Config.Anchor == nil || c.Config.Anchor.Place() != want {
			t.Errorf("%s: %+v, %q", text, c.Config.Anchor, lines(c.Problems))
		}
	}
}
