package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/settings"
)

// hospital is a stage on which mallory, who administers the repository, runs doctor.
type hospital struct {
	*theatre
	app string // --app-id
}

func newHospital(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{newTheatre(t, map[string]string{"roles/staging-read.yaml": ""}), fmt.Sprint(lapseApp)}
	h.vars["LAPSE_APP_PRIVATE_KEY"] = addApp(t, h.Server, stage.Repo)
	h.vars["LAPSE_TOKEN"] = h.Token("mallory")
	return h
}

// set changes the repository's settings, as mallory does in the browser.
func (h *hospital) set(method, path, body string) {
	h.t.Helper()
	if err := h.As("mallory").Do(method, "/repos/"+stage.Repo+path, json.RawMessage(body), nil); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hospital) findings(args ...string) []settings.Finding {
	h.t.Helper()
	a := h.lapse(append([]string{"doctor", "--json", "--app-id", h.app}, args...)...)
	var out struct{ Findings []settings.Finding }
	if err := json.Unmarshal([]byte(a.out), &out); err != nil {
		h.t.Fatalf("doctor: %s", a)
	}
	if (a.code == exitRefused) != (len(out.Findings) > 0) || a.code != exitRefused && a.code != exitFine {
		h.t.Errorf("%d findings, and exit %d: %s", len(out.Findings), a.code, a.err)
	}
	return out.Findings
}

// wants are the findings by a part of their problem, in their order.
func (h *hospital) wants(found []settings.Finding, problems ...string) {
	h.t.Helper()
	var got []string
	for _, f := range found {
		got = append(got, f.What+": "+f.Problem)
		if f.Do == "" {
			h.t.Errorf("nothing is said to do about %q", f.Problem)
		}
	}
	ok := len(got) == len(problems)
	for i := range min(len(got), len(problems)) {
		ok = ok && strings.Contains(got[i], problems[i])
	}
	if !ok {
		h.t.Errorf("doctor finds\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(problems, "\n  "))
	}
}

func (h *hospital) secrets(names ...string) {
	h.t.Helper()
	h.Seal(stage.Repo, settings.Environment, names...)
}

// What GitHub begins with protects nothing; what --fix makes and people then fill leaves nothing to say.
func TestDoctorFindsWhatIsMissingAndMendsWhatItCan(t *testing.T) {
	h := newHospital(t)
	if a := h.lapse("reconcile"); a.code != exitFine {
		t.Fatal(a)
	}
	bare := []string{"there is no environment lapse",
		"main can be deleted", "main can be changed without a pull request", "can be merged whatever the status lapse says", "lapse-ledger can be deleted"}
	h.wants(h.findings(), bare...)
	h.wants(h.findings("--fix"), "no secret LAPSE_APP_ID", "no secret LAPSE_APP_PRIVATE_KEY", "no secret LAPSE_SIGNING_KEY")
	h.secrets("LAPSE_APP_ID", "LAPSE_APP_PRIVATE_KEY", "LAPSE_SIGNING_KEY")
	h.wants(h.findings())
	h.wants(h.findings("--fix"))
	if a := h.lapse("doctor", "--app-id", h.app); a.code != exitFine || !strings.Contains(a.out, "Nothing is missing") {
		t.Errorf("doctor: %s", a)
	}
}

// Every setting that is not as it must be is found, alone, with what to do.
func TestDoctorFindsEachThing(t *testing.T) {
	h := newHospital(t)
	h.findings("--fix")
	h.secrets("LAPSE_APP_ID", "LAPSE_APP_PRIVATE_KEY", "LAPSE_SIGNING_KEY")
	if a := h.lapse("reconcile"); a.code != exitFine {
		t.Fatal(a)
	}
	h.wants(h.findings())

	h.DisableWorkflow(stage.Repo, "lapse-reconcile.yml", "disabled_inactivity")
	h.wants(h.findings(), "lapse-reconcile.yml does not run: disabled_inactivity")
	h.DisableWorkflow(stage.Repo, "lapse-reconcile.yml", "active")

	h.set("POST", "/environments/lapse/deployment-branch-policies", `{"name":"release/*"}`)
	h.set("POST", "/environments/lapse/deployment-branch-policies", `{"name":"main","type":"tag"}`)
	more := []string{"more than main may use environment lapse: release/*", "more than main may use environment lapse: tag main"}
	h.wants(h.findings(), more...)
	h.set("PUT", "/environments/lapse", `{}`)
	h.wants(h.findings(), "a workflow of any branch may read")
	h.wants(h.findings("--fix"), more...)

	h.set("POST", "/rulesets", `{"name":"admins","target":"branch","enforcement":"active","conditions":{"ref_name":{"include":["~ALL"],"exclude":[]}},
		"bypass_actors":[{"actor_id":5,"actor_type":"RepositoryRole","bypass_mode":"always"}],"rules":[{"type":"deletion"}]}`)
	h.wants(h.findings(), more[0], more[1], "the rules of main do not bind RepositoryRole 5", "the rules of lapse-ledger do not bind RepositoryRole 5")

	h.app = "12" // as if Lapse were another App
	delete(h.vars, "LAPSE_APP_PRIVATE_KEY")
	var all []string
	for _, f := range h.findings() {
		all = append(all, f.Problem)
	}
	for _, want := range []string{"the status lapse must come from app 4711, and Lapse is app 12", "the rules of main do not bind app 4711", "the rules of main bind Lapse"} {
		if !slices.Contains(all, want) && !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("doctor does not find %q in %q", want, all)
		}
	}
}

// An App that may not do all that the repository's workflows ask of it is found before somebody's request goes unanswered.
func TestDoctorFindsWhatTheAppMayNotDo(t *testing.T) {
	for permission, has := range map[string]map[string]string{
		"issues": {"contents": "write", "pull_requests": "write", "checks": "write", "statuses": "write", "members": "write"},
		"checks": {"contents": "write", "issues": "write", "pull_requests": "write", "statuses": "write", "members": "write"},
	} {
		h := &hospital{newTheatre(t, map[string]string{"roles/staging-read.yaml": ""}), fmt.Sprint(lapseApp)}
		h.vars["LAPSE_APP_PRIVATE_KEY"] = addAppThatMay(t, h.Server, has, stage.Repo)
		h.vars["LAPSE_TOKEN"] = h.Token("mallory")
		var found []string
		for _, f := range h.findings() {
			if f.What == "app" {
				found = append(found, f.Problem)
			}
		}
		if len(found) != 1 || !strings.Contains(found[0], "has "+permission+": none, and needs write") {
			t.Errorf("without %s doctor finds %q", permission, found)
		}
	}
}

// What the token may not see is said, and hides nothing else.
func TestDoctorSaysWhatItCannotSee(t *testing.T) {
	h := newHospital(t)
	h.findings("--fix")
	h.vars["LAPSE_TOKEN"] = h.Token("alice")
	if a := h.lapse("reconcile", "--dry-run"); a.code != exitFine {
		t.Fatal(a)
	}
	found := h.findings()
	seen := map[string]bool{}
	for _, f := range found {
		seen[f.What] = seen[f.What] || strings.Contains(f.Problem, "cannot be seen")
	}
	if !seen["rules"] || !slices.Contains(slices.Collect(maps.Keys(seen)), "environment") {
		t.Errorf("findings of somebody who sees little: %+v", found)
	}
}
