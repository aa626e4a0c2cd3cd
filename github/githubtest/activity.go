package githubtest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// activity is the forge's own record of who moved a branch
// (https://docs.github.com/rest/repos/repos#list-repository-activities).
type activity struct {
	id            int64
	ref           string
	before, after string
	at            time.Time
	kind          string
	actor         *account
}

var activityPeriods = map[string]time.Duration{
	"day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 31 * 24 * time.Hour, "quarter": 92 * 24 * time.Hour, "year": 366 * 24 * time.Hour,
}

func (x *exchange) listActivity() (reply, error) {
	r, err := x.repoFor("contents", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	list, err := x.activities(r)
	if err != nil {
		return reply{}, err
	}
	list, err = x.cursorPage(list)
	if err != nil {
		return reply{}, err
	}
	return ok(each(list, x.activityJSON))
}

// activities are those that the query asks for, newest first unless direction is asc.
func (x *exchange) activities(r *repo) ([]*activity, error) {
	ref, kind, period := x.query("ref"), x.query("activity_type"), x.query("time_period")
	if ref != "" && !strings.HasPrefix(ref, "refs/") {
		ref = "refs/heads/" + ref
	}
	since := time.Time{}
	if length, known := activityPeriods[period]; known {
		since = x.now().Add(-length)
	} else if period != "" {
		return nil, unprocessable("repos/repos#list-repository-activities", "time_period is not included in the list")
	}
	var list []*activity
	for _, a := range r.activity {
		actor := ""
		if a.actor != nil {
			actor = a.actor.login
		}
		switch {
		case ref != "" && a.ref != ref:
		case x.unseen(r, a):
			return newestFirst(list, x), nil // a copy that is behind ends there: it has no holes
		case kind != "" && a.kind != kind, a.at.Before(since):
		case x.query("actor") != "" && !strings.EqualFold(actor, x.query("actor")):
		default:
			list = append(list, a)
		}
	}
	return newestFirst(list, x), nil
}

// newestFirst is the order of the answer, unless the other was asked for.
func newestFirst(list []*activity, x *exchange) []*activity {
	if x.query("direction") != "asc" {
		slices.Reverse(list)
	}
	return list
}

// cursorPage cuts the page before or after a cursor and links to its neighbours.
func (x *exchange) cursorPage(list []*activity) ([]*activity, error) {
	size := x.perPage()
	from, to := 0, min(size, len(list))
	if cursor := x.query("after"); cursor != "" {
		i, err := indexOfCursor(list, cursor)
		if err != nil {
			return nil, err
		}
		from = i + 1
		to = min(from+size, len(list))
	} else if cursor := x.query("before"); cursor != "" {
		i, err := indexOfCursor(list, cursor)
		if err != nil {
			return nil, err
		}
		from, to = max(0, i-size), i
	}
	var links []string
	if to < len(list) && to > from {
		links = append(links, x.cursorLink("after", "before", list[to-1], "next"))
	}
	if from > 0 && to > from {
		links = append(links, x.cursorLink("before", "after", list[from], "prev"))
	}
	if links != nil {
		x.header.Set("Link", strings.Join(links, ", "))
	}
	return list[from:to], nil
}

func (x *exchange) cursorLink(name, other string, a *activity, rel string) string {
	q := x.r.URL.Query()
	q.Del(other)
	q.Set(name, cursorOf(a))
	return x.link(q, rel)
}

func cursorOf(a *activity) string {
	return base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "cursor:%d", a.id))
}

func indexOfCursor(list []*activity, cursor string) (int, error) {
	b, _ := base64.URLEncoding.DecodeString(cursor)
	id, err := strconv.ParseInt(strings.TrimPrefix(string(b), "cursor:"), 10, 64)
	i := slices.IndexFunc(list, func(a *activity) bool { return a.id == id })
	if err != nil || i < 0 {
		return 0, &apiError{status: http.StatusUnprocessableEntity, message: "Invalid cursor", doc: "repos/repos#list-repository-activities"}
	}
	return i, nil
}
