package grants

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/lapse-access/lapse/names"
)

// Identity is a workflow that may sign receipts without a key, as its certificate names it. All of it must be as in the certificate,
// to the letter.
type Identity struct {
	Issuer     string // of the workflow's token, like https://token.actions.githubusercontent.com
	Subject    string // the workflow file at a ref, as a URL
	Repository int64  // the forge's numeric id: names are used again
	Ref        string // on which the workflow runs, like refs/heads/main
	From       time.Time
	Until      time.Time // receipts signed in [From, Until) count; the zero time is no bound
}

// identityFile is .lapse/trust/*.identity.yaml.
type identityFile struct {
	Issuer     issuerText  `yaml:"issuer" jsonschema_description:"Who issued the workflow's token, like https://token.actions.githubusercontent.com."`
	Subject    subjectText `yaml:"subject" jsonschema_description:"The workflow file at a ref, like https://github.com/acme/access/.github/workflows/lapse-reconcile.yml@refs/heads/main."`
	Repository idNumber    `yaml:"repository" jsonschema_description:"GitHub's numeric id of the repository: gh api repos/OWNER/NAME --jq .id"`
	Ref        refText     `yaml:"ref" jsonschema_description:"The ref that the workflow runs on, like refs/heads/main."`
	From       timeText    `yaml:"from,omitempty" jsonschema_description:"What was signed before this time does not count."`
	Until      timeText    `yaml:"until,omitempty" jsonschema_description:"What was signed at this time or later does not count."`
}

type (
	issuerText  string
	subjectText string
	refText     string
)

// Source: https://github.com/sigstore/fulcio/blob/main/docs/oidc.md, the subject alternative name of GitHub's workflows.
var subjectForm = regexp.MustCompile(`^https?://[A-Za-z0-9.:-]+/[A-Za-z0-9-]+/[A-Za-z0-9._-]+/\.github/workflows/[A-Za-z0-9._-]+\.ya?ml@refs/(heads|tags)/[!-~]+$`)

func (s issuerText) check() error {
	if !isPlainURL(string(s)) || strings.Contains(string(s), " ") || inert(string(s)) != nil {
		return errors.New("want an address, like https://token.actions.githubusercontent.com")
	}
	return nil
}

func (s subjectText) check() error {
	if len(s) > maxLine || !subjectForm.MatchString(string(s)) {
		return errors.New("want a workflow file at a ref, like https://github.com/acme/access/.github/workflows/lapse-reconcile.yml@refs/heads/main")
	}
	return nil
}

func (s refText) check() error {
	return checkFullBranch(string(s), "refs/heads/main")
}

// checkFullBranch wants a branch by the whole name of its ref, like the example.
func checkFullBranch(s, example string) error {
	branch, ok := strings.CutPrefix(s, "refs/heads/")
	if !ok {
		return fmt.Errorf("want a branch in full, like %s", example)
	}
	return names.Branch(branch)
}

// isPlainURL says whether it is an address over HTTP that names no user, no query and no fragment.
func isPlainURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// ParseIdentity reads a file of .lapse/trust that names the identity of a workflow.
func ParseIdentity(file string, data []byte) (Identity, []Problem) {
	var w identityFile
	d := decode(parse(showPath(file), data, MaxFileSize), &w)
	id := Identity{
		Issuer: string(w.Issuer), Subject: string(w.Subject), Repository: int64(w.Repository), Ref: string(w.Ref),
		From: w.From.time(), Until: w.Until.time(),
	}
	if len(d.problems) == 0 && !id.Until.IsZero() && !id.From.Before(id.Until) {
		d.problem("until", "", "until: is not after from")
	}
	return id, atMost(d.problems)
}

// Check says what is wrong with an identity that came from elsewhere than a file.
func (i Identity) Check() error {
	var errs []error
	for _, c := range []struct {
		name string
		text interface{ check() error }
	}{{"issuer", issuerText(i.Issuer)}, {"subject", subjectText(i.Subject)}, {"repository", idNumber(i.Repository)}, {"ref", refText(i.Ref)}} {
		if err := c.text.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}

// During says whether what was signed at that time counts.
func (i Identity) During(at time.Time) bool {
	return !at.Before(i.From) && (i.Until.IsZero() || at.Before(i.Until))
}

// Is says whether both are the same workflow, whenever.
func (i Identity) Is(j Identity) bool {
	j.From, j.Until = i.From, i.Until
	return i == j
}

// String names the workflow, whenever.
func (i Identity) String() string {
	return fmt.Sprintf("%s (repository %d, on %s, by %s)", i.Subject, i.Repository, i.Ref, i.Issuer)
}

// File is the identity as a file of .lapse/trust.
func (i Identity) File() []byte {
	return fmt.Appendf(nil, "issuer: %s\nsubject: %s\nrepository: %d\nref: %s\n", i.Issuer, i.Subject, i.Repository, i.Ref)
}
