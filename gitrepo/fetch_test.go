package gitrepo

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
