package githubtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// issue is what issues and pull requests have in common; they share their numbers.
type issue struct {
	id       int64
	number   int
	repo     *repo
	author   *account
	title    string
	body     string
	state    string // open or closed
	created  time.Time
	updated  time.Time
	closed   *time.Time
	labels   []*label
	comments []*comment
	events   []*event
	pull     *pull // nil for an issue
}

type label struct {
	id          int64
	name        string
	color       string
	description string
}

func (s *Server) newIssue(r *repo, by *account, title, body string) *issue {
	at := s.tick()
	r.number++
	i := &issue{id: s.newID(), number: r.number, repo: r, author: by, title: title, body: body, state: "open", created: at, updated: at}
	r.issues[i.number] = i
	return i
}

func (i *issue) open() bool { return i.state == "open" }

func (i *issue) close(at time.Time) {
	i.state, i.closed, i.updated = "closed", &at, at
}

func (x *exchange) issueFor(level string, min role) (*issue, error) {
	r, err := x.repoFor(x.issuePermission(), level, min)
	if err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(x.path("number"))
	if i := r.issues[n]; i != nil {
		return i, nil
	}
	return nil, notFound("issues/issues#get-an-issue")
}

// issuePermission is either of the two that GitHub accepts for what issues and pull requests share.
func (x *exchange) issuePermission() string {
	if x.who.permitted("pull_requests", "read") && !x.who.permitted("issues", "read") {
		return "pull_requests"
	}
	if x.who.permitted("pull_requests", "write") && !x.who.permitted("issues", "write") {
		return "pull_requests"
	}
	return "issues"
}

func (x *exchange) createIssue() (reply, error) {
	r, err := x.repoFor("issues", "write", readRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Title, Body string
		Labels      []string
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if ask.Title == "" {
		return reply{}, invalid("issues/issues#create-an-issue", fieldError{Resource: "Issue", Code: "missing_field", Field: "title"})
	}
	i := x.newIssue(r, x.who.account, ask.Title, ask.Body)
	x.addLabels(i, ask.Labels)
	return created(x.issueJSON(i))
}

func (x *exchange) getIssue() (reply, error) {
	i, err := x.issueFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	return ok(x.issueJSON(i))
}

func (x *exchange) listIssues() (reply, error) {
	r, err := x.repoFor("issues", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	want := x.query("state")
	if want == "" {
		want = "open"
	}
	var list []*issue
	for n := r.number; n > 0; n-- {
		i := r.issues[n]
		if i == nil || (want != "all" && i.state != want) {
			continue
		}
		if names := x.query("labels"); names != "" && !i.hasLabels(strings.Split(names, ",")) {
			continue
		}
		list = append(list, i)
	}
	return listOf(x, list, x.issueJSON)
}

func (i *issue) hasLabels(names []string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(i.labels, func(l *label) bool { return strings.EqualFold(l.name, name) }) {
			return false
		}
	}
	return true
}

func (x *exchange) updateIssue() (reply, error) {
	i, err := x.issueFor("write", readRole)
	if err != nil {
		return reply{}, err
	}
	if i.author != x.who.account && x.who.app == nil && x.roleIn(x.who, i.repo) < triageRole {
		return reply{}, forbidden("Must have admin rights to Repository.", "issues/issues#update-an-issue")
	}
	var ask struct {
		Title, Body, State *string
		Labels             *[]string
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	at := x.tick()
	i.updated = at
	set(&i.title, ask.Title)
	set(&i.body, ask.Body)
	if ask.Labels != nil {
		i.labels = nil
		x.addLabels(i, *ask.Labels)
	}
	if ask.State != nil {
		if err := x.setState(i, *ask.State, at); err != nil {
			return reply{}, err
		}
	}
	return ok(x.issueJSON(i))
}

// setState closes or reopens; what was merged stays closed.
func (x *exchange) setState(i *issue, state string, at time.Time) error {
	switch {
	case state == "closed" && i.open():
		i.close(at)
	case state == "open" && !i.open():
		if i.pull != nil {
			return x.reopen(i.pull, at)
		}
		i.state, i.closed = "open", nil
	case state != "open" && state != "closed":
		return invalid("issues/issues#update-an-issue", fieldError{Resource: "Issue", Code: "invalid", Field: "state"})
	}
	return nil
}

func set(to *string, value *string) {
	if value != nil {
		*to = *value
	}
}

func (x *exchange) listLabels() (reply, error) {
	r, err := x.repoFor("issues", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	var list []*label
	for _, l := range r.labels {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *label) int { return strings.Compare(a.name, b.name) })
	return listOf(x, list, func(l *label) object { return x.labelJSON(r, l) })
}

func (x *exchange) createLabel() (reply, error) {
	r, err := x.repoFor("issues", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct{ Name, Color, Description string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if ask.Name == "" || r.labels[strings.ToLower(ask.Name)] != nil {
		code := "already_exists"
		if ask.Name == "" {
			code = "missing_field"
		}
		return reply{}, invalid("issues/labels#create-a-label", fieldError{Resource: "Label", Code: code, Field: "name"})
	}
	x.tick()
	l := x.label(r, ask.Name)
	l.description = ask.Description
	if ask.Color != "" {
		l.color = ask.Color
	}
	return created(x.labelJSON(r, l))
}

// label finds a label of the repository, or makes it, as adding an unknown label to an issue does.
func (s *Server) label(r *repo, name string) *label {
	key := strings.ToLower(name)
	if r.labels[key] == nil {
		r.labels[key] = &label{id: s.newID(), name: name, color: "ededed"}
	}
	return r.labels[key]
}

func (s *Server) addLabels(i *issue, names []string) {
	for _, name := range names {
		if l := s.label(i.repo, name); !slices.Contains(i.labels, l) {
			i.labels = append(i.labels, l)
		}
	}
}

func (x *exchange) listIssueLabels() (reply, error) {
	i, err := x.issueFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	return listOf(x, i.labels, func(l *label) object { return x.labelJSON(i.repo, l) })
}

func (x *exchange) addIssueLabels() (reply, error) {
	i, err := x.issueFor("write", triageRole)
	if err != nil {
		return reply{}, err
	}
	names, err := x.labelNames()
	if err != nil {
		return reply{}, err
	}
	i.updated = x.tick()
	if x.r.Method == http.MethodPut {
		i.labels = nil
	}
	x.addLabels(i, names)
	return ok(each(i.labels, func(l *label) object { return x.labelJSON(i.repo, l) }))
}

// labelNames reads {"labels": [...]} or a bare list of names.
func (x *exchange) labelNames() ([]string, error) {
	var names []string
	if strings.HasPrefix(strings.TrimSpace(string(x.body)), "[") {
		return names, x.decode(&names)
	}
	var ask struct{ Labels []string }
	err := x.decode(&ask)
	return ask.Labels, err
}

func (x *exchange) removeIssueLabel() (reply, error) {
	i, err := x.issueFor("write", triageRole)
	if err != nil {
		return reply{}, err
	}
	if !i.hasLabels([]string{x.path("name")}) {
		return reply{}, &apiError{status: http.StatusNotFound, message: "Label does not exist", doc: "issues/labels#remove-a-label-from-an-issue"}
	}
	i.updated = x.tick()
	i.labels = slices.DeleteFunc(i.labels, func(l *label) bool { return strings.EqualFold(l.name, x.path("name")) })
	return ok(each(i.labels, func(l *label) object { return x.labelJSON(i.repo, l) }))
}
