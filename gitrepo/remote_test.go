package gitrepo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const token = "s3cr3t/t0ken+x"

// overBoth runs a test over files and over smart HTTP.
func overBoth(t *testing.T, test func(t *testing.T, bare, work string, remote Remote)) {
	t.Run("files", func(t *testing.T) {
		bare, work := newRemote(t)
		test(t, bare, work, Remote{URL: bare})
	})
	t.Run("http", func(t *testing.T) {
		bare, work := newRemote(t)
		server := serve(t, bare, token)
		test(t, bare, work, Remote{URL: server.URL + "/acme.git", Username: "x-access-token", Token: token})
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestA64TokenIsInNoErrorAndNotOnDisk(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.Error(w, req.Header.Get("Authorization")+" \x1b[31m"+token+" "+req.URL.String(), http.StatusForbidden)
	}))
	defer echo.Close()
	dir := filepath.Join(t.TempDir(), "copy")
	r, err := Open(t.Context(), dir, Remote{URL: echo.URL + "/acme.git", Username: "x", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	h := write(t, r, NewCommit{Changes: map[string][]byte{"a": []byte("1")}})
	_, _, refErr := r.RemoteRef(t.Context(), "refs/heads/main")
	for name, err := range map[string]error{
		"fetch": r.Fetch(t.Context(), "refs/heads/main:refs/lapse/main"),
		"hash":  r.FetchHash(t.Context(), hashOf(t, strings.Repeat("ab", 20))),
		"push":  r.Push(t.Context(), "refs/heads/main", Hash{}, h),
		"ref":   refErr,
	} {
		if err == nil {
			t.Errorf("%s succeeded", name)
			continue
		}
		for _, secret := range []string{token, base64.StdEncoding.EncodeToString([]byte("x:" + token)), "\x1b"} {
			for err := err; err != nil; err = errors.Unwrap(err) {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: error %q holds %q", name, err, secret)
				}
			}
		}
	}
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if content, _ := os.ReadFile(path); strings.Contains(string(content), token) {
			t.Errorf("%s holds the token", path)
		}
		return err
	})
}

func TestA64TokenIsNotPrintedWithTheRemote(t *testing.T) {
	remote := Remote{URL: "https://acme.com/x.git", Username: "x", Token: token}
	text, err := json.Marshal(remote)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(text), fmt.Sprint(remote), fmt.Sprintf("%+v %#v %q", remote, &remote, []Remote{remote})} {
		if strings.Contains(text, token) {
			t.Error(text)
		}
	}
}

func TestRemoteThatWouldLeakOrRunSomethingIsRefused(t *testing.T) {
	for _, remote := range []Remote{
		{},
		{URL: "https://alice:" + token + "@acme.com/x.git"},
		{URL: "https://alice:hunter2@acme.com/x.git"},
		{URL: "https://" + url.PathEscape(token) + "@acme.com/x.git"},
		{URL: "http://acme.com/x.git", Token: token},
		{URL: "ssh://git@acme.com/x.git"},
		{URL: "git@acme.com:x.git"},
		{URL: "ext::sh -c id"},
		{URL: "https:///x.git"},
		{URL: "https://acme.com/x.git?token=" + token},
		{URL: "file://acme.com/x.git"},
	} {
		if _, err := Open(t.Context(), t.TempDir(), remote); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("open %q = %v", remote.URL, err)
		}
	}
}

func TestResponsesHaveALimit(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/bad") {
			w.WriteHeader(http.StatusBadGateway)
		}
		w.Write(make([]byte, 200_000))
	}))
	defer server.Close()
	read := func(path string, limit int64) (int, error) {
		res, err := (&http.Client{Transport: limited{http.DefaultTransport, limit}}).Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		content, err := io.ReadAll(res.Body)
		return len(content), err
	}
	if n, err := read("/good", 200_000); n != 200_000 || err != nil {
		t.Errorf("a body at the limit: %d bytes, %v", n, err)
	}
	if n, err := read("/good", 199_999); n != 199_999 || !errors.Is(err, ErrLimit) {
		t.Errorf("a body over the limit: %d bytes, %v, want ErrLimit", n, err)
	}
	if n, err := read("/bad", 1<<30); n != maxErrorBody || err != nil {
		t.Errorf("an error's body: %d bytes, %v", n, err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done()
	}))
	defer server.Close()
	r := openRemote(t, Remote{URL: server.URL + "/acme.git"})
	if err := r.Fetch(ctx, "refs/heads/main:refs/lapse/main"); !errors.Is(err, context.Canceled) {
		t.Errorf("fetch = %v, want context.Canceled", err)
	}
}
