package githubtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// status is a commit status; whoever can write to the repository can set any.
type status struct {
	id          int64
	sha         string
	state       string // error, failure, pending or success
	context     string
	description string
	target      string
	creator     *account
	app         int64 // id of the App that set it; 0: a person
	at          time.Time
}

func (x *exchange) createStatus() (reply, error) {
	const doc = "commits/statuses#create-a-commit-status"
	r, err := x.repoFor("statuses", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	sha := x.path("sha")
	if !isSHA(sha) || x.resolve(r, sha) != sha {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "No commit found for SHA: " + sha, doc: doc}
	}
	ask := struct {
		State, Context, Description string
		Target                      string `json:"target_url"`
	}{Context: "default"}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if !slices.Contains([]string{"error", "failure", "pending", "success"}, ask.State) {
		return reply{}, invalid(doc, fieldError{Resource: "Status", Code: "custom", Field: "state", Message: "state is not included in the list"})
	}
	if len(ask.Description) > 140 {
		return reply{}, invalid(doc, fieldError{Resource: "Status", Code: "custom", Field: "description", Message: "description is too long (maximum is 140 characters)"})
	}
	st := &status{id: x.newID(), sha: sha, state: ask.State, context: ask.Context, description: ask.Description,
		target: ask.Target, creator: x.who.account, at: x.tick()}
	if x.who.app != nil {
		st.app = x.who.app.id
	}
	r.statuses[sha] = append(r.statuses[sha], st)
	return created(x.statusJSON(r, st))
}

// latestStatuses is the last status of each context, newest first.
func (r *repo) latestStatuses(sha string) []*status {
	var list []*status
	seen := map[string]bool{}
	for _, st := range slices.Backward(r.statuses[sha]) {
		if !seen[st.context] {
			seen[st.context] = true
			list = append(list, st)
		}
	}
	return list
}

func (x *exchange) combinedStatus(r *repo, sha string) (reply, error) {
	list := r.latestStatuses(sha)
	state := "success"
	if len(list) == 0 {
		state = "pending"
	}
	for _, st := range list {
		switch {
		case st.state == "error" || st.state == "failure":
			state = "failure"
		case st.state == "pending" && state == "success":
			state = "pending"
		}
	}
	from, to := x.pageOf(len(list))
	return ok(object{"state": state, "sha": sha, "total_count": len(list), "repository": x.repoJSON(r),
		"statuses":   each(list[from:to], func(st *status) object { return x.simpleStatus(r, st) }),
		"commit_url": x.repoURL(r) + "/commits/" + sha, "url": x.repoURL(r) + "/commits/" + sha + "/status"})
}

func (x *exchange) listStatuses(r *repo, sha string) (reply, error) {
	list := slices.Clone(r.statuses[sha])
	slices.Reverse(list)
	return listOf(x, list, func(st *status) object { return x.statusJSON(r, st) })
}

// commitRoutes serves what hangs below /commits/, where the name of a commit may itself hold slashes.
func (x *exchange) commitRoutes() (reply, error) {
	name, what := x.path("rest"), ""
	for _, suffix := range []string{"/pulls", "/status", "/statuses", "/check-runs"} {
		if ref, found := strings.CutSuffix(name, suffix); found {
			name, what = ref, suffix
			break
		}
	}
	permission := map[string]string{"": "contents", "/pulls": "pull_requests", "/status": "statuses", "/statuses": "statuses", "/check-runs": "checks"}[what]
	r, err := x.repoFor(permission, "read", readRole)
	if err != nil {
		return reply{}, err
	}
	if what == "/pulls" {
		return x.listPullsOfCommit(r, name)
	}
	sha := x.resolve(r, name)
	if sha == "" {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "No commit found for SHA: " + name, doc: "commits/commits#get-a-commit"}
	}
	switch what {
	case "/status":
		return x.combinedStatus(r, sha)
	case "/statuses":
		return x.listStatuses(r, sha)
	case "/check-runs":
		return x.listChecksOf(r, sha)
	}
	return x.getCommit(r, sha)
}
