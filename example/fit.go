package example

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// Choices fit the example to an organization.
type Choices struct {
	Org    string
	Branch string            // main
	Owners []Owner           // who approve at first, and may ask
	Action string            // commit of the action; "" leaves the example's
	Keys   map[string]string // files of what signs, by path

	Keyless bool // signed by the identity of the reconcile workflow, without a key
}

// Owner is one person, by login and GitHub's numeric id.
type Owner struct {
	Login string
	ID    int64
}

var (
	pin   = regexp.MustCompile(`(lapse-access/lapse)@[0-9a-f]{40} # main`)
	alice = regexp.MustCompile(`\balice\b`)
)

// keyless takes the key out of lapse.yaml and out of the workflow that signs.
var keyless = strings.NewReplacer(
	`signing: {key: "${LAPSE_SIGNING_KEY}"}`, "signing: {keyless: true}",
	"    # permissions: {id-token: write}    # where lapse.yaml says signing: {keyless: true}\n", "    permissions: {id-token: write}    # by this token it signs\n",
	"          LAPSE_SIGNING_KEY: ${{ secrets.LAPSE_SIGNING_KEY }}\n", "",
	"| with which keys Lapse signs; the same for `git verify-commit` | `.lapse/trust/`, `.lapse/allowed_signers` |", "| which workflow signs for Lapse | `.lapse/trust/` |",
)

// For are the files of the example as an organization begins with them, by path. In place of teams that it may not have they name
// the groups everyone and security of people.yaml, and in both are the owners.
func For(c Choices) (map[string]string, error) {
	files, err := Files()
	if err != nil {
		return nil, err
	}
	var owners []string
	for _, o := range c.Owners {
		owners = append(owners, "@"+o.Login)
	}
	fit := strings.NewReplacer(
		`"@acme/engineering"`, "group:everyone", `"@acme/data-platform"`, "group:security",
		"org: acme", "org: "+c.Org, "Access at acme", "Access at "+c.Org, "@carol @dan", strings.Join(owners, " "),
		"branches: [main]", "branches: ["+c.Branch+"]", "refs/heads/main'", "refs/heads/"+c.Branch+"'",
	)
	for path, text := range files {
		text = fit.Replace(text)
		if path == "README.md" {
			text = alice.ReplaceAllLiteralString(text, c.Owners[0].Login)
		}
		if c.Action != "" {
			text = pin.ReplaceAllString(text, "$1@"+c.Action)
		}
		if c.Keyless {
			text = keyless.Replace(text)
		}
		files[path] = text
	}
	files["people.yaml"] = people(c.Owners)
	maps.Copy(files, c.Keys)
	return files, nil
}

func people(owners []Owner) string {
	var b strings.Builder
	b.WriteString("# GitHub's numeric id is what lasts: gh api users/LOGIN --jq .id\npeople:\n")
	var logins []string
	for _, o := range owners {
		fmt.Fprintf(&b, "  %s: {id: %d}\n", o.Login, o.ID)
		logins = append(logins, o.Login)
	}
	all := strings.Join(logins, ", ")
	fmt.Fprintf(&b, "groups:\n  everyone: [%s]\n  security: [%s]\n  departed: []\n", all, all)
	return b.String()
}
