package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	gh "github.com/google/go-github/v60/github"
)

const (
	perPage  = 100
	maxPages = 1000
)

var errCircle = errors.New("the pages of the answer lead in a circle or never end")

// pages reads a whole list. Pages follow one another by number, whatever the host of the link that named the next.
func pages[T any](ctx context.Context, fetch func(context.Context, gh.ListOptions) ([]T, *gh.Response, error)) ([]T, error) {
	var all []T
	for page := 1; page <= maxPages; {
		items, resp, err := fetch(ctx, gh.ListOptions{Page: page, PerPage: perPage})
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		next := resp.NextPage
		if next == 0 && len(items) >= perPage && resp.Header.Get(fromCache) != "" {
			// An ETag stands for the items of a page, not for what follows it: a full last page that is unchanged may have
			// got a successor since.
			next = page + 1
		}
		if next == 0 {
			return all, nil
		}
		if next != page+1 {
			return nil, errCircle
		}
		page = next
	}
	return nil, errCircle
}

// get sends one GET to base/segments, for what the library has no method for. Segments must be valid names.
func (c *Client) get(ctx context.Context, path, query string, out any) (*gh.Response, error) {
	if query != "" {
		path += "?" + query
	}
	req, err := c.api.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, fmt.Errorf("build a request: %w", err)
	}
	return c.api.Do(ctx, req, out)
}
