package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// secondaryWait is how long GitHub asks to wait after a secondary limit that names no time, to be doubled each time.
	// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
	secondaryWait = time.Minute
	longest       = 24 * time.Hour // no header makes us believe in a longer wait
)

// ErrRateLimited means that GitHub refuses requests for longer than the client may wait. The error that wraps it is a
// [*RateLimitedError].
var ErrRateLimited = errors.New("rate limited by GitHub")

// RateLimitedError says from when on it is worth trying again, by our own clock.
type RateLimitedError struct{ Until time.Time }

func (e *RateLimitedError) Error() string {
	return fmt.Sprintf("%v until %s", ErrRateLimited, e.Until.UTC().Format(time.RFC3339))
}

// Is makes it an [ErrRateLimited].
func (e *RateLimitedError) Is(target error) bool { return target == ErrRateLimited }

// gate holds back every request of a client while GitHub has asked it to wait.
type gate struct {
	mu    sync.Mutex
	until time.Time // by our own clock, which need not agree with GitHub's
}

func (g *gate) close(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until) {
		g.until = until
	}
}

// pass waits until the gate is open, as far as the call's budget reaches.
func (g *gate) pass(ctx context.Context, t *transport, meant *call) error {
	for {
		g.mu.Lock()
		until := g.until
		g.mu.Unlock()
		wait := until.Sub(t.now())
		if wait <= 0 {
			return nil
		}
		if meant.waited+wait > t.maxWait {
			return &RateLimitedError{Until: until}
		}
		meant.waited += wait
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// limited tells a rate limit from a refusal: both are 403.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func (a *answer) limited(attempt int) (time.Duration, bool) {
	if a.StatusCode != http.StatusForbidden && a.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if wait := retryAfter(a.Header, a.at); wait > 0 {
		return wait, true
	}
	if wait, ok := a.exhausted(); ok {
		return wait, true
	}
	if a.StatusCode == http.StatusTooManyRequests || bytes.Contains(bytes.ToLower(a.body), []byte("rate limit")) {
		return secondaryWait << min(attempt-1, 6), true
	}
	return 0, false
}

// exhausted says whether the quota is used up, and for how long. A reset that has passed is no limit. Only the quota of the
// REST API counts: searches and the like have their own.
func (a *answer) exhausted() (time.Duration, bool) {
	resource := a.Header.Get("X-RateLimit-Resource")
	if a.Header.Get("X-RateLimit-Remaining") != "0" || resource != "" && resource != "core" {
		return 0, false
	}
	reset, err := strconv.ParseInt(a.Header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return 0, false
	}
	wait := time.Unix(reset, 0).Sub(a.at)
	return min(wait+time.Second, longest), wait >= 0 // both times are cut to the second
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds or a date. 0: there is none, or it has passed.
func retryAfter(h http.Header, at time.Time) time.Duration {
	s := h.Get("Retry-After")
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(min(max(n, 0), int(longest/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(s); err == nil {
		return min(max(date.Sub(at), 0), longest)
	}
	return 0
}

// jittered takes up to half off a wait, so that many clients do not come back at once.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// sleep waits, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
