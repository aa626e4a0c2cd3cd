package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	maxBody     = 16 << 20 // bytes of one answer
	maxAttempts = 4        // of a request that may be repeated, when the server or the network fails
)

// transport is the one door to GitHub; the package comment lists what it promises.
type transport struct {
	next    http.RoundTripper
	base    *url.URL
	token   string
	app     *appAuth
	now     func() time.Time
	maxWait time.Duration
	timeout time.Duration
	backoff time.Duration
	cache   Cache
	key     []byte
	log     *slog.Logger
	gate    gate
	skew    atomic.Int64 // nanoseconds that GitHub's clock is ahead
}

// RoundTrip sends one request, as often as it takes and is allowed.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close() // each attempt sends its own copy
	}
	ctx := req.Context()
	meant := callOf(ctx)
	if meant == nil {
		return nil, errors.New("a request without a meaning is not sent")
	}
	// A redirect of GitHub's own (req.Response is the answer that caused it) leads elsewhere by intent; checkRedirect has
	// seen that it stays on the host.
	if req.Response == nil {
		if err := meant.stays(t.base, req.URL); err != nil {
			return nil, fmt.Errorf("not sent: %w", err)
		}
	}
	if resp := t.believed(req, meant); resp != nil {
		return resp, nil
	}
	renewed := false
	for attempt := 1; ; attempt++ {
		if err := t.gate.pass(ctx, t, meant); err != nil {
			return nil, err
		}
		a, err := t.send(req, meant)
		if err == nil && a.StatusCode == http.StatusUnauthorized && t.app != nil && !renewed {
			renewed = true // a new token, or a JWT by GitHub's clock, which the answer told
			t.app.forget(a.token)
			continue
		}
		again, err := t.judge(ctx, meant, a, err, attempt)
		if err != nil {
			return nil, err
		}
		if !again {
			return a.response(req), nil
		}
	}
}

// judge looks at an answer or failure: it waits and says true where the request is to be sent again.
func (t *transport) judge(ctx context.Context, meant *call, a *answer, err error, attempt int) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err == nil {
		if wait, ok := a.limited(attempt); ok {
			t.gate.close(t.now().Add(wait))
			t.log.Debug("github: rate limited", "status", a.StatusCode, "wait", wait.String())
			return true, nil // the gate waits, or says that it will not
		}
		if wait, ok := a.exhausted(); ok {
			t.gate.close(t.now().Add(wait)) // the next request would be refused, and count against us
		}
		if a.StatusCode < 500 {
			return false, nil
		}
	}
	var final *finalError
	if !meant.repeat || attempt >= maxAttempts || errors.As(err, &final) {
		return false, err
	}
	wait := jittered(t.backoff << (attempt - 1))
	if err == nil {
		asked := retryAfter(a.Header, a.at)
		if meant.waited+asked > t.maxWait {
			return false, nil
		}
		meant.waited += asked
		wait = max(wait, asked)
	}
	t.log.Debug("github: failed, trying again", "attempt", attempt, "wait", wait.String())
	return true, sleep(ctx, wait)
}

// finalError is a failure that sending again cannot mend.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// answer is a response, read whole.
type answer struct {
	*http.Response
	body   []byte
	at     time.Time // GitHub's clock where it tells, else ours
	token  string    // that was sent
	cached bool
}

// send makes one attempt, within the time limit and as the right identity.
func (t *transport) send(req *http.Request, meant *call) (*answer, error) {
	ctx, cancel := context.WithTimeout(req.Context(), t.timeout)
	defer cancel()
	out := req.Clone(ctx)
	if req.Body != nil {
		if req.GetBody == nil {
			return nil, &finalError{errors.New("a body that cannot be sent again")}
		}
		body, err := req.GetBody()
		if err != nil {
			return nil, &finalError{err}
		}
		out.Body = body
	}
	token, err := t.authorize(out, meant)
	if err != nil {
		return nil, &finalError{err}
	}
	stored := t.recall(out, meant)
	if stored != nil {
		out.Header.Set("If-None-Match", stored.ETag)
	}
	before := t.now()
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		return nil, explainTimeout(req.Context(), ctx, t.timeout, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, explainTimeout(req.Context(), ctx, t.timeout, fmt.Errorf("the answer breaks off: %w", err))
	}
	if len(body) > maxBody {
		return nil, &finalError{fmt.Errorf("the answer is larger than %d MiB", maxBody>>20)}
	}
	a := &answer{Response: resp, body: body, token: token, at: t.clock(resp.Header, before)}
	// A 304 to a conditional request is no use of the quota:
	// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
	t.log.Debug("github: asked", "method", req.Method, "path", req.URL.EscapedPath(), "query", req.URL.RawQuery,
		"status", resp.StatusCode, "counts", resp.StatusCode != http.StatusNotModified)
	return a, t.settle(out, meant, a, stored)
}

func explainTimeout(outer, inner context.Context, limit time.Duration, err error) error {
	if outer.Err() == nil && inner.Err() != nil {
		return fmt.Errorf("no answer within %s", limit)
	}
	return err
}

// authorize puts the token on a request to the base host, and on no other.
func (t *transport) authorize(req *http.Request, meant *call) (string, error) {
	req.Header.Del("Authorization")
	if req.URL.Scheme != t.base.Scheme || req.URL.Host != t.base.Host {
		return "", nil
	}
	token := t.token
	if t.app != nil {
		var err error
		if token, err = t.app.token(req.Context(), meant.app); err != nil {
			return "", err
		}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return token, nil
}

// settle turns 304 into the answer that was kept, keeps an answer that has an ETag, and refuses a success that is not
// whole JSON: the library above takes an empty body for an empty list.
func (t *transport) settle(req *http.Request, meant *call, a *answer, stored *entry) error {
	if a.StatusCode == http.StatusNotModified {
		if stored == nil {
			return errors.New("github says that nothing changed, but nothing was kept")
		}
		a.serve(stored)
		if meant.believe > 0 {
			t.keep(req, meant, a) // confirmed now
		}
		return nil
	}
	if req.Method != http.MethodGet || a.StatusCode < 200 || a.StatusCode > 299 || a.StatusCode == http.StatusAccepted {
		return nil
	}
	if body := bytes.TrimSpace(a.body); len(body) == 0 || body[0] != '{' && body[0] != '[' || !json.Valid(body) {
		return errors.New("the answer is not whole JSON")
	}
	if a.StatusCode == http.StatusOK {
		t.keep(req, meant, a)
	}
	return nil
}

// clock reads the Date of an answer, and keeps how far it is at least from our own clock: it was written at some moment of the request.
func (t *transport) clock(h http.Header, before time.Time) time.Time {
	after := t.now()
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return after
	}
	skew := time.Duration(0)
	if first := before.Truncate(time.Second); date.Before(first) { // it has no parts of a second
		skew = date.Sub(first)
	} else if date.After(after) {
		skew = date.Sub(after)
	}
	t.skew.Store(int64(skew))
	return date
}

// response is the answer as the library above wants it. It is not told of rate limits: they are dealt with here, once.
func (a *answer) response(req *http.Request) *http.Response {
	r := *a.Response
	r.Request = req
	r.Header = a.Header.Clone()
	for _, name := range []string{"Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
		r.Header.Del(name)
	}
	r.Header.Del(fromCache)
	if a.cached {
		r.Header.Set(fromCache, "1")
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(a.body)), int64(len(a.body))
	return &r
}
