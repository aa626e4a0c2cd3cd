// Package settings says what is missing in GitHub's settings of an access repository. Facts are what GitHub shows; Judge compares
// them with what Lapse needs, and asks nobody.
//
//	what                       without it
//	rules of main              anybody who may push changes it, and a merge waits for no verdict. Nothing unapproved is given even so
//	rules of the ledger        it can be rewritten: giving stops until it is restored
//	environment                a workflow of any branch reads the credentials
//	workflows, heartbeat       nothing is judged, given or taken
//	the App and its powers     approvals of teams cannot be counted, verdicts not shown, ends not recorded
package settings

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Names that the example gives and that Lapse's own settings have.
const (
	Environment   = "lapse"
	StatusContext = "lapse" // of the commit status and the check run
	LedgerBranch  = "lapse-ledger"

	ReconcileWorkflow = "lapse-reconcile.yml"
)

// Workflows are the files without which nothing runs.
func Workflows() []string {
	return []string{"lapse-check.yml", "lapse-review.yml", ReconcileWorkflow}
}

// RequestWorkflow turns issues into requests, where a repository has it: Lapse then answers in the issue.
const RequestWorkflow = "lapse-request.yml"

// Facts are what GitHub shows of an access repository. A part that could not be seen is in Unseen, and is judged no further.
type Facts struct {
	Repository    string // owner/name
	Branch        string // main
	DefaultBranch string
	Main, Ledger  Guard
	PushesMain    bool              // Lapse commits removals to main itself, without a pull request
	Environment   *Room             // nil: there is none
	Secrets       []string          // that the environment must hold
	Workflows     map[string]string // state by file; "" where there is none
	LastRun       time.Time         // of a reconcile that came to its end; zero: never
	StaleAfter    time.Duration
	Now           time.Time
	App           int64             // that Lapse acts as; 0: not known
	Permissions   map[string]string // of the App; nil: not known
	Needs         map[string]string // permissions that it must have
	Teams         map[string]string // "@org/team" that cannot be read, and why
	Problems      []string          // of the configuration on main
	Ledgered      bool              // a ledger was begun
	Keyless       *Keyless          // nil: a key signs
	Unseen        map[string]string // parts that could not be seen, and why
}

// Guard is what rules say of one branch.
type Guard struct {
	KeepsHistory bool // neither deleted nor moved back
	Pulls        bool // changed by pull requests alone
	Status       bool // merged only when our status says so
	StatusApp    int64
	Free         []Free // whom the rules do not bind
	FreeHidden   bool   // the token may not see them
}

// Free is somebody whom rules do not bind.
type Free struct {
	Name string
	App  int64 // 0 for a person, a team or a role
}

// Room is a deployment environment.
type Room struct {
	Branches []string // nil: all
	Secrets  []string
}

// Finding is one thing that is missing, and what to do about it.
type Finding struct {
	What    string `json:"what"` // one word for the part of the settings
	Problem string `json:"problem"`
	Do      string `json:"do"`
}

// Judge says what is missing, in the order in which to mend it.
func Judge(f Facts) []Finding {
	var all []Finding
	for _, part := range []func(Facts) []Finding{unseen, defaultBranch, configuration, teams, app, environment, workflows, keyless, mainRules, ledgerRules, alive} {
		all = append(all, part(f)...)
	}
	return all
}

// Hidden says whether a part could not be seen.
func (f Facts) Hidden(part string) bool { _, hidden := f.Unseen[part]; return hidden }

func (f Facts) fix() string { return f.asApp("doctor --fix") }

// asApp is the command that does something as the App.
func (f Facts) asApp(do string) string {
	id := "ID"
	if f.App != 0 {
		id = fmt.Sprint(f.App)
	}
	return fmt.Sprintf("lapse %s --repo %s --app-id %s", do, f.Repository, id)
}

func unseen(f Facts) []Finding {
	var out []Finding
	for _, part := range sorted(f.Unseen) {
		out = append(out, Finding{part, "it cannot be seen: " + f.Unseen[part], "run doctor with the token of an administrator of the repository: export GH_TOKEN=$(gh auth token)"})
	}
	return out
}

func defaultBranch(f Facts) []Finding {
	if f.Hidden("repository") || f.DefaultBranch == f.Branch {
		return nil
	}
	return []Finding{{"repository", fmt.Sprintf("its default branch is %s: schedules and trusted workflows run from there, not from %s", f.DefaultBranch, f.Branch),
		fmt.Sprintf("gh api -X PATCH repos/%s -f default_branch=%s", f.Repository, f.Branch)}}
}

func configuration(f Facts) []Finding {
	var out []Finding
	for _, p := range f.Problems {
		out = append(out, Finding{"configuration", p, "mend it by a pull request; lapse check --dir . says more"})
	}
	switch {
	case f.Ledgered || f.Hidden("ledger"):
	case f.Keyless != nil:
		out = append(out, Finding{"ledger", "it was never begun: nothing is given",
			fmt.Sprintf("gh workflow run %s --repo %s --ref %s -f begin=COMMIT, with the commit of %s that you read, as one who may approve a change of the configuration", ReconcileWorkflow, f.Repository, f.Branch, f.Branch)})
	default:
		out = append(out, Finding{"ledger", "it was never begun: nothing is given", f.asApp("reconcile --init") + ", with the App's key in LAPSE_APP_PRIVATE_KEY and the signing key in the variable that lapse.yaml names"})
	}
	return out
}

func teams(f Facts) []Finding {
	var out []Finding
	for _, name := range sorted(f.Teams) {
		org, team, _ := strings.Cut(strings.TrimPrefix(name, "@"), "/")
		out = append(out, Finding{"teams", fmt.Sprintf("%s cannot be read: %s", name, f.Teams[name]),
			fmt.Sprintf("gh api orgs/%s/teams -f name=%s -f privacy=closed, or let the App read members", org, team)})
	}
	return out
}

func app(f Facts) []Finding {
	if f.Permissions == nil {
		return nil
	}
	var out []Finding
	for _, name := range sorted(f.Needs) {
		if have, want := f.Permissions[name], f.Needs[name]; have != want && have != "write" && have != "admin" {
			out = append(out, Finding{"app", fmt.Sprintf("app %d has %s: %s, and needs %s", f.App, name, or(have, "none"), want),
				"give it the permission in the App's settings, and accept that in the organization's"})
		}
	}
	return out
}

func alive(f Facts) []Finding {
	const do = "gh workflow run lapse-reconcile.yml, and look at its last runs; GitHub's schedules stop in repositories that are quiet for 60 days"
	switch {
	case f.Hidden("ledger"):
		return nil
	case f.LastRun.IsZero():
		return []Finding{{"schedule", "no reconcile ever came to its end", do}}
	case f.Now.Sub(f.LastRun) > f.StaleAfter:
		return []Finding{{"schedule", fmt.Sprintf("the last reconcile came to its end at %s: whatever is over since is still held", f.LastRun.UTC().Format(time.RFC3339)), do}}
	}
	return nil
}

func workflows(f Facts) []Finding {
	if f.Hidden("workflows") {
		return nil
	}
	var out []Finding
	for _, file := range Workflows() {
		switch state := f.Workflows[file]; state {
		case "active":
		case "":
			out = append(out, Finding{"workflows", file + " is not on " + f.DefaultBranch, "lapse init writes it; it never changes what is there"})
		default:
			out = append(out, Finding{"workflows", file + " does not run: " + state, "gh workflow enable " + file + " --repo " + f.Repository})
		}
	}
	return out
}

func environment(f Facts) []Finding {
	if f.Hidden("environment") {
		return nil
	}
	e := f.Environment
	if e == nil {
		return []Finding{{"environment", "there is no environment " + Environment + " for the credentials", f.fix()}}
	}
	var out []Finding
	switch {
	case e.Branches == nil:
		out = append(out, Finding{"environment", "a workflow of any branch may read what environment " + Environment + " holds", f.fix()})
	case !slices.Contains(e.Branches, f.Branch):
		out = append(out, Finding{"environment", fmt.Sprintf("%s may not use environment %s", f.Branch, Environment), f.fix()})
	}
	for _, b := range e.Branches {
		if b != f.Branch {
			out = append(out, Finding{"environment", fmt.Sprintf("more than %s may use environment %s: %s", f.Branch, Environment, b),
				"take it away in the repository's settings, under Environments"})
		}
	}
	for _, name := range f.Secrets {
		if !slices.Contains(e.Secrets, name) {
			out = append(out, Finding{"environment", fmt.Sprintf("environment %s holds no secret %s", Environment, name),
				fmt.Sprintf("gh secret set %s --env %s --repo %s", name, Environment, f.Repository)})
		}
	}
	return out
}

func sorted(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
