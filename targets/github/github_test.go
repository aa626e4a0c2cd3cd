package github

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	api "github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
	"github.com/lapse-access/lapse/targets/targettest"
)

// world is an organization with an owner (root), two members, somebody outside, and two teams and repositories.
type world struct {
	*githubtest.Server
	client *api.Client
	target reconciler.Target
}

func newWorld(t testing.TB, wires ...func(*world, http.RoundTripper) http.RoundTripper) *world {
	t.Helper()
	s, err := githubtest.New(githubtest.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"root", "alice", "bob", "carol", "mallory"} {
		s.AddUser(login, githubtest.User{})
	}
	s.AddOrg("acme", "root:admin", "alice", "bob", "mallory")
	s.AddTeam("acme", "oncall", "")
	s.AddTeam("acme", "data", "")
	for _, name := range []string{"acme/orders", "acme/billing"} {
		if err := s.AddRepo(name, githubtest.RepoOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{Server: s}
	http := http.DefaultTransport
	for _, wire := range wires {
		http = wire(w, http)
	}
	w.client, err = api.New(api.Options{BaseURL: s.APIURL(), Token: s.Token("root"), HTTP: http, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	w.target = New(w.client, "acme")
	return w
}

func (w *world) account(login string) string { return strconv.FormatInt(w.UserID(login), 10) }

func (w *world) login(t testing.TB, account string) string {
	t.Helper()
	id, err := strconv.ParseInt(account, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	a, found, err := w.client.UserByID(t.Context(), id)
	if err != nil || !found {
		t.Fatalf("account %s: %v, %v", account, found, err)
	}
	return a.Login
}

func teamOf(slug string) grants.Entitlement {
	return grants.Entitlement{Target: "github", Values: map[string]string{"team": slug}}
}

func repositoryOf(name, permission string) grants.Entitlement {
	return grants.Entitlement{Target: "github", Values: map[string]string{"repository": name, "permission": permission}}
}

func (w *world) change(action reconciler.Action, e grants.Entitlement, login string) reconciler.Change {
	return reconciler.Change{Action: action, Entitlement: e, Account: w.account(login)}
}

// held is what List says, with logins.
func (w *world) held(t testing.TB, e grants.Entitlement) []string {
	t.Helper()
	list, err := w.target.List(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, h := range list {
		s := h.Name
		if h.Pending {
			s += " pending"
		}
		if h.Via != "" {
			s += " via " + h.Via
		}
		out = append(out, s)
	}
	return out
}

func (w *world) wantHeld(t testing.TB, e grants.Entitlement, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), w.held(t, e)); diff != "" {
		t.Errorf("holders of %s (-want +got):\n%s", e.Key(), diff)
	}
}

func (w *world) apply(t testing.TB, action reconciler.Action, e grants.Entitlement, login, wantErr string) {
	t.Helper()
	err := w.target.Apply(t.Context(), w.change(action, e, login))
	if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
		t.Errorf("%s %s to %s: error is %v, want %q", action, e.Key(), login, err, wantErr)
	}
}

func systemOf(t testing.TB, w *world, e, other, unknown grants.Entitlement, add func(e grants.Entitlement, login string)) targettest.System {
	second, err := api.New(api.Options{BaseURL: w.APIURL(), Token: w.Token("root"), Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return targettest.System{
		Target: w.target, Second: New(second, "acme"),
		Entitlement: e, Other: other, Unknown: unknown,
		Accounts: [2]string{w.account("alice"), w.account("bob")}, UnknownAccount: "999999999", Invitee: w.account("carol"),
		AddByHand: func(t testing.TB, e grants.Entitlement, account string) { add(e, w.login(t, account)) },
		Fill: func(t testing.TB, e grants.Entitlement, n int) []string {
			var all []string
			for i := range n {
				login := "user-" + strconv.Itoa(i)
				w.AddUser(login, githubtest.User{})
				add(e, login)
				all = append(all, w.account(login))
			}
			return all
		},
		Down: func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		},
	}
}

func TestTeamsKeepTheContract(t *testing.T) {
	secret := newWorld(t).Token("root")
	targettest.Run(t, targettest.Harness{
		UnknownAccounts: true, Many: 230, Secrets: []string{secret},
		New: func(t testing.TB) targettest.System {
			w := newWorld(t)
			return systemOf(t, w, teamOf("oncall"), teamOf("data"), teamOf("nobody"), func(e grants.Entitlement, login string) {
				w.AddMember("acme", e.Values["team"], login, "active")
			})
		},
	})
}

func TestRepositoriesKeepTheContract(t *testing.T) {
	secret := newWorld(t).Token("root")
	targettest.Run(t, targettest.Harness{
		UnknownAccounts: true, Pending: true, Many: 120, Secrets: []string{secret},
		New: func(t testing.TB) targettest.System {
			w := newWorld(t)
			return systemOf(t, w, repositoryOf("orders", "push"), repositoryOf("billing", "push"), repositoryOf("nothing", "push"),
				func(e grants.Entitlement, login string) {
					w.AddCollaborator("acme/"+e.Values["repository"], login, e.Values["permission"])
				})
		},
	})
}

func TestAMemberThroughAChildTeamIsShownAsSuch(t *testing.T) {
	w := newWorld(t)
	w.AddTeam("acme", "night", "oncall")
	w.AddTeam("acme", "deep night", "night", "bob")
	w.AddMember("acme", "night", "alice", "active")
	w.wantHeld(t, teamOf("oncall"), "alice via @acme/night", "bob via @acme/night")
	// To give what is held already changes nothing.
	w.apply(t, reconciler.Give, teamOf("oncall"), "alice", "")
	wantNoPut(t, w)
	w.apply(t, reconciler.Take, teamOf("oncall"), "alice", "through @acme/night")
	w.RemoveMember("acme", "night", "alice")
	w.wantHeld(t, teamOf("oncall"), "bob via @acme/night")
	// A membership of their own is taken, even while the child team's stays.
	w.AddMember("acme", "oncall", "bob", "active")
	w.apply(t, reconciler.Take, teamOf("oncall"), "bob", "through @acme/night")
	w.RemoveMember("acme", "deep-night", "bob")
	w.wantHeld(t, teamOf("oncall"))
}

func TestATeamIsNeverAWayIntoTheOrganization(t *testing.T) {
	w := newWorld(t)
	w.apply(t, reconciler.Give, teamOf("oncall"), "carol", "no active member of acme")
	w.wantHeld(t, teamOf("oncall"))
	if member, err := w.client.OrganizationMember(t.Context(), "acme", "carol"); err != nil || member {
		t.Errorf("carol is a member: %v, %v", member, err)
	}
	wantNoPut(t, w)
}

func wantNoPut(t *testing.T, w *world) {
	t.Helper()
	for _, r := range w.Requests() {
		if r.Method == http.MethodPut {
			t.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
}

func TestAnInvitationToATeamIsListedAndTakenBack(t *testing.T) {
	w := newWorld(t)
	w.AddMember("acme", "oncall", "carol", "pending")
	w.wantHeld(t, teamOf("oncall"), "carol pending")
	w.apply(t, reconciler.Give, teamOf("oncall"), "carol", "")
	// The invitation is now for two teams: the one taken ends, the other stays.
	if err := w.client.AddToTeam(t.Context(), "acme", "data", "carol"); err != nil {
		t.Fatal(err)
	}
	w.wantHeld(t, teamOf("data"), "carol pending")
	w.apply(t, reconciler.Take, teamOf("oncall"), "carol", "")
	w.wantHeld(t, teamOf("oncall"))
	w.wantHeld(t, teamOf("data"), "carol pending")
	if cancelled(w) {
		t.Error("the invitation to the organization is cancelled, though it is for another team too")
	}
	w.apply(t, reconciler.Take, teamOf("data"), "carol", "")
	w.wantHeld(t, teamOf("data"))
	if !cancelled(w) {
		t.Error("the invitation to the organization stands, though it is for nothing else")
	}
}

// cancelled says whether an invitation to the organization was taken back.
func cancelled(w *world) bool {
	return slices.ContainsFunc(w.Requests(), func(r githubtest.Request) bool {
		return r.Method == http.MethodDelete && strings.HasPrefix(r.Path, "/orgs/acme/invitations/")
	})
}

func TestAPermissionThatIsThereIsNeitherLoweredNorLost(t *testing.T) {
	for _, tc := range []struct {
		has, asked, give string
		held             []string
	}{
		{"admin", "push", "they have admin there already", []string{"alice via the permission admin"}},
		{"pull", "push", "they have pull there already", nil},
		{"push", "push", "", []string{"alice"}},
		{"", "maintain", "", []string{"alice"}},
	} {
		t.Run(tc.has+" asked "+tc.asked, func(t *testing.T) {
			w := newWorld(t)
			e := repositoryOf("orders", tc.asked)
			if tc.has != "" {
				w.AddCollaborator("acme/orders", "alice", tc.has)
			}
			w.apply(t, reconciler.Give, e, "alice", tc.give)
			w.wantHeld(t, e, tc.held...)
			switch {
			case tc.has == "admin":
				w.apply(t, reconciler.Take, e, "alice", "not Lapse's to take")
			default:
				w.apply(t, reconciler.Take, e, "alice", "")
				w.wantHeld(t, e)
			}
			if tc.has != "" && tc.has != tc.asked {
				w.wantHeld(t, repositoryOf("orders", tc.has), "alice")
			}
		})
	}
}

func TestAnOfferOfAnotherPermissionIsNotReplaced(t *testing.T) {
	w := newWorld(t)
	if err := w.client.AddCollaborator(t.Context(), api.Repo{Owner: "acme", Name: "orders"}, "carol", "admin"); err != nil {
		t.Fatal(err)
	}
	w.wantHeld(t, repositoryOf("orders", "push"), "carol pending via the permission admin")
	w.apply(t, reconciler.Give, repositoryOf("orders", "push"), "carol", "they have admin there already")
	w.apply(t, reconciler.Take, repositoryOf("orders", "push"), "carol", "not Lapse's to take")
	w.wantHeld(t, repositoryOf("orders", "admin"), "carol pending")
}

// roundTrip is a wire that looks at, or changes, what passes.
type roundTrip func(req *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// renameBefore renames alice, and gives her login to mallory, right before the first request that the method and part of the
// path match.
func renameBefore(method, part string) func(*world, http.RoundTripper) http.RoundTripper {
	done := false
	return func(w *world, next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if !done && req.Method == method && strings.Contains(req.URL.Path, part) {
				done = true
				w.RenameUser("alice", "alice2")
				w.RenameUser("mallory", "alice")
			}
			return next.RoundTrip(req)
		})
	}
}

func TestA43ALoginThatChangesHandsGetsNothing(t *testing.T) {
	for _, tc := range []struct {
		e    grants.Entitlement
		part string
	}{
		{teamOf("oncall"), "/memberships/alice"}, {repositoryOf("orders", "push"), "/collaborators/alice"},
	} {
		w := newWorld(t, renameBefore(http.MethodPut, tc.part))
		change := w.change(reconciler.Give, tc.e, "alice")
		if err := w.target.Apply(t.Context(), change); err == nil || !strings.Contains(err.Error(), "belongs to another account") {
			t.Errorf("%s: error is %v", tc.e.Key(), err)
		}
		w.wantHeld(t, tc.e)
		// The next run finds the person under the new login.
		if err := w.target.Apply(t.Context(), change); err != nil {
			t.Error(err)
		}
		w.wantHeld(t, tc.e, "alice2")
	}
}

func TestA43WhoWasRenamedLosesWhatTheirIdHeld(t *testing.T) {
	for _, e := range []grants.Entitlement{teamOf("oncall"), repositoryOf("orders", "push")} {
		w := newWorld(t)
		change := w.change(reconciler.Take, e, "alice")
		w.apply(t, reconciler.Give, e, "alice", "")
		w.RenameUser("alice", "alice2")
		w.RenameUser("mallory", "alice")
		w.apply(t, reconciler.Give, e, "alice", "") // mallory, by that login
		if err := w.target.Apply(t.Context(), change); err != nil {
			t.Error(err)
		}
		w.wantHeld(t, e, "alice")
		if list, err := w.target.List(t.Context(), e); err != nil || list[0].Account == change.Account {
			t.Errorf("%s: the renamed account still holds it: %v, %v", e.Key(), list, err)
		}
	}
}

// GitHub tells the highest permission of a collaborator; here a team gives alice maintain.
func TestAGrantThatCouldNotBeProvenIsUndone(t *testing.T) {
	highest := func(_ *world, next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil || !strings.HasSuffix(req.URL.Path, "/acme/orders/collaborators") {
				return resp, err
			}
			body, err := io.ReadAll(resp.Body)
			body = bytes.ReplaceAll(body, []byte(`"role_name":"write"`), []byte(`"role_name":"maintain"`))
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			resp.Header.Del("ETag")
			return resp, err
		})
	}
	w := newWorld(t, highest)
	w.apply(t, reconciler.Give, repositoryOf("orders", "push"), "alice", "through the permission maintain")
	w.wantHeld(t, repositoryOf("orders", "push"))
	w.wantHeld(t, repositoryOf("orders", "maintain"))
}

func TestA52WhatIsNotTakenIsAnError(t *testing.T) {
	for _, e := range []grants.Entitlement{teamOf("oncall"), repositoryOf("orders", "push")} {
		for _, status := range []int{404, 204} { // a lie, and another
			w := newWorld(t)
			w.apply(t, reconciler.Give, e, "alice", "")
			w.Fail(githubtest.Failure{Method: http.MethodDelete, Status: status, Times: -1})
			w.apply(t, reconciler.Take, e, "alice", "still shows it")
			w.wantHeld(t, e, "alice")
		}
	}
}

func TestA52WhatIsNotGivenIsAnError(t *testing.T) {
	for _, e := range []grants.Entitlement{teamOf("oncall"), repositoryOf("orders", "push")} {
		w := newWorld(t)
		w.Fail(githubtest.Failure{Method: http.MethodPut, Status: 200, Body: `{"state":"active"}`, Times: -1})
		w.apply(t, reconciler.Give, e, "alice", "does not show it")
		w.wantHeld(t, e)
	}
}

func TestAnyFailingRequestIsAnErrorAndNeverAnEmptyList(t *testing.T) {
	for _, e := range []grants.Entitlement{teamOf("oncall"), repositoryOf("orders", "push")} {
		w := newWorld(t)
		w.AddTeam("acme", "night", "oncall")
		w.AddMember("acme", "oncall", "carol", "pending")
		w.apply(t, reconciler.Give, e, "alice", "")
		w.ForgetRequests()
		w.held(t, e)
		for i := range w.Requests() {
			stop := w.Fail(githubtest.Failure{Skip: i, Times: -1, Status: 500})
			list, err := w.target.List(t.Context(), e)
			if err == nil || list != nil {
				t.Errorf("%s: request %d fails, and the list is %v", e.Key(), i+1, list)
			}
			stop()
		}
	}
}

func TestTheTypeDescribesItsEntitlements(t *testing.T) {
	for account, ok := range map[string]bool{
		"583231": true, "1": true, "9223372036854775807": true,
		"": false, "0": false, "-1": false, "+1": false, "01": false, "1.0": false, "alice": false, " 1": false, "9223372036854775808": false, "١": false,
	} {
		if err := Type().CheckAccount(account); (err == nil) != ok {
			t.Errorf("account %q: %v", account, err)
		}
	}
	w := newWorld(t)
	for _, values := range []map[string]string{
		nil, {"team": "oncall", "permission": "push"}, {"repository": "orders"}, {"permission": "push"}, {"team": "oncall", "repository": "orders", "permission": "push"},
		{"repository": "orders", "permission": "write"}, {"repository": "acme/orders", "permission": "push"}, {"team": "On Call"}, {"team": "oncall", "x": "y"},
	} {
		if _, err := w.target.List(t.Context(), grants.Entitlement{Target: "github", Values: values}); err == nil {
			t.Errorf("%v is accepted", values)
		}
	}
}
