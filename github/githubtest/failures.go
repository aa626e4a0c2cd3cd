package githubtest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// Failure is a fault that the server shows to the requests it matches, in place of the answer or after it.
type Failure struct {
	Method string // "" matches all
	Path   string // regular expression over the whole path, without /api/v3; "" matches all
	Who    string // login of the caller; "" matches all
	Skip   int    // matching requests that are let through first
	Times  int    // how many are then failed; 0 means one, negative without end

	Status int // of the fault; 0 with none of the fields below set means 500
	Header map[string]string
	Body   string        // "" means GitHub's form of an error for Status
	Delay  time.Duration // before anything else; alone, it is only latency
	Cut    bool          // the connection is closed without an answer
	Keep   int           // the true answer is cut off after this many bytes of its body, its Content-Length still whole
	After  bool          // the request takes its effect before the fault: only its answer is lost

	pattern *regexp.Regexp
	seen    int
	done    int
}

// Fail adds a fault. The first one that matches a request is shown. The func it returns takes the fault away again.
func (s *Server) Fail(f Failure) (remove func()) {
	f.pattern = regexp.MustCompile("^(?:" + f.Path + ")$")
	if f.Path == "" {
		f.pattern = regexp.MustCompile("")
	}
	added := &f
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, added)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, have := range s.failures {
			if have == added {
				s.failures = append(s.failures[:i:i], s.failures[i+1:]...)
				return
			}
		}
	}
}

// SecondaryLimit is the answer of GitHub's secondary rate limit, with Retry-After in seconds.
func SecondaryLimit(path string, seconds int) Failure {
	return Failure{Path: path, Status: http.StatusForbidden,
		Header: map[string]string{"Retry-After": strconv.Itoa(seconds)},
		Body: `{"documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits",` +
			`"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`}
}

// Request is one that the server was asked, in the order of their beginnings.
type Request struct {
	At      time.Time
	Method  string
	Path    string // without /api/v3
	Query   string
	Who     string // login; "" for nobody
	Status  int    // 0: the connection was cut
	Counted bool   // against the rate limit
	Failed  bool   // by a scripted Failure
}

// Requests lists what the server was asked since it began or since ForgetRequests.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Request, len(s.requests))
	for i, r := range s.requests {
		list[i] = *r
	}
	return list
}

// ForgetRequests empties the list of requests.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

type recordKey struct{}
type prefixKey struct{}

// recordOf is the log entry of a request; every request that reaches a handler has one.
func recordOf(r *http.Request) *Request { return r.Context().Value(recordKey{}).(*Request) }

func withRecord(r *http.Request, record *Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), recordKey{}, record))
}

func withPrefix(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), prefixKey{}, apiPrefix))
}

func prefixOf(r *http.Request) string {
	prefix, _ := r.Context().Value(prefixKey{}).(string)
	return prefix
}

// serve logs a request, shows it a fault if one is due, and answers it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	record := &Request{Method: r.Method, Path: trimAPI(r.URL.Path), Query: r.URL.RawQuery}
	r = withRecord(r, record)
	s.mu.Lock()
	record.At = s.now()
	if c, err := s.authenticate(r); err == nil {
		record.Who = c.name()
	}
	s.requests = append(s.requests, record)
	f := s.due(record)
	s.mu.Unlock()

	status := 0
	defer func() {
		s.mu.Lock()
		record.Status, record.Failed = status, f != nil
		s.logf("%s %s %s %d %s", record.At.Format(time.RFC3339), record.Method, record.Path, status, record.Who)
		s.mu.Unlock()
	}()
	if f == nil {
		sw := &statusWriter{ResponseWriter: w}
		s.dispatch(sw, r)
		status = sw.code()
		return
	}
	status = s.fail(w, r, f)
}

func trimAPI(path string) string {
	if len(path) > len(apiPrefix) && path[:len(apiPrefix)+1] == apiPrefix+"/" {
		return path[len(apiPrefix):]
	}
	return path
}

// due is the fault that this request meets, if any.
func (s *Server) due(r *Request) *Failure {
	for _, f := range s.failures {
		if (f.Method != "" && f.Method != r.Method) || !f.pattern.MatchString(r.Path) || (f.Who != "" && f.Who != r.Who) {
			continue
		}
		f.seen++
		if f.seen <= f.Skip || (f.Times >= 0 && f.done >= max(1, f.Times)) {
			continue
		}
		f.done++
		return f
	}
	return nil
}

// fail shows a fault and returns the status that the client sees, 0 if it sees none.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, f *Failure) int {
	if !wait(r.Context(), f.Delay) {
		panic(http.ErrAbortHandler)
	}
	latencyOnly := f.Delay > 0 && f.Status == 0 && !f.Cut && f.Keep == 0 && f.Body == ""
	kept := &memoryWriter{header: http.Header{}}
	if f.After || f.Keep > 0 || latencyOnly {
		s.dispatch(kept, r)
	} else {
		s.recordUnanswered(w, r)
	}
	switch {
	case f.Cut:
		cut(w)
	case latencyOnly:
		kept.copyTo(w, kept.body.Len())
		return kept.code()
	case f.Keep > 0:
		kept.copyTo(w, f.Keep)
		if f.Keep < kept.body.Len() {
			_ = http.NewResponseController(w).Flush() // so that the client reads what is kept before the cut
			panic(http.ErrAbortHandler)
		}
		return kept.code()
	}
	return s.writeFault(w, f)
}

// recordUnanswered records a request whose answer is a fault's.
func (s *Server) recordUnanswered(w http.ResponseWriter, r *http.Request) {
	if _, isGit := gitPath(r.URL.Path); isGit {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // half a request says nothing
	}
	s.record.record(withoutPrefix(r), body, 0, nil, nil)
}

// cut closes the connection in the middle of the status line: a client that saw nothing at all might repeat the request
// by itself on a new connection, as Go's does, and never tell.
func cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_, _ = conn.Write([]byte("HTTP/1.1 ")) // the client is gone: nobody is left to tell
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

func (s *Server) writeFault(w http.ResponseWriter, f *Failure) int {
	status := f.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	body := f.Body
	if body == "" {
		body = `{"message":"` + http.StatusText(status) + `","documentation_url":"https://docs.github.com/rest","status":"` + strconv.Itoa(status) + `"}`
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Date", s.Clock().Format(http.TimeFormat))
	for key, value := range f.Header {
		w.Header().Set(key, value)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the client is gone: nobody is left to tell
	return status
}

// wait is false when the client gave up first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// memoryWriter keeps an answer, for faults that spoil it and for actors, who need no network.
type memoryWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) { w.status = status }

func (w *memoryWriter) Write(b []byte) (int, error) { return w.body.Write(b) }

func (w *memoryWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *memoryWriter) copyTo(to http.ResponseWriter, n int) {
	for key, values := range w.header {
		to.Header()[key] = values
	}
	if w.body.Len() > 0 {
		to.Header().Set("Content-Length", strconv.Itoa(w.body.Len()))
	}
	to.WriteHeader(w.code())
	_, _ = to.Write(w.body.Bytes()[:min(n, w.body.Len())]) // the client is gone: nobody is left to tell
}
