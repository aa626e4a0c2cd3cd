package githubtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// exchange is one request being answered, with the server's lock held.
type exchange struct {
	*Server
	r      *http.Request
	who    caller
	root   string // of web pages: http://host
	api    string // of the API: root, or root + /api/v3
	body   []byte
	header http.Header    // of the answer
	behind map[*pull]bool // whose merge this request does not see
}

type object = map[string]any

type reply struct {
	status int
	body   any // nil: no body
}

type handler func(x *exchange) (reply, error)

func ok(body any) (reply, error)      { return reply{http.StatusOK, body}, nil }
func created(body any) (reply, error) { return reply{http.StatusCreated, body}, nil }
func noContent() (reply, error)       { return reply{status: http.StatusNoContent}, nil }

// maxBody bounds what a request to the API may send, in bytes.
const maxBody = 8 << 20

// Handler serves the REST API at "/" and at "/api/v3/", and git at "/<owner>/<name>.git/".
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	if path, isGit := gitPath(r.URL.Path); isGit {
		s.serveGit(w, r, path)
		return
	}
	s.api.ServeHTTP(w, withoutPrefix(r))
}

// withoutPrefix is the request as api.github.com knows it, when it came to where GitHub Enterprise Server has its API.
func withoutPrefix(r *http.Request) *http.Request {
	if rest, under := strings.CutPrefix(r.URL.Path, apiPrefix); under {
		inner := r.Clone(r.Context())
		inner.URL.Path = rest
		inner.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, apiPrefix)
		inner.RequestURI = ""
		return withPrefix(inner)
	}
	if r.URL.Path == "/api/graphql" {
		inner := r.Clone(r.Context())
		inner.URL.Path = "/graphql"
		return inner
	}
	return r
}

const apiPrefix = "/api/v3"

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range routeTable() {
		mux.Handle(pattern, s.serveAPI(h))
	}
	mux.Handle("/", s.serveAPI(func(*exchange) (reply, error) { return reply{}, notFound("") }))
	return mux
}

func (s *Server) serveAPI(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
			return
		}
		s.mu.Lock()
		x := &exchange{Server: s, r: r, body: body, header: http.Header{}, root: "http://" + r.Host}
		if r.TLS != nil {
			x.root = "https://" + r.Host
		}
		x.api = x.root + prefixOf(r)
		status, answer := x.answer(h)
		s.mu.Unlock()
		s.record.record(r, body, status, x.header, answer)
		for key, values := range x.header {
			w.Header()[key] = values
		}
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(answer) // the client is gone: nobody is left to tell
		}
	})
}

// answer runs a handler between authentication and the rate limit, and encodes what it says.
func (x *exchange) answer(h handler) (int, []byte) {
	x.standardHeaders()
	who, err := x.authenticate(x.r)
	x.who = who
	record := recordOf(x.r)
	record.Who = who.name()
	if err != nil {
		return x.encode(reply{}, err)
	}
	b := x.budgetOf(who)
	free := x.r.URL.Path == "/rate_limit"
	if !free && b.spent(x.now()) {
		x.rateHeaders(b)
		return x.encode(reply{}, rateLimited(who))
	}
	rep, err := h(x)
	status, body := x.encode(rep, err)
	if status == http.StatusOK && (x.r.Method == http.MethodGet || x.r.Method == http.MethodHead) {
		tag := etag(body)
		x.header.Set("ETag", tag)
		if matches(x.r.Header.Get("If-None-Match"), tag) {
			status, body, free = http.StatusNotModified, nil, true
		}
	}
	if !free {
		b.count()
		record.Counted = true
	}
	x.rateHeaders(b)
	return status, body
}

func (x *exchange) encode(rep reply, err error) (int, []byte) {
	if err != nil {
		rep = x.errorReply(err)
	}
	if rep.body == nil {
		x.header.Del("Content-Type")
		return rep.status, nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(rep.body); err != nil {
		x.logf("githubtest: encode %s: %v", x.r.URL.Path, err)
		return http.StatusInternalServerError, nil
	}
	return rep.status, bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func (x *exchange) path(name string) string { return x.r.PathValue(name) }

func (x *exchange) query(name string) string { return x.r.URL.Query().Get(name) }

// decode reads the request's JSON body; fields that are not known are ignored, as GitHub does.
func (x *exchange) decode(v any) error {
	if err := json.Unmarshal(x.body, v); err != nil {
		var mismatch *json.UnmarshalTypeError
		if errors.As(err, &mismatch) {
			return &apiError{status: http.StatusUnprocessableEntity,
				message: fmt.Sprintf("Invalid request.\n\nFor 'properties/%s', %s is not a %s.", mismatch.Field, mismatch.Value, mismatch.Type)}
		}
		return &apiError{status: http.StatusBadRequest, message: "Problems parsing JSON"}
	}
	return nil
}

// decodeOptional is decode where the body may be left out.
func (x *exchange) decodeOptional(v any) error {
	if len(bytes.TrimSpace(x.body)) == 0 {
		return nil
	}
	return x.decode(v)
}
