package github

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tagged answers alice with an ETag, and 304 to who has it. It counts whole answers.
func tagged(whole *int, login *string) wire {
	return func(req *http.Request) (*http.Response, error) {
		tag := `W/"` + strings.Trim(*login, `"`) + `"`
		if req.Header.Get("If-None-Match") == tag {
			return reply(304, "", "ETag", tag), nil
		}
		*whole++
		return reply(200, `{"login":"alice","id":583231,"type":"User","suspended_at":`+*login+`}`, "ETag", tag), nil
	}
}

func suspended(t *testing.T, c *Client) bool {
	t.Helper()
	a, found, err := c.User(t.Context(), "alice")
	if err != nil || !found || a.ID != 583231 {
		t.Fatalf("alice is %+v, %v, %v", a, found, err)
	}
	return a.Suspended
}

func TestAnUnchangedAnswerIsServedFromTheCacheAndAChangedOneIsNot(t *testing.T) {
	for name, cache := range map[string]Cache{"memory": MemoryCache(), "directory": DirCache(filepath.Join(t.TempDir(), "cache"))} {
		t.Run(name, func(t *testing.T) {
			whole, state := 0, "null"
			c := testClient(t, tagged(&whole, &state), func(o *Options) { o.Cache = cache })
			for range 3 {
				if suspended(t, c) {
					t.Error("suspended before it happened")
				}
			}
			if whole != 1 {
				t.Errorf("%d whole answers, want 1", whole)
			}
			state = `"2026-01-01T00:00:00Z"`
			if first, again := suspended(t, c), suspended(t, c); !first || !again || whole != 2 {
				t.Errorf("the change is not seen, or costs %d answers", whole)
			}
			// Another identity shares nothing.
			other := testClient(t, tagged(&whole, &state), func(o *Options) { o.Cache, o.Token = cache, "ghp_another" })
			if suspended(t, other); whole != 3 {
				t.Errorf("another token is served from the same entry")
			}
			if suspended(t, c); whole != 3 {
				t.Errorf("another token pushed out the entry")
			}
		})
	}
}

func TestAForgedCacheEntryIsNotServed(t *testing.T) {
	dir := t.TempDir()
	whole, state := 0, "null"
	client := func(token string) *Client {
		return testClient(t, tagged(&whole, &state), func(o *Options) { o.Cache, o.Token = DirCache(dir), token })
	}
	suspended(t, client(testToken))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d entries, %v; want 1", len(files), err)
	}
	name := filepath.Join(dir, files[0].Name())
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the entry has mode %v, %v; want 0600", info.Mode(), err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), testToken) {
		t.Error("the entry carries the token")
	}
	for i := range 50 {
		forged := append([]byte(nil), data...)
		at := i * len(data) / 50
		forged[at] ^= 1
		for _, f := range [][]byte{forged, data[:at]} {
			if err := os.WriteFile(name, f, 0o600); err != nil {
				t.Fatal(err)
			}
			before := whole
			if suspended(t, client(testToken)); whole != before+1 {
				t.Errorf("an entry with byte %d changed, or cut there, is believed", at)
			}
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", name); err != nil {
		t.Fatal(err)
	}
	suspended(t, client(testToken))
}

func TestTheMemoryCacheIsBounded(t *testing.T) {
	m := &memory{kept: map[string][]byte{}}
	for i := range 3 * maxKept {
		m.Put(strconv.Itoa(i), nil)
	}
	if _, there := m.Get(strconv.Itoa(3*maxKept - 1)); len(m.kept) != maxKept || !there {
		t.Errorf("%d entries are kept, want %d with the newest", len(m.kept), maxKept)
	}
}

// A full last page may get a successor without changing itself; its ETag then does not tell.
func TestA18AFullUnchangedPageDoesNotHideTheNext(t *testing.T) {
	members := 100
	page := func(from, to int) string {
		var list []string
		for i := from; i < to; i++ {
			list = append(list, `{"login":"u`+strconv.Itoa(i)+`","id":`+strconv.Itoa(i+1)+`,"type":"User"}`)
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("page") == "2" {
			return reply(200, page(100, members)), nil
		}
		if req.Header.Get("If-None-Match") != "" {
			return reply(304, ""), nil
		}
		return reply(200, page(0, 100), "ETag", `"full"`), nil
	}), func(o *Options) { o.Backoff = time.Nanosecond })
	for _, n := range []int{100, 101, 100} {
		members = n
		list, err := c.TeamMembers(t.Context(), "acme", "data")
		if err != nil || len(list) != n {
			t.Errorf("%d members, %v; want %d", len(list), err, n)
		}
	}
}

func TestA18PagesThatNeverEndAreAnError(t *testing.T) {
	link := func(page string) string {
		return `<https://evil.example/x?page=` + page + `>; rel="next", <https://api.github.com/x?page=9>; rel="last"`
	}
	for name, next := range map[string]func(req *http.Request) string{
		"a circle": func(*http.Request) string { return link("1") },
		"a jump":   func(*http.Request) string { return link("7") },
		"no end": func(req *http.Request) string {
			n, err := strconv.Atoi(req.URL.Query().Get("page"))
			if err != nil {
				t.Error(err)
			}
			return link(strconv.Itoa(n + 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
				sent++
				if req.URL.Host != "api.github.com" {
					t.Errorf("a link leads to %s", req.URL)
				}
				return reply(200, "["+alice+"]", "Link", next(req)), nil
			}))
			if list, err := c.TeamMembers(t.Context(), "acme", "data"); err == nil || list != nil || sent > maxPages {
				t.Errorf("%d members after %d pages, error %v", len(list), sent, err)
			}
		})
	}
	t.Run("a circle of cursors", func(t *testing.T) {
		sent := 0
		c := testClient(t, inOrder(&sent, answers(200, "[]", "Link", `<https://api.github.com/x?after=abc>; rel="next"`)))
		if _, err := c.Pushes(t.Context(), Repo{"acme", "access"}, "x"); err == nil || sent != 2 {
			t.Errorf("sent %d times, error %v", sent, err)
		}
	})
}

func TestA17WhatCannotBeReadIsAnErrorAndNeverAnEmptyTeam(t *testing.T) {
	for _, body := range []string{"", "null", "{}", `{"message":"x"}`, "[null]", `[{}]`, `[{"login":"x"}]`, `[{"id":1}]`, "[" + alice, "[" + alice + "]x", "<html>"} {
		sent := 0
		c := testClient(t, inOrder(&sent, answers(200, body)), func(o *Options) { o.Backoff = time.Nanosecond })
		if list, err := c.TeamMembers(t.Context(), "acme", "data"); err == nil || list != nil {
			t.Errorf("%q is read as %v", body, list)
		}
	}
	for _, status := range []int{202, 204, 205, 206, 401, 403, 404, 410, 422} {
		sent := 0
		c := testClient(t, inOrder(&sent, answers(status, "")), func(o *Options) { o.Backoff = time.Nanosecond })
		list, err := c.TeamMembers(t.Context(), "acme", "data")
		if err == nil || list != nil {
			t.Errorf("%d is read as %v", status, list)
		}
		if says := err != nil && strings.Contains(err.Error(), "members: read"); says != (status == 403 || status == 404) {
			t.Errorf("%d: the error is %v", status, err)
		}
	}
}
