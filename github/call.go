package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// call says what a request is meant to be. The transport sends nothing whose context carries no call.
type call struct {
	path   []string // the segments after the base URL, unescaped
	graph  bool     // the GraphQL endpoint, instead of path
	repeat bool     // doing it twice is as good as once
	// believe is for how long an answer that was kept need not be asked for again; 0: always ask.
	believe time.Duration
	app     bool // authenticated as the app itself, not as its installation

	waited time.Duration // for rate limits so far; pages of one list share it, and follow one another
}

type callKey struct{}

// meant makes the context for a request to base/segments. GET, PUT and DELETE may be repeated.
func meant(ctx context.Context, method string, segments ...string) context.Context {
	repeat := method == http.MethodGet || method == http.MethodPut || method == http.MethodDelete
	return context.WithValue(ctx, callKey{}, &call{path: segments, repeat: repeat})
}

// once is meant for a request that must not be repeated unless GitHub said that it did nothing.
func once(ctx context.Context, segments ...string) context.Context {
	return context.WithValue(ctx, callKey{}, &call{path: segments})
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// stays compares the URL that is about to be used with the one that was meant: the library under us puts names into paths
// without escaping them.
func (c *call) stays(base, u *url.URL) error {
	if u.Scheme != base.Scheme || u.Host != base.Host || u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return errors.New("the URL leaves the API's host")
	}
	if c.graph {
		if u.String() != graphURL(base).String() {
			return errors.New("the URL is not the GraphQL endpoint")
		}
		return nil
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), base.EscapedPath())
	if !ok {
		return errors.New("the path leaves the API's base path")
	}
	got := strings.Split(rest, "/")
	if len(got) != len(c.path) {
		return fmt.Errorf("the path has %d segments, meant were %d", len(got), len(c.path))
	}
	for i, segment := range got {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain != c.path[i] || plain == "" || plain == "." || plain == ".." || strings.ContainsAny(plain, "/\\") {
			return fmt.Errorf("segment %d of the path is not what was meant", i+1)
		}
	}
	return nil
}

// graphURL is https://api.github.com/graphql, and https://host/api/graphql for https://host/api/v3/.
func graphURL(base *url.URL) *url.URL {
	u := *base
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "v3/")+"graphql", ""
	return &u
}
