package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
)

const appID = 4711

// asApp lets the command act as a GitHub App, with a key of its own.
func (th *theatre) asApp() {
	th.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(th.t, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(th.t, err)
	th.AddApp(appID, "lapse", stage.Org, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), map[string]string{
		"contents": "write", "pull_requests": "write", "issues": "write", "statuses": "write", "checks": "write", "members": "write", "administration": "write",
	})
	th.vars["LAPSE_TOKEN"] = ""
	th.vars["LAPSE_APP_PRIVATE_KEY"] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// hourly lets an hour pass before every third request to the API that is not for a token: so tokens end in mid run, also on their way.
type hourly struct {
	th   *theatre
	seen int
}

func (h *hourly) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, "/access_tokens") && !strings.HasSuffix(req.URL.Path, "/installation") {
		if h.seen++; h.seen%3 == 0 {
			h.th.Advance(time.Hour)
		}
	}
	return http.DefaultTransport.RoundTrip(req)
}

func (th *theatre) tokensMade() int {
	n := 0
	for _, r := range th.Requests() {
		if strings.HasSuffix(r.Path, "/access_tokens") && r.Status == http.StatusCreated {
			n++
		}
	}
	return n
}

// An installation's token lasts an hour. Whatever ends with it, on the API or in git, goes on with the next.
func TestAnAppGoesOnWhenItsTokenEnds(t *testing.T) {
	th := newTheatre(t, nil)
	th.asApp()
	n := th.ask("alice", "app", plain("grants/alice-prod.yaml", strings.Replace(production, "4h", "8h", 1)))
	for _, who := range []string{"carol", "dan"} {
		_, err := th.As(who).Review(stage.Repo, n, "APPROVE", "fine")
		must(t, err)
	}
	app := fmt.Sprint("--app-id=", appID)
	if a := th.lapse("check", "--publish", "--pull", fmt.Sprint(n), app); a.code != exitFine || !strings.Contains(a.err, "merged as") {
		t.Fatalf("check as an app: %s", a)
	}
	if comments := th.Pull(stage.Repo, n).Comments; len(comments) != 1 || comments[0].Author != "lapse[bot]" {
		t.Errorf("comments: %+v", comments)
	}
	th.ForgetRequests()
	if a := th.lapseOver(&hourly{th: th}, "reconcile", app); a.code != exitFine {
		t.Fatalf("reconcile while every token ends: %s", a)
	}
	if made := th.tokensMade(); made < 3 {
		t.Errorf("%d tokens were made: none ended in mid run", made)
	}
	if len(th.receipts("given")) == 0 {
		t.Error("nothing was given, or no git went through after the first token")
	}
	if th.lapse("reconcile", app); len(th.receipts("taken")) == 0 {
		t.Error("nothing was taken")
	}
}

// GitHub may end a token before its time: then one 401 tells, and the request is sent again with another.
func TestAnAppWhoseTokenIsRevokedMakesAnother(t *testing.T) {
	th := newTheatre(t, nil)
	th.asApp()
	n := th.ask("alice", "app", plain("grants/alice-prod.yaml", production))
	th.Fail(githubtest.Failure{Path: "/repos/acme/access/pulls/.*/reviews", Status: http.StatusUnauthorized, Times: 1})
	th.ForgetRequests()
	if a := th.lapse("check", "--pull", fmt.Sprint(n), fmt.Sprint("--app-id=", appID)); a.code != exitRefused {
		t.Fatal(a)
	}
	if made := th.tokensMade(); made != 2 {
		t.Errorf("%d tokens were made, want 2", made)
	}
}

func TestRateLimits(t *testing.T) {
	th := newTheatreAt(t, time.Now, nil) // a wait ends by the clock
	n := fmt.Sprint(th.ask("alice", "limit", plain("grants/alice-prod.yaml", production)))
	th.AdvanceTo(th.Clock()) // from here on it runs
	th.Fail(githubtest.SecondaryLimit("/repos/acme/access/pulls/.*", 1))
	if a := th.lapse("check", "--pull", n); a.code != exitRefused {
		t.Errorf("a secondary limit of a second is not waited for: %s", a)
	}
	th.SetRemaining(th.Token(stage.Bot), 2)
	th.vars["XDG_CACHE_HOME"] = t.TempDir()
	begin := time.Now()
	a := th.lapse("check", "--pull", n)
	if a.code != exitFailed || !strings.Contains(a.err, "rate limited by GitHub until ") || a.out != "" {
		t.Errorf("a spent quota: %s", a)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it waited %s for the next hour", took)
	}
}

// Enterprise Server has its API under /api/v3 of the same host; github.com has it on a host of its own, at the root.
func TestBothFormsOfTheAPIAreKnown(t *testing.T) {
	th := newTheatre(t, nil)
	n := fmt.Sprint(th.ask("alice", "forms", plain("grants/alice-prod.yaml", production)))
	for _, api := range []string{th.APIURL(), strings.TrimSuffix(th.APIURL(), "/"), th.URL() + "/"} {
		th.vars["GITHUB_API_URL"] = api
		th.vars["XDG_CACHE_HOME"] = t.TempDir()
		if a := th.lapse("check", "--publish", "--pull", n); a.code != exitRefused || !strings.Contains(a.out, "Waiting for 1 approval") {
			t.Errorf("%s: %s", api, a)
		}
	}
	if comments := th.Pull(stage.Repo, 1).Comments; len(comments) != 1 {
		t.Errorf("%d comments", len(comments))
	}
}
