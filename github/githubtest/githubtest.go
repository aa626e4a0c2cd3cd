// Package githubtest is a stateful GitHub in one process: accounts, organizations, teams, repositories, branches, pull
// requests, reviews, checks and the record of who pushed what, over the REST API and git's smart HTTP protocol. Tests
// and the demo run against it.
//
// It follows the behaviour that GitHub documents (https://docs.github.com/rest), and where that is silent, the behaviour
// GitHub shows; response bodies carry every property that GitHub's published OpenAPI description requires. Repositories
// are bare git repositories in Options.Dir, served and merged by the stock git command, so clients exchange real commits.
//
// Three parts:
//
//	Server      the state, its set-up methods, and the HTTP handler; one mutex guards all of it
//	Actor       someone who acts on the server through the same HTTP rules as everybody else (Server.As)
//	Failure     a scripted fault: a status, a delay, a cut connection, a lost answer (Server.Fail)
//
// Set-up methods panic when they name something that does not exist or exists already: that is a mistake of the program
// that sets up. Everything that an actor or a client does answers errors instead.
//
// Time comes from Options.Now. Every change happens at a strictly later whole second than the change before it, so that
// no two records tie: the time of a change is the later of Now and one second after the last change. Server.Clock tells
// the time that the server would answer with; a client whose own clock must agree with the server reads that.
package githubtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options says how a Server begins. Only Dir is required.
type Options struct {
	Dir string           // an existing folder for the repositories; the server never removes it
	Now func() time.Time // nil: time.Now
	Log io.Writer        // one line per request and git's own errors; nil: nowhere

	// Budget is how many requests an hour a personal or installation token may make; 0 means 5000. A workflow's token has
	// 1000, a request without a token 60.
	Budget int

	// MergeableAfter is how many times a pull request is read with "mergeable": null after its head or base moved, for GitHub
	// computes it only when somebody asks; 0 means once, negative never.
	MergeableAfter int

	// ReviewsOnUpdate says what "update branch" does to the commit_id of earlier reviews.
	ReviewsOnUpdate ReviewsOnUpdate

	// Record is a folder for what the server is asked and answers; "" means the one that RecordVariable names, if any.
	Record string
}

// ReviewsOnUpdate is what happens to commit_id of the reviews of a pull request when its branch is updated from its base.
type ReviewsOnUpdate int

// The three behaviours that have been seen.
const (
	KeepReviewCommits ReviewsOnUpdate = iota // commit_id stays
	MoveReviewCommits                        // commit_id becomes the new head
	NullReviewCommits                        // commit_id becomes null
)

// Server is the stateful GitHub. Its methods may be called from several goroutines.
type Server struct {
	opt    Options
	api    http.Handler
	record recorder

	mu       sync.Mutex
	last     time.Time // of the last change
	nextID   int64
	accounts map[int64]*account
	logins   map[string]*account // by lower-case login; a deleted account's login is free
	orgs     map[int64]*org
	repos    map[string]*repo // by lower-case owner/name
	apps     map[int64]*app
	tokens   map[string]*token
	budgets  map[string]*budget
	failures []*Failure
	requests []*Request
	readLag  int

	listener net.Listener // without TLS
	doors    []door
}

// New makes a server without accounts or repositories. It listens nowhere until Start.
func New(opt Options) (*Server, error) {
	if opt.Dir == "" {
		return nil, errors.New("githubtest: Options.Dir is empty: give a folder for the repositories")
	}
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("githubtest: resolve %q: %w", opt.Dir, err)
	}
	opt.Dir = dir
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = io.Discard
	}
	if opt.Budget == 0 {
		opt.Budget = 5000
	}
	if opt.MergeableAfter == 0 {
		opt.MergeableAfter = 1
	}
	s := &Server{
		opt: opt, nextID: 1000,
		accounts: map[int64]*account{}, logins: map[string]*account{},
		orgs: map[int64]*org{}, repos: map[string]*repo{}, apps: map[int64]*app{},
		tokens: map[string]*token{}, budgets: map[string]*budget{},
	}
	if s.record, err = newRecorder(opt.Record); err != nil {
		return nil, err
	}
	if err := s.writeHooks(); err != nil {
		return nil, err
	}
	s.addActionsApp()
	s.api = s.routes()
	return s, nil
}

// Start listens on a free port of 127.0.0.1 and serves until Close.
func (s *Server) Start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("githubtest: listen: %w", err)
	}
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	s.serveOn(l)
	return nil
}

// URL is where the server listens: "http://127.0.0.1:port", without a slash at the end. It panics before Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		panic("githubtest: URL before Start")
	}
	return "http://" + s.listener.Addr().String()
}

// APIURL is the root of the REST API as GitHub Enterprise Server has it, with a slash at the end: URL + "/api/v3/". The
// same API answers at URL + "/" as api.github.com does.
func (s *Server) APIURL() string { return s.URL() + "/api/v3/" }

// CloneURL is what git clones a repository from, without credentials.
func (s *Server) CloneURL(fullName string) string { return s.URL() + "/" + fullName + ".git" }

// Close stops listening and waits until no request is served.
func (s *Server) Close() error {
	s.mu.Lock()
	doors := s.doors
	s.doors, s.listener = nil, nil
	s.mu.Unlock()
	var failed []error
	for _, d := range doors {
		failed = append(failed, d.http.Close())
		<-d.done
	}
	return errors.Join(failed...)
}

// Clock is the server's present: never before its last change. Whole seconds, UTC.
func (s *Server) Clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Server) now() time.Time {
	now := s.opt.Now().UTC().Truncate(time.Second)
	if now.Before(s.last) {
		return s.last
	}
	return now
}

// tick is the time of a change: strictly later than that of the change before it.
func (s *Server) tick() time.Time {
	now := s.opt.Now().UTC().Truncate(time.Second)
	if !now.After(s.last) {
		now = s.last.Add(time.Second)
	}
	s.last = now
	return now
}

func (s *Server) newID() int64 {
	s.nextID++
	return s.nextID
}

func (s *Server) logf(format string, args ...any) {
	fmt.Fprintf(s.opt.Log, strings.TrimSuffix(format, "\n")+"\n", args...)
}

func (s *Server) writeHooks() error {
	dir := s.hooksDir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("githubtest: make hooks: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "update"), []byte(updateHook), 0o755); err != nil {
		return fmt.Errorf("githubtest: make hooks: %w", err)
	}
	return nil
}
