package githubtest

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// pageOf cuts the page that was asked for out of n items, says where its neighbours are (RFC 8288, rel first, prev,
// next, last), and returns its bounds.
func (x *exchange) pageOf(n int) (from, to int) {
	size := x.perPage()
	page := max(1, x.number("page", 1))
	last := max(1, (n+size-1)/size)
	from = min(n, (page-1)*size)
	to = min(n, from+size)
	var links []string
	link := func(p int, rel string) {
		q := x.r.URL.Query()
		q.Set("page", strconv.Itoa(p))
		links = append(links, x.link(q, rel))
	}
	if page > 1 {
		link(min(page-1, last), "prev")
	}
	if page < last {
		link(page+1, "next")
		link(last, "last")
	}
	if page > 1 {
		link(1, "first")
	}
	if links != nil {
		x.header.Set("Link", strings.Join(links, ", "))
	}
	return from, to
}

func (x *exchange) link(q url.Values, rel string) string {
	return fmt.Sprintf("<%s?%s>; rel=%q", x.api+x.r.URL.EscapedPath(), q.Encode(), rel)
}

func (x *exchange) perPage() int {
	return min(100, max(1, x.number("per_page", 30)))
}

// number is a query parameter; what is not a number is as if absent, as GitHub treats it.
func (x *exchange) number(name string, otherwise int) int {
	n, err := strconv.Atoi(x.query(name))
	if err != nil || n == 0 {
		return otherwise
	}
	return n
}

// listOf answers one page of a list.
func listOf[T any](x *exchange, all []T, wire func(T) object) (reply, error) {
	from, to := x.pageOf(len(all))
	return ok(each(all[from:to], wire))
}

// each is never nil, so that an empty list is [] and not null.
func each[T any](all []T, wire func(T) object) []object {
	list := make([]object, 0, len(all))
	for _, v := range all {
		list = append(list, wire(v))
	}
	return list
}
