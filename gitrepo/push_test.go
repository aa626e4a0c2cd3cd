package gitrepo

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

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
			{"deleted", second, Hash{}, errAny},
		} {
			err := r.Push(ctx, ref, step.old, step.new)
			if step.want == errAny && err != nil {
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

var errAny = errors.New("any error")

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
