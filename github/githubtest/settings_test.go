package githubtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

func ruleset(t *testing.T, s *githubtest.Server, include, bypass, rules string) int64 {
	t.Helper()
	var made struct{ ID int64 }
	body := fmt.Sprintf(`{"name":%q,"target":"branch","enforcement":"active","conditions":{"ref_name":{"include":[%q],"exclude":[]}},"bypass_actors":[%s],"rules":[%s]}`,
		include, include, bypass, rules)
	must(t, s.As("root").Do("POST", "/repos/"+access+"/rulesets", raw(body), &made))
	return made.ID
}

// raw is JSON as it stands.
type raw string

func (r raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func TestARulesetBindsEverybodyButItsBypassList(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.AddApp(77, "lapse", "acme", "", map[string]string{"contents": "write", "administration": "read"})
	app := s.InstallationToken(77)
	id := ruleset(t, s, "~DEFAULT_BRANCH", `{"actor_id":77,"actor_type":"Integration","bypass_mode":"always"}`,
		`{"type":"deletion"},{"type":"non_fast_forward"},{"type":"pull_request","parameters":{"required_approving_review_count":0,"dismiss_stale_reviews_on_push":false,"require_code_owner_review":false,"require_last_push_approval":false,"required_review_thread_resolution":false}}`)
	_, err := s.As("root").PushFiles(access, "main", "", map[string]string{"x": "1"}, "Sneak")
	refused(t, err, 422, "through a pull request")
	main := s.Branch(access, "main")
	tree := wantStatus(t, call(t, s, app, "POST", "/repos/"+access+"/git/trees", `{"tree":[{"path":"y","mode":"100644","type":"blob","content":"1"}]}`), 201).field(t, "sha")
	commit := wantStatus(t, call(t, s, app, "POST", "/repos/"+access+"/git/commits", fmt.Sprintf(`{"message":"m","tree":%q,"parents":[%q]}`, tree, main)), 201).field(t, "sha")
	wantStatus(t, call(t, s, app, "PATCH", "/repos/"+access+"/git/refs/heads/main", fmt.Sprintf(`{"sha":%q}`, commit)), 200)

	rules := wantStatus(t, call(t, s, s.Token("alice"), "GET", "/repos/"+access+"/rules/branches/main", ""), 200).list(t)
	if len(rules) != 3 || rules[2]["type"] != "pull_request" || rules[2]["ruleset_id"] != float64(id) {
		t.Errorf("the rules of main are %v", rules)
	}
	if other := call(t, s, s.Token("alice"), "GET", "/repos/"+access+"/rules/branches/other", "").list(t); len(other) != 0 {
		t.Errorf("the rules of another branch are %v", other)
	}
	path := fmt.Sprintf("/repos/%s/rulesets/%d", access, id)
	if who := call(t, s, s.Token("alice"), "GET", path, ""); strings.Contains(string(who.body), "bypass_actors") {
		t.Error("somebody who may not change the rules sees who is free of them")
	}
	if who := call(t, s, s.Token("root"), "GET", path, ""); !strings.Contains(string(who.body), `"actor_id":77`) {
		t.Errorf("the admin does not see who is free of the rules: %s", who.body)
	}
	wantStatus(t, call(t, s, s.Token("root"), "DELETE", path, ""), 204)
	get[string](t)(s.As("root").PushFiles(access, "main", "", map[string]string{"x": "1"}, "Free"))
}

func TestARulesetsCheckHoldsAMergeUntilItsOwnAppSaysSo(t *testing.T) {
	s := acme(t, githubtest.Options{})
	s.AddApp(77, "lapse", "acme", "", map[string]string{"statuses": "write"})
	ruleset(t, s, "refs/heads/main", "", `{"type":"required_status_checks","parameters":{"strict_required_status_checks_policy":false,"required_status_checks":[{"context":"lapse","integration_id":77}]}}`)
	n := opened(t, s)
	head := s.Pull(access, n).Head
	must(t, s.As("root").SetStatus(access, head, "lapse", "success"))
	_, err := s.As("root").Merge(access, n, "merge")
	refused(t, err, 405, `"lapse" is expected`)
	wantStatus(t, call(t, s, s.InstallationToken(77), "POST", "/repos/"+access+"/statuses/"+head, `{"context":"lapse","state":"success"}`), 201)
	get[string](t)(s.As("root").Merge(access, n, "merge"))
}

func TestAnEnvironmentHoldsWhatItsKeySealed(t *testing.T) {
	s := acme(t, githubtest.Options{})
	url := "/repos/" + access + "/environments/lapse"
	wantStatus(t, call(t, s, s.Token("root"), "GET", url, ""), 404)
	wantStatus(t, call(t, s, s.Token("alice"), "PUT", url, `{}`), 403)
	wantStatus(t, call(t, s, s.Token("root"), "PUT", url, `{"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":true}}`), 200)
	wantStatus(t, call(t, s, s.Token("root"), "POST", url+"/deployment-branch-policies", `{"name":"main"}`), 200)
	if list := call(t, s, s.Token("root"), "GET", url+"/deployment-branch-policies", ""); !strings.Contains(string(list.body), `"name":"main"`) {
		t.Errorf("the branches are %s", list.body)
	}
	wantStatus(t, call(t, s, s.Token("root"), "PUT", url+"/secrets/KEY", `{"encrypted_value":"AAAA","key_id":"1"}`), 422)
	gh := ghFor(t, s, "root")
	if out, err := gh.try("secret", "set", "KEY", "--env", "lapse", "--body", "two\nlines"); err != nil {
		t.Fatalf("gh secret set: %v: %s", err, out)
	}
	if got := s.Secrets(access, "lapse"); got["KEY"] != "two\nlines" || len(got) != 1 {
		t.Errorf("the environment holds %q", got)
	}
	if list := call(t, s, s.Token("root"), "GET", url+"/secrets", ""); !strings.Contains(string(list.body), `"name":"KEY"`) || strings.Contains(string(list.body), "lines") {
		t.Errorf("the list of secrets is %s", list.body)
	}
}

func TestWhoeverMakesATeamOrARepositoryIsInIt(t *testing.T) {
	s := acme(t, githubtest.Options{})
	wantStatus(t, call(t, s, s.Token("root"), "POST", "/orgs/acme/teams", `{"name":"On call"}`), 201)
	wantStatus(t, call(t, s, s.Token("root"), "POST", "/orgs/acme/teams", `{"name":"On call"}`), 422)
	if m := s.Members("acme", "on-call"); len(m) != 1 || m[0] != "root" {
		t.Errorf("the new team has %v", m)
	}
	wantStatus(t, call(t, s, s.Token("alice"), "POST", "/orgs/acme/repos", `{"name":"fresh","private":true}`), 201)
	wantStatus(t, call(t, s, s.Token("alice"), "POST", "/orgs/acme/repos", `{"name":"fresh","private":true}`), 422)
	get[string](t)(s.As("alice").PushFiles("acme/fresh", "main", "", map[string]string{"x": "1"}, "Begin"))
}

func TestAWorkflowIsActiveUntilItIsDisabled(t *testing.T) {
	s := acme(t, githubtest.Options{})
	url := "/repos/" + access + "/actions/workflows/tick.yml"
	wantStatus(t, call(t, s, s.Token("root"), "GET", url, ""), 404)
	get[string](t)(s.As("root").PushFiles(access, "main", "", map[string]string{".github/workflows/tick.yml": "on: push\n"}, "Tick"))
	if w := wantStatus(t, call(t, s, s.Token("root"), "GET", url, ""), 200); w.field(t, "state") != "active" {
		t.Errorf("a new workflow is %v", w.field(t, "state"))
	}
	s.DisableWorkflow(access, "tick.yml", "disabled_inactivity")
	if w := call(t, s, s.Token("root"), "GET", url, ""); w.field(t, "state") != "disabled_inactivity" {
		t.Errorf("a disabled workflow is %v", w.field(t, "state"))
	}
}
