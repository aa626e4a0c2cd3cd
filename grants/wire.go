package grants

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapse-access/lapse/names"
)

// The wire structs are the files as they are written, and the source of the JSON Schemas. A key may be added, optional; a key
// is never renamed or removed, for the files stay in git history and are read again by every audit.

type grantFile struct {
	User     loginText    `yaml:"user"`
	Role     roleText     `yaml:"role"`
	Duration durationText `yaml:"duration,omitempty" jsonschema_description:"How long, counted from the merge, or from start if that is later: 4h, 90m, 1h30m. Write either duration or expires."`
	Expires  timeText     `yaml:"expires,omitempty" jsonschema_description:"The end, as a time with an offset. Write either duration or expires."`
	Start    timeText     `yaml:"start,omitempty" jsonschema_description:"No access before this time, with an offset."`
	Reason   lineText     `yaml:"reason" jsonschema_description:"Why, for those who approve and those who audit."`
	Ticket   ticketText   `yaml:"ticket,omitempty" jsonschema_description:"The ticket that asks for it, like INC-4211."`
}

type roleFile struct {
	Description  lineText            `yaml:"description,omitempty" jsonschema_description:"What the role gives, in a line."`
	Entitlements []entitlementEntry  `yaml:"entitlements" jsonschema_description:"What is given: each one thing at one target."`
	MaxDuration  durationText        `yaml:"max_duration" jsonschema_description:"The longest a grant of this role may last, like 8h."`
	Eligible     []partyText         `yaml:"eligible" jsonschema_description:"Who may hold the role: teams and groups."`
	Approvals    []approvalLineEntry `yaml:"approvals" jsonschema_description:"Who must approve; each line must be satisfied."`
	Merge        mergeText           `yaml:"merge,omitempty" jsonschema_description:"auto: merge as soon as the verdict is approved."`
	Exclusive    bool                `yaml:"exclusive,omitempty" jsonschema_description:"true: nobody may hold these entitlements but through a live grant."`
	Standing     []loginText         `yaml:"standing,omitempty" jsonschema_description:"Who may hold these entitlements without a grant, by login: what they hold by hand is left to them."`
	GuardsLapse  bool                `yaml:"guards_lapse,omitempty" jsonschema_description:"true: the role openly gives a hold on Lapse itself, such as its repository or a team that approves."`
}

type approvalLineEntry struct {
	From           []partyText  `yaml:"from" jsonschema_description:"Teams and groups whose members may approve."`
	Count          countNumber  `yaml:"count" jsonschema_description:"How many different people of them must approve."`
	WhenLongerThan durationText `yaml:"when_longer_than,omitempty" jsonschema_description:"Ask this only of grants that last longer."`
}

// entitlementEntry has "target" and the keys that the target's type names.
type entitlementEntry map[string]string

type peopleFile struct {
	People map[loginText]personEntry `yaml:"people" jsonschema_description:"Everyone who may hold or approve, by GitHub login."`
	Groups map[groupText][]loginText `yaml:"groups,omitempty" jsonschema_description:"Groups of people, named in roles as group:NAME."`
}

type personEntry struct {
	ID       idNumber              `yaml:"id" jsonschema_description:"GitHub's numeric id of the account: gh api users/LOGIN --jq .id"`
	Also     []idNumber            `yaml:"also,omitempty" jsonschema_description:"Numeric ids of further GitHub accounts of the same person, who still counts once."`
	Email    emailText             `yaml:"email,omitempty"`
	Accounts map[targetText]string `yaml:"accounts,omitempty" jsonschema_description:"Who the person is at a target: target to account."`
}

type configFile struct {
	Version       versionNumber              `yaml:"version"`
	Branch        branchText                 `yaml:"branch,omitempty" jsonschema_description:"The main branch; main unless said otherwise."`
	Targets       map[targetText]targetEntry `yaml:"targets" jsonschema_description:"The systems in which access is given, by name."`
	Configuration configurationEntry         `yaml:"configuration,omitempty" jsonschema_description:"Who must approve a change of anything but grants."`
	Removal       removalText                `yaml:"removal,omitempty" jsonschema_description:"How ended grants leave the repository."`
	Limits        limitsEntry                `yaml:"limits,omitempty"`
	Automatic     bool                       `yaml:"automatic,omitempty" jsonschema_description:"true: roles may have an empty list of approvals, and then need no person."`
	Anchor        anchorEntry                `yaml:"anchor,omitempty" jsonschema_description:"Where the last tips of main and of the ledger are kept outside of GitHub: one of file, exec and git."`
	Signing       signingEntry               `yaml:"signing" jsonschema_description:"How receipts and commits are signed: keyless, a key, or a key in a KMS."`
}

// targetEntry has "type" and the settings that the type names.
type targetEntry map[string]settingText

type configurationEntry struct {
	Approvals []approvalLineEntry `yaml:"approvals"`
}

type limitsEntry struct {
	MaxDuration            durationText `yaml:"max_duration,omitempty" jsonschema_description:"The longest any grant may last; 24h unless said otherwise."`
	ApprovalTTL            durationText `yaml:"approval_ttl,omitempty" jsonschema_description:"An approval older than this at the merge does not count; 72h unless said otherwise."`
	UnexplainedRevocations limitNumber  `yaml:"unexplained_revocations,omitempty" jsonschema_description:"The most holdings one run takes for any reason but their end; 10 unless said otherwise."`
	Watch                  durationText `yaml:"watch,omitempty" jsonschema_description:"How long what was taken is watched, in case somebody gives it back by hand; 168h unless said otherwise, at most 720h."`
}

type signingEntry struct {
	Key     secretText `yaml:"key,omitempty" jsonschema_description:"The environment variable that holds the key."`
	KMS     secretText `yaml:"kms,omitempty" jsonschema_description:"The environment variable that holds the address of a key in a KMS, like awskms:///alias/lapse."`
	Keyless bool       `yaml:"keyless,omitempty" jsonschema_description:"true: sign with the workflow's identity."`
}

// one says whether it names one way to sign.
func (s signingEntry) one() bool {
	n := 0
	for _, named := range []bool{s.Key != "", s.KMS != "", s.Keyless} {
		if named {
			n++
		}
	}
	return n == 1
}

type (
	loginText    string
	roleText     string
	ticketText   string
	targetText   string
	groupText    string
	branchText   string
	emailText    string
	partyText    string
	secretText   string
	mergeText    string
	settingText  string
	removalText  string
	lineText     string
	durationText string
	timeText     string

	idNumber      int64
	countNumber   int
	limitNumber   int
	versionNumber int
)

func (s loginText) check() error    { return names.Login(string(s)) }
func (s roleText) check() error     { return names.RoleName(string(s)) }
func (s ticketText) check() error   { return names.Ticket(string(s)) }
func (s targetText) check() error   { return names.TargetName(string(s)) }
func (s groupText) check() error    { return names.GroupName(string(s)) }
func (s branchText) check() error   { return names.Branch(string(s)) }
func (s emailText) check() error    { return names.Email(string(s)) }
func (s partyText) check() error    { return names.Party(string(s)) }
func (s mergeText) check() error    { return oneOf(string(s), "auto") }
func (s removalText) check() error  { return oneOf(string(s), "push", "pull_request") }
func (s settingText) quiet()        {}
func (s timeText) timely()          {}
func (s timeText) check() error     { _, err := ParseTime(string(s)); return err }
func (s durationText) check() error { _, err := ParseDuration(string(s)); return err }

// maxLine is the most characters of a reason or a description.
const maxLine = 500

func (s lineText) check() error {
	n := utf8.RuneCountInString(string(s))
	switch {
	case strings.TrimSpace(string(s)) == "":
		return errors.New("the text is blank")
	case n > maxLine:
		return fmt.Errorf("the text has %d characters, more than %d", n, maxLine)
	}
	return nil
}

// secretName is the NAME of "${NAME}". No error shows the value, which may be the secret itself.
func secretName(s string) (string, error) {
	name, opened := strings.CutPrefix(s, "${")
	name, closed := strings.CutSuffix(name, "}")
	if !opened || !closed {
		return "", errors.New(`a secret never stands in a file: want "${NAME}", the whole value, with the name of an environment variable`)
	}
	if names.EnvName(name) != nil {
		return "", errors.New(`want the name of an environment variable between "${" and "}": capital letters, digits and underscores`)
	}
	return name, nil
}

func (s secretText) check() error { _, err := secretName(string(s)); return err }

func (n idNumber) check() error {
	if n <= 0 {
		return errors.New("GitHub's ids are positive")
	}
	return nil
}

// maxCount is the most approvals a line can ask for.
const maxCount = 20

func (n countNumber) check() error {
	if n < 1 || n > maxCount {
		return fmt.Errorf("%d approvals: want 1 to %d", int(n), maxCount)
	}
	return nil
}

func (n limitNumber) check() error {
	if n < 0 || n > 100_000 {
		return fmt.Errorf("%d: want 0 to 100000", int(n))
	}
	return nil
}

func (n versionNumber) check() error {
	if n != 1 {
		return fmt.Errorf("version %d: this program reads version 1", int(n))
	}
	return nil
}

func oneOf(s string, known ...string) error {
	for _, k := range known {
		if s == k {
			return nil
		}
	}
	if near, ok := nearest(s, known); ok {
		return fmt.Errorf("%s is unknown, did you mean %q?", show(s), near)
	}
	return fmt.Errorf("%s is unknown: want %s", show(s), strings.Join(known, " or "))
}

// duration is the value of text that was checked; 0 where there is none.
func (s durationText) duration() time.Duration {
	d, _ := ParseDuration(string(s))
	return d
}

// time is the value of text that was checked; the zero time where there is none.
func (s timeText) time() time.Time {
	t, _ := ParseTime(string(s))
	return t
}
