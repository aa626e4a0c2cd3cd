package grants

import (
	"errors"
	"testing/fstest"

	"github.com/lapse-access/lapse/names"
)

// The files of an access repository as the manual shows them.
const (
	grantYAML = `# grants/alice-prod.yaml: the id is the path below grants/ without .yaml
user: alice               # GitHub login
role: prod-db-read
duration: 4h              # counted from the merge; or  expires: 2026-12-01T18:00:00Z
start: 2026-12-01T09:00:00Z   # optional: not before; duration then counts from here
reason: Slow checkout query, INC-4211
ticket: INC-4211          # optional; a policy may require it
`
	roleYAML = `# roles/prod-db-read.yaml
description: Read-only access to the orders database
entitlements:
  - {target: prod-db, role: readonly}
  - {target: github, team: prod-oncall}
max_duration: 8h
eligible: ["@acme/engineering", group:contractors]   # who may hold it
approvals:                                           # each line must be satisfied
  - {from: ["@acme/data-platform"], count: 1}
  - {from: [group:security], count: 1, when_longer_than: 4h}
merge: auto          # merge as soon as the verdict is approved; without it a person merges
exclusive: false     # true: nobody may hold these entitlements but through a live grant
`
	peopleYAML = `# people.yaml: identity, pinned by GitHub's numeric id
people:
  alice: {id: 583231, email: alice@acme.com, accounts: {prod-db: alice_r}}
  bob: {id: 2, also: [601122]}
  carol: {id: 3}
  dan: {id: 4}
groups:
  security: [carol, dan]
  contractors: [bob]
`
	configYAML = `# lapse.yaml
version: 1
targets:
  github:  {type: github, org: acme}
  prod-db: {type: postgres, dsn: "${PROD_DB_DSN}"}   # secrets only ever as ${NAME}, a whole value
configuration: {approvals: [{from: ["@acme/security"], count: 2}]}
removal: push          # or pull_request
limits: {max_duration: 24h, approval_ttl: 72h, unexplained_revocations: 10}
automatic: false       # true: roles may have approvals: [], and need no person
signing: {key: "${LAPSE_SIGNING_KEY}"}               # or {keyless: true}
`
)

// exampleTypes are types of target like those of the program.
func exampleTypes() Types {
	return Types{
		"github": {
			Name: "github", AccountsAreIDs: true,
			Settings: []Field{{Key: "org", Doc: "the organization", Check: names.Organization}},
			Entitlements: []Form{
				{{Key: "team", Check: names.TeamSlug}},
				{{Key: "repository", Check: names.Repository}, {Key: "permission", Values: []string{"pull", "push"}}},
			},
		},
		"postgres": {
			Name:         "postgres",
			Settings:     []Field{{Key: "dsn", Doc: "the connection string", Secret: true}},
			Entitlements: []Form{{{Key: "role", Check: names.Account}, {Key: "schema", Optional: true, Check: names.Account}}},
			CheckAccount: func(s string) error {
				if len(s) > 10 {
					return errors.New("a role of postgres has at most 10 characters")
				}
				return names.Account(s)
			},
		},
		"file": {Name: "file", LoginIsAccount: true, Settings: []Field{{Key: "path"}}, Entitlements: []Form{{{Key: "line"}}}},
	}
}

// exampleFiles is the access repository with some files replaced; an empty text removes one.
func exampleFiles(replace map[string]string) fstest.MapFS {
	files := map[string]string{
		"lapse.yaml": configYAML, "people.yaml": peopleYAML, "roles/prod-db-read.yaml": roleYAML, "grants/alice-prod.yaml": grantYAML,
	}
	for name, text := range replace {
		files[name] = text
	}
	fsys := fstest.MapFS{}
	for name, text := range files {
		if text != "" {
			fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		}
	}
	return fsys
}

// lines are problems as they are printed.
func lines(problems []Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Error())
	}
	return out
}
