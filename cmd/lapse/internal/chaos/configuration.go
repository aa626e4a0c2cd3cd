package chaos

import (
	"fmt"
	"strings"
	"time"
)

// configuration is what may differ in the configuration of the access repository. Two that are equal are the same files.
type configuration struct {
	note     int    // says nothing
	wide     bool   // role db names vault/extra too
	narrow   bool   // role db no longer names the team
	alice    string // alice's account at the vault; "" is her login
	bobGone  bool   // bob is among the departed, whom the policy of package active ends
	bobUnset bool   // bob is not in people.yaml
}

// files has the vault at a path; one says that there is no other target: the calls to it then come one after the other.
func (c configuration) files(vault string, one bool) map[string]string {
	db := "description: The orders database\nentitlements:\n  - {target: vault, name: db}\n"
	if c.wide {
		db += "  - {target: vault, name: extra}\n"
	}
	if !c.narrow && !one {
		db += "  - {target: github, team: prod-oncall}\n"
	}
	db += "max_duration: 8h\neligible: [\"@acme/engineering\"]\napprovals:\n  - {from: [\"@acme/data-platform\"], count: 1}\n"
	people := "people:\n"
	for _, p := range everybody {
		account := ""
		if p.login == "alice" && c.alice != "" {
			account = fmt.Sprintf(", accounts: {vault: %s}", c.alice)
		}
		if p.login != "bob" || !c.bobUnset {
			people += fmt.Sprintf("  %s: {id: %d%s}\n", p.login, p.id, account)
		}
	}
	departed := "[]"
	if c.bobGone && !c.bobUnset {
		departed = "[bob]"
	}
	people += "groups:\n  security: [carol, dan]\n  departed: " + departed + "\n"
	targets := "targets:\n  vault: {type: file, path: " + vault + "}\n"
	if !one {
		targets += "  github: {type: github, org: acme}\n"
	}
	lapse := fmt.Sprintf("# note %d\nversion: 1\n%sconfiguration:\n  approvals:\n    - {from: [\"group:security\"], count: 1}\n"+
		"limits: {max_duration: 24h, approval_ttl: 72h, unexplained_revocations: %d}\nautomatic: true\nsigning: {key: \"${LAPSE_SIGNING_KEY}\"}\n", c.note, targets, limit)
	return map[string]string{"lapse.yaml": lapse, "people.yaml": people, "roles/db.yaml": db}
}

// limit is limits.unexplained_revocations.
const limit = 1

var everybody = []struct {
	login string
	id    int64
}{{"alice", 583231}, {"bob", 583232}, {"carol", 583233}, {"dan", 583234}}

// fixed are the files of the configuration that never differ; an empty text leaves one of the example out.
func fixed() map[string]string {
	return map[string]string{
		"roles/prod-db-read.yaml": "",
		"roles/staging-read.yaml": "",
		"roles/staging.yaml":      "description: Staging\nentitlements:\n  - {target: vault, name: staging}\nmax_duration: 8h\neligible: [\"@acme/engineering\"]\napprovals: []\n",
		"roles/door.yaml": "description: A door that nobody passes without a grant\nentitlements:\n  - {target: vault, name: door}\nmax_duration: 8h\nexclusive: true\n" +
			"eligible: [\"@acme/engineering\"]\napprovals:\n  - {from: [\"group:security\"], count: 1}\n",
		"policies/request.rego":      "package request\n\ndeny contains \"say why\" if {\n\tcount(input.grant.reason) < 5\n}\n",
		"policies/request_test.rego": "",
		"policies/active.rego":       "package active\n\ndeny contains \"has left\" if {\n\t\"departed\" in input.person.groups\n}\n",
		"policies/active_test.rego":  "",
	}
}

// entitlements are those of a role, as "target/name".
func (c configuration) entitlements(role string, one bool) []string {
	switch role {
	case "staging", "door":
		return []string{"vault/" + role}
	case "db":
		out := []string{"vault/db"}
		if c.wide {
			out = append(out, "vault/extra")
		}
		if !c.narrow && !one {
			out = append(out, "github/prod-oncall")
		}
		return out
	}
	return nil
}

// account is whose name the person goes by at a target; "" if they are not known.
func (c configuration) account(user, entitlement string) string {
	if user == "bob" && c.bobUnset {
		return ""
	}
	if user == "alice" && c.alice != "" && strings.HasPrefix(entitlement, "vault/") {
		return c.alice
	}
	return user
}

// approvers are who may approve for a role; nobody need where there are none.
func approvers(role string, dataPlatform map[string]bool) map[string]bool {
	switch role {
	case "db":
		return dataPlatform
	case "staging":
		return nil
	}
	return map[string]bool{"carol": true, "dan": true}
}

// file is a grant file, as the oracle reads it: it reads only what the harness wrote.
type file struct {
	text       string
	user, role string // "" where the file is no grant
	duration   time.Duration
	start      time.Time
}

func (f file) render() string {
	s := fmt.Sprintf("user: %s\nrole: %s\nduration: %dm\n", f.user, f.role, int(f.duration.Minutes()))
	if !f.start.IsZero() {
		s += "start: " + f.start.UTC().Format(time.RFC3339) + "\n"
	}
	return s + "reason: Slow checkout query, INC-4211\n"
}

func parseFile(text string) file {
	f := file{text: text}
	for _, line := range strings.Split(text, "\n") {
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "user":
			f.user = value
		case "role":
			f.role = value
		case "duration":
			f.duration, _ = time.ParseDuration(value)
		case "start":
			f.start, _ = time.Parse(time.RFC3339, value)
		}
	}
	if f.duration == 0 {
		return file{text: text}
	}
	return f
}
