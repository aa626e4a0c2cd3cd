package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestEachConversationUsesTheTokenOfItsTime(t *testing.T) {
	var shown []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := r.BasicAuth()
		shown = append(shown, token)
		http.Error(w, "bad token "+strings.Join(shown, " "), http.StatusInternalServerError)
	}))
	defer srv.Close()
	made := 0
	renew := func(context.Context) (string, error) { made++; return fmt.Sprint("secret-", made), nil }
	r, err := Open(t.Context(), t.TempDir(), Remote{URL: srv.URL + "/acme/access.git", Username: "x", Token: "unused", NewToken: renew})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		err := r.Fetch(t.Context(), "+refs/heads/main:refs/heads/main")
		if err == nil || strings.Contains(err.Error(), "secret-") {
			t.Errorf("conversation %d: %v", i+1, err)
		}
	}
	if strings.Join(shown, " ") != "secret-1 secret-2" {
		t.Errorf("shown were %q", shown)
	}
	lost := errors.New("no token to be had")
	r.remote.NewToken = func(context.Context) (string, error) { return "", lost }
	if r.link, err = r.remote.transport(); err != nil {
		t.Fatal(err)
	}
	if err := r.Fetch(t.Context(), "+refs/heads/main:refs/heads/main"); !errors.Is(err, lost) || len(shown) != 2 {
		t.Errorf("without a token: %v, and %d requests", err, len(shown))
	}
}

func TestOnlyWhatIsNoBranchOrTagIsReplaced(t *testing.T) {
	r, err := Open(t.Context(), t.TempDir(), Remote{URL: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	none := Hash{}
	who := Signature{Name: "Lapse", Email: "lapse@lapse-access.github.io", When: time.Unix(1_800_000_000, 0)}
	h, err := r.Write(t.Context(), NewCommit{BaseTree: &none, Message: "x", Author: who, Committer: who})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"refs/heads/main", "refs/tags/v1", "main", "refs/replace/x"} {
		if err := r.Replace(t.Context(), ref, Hash{}, h); err == nil || !strings.Contains(err.Error(), "only moves forward") && !strings.Contains(err.Error(), "bad ref name") {
			t.Errorf("%s: %v", ref, err)
		}
	}
}
