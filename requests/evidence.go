package requests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
)

// Evidence is what a verdict was made from, in the stored form of receipts: with the trees of Base and of the commit that the receipt
// names it suffices to judge again, offline ([Gatherer.Replay]). What those trees themselves say is not repeated here, but for the
// digests of what judged, so that a reader sees at once whether it is the same. Fields may be added, never removed or given another
// meaning.
type Evidence struct {
	Base          string                        `json:"base"`              // main commit whose configuration judged
	Configuration string                        `json:"configuration"`     // digest of all of it
	Files         map[string]string             `json:"files,omitempty"`   // digests of lapse.yaml, people.yaml, the roles that the request names, and the policies
	Repository    string                        `json:"repository"`        // owner/name, as it was then
	Now           time.Time                     `json:"now"`               // instant of the verdict: of the merge, by the forge
	Pull          *checks.Pull                  `json:"pull,omitempty"`    // with its merge
	Found         []checks.Reason               `json:"found,omitempty"`   // what the gatherer found that forbids approval
	Reviews       []checks.Review               `json:"reviews,omitempty"` // with the ids and times that the forge gave them
	Pushes        []checks.Push                 `json:"pushes,omitempty"`
	Teams         map[grants.Party]checks.Team  `json:"teams,omitempty"`    // members then, by "@org/team"
	Above         map[string][]string           `json:"above,omitempty"`    // teams that a team of the request lies in
	Accounts      map[string]checks.Account     `json:"accounts,omitempty"` // by login
	Live          map[string][]checks.LiveGrant `json:"live,omitempty"`     // by login
	Held          []string                      `json:"held,omitempty"`     // targets at which something was held
	Asked         []Asked                       `json:"asked,omitempty"`    // of the policies, about the grant of the receipt
	Verdict       checks.Verdict                `json:"verdict"`            // on the request as a whole
}

// Asked is one question to the policies and what they said. Fields may be added, never removed or given another meaning.
type Asked struct {
	Input  policies.Input  `json:"input"`
	Answer policies.Answer `json:"answer"`
}

// Ended is what the policies of package active saw when they ended a grant, in the stored form of receipts. Fields may be added, never
// removed or given another meaning.
type Ended struct {
	Base          string            `json:"base"`          // commit of the approved configuration whose policies were asked
	Configuration string            `json:"configuration"` // digest of all of it
	Files         map[string]string `json:"files"`         // digests of lapse.yaml, people.yaml, the role, and the policies
	Asked         []Asked           `json:"asked"`
}

// EndedBy is the stored form of what ended a grant of that role.
func EndedBy(snap *Snapshot, role string, asked Asked) (json.RawMessage, error) {
	return json.Marshal(Ended{Base: snap.Commit.String(), Configuration: snap.Digest, Files: snap.judging(role), Asked: []Asked{asked}})
}

// evidenceOf keeps of the facts what the trees do not say.
func evidenceOf(f checks.Facts, snap *Snapshot) Evidence {
	var roles []string
	for _, c := range f.Request.Changes {
		if c.After != nil {
			roles = append(roles, c.After.Role)
		}
	}
	return Evidence{
		Base: snap.Commit.String(), Configuration: snap.Digest, Files: snap.judging(roles...), Repository: f.Repository,
		Now: f.Now, Pull: f.Pull, Found: f.Unjudgeable, Reviews: f.Reviews, Pushes: f.Pushes,
		Teams: f.Teams, Above: f.Above, Accounts: f.Accounts, Live: f.Live, Held: f.Held,
	}
}

// facts are those that the evidence holds. The others are the trees': Configuration, Request, Moved, Warnings and Guards.
func (e Evidence) facts() checks.Facts {
	return checks.Facts{
		Repository: e.Repository, Now: e.Now, Pull: e.Pull, Unjudgeable: e.Found, Reviews: e.Reviews, Pushes: e.Pushes,
		Teams: e.Teams, Above: e.Above, Accounts: e.Accounts, Live: e.Live, Held: e.Held,
	}
}

// ReadEvidence reads the judgement of an approved or refused receipt. What it does not know is an error: a newer Lapse may have judged by
// it, and judging again without it would prove nothing.
func ReadEvidence(judgement json.RawMessage) (Evidence, error) {
	var e Evidence
	d := json.NewDecoder(bytes.NewReader(judgement))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("read the evidence: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return e, errors.New("read the evidence: text after it")
	}
	return e, nil
}

// judging are the digests, by path, of the files that judge a request for the roles. What is no plain file has none.
func (s *Snapshot) judging(roles ...string) map[string]string {
	out := maps.Clone(s.digests)
	maps.DeleteFunc(out, func(path, _ string) bool {
		switch folder, _, in := strings.Cut(path, "/"); {
		case !in:
			return false
		case folder == "roles":
			return !slices.ContainsFunc(roles, func(name string) bool { return path == grants.RolePath(name) })
		default:
			return folder != policies.Folder
		}
	})
	return out
}
