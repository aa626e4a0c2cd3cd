package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// checkRun is a check of a commit by an App.
type checkRun struct {
	id          int64
	sha         string
	name        string
	status      string // queued, in_progress or completed
	conclusion  string // "" until completed
	details     string
	external    string
	app         *app
	started     time.Time
	completed   *time.Time
	title       string
	summary     string
	text        string
	annotations []annotation
}

type annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn *int   `json:"start_column"`
	EndColumn   *int   `json:"end_column"`
	Level       string `json:"annotation_level"`
	Title       string `json:"title"`
	Message     string `json:"message"`
	RawDetails  string `json:"raw_details"`
}

// Limits of the checks API (https://docs.github.com/rest/checks/runs).
const (
	maxAnnotations = 50
	maxOutputText  = 65535
)

type checkAsk struct {
	Name       *string
	HeadSHA    *string `json:"head_sha"`
	Details    *string `json:"details_url"`
	External   *string `json:"external_id"`
	Status     *string
	Conclusion *string
	Started    *time.Time `json:"started_at"`
	Completed  *time.Time `json:"completed_at"`
	Output     *struct {
		Title, Summary, Text *string
		Annotations          []annotation
	}
}

// checksRepo is the repository of the path, for an App that may write checks; nobody else may
// (https://docs.github.com/rest/checks/runs#create-a-check-run).
func (x *exchange) checksRepo() (*repo, error) {
	r, err := x.repoFor("checks", "write", readRole)
	if err != nil {
		return nil, err
	}
	if x.who.app == nil {
		return nil, forbidden("You must authenticate via a GitHub App.", "checks/runs#create-a-check-run")
	}
	return r, nil
}

func (x *exchange) createCheck() (reply, error) {
	const doc = "checks/runs#create-a-check-run"
	r, err := x.checksRepo()
	if err != nil {
		return reply{}, err
	}
	var ask checkAsk
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if ask.Name == nil || ask.HeadSHA == nil {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Invalid request.\n\n\"name\", \"head_sha\" weren't supplied.", doc: doc}
	}
	if !isSHA(*ask.HeadSHA) || x.resolve(r, *ask.HeadSHA) != *ask.HeadSHA {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "No commit found for SHA: " + *ask.HeadSHA, doc: doc}
	}
	c := &checkRun{id: x.newID(), sha: *ask.HeadSHA, status: "queued", app: x.who.app}
	if err := x.applyCheck(c, ask); err != nil {
		return reply{}, err
	}
	r.checks[c.sha] = append(r.checks[c.sha], c)
	return created(x.checkJSON(r, c))
}

// applyCheck changes a check run by a request; giving a conclusion completes it.
func (x *exchange) applyCheck(c *checkRun, ask checkAsk) error {
	const doc = "checks/runs#update-a-check-run"
	if err := checkProblem(ask); err != "" {
		return &apiError{status: http.StatusUnprocessableEntity, message: "Invalid request.\n\n" + err, doc: doc}
	}
	at := x.tick()
	if c.started.IsZero() {
		c.started = at
	}
	set(&c.name, ask.Name)
	set(&c.details, ask.Details)
	set(&c.external, ask.External)
	set(&c.status, ask.Status)
	if ask.Started != nil {
		c.started = ask.Started.UTC()
	}
	if ask.Conclusion != nil {
		c.status, c.conclusion, c.completed = "completed", *ask.Conclusion, &at
		if ask.Completed != nil {
			c.completed = ask.Completed
		}
	}
	if o := ask.Output; o != nil {
		set(&c.title, o.Title)
		set(&c.summary, o.Summary)
		set(&c.text, o.Text)
		c.annotations = append(c.annotations, o.Annotations...)
	}
	return nil
}

func checkProblem(ask checkAsk) string {
	if ask.Status != nil && !slices.Contains([]string{"queued", "in_progress", "completed", "waiting", "requested", "pending"}, *ask.Status) {
		return fmt.Sprintf("%q is not a possible value of status.", *ask.Status)
	}
	conclusions := []string{"success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"}
	if ask.Conclusion != nil && !slices.Contains(conclusions, *ask.Conclusion) {
		return fmt.Sprintf("%q is not a possible value of conclusion.", *ask.Conclusion)
	}
	if ask.Status != nil && *ask.Status == "completed" && ask.Conclusion == nil {
		return "Missing conclusion of a completed check run."
	}
	if ask.Output == nil {
		return ""
	}
	if ask.Output.Title == nil || ask.Output.Summary == nil {
		return "\"title\", \"summary\" weren't supplied."
	}
	if len(ask.Output.Annotations) > maxAnnotations {
		return fmt.Sprintf("No more than %d items are allowed; %d were supplied.", maxAnnotations, len(ask.Output.Annotations))
	}
	for _, text := range []*string{ask.Output.Summary, ask.Output.Text} {
		if text != nil && len(*text) > maxOutputText {
			return fmt.Sprintf("Only %d characters are allowed; %d were supplied.", maxOutputText, len(*text))
		}
	}
	for _, a := range ask.Output.Annotations {
		if a.Path == "" || a.Message == "" || a.StartLine < 1 || a.EndLine < a.StartLine ||
			!slices.Contains([]string{"notice", "warning", "failure"}, a.Level) {
			return "An annotation lacks path, start_line, end_line, annotation_level or message."
		}
	}
	return ""
}

func (r *repo) checkByID(text string) *checkRun {
	id, _ := strconv.ParseInt(text, 10, 64)
	for _, list := range r.checks {
		for _, c := range list {
			if c.id == id {
				return c
			}
		}
	}
	return nil
}

func (x *exchange) updateCheck() (reply, error) {
	r, err := x.checksRepo()
	if err != nil {
		return reply{}, err
	}
	c := r.checkByID(x.path("id"))
	if c == nil {
		return reply{}, notFound("checks/runs#update-a-check-run")
	}
	if c.app != x.who.app {
		return reply{}, forbidden("Invalid app_id `"+strconv.FormatInt(x.who.app.id, 10)+"` - check run can only be modified by the GitHub App that created it.", "checks/runs#update-a-check-run")
	}
	var ask checkAsk
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if err := x.applyCheck(c, ask); err != nil {
		return reply{}, err
	}
	return ok(x.checkJSON(r, c))
}

func (x *exchange) checkFor() (*repo, *checkRun, error) {
	r, err := x.repoFor("checks", "read", readRole)
	if err != nil {
		return nil, nil, err
	}
	c := r.checkByID(x.path("id"))
	if c == nil {
		return nil, nil, notFound("checks/runs#get-a-check-run")
	}
	return r, c, nil
}

func (x *exchange) getCheck() (reply, error) {
	r, c, err := x.checkFor()
	if err != nil {
		return reply{}, err
	}
	return ok(x.checkJSON(r, c))
}

func (x *exchange) listAnnotations() (reply, error) {
	r, c, err := x.checkFor()
	if err != nil {
		return reply{}, err
	}
	return listOf(x, c.annotations, func(a annotation) object { return x.annotationJSON(r, c, a) })
}

// listChecksOf lists the latest check run of each name and App, or all with filter=all.
func (x *exchange) listChecksOf(r *repo, sha string) (reply, error) {
	var list []*checkRun
	type key struct {
		name string
		app  int64
	}
	seen := map[key]bool{}
	for _, c := range slices.Backward(r.checks[sha]) {
		k := key{c.name, c.app.id}
		if seen[k] && x.query("filter") != "all" {
			continue
		}
		seen[k] = true
		wrongApp := x.query("app_id") != "" && x.query("app_id") != strconv.FormatInt(c.app.id, 10)
		wrongName := x.query("check_name") != "" && x.query("check_name") != c.name
		if wrongApp || wrongName || (x.query("status") != "" && x.query("status") != c.status) {
			continue
		}
		list = append(list, c)
	}
	from, to := x.pageOf(len(list))
	return ok(object{"total_count": len(list), "check_runs": each(list[from:to], func(c *checkRun) object { return x.checkJSON(r, c) })})
}
