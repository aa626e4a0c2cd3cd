package gitrepo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestFetchBringsWhatIsNew(t *testing.T) {
	overBoth(t, func(t *testing.T, bare, work string, remote Remote) {
		ctx := context.Background()
		r := openRemote(t, remote)
		const spec, local = "+refs/heads/main:refs/lapse/main", "refs/lapse/main"
		if err := r.Fetch(ctx, spec); !errors.Is(err, ErrNoRef) {
			t.Fatalf("fetch from an empty remote = %v, want ErrNoRef", err)
		}
		if _, ok, err := r.RemoteRef(ctx, "refs/heads/main"); ok || err != nil {
			t.Fatalf("ref of an empty remote = %v, %v", ok, err)
		}
		for i, content := range []string{"one\n", "two\n", "three\n"} {
			want := stockCommit(t, work, map[string]string{"grants/a.yaml": content, "big": strings.Repeat(content, 30_000)})
			stock(t, work, "push", "-q", "origin", "main", "HEAD:refs/heads/other/x")
			for range 2 { // the second time there is nothing to do
				if err := r.Fetch(ctx, spec, "refs/heads/*:refs/remotes/*"); err != nil {
					t.Fatal(err)
				}
			}
			for _, ref := range []string{local, "refs/remotes/other/x"} {
				if got, ok, err := r.Ref(ref); got != want || !ok || err != nil {
					t.Fatalf("%s = %s, %v, %v; want %s", ref, got, ok, err, want)
				}
			}
			if got, _, err := r.RemoteRef(ctx, "HEAD"); got != want || err != nil {
				t.Fatalf("remote HEAD = %s, %v; want %s", got, err, want)
			}
			entry, err := r.Entry(want, "grants/a.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := r.Blob(entry.Hash, 100); string(got) != content || err != nil {
				t.Fatalf("content = %q, %v; want %q", got, err, content)
			}
			if chain, err := r.FirstParents(want, Hash{}, 0); len(chain) != i+1 || err != nil {
				t.Fatalf("chain = %v, %v; want %d commits", chain, err, i+1)
			}
		}
	})
}

func TestFetchSendsOnlyTheDifference(t *testing.T) {
	bare, work := newRemote(t)
	var sent int
	count := roundTripper(func(req *http.Request) (*http.Response, error) {
		res, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			res.Body = body{counting{res.Body, &sent}, res.Body}
		}
		return res, err
	})
	r := openRemote(t, Remote{URL: serve(t, bare, "").URL + "/acme.git", RoundTripper: count})
	noise := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	for i := range 2 {
		stockCommit(t, work, map[string]string{"big": base64.StdEncoding.EncodeToString(noise), "small": string(rune('a' + i))})
		stock(t, work, "push", "-q", "origin", "main")
		sent = 0
		if err := r.Fetch(context.Background(), "+refs/heads/main:refs/lapse/main"); err != nil {
			t.Fatal(err)
		}
	}
	if sent > 4096 {
		t.Errorf("the second fetch read %d bytes for one small file", sent)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

type counting struct {
	from io.Reader
	n    *int
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	*c.n += n
	return n, err
}

func TestA32RewrittenBranchIsNoticed(t *testing.T) {
	overBoth(t, func(t *testing.T, bare, work string, remote Remote) {
		ctx := context.Background()
		r := openRemote(t, remote)
		stockCommit(t, work, map[string]string{"a": "1"})
		before := stockCommit(t, work, map[string]string{"a": "2"})
		stock(t, work, "push", "-q", "origin", "main")
		if err := r.Fetch(ctx, "refs/heads/main:refs/lapse/main"); err != nil {
			t.Fatal(err)
		}
		stock(t, work, "reset", "-q", "--hard", "HEAD~1")
		after := stockCommit(t, work, map[string]string{"a": "3"})
		stock(t, work, "push", "-q", "-f", "origin", "main")
		if err := r.Fetch(ctx, "refs/heads/main:refs/lapse/main"); !errors.Is(err, ErrNotFastForward) {
			t.Fatalf("fetch without a plus = %v, want ErrNotFastForward", err)
		}
		if got, _, _ := r.Ref("refs/lapse/main"); got != before {
			t.Fatalf("the ref moved to %s", got)
		}
		if err := r.Fetch(ctx, "+refs/heads/main:refs/lapse/main"); err != nil {
			t.Fatal(err)
		}
		if got, _, _ := r.Ref("refs/lapse/main"); got != after {
			t.Fatalf("the ref is at %s, want %s", got, after)
		}
		if _, err := r.FirstParents(after, before, 0); !errors.Is(err, ErrNotAncestor) {
			t.Fatalf("first parents = %v, want ErrNotAncestor", err)
		}
	})
}

func TestA28CommitOfADeletedBranchCanBeFetched(t *testing.T) {
	overBoth(t, func(t *testing.T, bare, work string, remote Remote) {
		ctx := context.Background()
		r := openRemote(t, remote)
		stockCommit(t, work, map[string]string{"a": "1"})
		stock(t, work, "push", "-q", "origin", "main")
		gone := stockCommit(t, work, map[string]string{"a": "2"})
		stock(t, work, "push", "-q", "origin", "HEAD:refs/heads/gone")
		stock(t, work, "push", "-q", "origin", ":refs/heads/gone")
		if err := r.FetchHash(ctx, gone); !errors.Is(err, ErrNoObject) {
			t.Fatalf("from a server that gives no hashes: %v, want ErrNoObject", err)
		}
		stock(t, bare, "config", "uploadpack.allowAnySHA1InWant", "true")
		if err := r.FetchHash(ctx, hashOf(t, strings.Repeat("ab", 20))); !errors.Is(err, ErrNoObject) {
			t.Fatalf("a hash that nobody has: %v, want ErrNoObject", err)
		}
		for range 2 {
			if err := r.FetchHash(ctx, gone); err != nil {
				t.Fatal(err)
			}
		}
		if c, err := r.Commit(gone); err != nil || len(c.Parents) != 1 || !r.Has(c.Parents[0]) {
			t.Fatalf("commit = %+v, %v", c, err)
		}
	})
}

func TestPushIsCompareAndSwap(t *testing.T) {
	overBoth(t, func(t *testing.T, bare, work string, remote Remote) {
		ctx := context.Background()
		const ref = "refs/heads/lapse-ledger"
		r := openRemote(t, remote)
		first := write(t, r, NewCommit{Changes: map[string][]byte{"a/b": []byte("1"), "c": []byte("2")}})
		second := write(t, r, NewCommit{Parents: []Hash{first}, Changes: map[string][]byte{"a/b": []byte("3")}})
		twin := write(t, r, NewCommit{Parents: []Hash{first}, Changes: map[string][]byte{"a/b": []byte("4")}})
		root := write(t, r, NewCommit{Changes: map[string][]byte{"x": []byte("1")}})
		for _, step := range []struct {
			name     string
			old, new Hash
			want     error
		}{
			{"a ref that is not there is not at a commit", first, second, ErrMoved},
			{"made", Hash{}, first, nil},
			{"made twice", Hash{}, first, ErrMoved},
			{"made over another", Hash{}, root, ErrMoved},
			{"moved", first, second, nil},
			{"moved by two that made the same commit", first, second, ErrMoved},
			{"moved from an old value", first, twin, ErrMoved},
			{"forced", second, twin, ErrNotFastForward},
			{"already there", second, second, nil},
			{"deleted", second, Hash{}, cmpAny},
		} {
			err := r.Push(ctx, ref, step.old, step.new)
			if step.want == cmpAny && err != nil {
				continue
			}
			if !errors.Is(err, step.want) {
				t.Errorf("%s: %v, want %v", step.name, err, step.want)
			}
		}
		if got := stock(t, bare, "rev-parse", ref); got != second.String() {
			t.Errorf("the ref is at %s, want %s", got, second)
		}
		stock(t, bare, "fsck", "--strict", "--full")
	})
}

var cmpAny = errors.New("any error")

func TestOfTwoPushesFromOneValueOneSucceeds(t *testing.T) {
	overBoth(t, func(t *testing.T, bare, work string, remote Remote) {
		ctx := context.Background()
		const ref = "refs/heads/lapse-ledger"
		const pushers = 4
		var repos [pushers]*Repo
		for i := range repos {
			repos[i] = openRemote(t, remote)
		}
		at := write(t, repos[0], NewCommit{Changes: map[string][]byte{"n": []byte("0")}})
		if err := repos[0].Push(ctx, ref, Hash{}, at); err != nil {
			t.Fatal(err)
		}
		for round := range 4 {
			var results [pushers]error
			var commits [pushers]Hash
			var wait sync.WaitGroup
			for i, r := range repos {
				if err := r.Fetch(ctx, "+"+ref+":"+ref); err != nil {
					t.Fatal(err)
				}
				commits[i] = write(t, r, NewCommit{Parents: []Hash{at}, Changes: map[string][]byte{"n": {byte(round), byte(i)}}})
			}
			for i, r := range repos {
				wait.Go(func() { results[i] = r.Push(ctx, ref, at, commits[i]) })
			}
			wait.Wait()
			won := 0
			for i, err := range results {
				if err == nil {
					won++
					at = commits[i]
				} else if !errors.Is(err, ErrMoved) {
					t.Errorf("round %d: the loser got %v, want ErrMoved", round, err)
				}
			}
			if got := stock(t, bare, "rev-parse", ref); won != 1 || got != at.String() {
				t.Fatalf("round %d: %d pushes succeeded, the ref is at %s", round, won, got)
			}
		}
	})
}

// The window between the server's list of refs and its update is where a race is lost: here another push always lands in it.
func TestPushLosesTheRaceInsideTheServer(t *testing.T) {
	bare, _ := newRemote(t)
	server := serve(t, bare, "")
	plain := Remote{URL: server.URL + "/acme.git"}
	const ref = "refs/heads/main"
	other := openRemote(t, plain)
	base := write(t, other, NewCommit{Changes: map[string][]byte{"a": []byte("0")}})
	theirs := write(t, other, NewCommit{Parents: []Hash{base}, Changes: map[string][]byte{"a": []byte("1")}})
	ours := write(t, other, NewCommit{Parents: []Hash{base}, Changes: map[string][]byte{"a": []byte("2")}})
	if err := other.Push(t.Context(), ref, Hash{}, base); err != nil {
		t.Fatal(err)
	}
	late := other
	late.link = openRemote(t, Remote{URL: plain.URL, RoundTripper: roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			stock(t, bare, "fetch", "-q", late.store.Filesystem().Root(), theirs.String())
			stock(t, bare, "update-ref", ref, theirs.String())
		}
		return http.DefaultTransport.RoundTrip(req)
	})}).link
	stock(t, late.store.Filesystem().Root(), "config", "uploadpack.allowAnySHA1InWant", "true")
	if err := late.Push(t.Context(), ref, base, ours); !errors.Is(err, ErrMoved) {
		t.Errorf("push = %v, want ErrMoved", err)
	}
	if got := stock(t, bare, "rev-parse", ref); got != theirs.String() {
		t.Errorf("the ref is at %s, want %s", got, theirs)
	}
}

func TestPushTellsWhyTheServerRefused(t *testing.T) {
	overBoth(t, func(t *testing.T, bare, work string, remote Remote) {
		hook := "#!/bin/sh\necho 'rule: changes must come by pull request' >&2\nexit 1\n"
		if err := os.WriteFile(filepath.Join(bare, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
			t.Fatal(err)
		}
		r := openRemote(t, remote)
		h := write(t, r, NewCommit{Changes: map[string][]byte{"a": []byte("1")}})
		err := r.Push(t.Context(), "refs/heads/main", Hash{}, h)
		if !errors.Is(err, ErrRejected) || errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), "must come by pull request") {
			t.Errorf("push = %v, want ErrRejected with the rule", err)
		}
	})
}

func TestPushSendsOnlyWhatTheRemoteLacks(t *testing.T) {
	bare, work := newRemote(t)
	files := map[string]string{}
	for i := range 300 {
		files["grants/"+strings.Repeat("x", i%7+1)+"/"+base64.RawURLEncoding.EncodeToString([]byte{byte(i), byte(i >> 8)})] = strings.Repeat("y", i+1)
	}
	tip := stockCommit(t, work, files)
	stock(t, work, "push", "-q", "origin", "main")
	r := open(t, bare)
	if err := r.Fetch(t.Context(), "+refs/heads/main:refs/lapse/main"); err != nil {
		t.Fatal(err)
	}
	next := write(t, r, NewCommit{Parents: []Hash{tip}, Changes: map[string][]byte{"grants/x/new": []byte("1")}})
	session, adv, err := r.link.receivePack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	objects, err := r.unsent(next, adv)
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 5 { // a commit, three trees, a blob
		t.Errorf("the push sends %d objects, want 5", len(objects))
	}
}

// What is pushed must be whole however history forks and merges, and whatever the local store has that the remote lacks.
func TestPushedHistoryIsWhole(t *testing.T) {
	bare, work := newRemote(t)
	stockCommit(t, work, map[string]string{"a/b/c": "1", "d": "1"})
	stock(t, work, "push", "-q", "origin", "main")
	stock(t, work, "checkout", "-q", "-b", "side")
	stockCommit(t, work, map[string]string{"a/b/e": "2"})
	stock(t, work, "checkout", "-q", "main")
	old := hashOf(t, stock(t, work, "rev-parse", "HEAD"))
	stockCommit(t, work, map[string]string{"d": "", "a/x": "1"})
	stock(t, work, "merge", "-q", "--no-ff", "-m", "merge", "side")
	r := open(t, filepath.Join(work, ".git"))
	if err := r.Fetch(t.Context(), "+refs/heads/*:refs/heads/*"); err != nil {
		t.Fatal(err)
	}
	tip := hashOf(t, stock(t, work, "rev-parse", "HEAD"))
	for range nearby + 10 {
		tip = write(t, r, NewCommit{Parents: []Hash{tip}})
	}
	// A blob that the remote has, in a commit that it has not.
	tip = write(t, r, NewCommit{Parents: []Hash{tip}, Changes: map[string][]byte{"d": []byte("1")}})
	to, err := Remote{URL: bare}.transport()
	if err != nil {
		t.Fatal(err)
	}
	r.link = to
	if err := r.Push(t.Context(), "refs/heads/main", old, tip); err != nil {
		t.Fatal(err)
	}
	stock(t, bare, "fsck", "--strict", "--full", "--connectivity-only")
	if err := r.Push(t.Context(), "refs/heads/again", Hash{}, tip); err != nil {
		t.Fatalf("push of what the remote has: %v", err)
	}
}

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

func TestBrokenPackIsRefusedAndLeavesNothing(t *testing.T) {
	bare, work := newRemote(t)
	tip := stockCommit(t, work, map[string]string{"a": strings.Repeat("content\n", 1000)})
	stock(t, work, "push", "-q", "origin", "main")
	for _, breakAt := range []int{-1, -30} {
		r := openRemote(t, Remote{URL: serve(t, bare, "").URL + "/acme.git", RoundTripper: roundTripper(func(req *http.Request) (*http.Response, error) {
			res, err := http.DefaultTransport.RoundTrip(req)
			if err == nil && req.Method == http.MethodPost {
				res.Body = body{&flip{from: res.Body, at: breakAt}, res.Body}
			}
			return res, err
		})})
		if err := r.Fetch(t.Context(), "+refs/heads/main:refs/lapse/main"); err == nil || r.Has(tip) {
			t.Errorf("a pack broken at %d: %v, and the commit is here: %v", breakAt, err, r.Has(tip))
		}
		left, _ := os.ReadDir(filepath.Join(r.store.Filesystem().Root(), "objects", "pack"))
		if len(left) > 0 {
			t.Errorf("a pack broken at %d leaves %v", breakAt, left)
		}
	}
}

// flip turns one bit over, so many bytes before the flush packet that ends the response.
type flip struct {
	from    io.Reader
	at      int
	flipped io.Reader
}

func (f *flip) Read(p []byte) (int, error) {
	if f.flipped == nil {
		content, err := io.ReadAll(f.from)
		if err != nil {
			return 0, err
		}
		content[len(content)-4+f.at] ^= 1
		f.flipped = bytes.NewReader(content)
	}
	return f.flipped.Read(p)
}

func TestRefspecs(t *testing.T) {
	for _, text := range []string{
		"refs/heads/main", "main:main", "refs/heads/*:refs/lapse/x", "refs/heads/x:refs/lapse/*", "refs/*/*:refs/*/*",
		"refs/heads/main:refs/replace/x", "+refs/replace/*:refs/x/*", "refs/heads/../x:refs/y", ":refs/heads/x", "refs/heads/x:",
		"refs/heads/main:HEAD", "refs/heads/a b:refs/x/y",
	} {
		if spec, err := parseSpec(text); err == nil {
			t.Errorf("%q is taken as %+v", text, spec)
		}
	}
	got, err := parseSpec("+refs/pull/*/head:refs/lapse/pull/*")
	if err != nil {
		t.Fatal(err)
	}
	want := refSpec{force: true, from: "refs/pull/*/head", to: "refs/lapse/pull/*"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(refSpec{})); diff != "" {
		t.Error(diff)
	}
}
