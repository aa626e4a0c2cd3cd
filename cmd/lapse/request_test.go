package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// heard calls back once a text was written, and keeps all of it.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	then func()
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Write(p)
	if h.then != nil && strings.Contains(h.text.String(), h.want) {
		h.then()
		h.then = nil
	}
	return len(p), nil
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// askAs runs a command as somebody who sits at a terminal, until it ends or what they hear makes them break it off.
func (th *theatre) askAs(who, breakOffAt string, in io.Reader, args ...string) (int, string) {
	th.t.Helper()
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	talk := &heard{want: breakOffAt, then: func() { stop(errors.New("broken off")) }}
	env := th.environment(args...)
	env.err, env.in, env.asks, env.redraws = talk, in, in != nil, true
	token := th.Token(who)
	env.getenv = func(name string) string {
		if name == "LAPSE_TOKEN" {
			return token
		}
		return th.vars[name]
	}
	return run(ctx, env), talk.String()
}

func TestAWaitEndsWithItsContextAndLeavesTheRequest(t *testing.T) {
	th := newTheatre(t, nil)
	began := time.Now()
	code, talk := th.askAs("alice", "Waiting for 1 approval", nil,
		"request", "prod-db-read", "--for", "4h", "--reason", "Slow checkout query, INC-4211", "--wait")
	if code != exitFailed || !strings.Contains(talk, "stopped waiting for") || !strings.Contains(talk, "which goes on: broken off") {
		t.Errorf("exit %d\n%s", code, talk)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	if p := th.Pull(stage.Repo, 1); p.State != "open" {
		t.Errorf("the pull request is %s", p.State)
	}
}

func TestAQuestionEndsWithItsContext(t *testing.T) {
	th := newTheatre(t, nil)
	never, _ := io.Pipe() // nobody types
	code, talk := th.askAs("alice", "Which role?", never, "request")
	if code != exitFailed || !strings.Contains(talk, "broken off") {
		t.Errorf("exit %d\n%s", code, talk)
	}
	if n := len(th.Pulls(stage.Repo)); n != 0 {
		t.Errorf("%d pull requests", n)
	}
}

// Stopped while the pull request is being opened, the command takes its branch away all the same.
func TestARequestThatIsBrokenOffLeavesNoBranch(t *testing.T) {
	th := newTheatre(t, nil)
	ctx, stop := context.WithCancel(context.Background())
	th.vars["LAPSE_TOKEN"] = th.Token("alice")
	env := th.environment("request", "prod-db-read", "--for", "4h", "--reason", "Slow checkout query, INC-4211")
	env.http = tripwire{"/repos/" + stage.Repo + "/pulls", stop}
	if code := run(ctx, env); code != exitFailed || ctx.Err() == nil {
		t.Errorf("exit %d", code)
	}
	if th.Branch(stage.Repo, "lapse/request/alice-prod-db-read") != "" {
		t.Error("the branch is still there")
	}
}

// tripwire goes off before a POST to a path is sent.
type tripwire struct {
	path string
	then func()
}

func (w tripwire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, w.path) {
		w.then()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// The form's labels are the headings that an issue must have, in their order; what it does not require may be left out.
func TestTheIssueFormAsksForWhatIsRead(t *testing.T) {
	b, err := os.ReadFile("../../example/.github/ISSUE_TEMPLATE/access.yml")
	if err != nil {
		t.Fatal(err)
	}
	var form struct {
		Name, Description string
		Body              []struct {
			Type, ID    string
			Attributes  struct{ Label string }
			Validations struct{ Required bool }
		}
	}
	if err := yaml.Unmarshal(b, &form); err != nil {
		t.Fatal(err)
	}
	if form.Name == "" || form.Description == "" || len(form.Body) != len(formFields) {
		t.Fatalf("the form is %+v", form)
	}
	for i, f := range form.Body {
		if f.Type != "input" || f.Attributes.Label != formFields[i].label || f.Validations.Required == formFields[i].optional {
			t.Errorf("field %d is %+v, read as %q", i+1, f, formFields[i].label)
		}
	}
}

func TestARemoteIsReadAsGitWritesIt(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/acme/access.git":       "github.com acme/access",
		"https://github.com/acme/access":           "github.com acme/access",
		"https://x:y@ghe.acme.com:8443/acme/a.git": "ghe.acme.com:8443 acme/a",
		"git@github.com:acme/access.git":           "github.com acme/access",
		"github.com:acme/access":                   "github.com acme/access",
		"ssh://git@github.com:22/acme/access.git":  "github.com acme/access",
	} {
		if host, name, ok := splitRemote(remote); !ok || host+" "+name != want {
			t.Errorf("%s: %s %s %t, want %s", remote, host, name, ok, want)
		}
	}
	for _, remote := range []string{"", "/srv/git/access.git", "../access", "file:///srv/a/b.git", "https://github.com/acme", "https://github.com/a/b/c", "C:\\a"} {
		if host, name, ok := splitRemote(remote); ok {
			t.Errorf("%q: read as %s %s", remote, host, name)
		}
	}
}

func TestBranchesOfRequestsAreSafe(t *testing.T) {
	for id, want := range map[string]string{
		"alice-prod":                             "lapse/request/alice-prod",
		"alice/prod/db":                          "lapse/request/alice--prod--db",
		strings.Repeat("a", 149) + "._-x":        "lapse/request/" + strings.Repeat("a", 149),
		strings.Repeat("a/", 99) + "x":           "lapse/request/" + strings.TrimRight(strings.Repeat("a--", 50), "-"),
		strings.Repeat("a", 145) + ".loc/k.lock": "lapse/request/" + strings.Repeat("a", 145) + ".loc-",
	} {
		got := branchOf("request", id)
		if want = strings.TrimRight(want, "-"); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}
