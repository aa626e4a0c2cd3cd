package githubtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Actor is somebody who uses the server. What they do obeys the rules that bind every request, but is neither in
// Server.Requests nor met by a Failure, nor does it use up a rate limit that a test watches: those are for the program
// under test.
type Actor struct {
	s      *Server
	login  string
	secret string
}

// As is the account of that login, with its personal token. An unknown login panics.
func (s *Server) As(login string) *Actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.mustAccount(login)
	secret := "actor_" + digest("actor", a.id)
	if s.tokens[secret] == nil {
		s.tokens[secret] = &token{secret: secret, account: a, budget: secret, limit: 1 << 30}
	}
	return &Actor{s, login, secret}
}

// WithToken is whoever a token belongs to, such as a workflow's or an App's.
func (s *Server) WithToken(secret string) *Actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[secret]
	if t == nil {
		panic("githubtest: unknown token")
	}
	return &Actor{s, t.account.login, secret}
}

// StatusError is an answer that refused what an actor asked.
type StatusError struct {
	Method, Path string
	Status       int
	Message      string
	Body         string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, e.Message)
}

// Do sends a request to the API and decodes its answer into out, which may be nil. A status of 400 or more is a
// *StatusError.
func (a *Actor) Do(method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("githubtest: encode %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, "http://github.test"+path, body)
	if err != nil {
		return fmt.Errorf("githubtest: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+a.secret)
	w := &memoryWriter{header: http.Header{}}
	a.s.dispatch(w, withRecord(r, &Request{}))
	if w.code() >= 400 {
		e := &StatusError{Method: method, Path: path, Status: w.code(), Body: w.body.String()}
		var answer struct {
			Message string
			Errors  []any
		}
		if json.Unmarshal(w.body.Bytes(), &answer) == nil {
			e.Message = answer.Message
			for _, detail := range answer.Errors {
				e.Message += fmt.Sprintf("; %v", detail)
			}
		}
		return e
	}
	if out == nil || w.body.Len() == 0 {
		return nil
	}
	return json.Unmarshal(w.body.Bytes(), out)
}

func repoPath(fullName string, rest ...string) string {
	return "/repos/" + fullName + strings.Join(rest, "")
}

func pullPath(fullName string, number int, rest string) string {
	return repoPath(fullName, "/pulls/", strconv.Itoa(number), rest)
}

// PushFiles commits files on top of base ("" means the branch itself, or the default branch if it does not exist) and
// pushes the commit to a branch. An empty text deletes the file. It returns the new commit.
func (a *Actor) PushFiles(fullName, branch, base string, files map[string]string, message string) (string, error) {
	return a.Push(fullName, branch, Commit{Base: base, Files: files, Message: message})
}

// Push makes a commit as described and pushes it to a branch: forward, or with force if it is not on top of it.
func (a *Actor) Push(fullName, branch string, c Commit) (string, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	who, r, err := a.writer(fullName)
	if err != nil {
		return "", err
	}
	if c.Base == "" {
		c.Base = branch
		if r.branch(branch) == "" {
			c.Base = r.defaultBranch
		}
	}
	sha, err := a.s.writeCommit(r, who.account, c)
	if err != nil {
		return "", err
	}
	return sha, a.move(who, r, branch, sha)
}

// ForcePush moves a branch to a commit that the repository has.
func (a *Actor) ForcePush(fullName, branch, sha string) error {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	who, r, err := a.writer(fullName)
	if err != nil {
		return err
	}
	return a.move(who, r, branch, sha)
}

// DeleteBranch deletes a branch; open pull requests from it are closed.
func (a *Actor) DeleteBranch(fullName, branch string) error {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	who, r, err := a.writer(fullName)
	if err != nil {
		return err
	}
	if r.branch(branch) == "" {
		return fmt.Errorf("githubtest: %s has no branch %s", fullName, branch)
	}
	return a.move(who, r, branch, "")
}

// writer asks what git push over HTTP asks.
func (a *Actor) writer(fullName string) (caller, *repo, error) {
	t := a.s.tokens[a.secret]
	if t == nil {
		return caller{}, nil, errors.New("githubtest: " + a.login + "'s account or token is gone")
	}
	if t.account.suspended != nil {
		return caller{}, nil, errors.New("githubtest: " + a.login + " is suspended")
	}
	who := caller{token: t, account: t.account, app: t.app}
	r := a.s.repos[strings.ToLower(fullName)]
	if r == nil || a.s.roleIn(who, r) < writeRole || !who.permitted("contents", "write") {
		return who, nil, &StatusError{Method: "push", Path: fullName, Status: http.StatusForbidden, Message: "Write access to repository not granted."}
	}
	return who, r, nil
}

func (a *Actor) move(who caller, r *repo, branch, to string) error {
	ref := "refs/heads/" + branch
	if err := a.s.mayMove(who, r, ref, to); err != nil {
		var refused *apiError
		if errors.As(err, &refused) {
			return &StatusError{Method: "push", Path: r.fullName() + " " + ref, Status: refused.status, Message: refused.message}
		}
		return err
	}
	return a.s.updateRef(r, who.account, ref, to, "")
}

// OpenPull opens a pull request into the default branch from a branch, or "owner:branch" of a fork, and returns its number.
func (a *Actor) OpenPull(fullName, head, title string) (int, error) {
	a.s.mu.Lock()
	base := a.s.mustRepo(fullName).defaultBranch
	a.s.mu.Unlock()
	return a.OpenPullInto(fullName, base, head, title)
}

// OpenPullInto opens a pull request into any branch.
func (a *Actor) OpenPullInto(fullName, base, head, title string) (int, error) {
	var p struct{ Number int }
	err := a.Do("POST", repoPath(fullName, "/pulls"), object{"title": title, "head": head, "base": base}, &p)
	return p.Number, err
}

// EditPull changes fields of a pull request: title, body, base, state.
func (a *Actor) EditPull(fullName string, number int, fields map[string]any) error {
	return a.Do("PATCH", pullPath(fullName, number, ""), fields, nil)
}

// ClosePull closes a pull request.
func (a *Actor) ClosePull(fullName string, number int) error {
	return a.EditPull(fullName, number, object{"state": "closed"})
}

// Review submits a review of the head: APPROVE, REQUEST_CHANGES or COMMENT. It returns the review's id.
func (a *Actor) Review(fullName string, number int, event, body string) (int64, error) {
	return a.ReviewCommit(fullName, number, "", event, body)
}

// ReviewCommit submits a review of one commit; "" means the head. Without an event the review is begun, and pending.
func (a *Actor) ReviewCommit(fullName string, number int, sha, event, body string) (int64, error) {
	var v struct{ ID int64 }
	in := object{"body": body}
	if event != "" {
		in["event"] = event
	}
	if sha != "" {
		in["commit_id"] = sha
	}
	err := a.Do("POST", pullPath(fullName, number, "/reviews"), in, &v)
	return v.ID, err
}

// DismissReview dismisses a review.
func (a *Actor) DismissReview(fullName string, number int, id int64, message string) error {
	return a.Do("PUT", pullPath(fullName, number, "/reviews/"+strconv.FormatInt(id, 10)+"/dismissals"), object{"message": message}, nil)
}

// RequestReview asks people for a review; "@org/team" asks a team.
func (a *Actor) RequestReview(fullName string, number int, whom ...string) error {
	users, teams := []string{}, []string{}
	for _, name := range whom {
		if _, slug, isTeam := strings.Cut(strings.TrimPrefix(name, "@"), "/"); isTeam {
			teams = append(teams, slug)
		} else {
			users = append(users, name)
		}
	}
	return a.Do("POST", pullPath(fullName, number, "/requested_reviewers"), object{"reviewers": users, "team_reviewers": teams}, nil)
}

// UpdateBranch merges the base into the head branch.
func (a *Actor) UpdateBranch(fullName string, number int) error {
	return a.Do("PUT", pullPath(fullName, number, "/update-branch"), nil, nil)
}

// Merge merges a pull request by merge, squash or rebase, and returns its merge commit.
func (a *Actor) Merge(fullName string, number int, method string) (string, error) {
	var m struct{ SHA string }
	err := a.Do("PUT", pullPath(fullName, number, "/merge"), object{"merge_method": method}, &m)
	return m.SHA, err
}

// Comment adds a comment to an issue or pull request and returns its id.
func (a *Actor) Comment(fullName string, number int, body string) (int64, error) {
	var c struct{ ID int64 }
	err := a.Do("POST", repoPath(fullName, "/issues/", strconv.Itoa(number), "/comments"), object{"body": body}, &c)
	return c.ID, err
}

// Label adds labels to an issue or pull request.
func (a *Actor) Label(fullName string, number int, labels ...string) error {
	return a.Do("POST", repoPath(fullName, "/issues/", strconv.Itoa(number), "/labels"), object{"labels": labels}, nil)
}

// SetStatus sets a commit status: error, failure, pending or success.
func (a *Actor) SetStatus(fullName, sha, context, state string) error {
	return a.Do("POST", repoPath(fullName, "/statuses/", sha), object{"state": state, "context": context}, nil)
}
