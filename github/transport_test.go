package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const testToken = "ghp_secretsecretsecret"

// wire answers requests in place of the network.
type wire func(req *http.Request) (*http.Response, error)

func (w wire) RoundTrip(req *http.Request) (*http.Response, error) { return w(req) }

func reply(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {"application/json"}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, Body: io.NopCloser(strings.NewReader(body)), Proto: "HTTP/1.1"}
}

// inOrder gives one answer after the other, and then the last one for ever. It counts what was sent.
func inOrder(sent *int, answers ...func() (*http.Response, error)) wire {
	return func(req *http.Request) (*http.Response, error) {
		a := answers[min(*sent, len(answers)-1)]
		*sent++
		return a()
	}
}

func answers(status int, body string, headers ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) { return reply(status, body, headers...), nil }
}

func breaks(text string) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, errors.New(text) }
}

func testClient(t testing.TB, w http.RoundTripper, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{Token: testToken, HTTP: w}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	alice    = `{"login":"alice","id":583231,"type":"User"}`
	slowDown = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`
	refusal  = `{"message":"Resource not accessible by integration"}`
)

func inSeconds(n int) string {
	return fmt.Sprint(time.Now().Add(time.Duration(n) * time.Second).Unix())
}

// Each case asks once who alice is, and says how often that was sent, how long it took and how it ended.
func TestRequestsAreRepeatedOnlyAsLongAsItHelps(t *testing.T) {
	ok := answers(200, alice)
	for _, tc := range []struct {
		name     string
		answers  []func() (*http.Response, error)
		sent     int
		min, max time.Duration
		err      string
		limited  bool
	}{
		{"an answer", []func() (*http.Response, error){ok}, 1, 0, 0, "", false},
		{"A53 429 with Retry-After", []func() (*http.Response, error){answers(429, slowDown, "Retry-After", "17"), ok}, 2, 17 * time.Second, 17 * time.Second, "", false},
		{"A53 403 with Retry-After", []func() (*http.Response, error){answers(403, slowDown, "Retry-After", "60"), ok}, 2, time.Minute, time.Minute, "", false},
		{"A53 Retry-After as a date", []func() (*http.Response, error){
			func() (*http.Response, error) {
				return reply(429, slowDown, "Retry-After", time.Now().Add(9*time.Second).UTC().Format(http.TimeFormat)), nil
			}, ok}, 2, 9 * time.Second, 9 * time.Second, "", false},
		{"A53 403 with the quota used up", []func() (*http.Response, error){
			func() (*http.Response, error) {
				return reply(403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", inSeconds(30)), nil
			}, ok}, 2, 30 * time.Second, 31 * time.Second, "", false},
		{"A53 a secondary limit that names no time", []func() (*http.Response, error){answers(403, slowDown), ok}, 2, time.Minute, time.Minute, "", false},
		{"A53 a secondary limit that goes on", []func() (*http.Response, error){answers(403, slowDown)}, 2, time.Minute, time.Minute, "rate limited by GitHub until", true},
		{"A53 a longer wait than is allowed", []func() (*http.Response, error){answers(429, slowDown, "Retry-After", "121")}, 1, 0, 0, "rate limited by GitHub until 2000-01-01T00:02:01Z", true},
		{"A53 an endless Retry-After", []func() (*http.Response, error){answers(429, slowDown, "Retry-After", "99999999999999999")}, 1, 0, 0, "rate limited by GitHub until", true},
		{"A53 many short waits add up", []func() (*http.Response, error){answers(429, slowDown, "Retry-After", "50")}, 3, 100 * time.Second, 100 * time.Second, "rate limited by GitHub until", true},
		{"a refusal is no rate limit", []func() (*http.Response, error){answers(403, refusal)}, 1, 0, 0, "ask who alice is: GitHub answers 403 Resource not accessible by integration", false},
		{"a server that stumbles", []func() (*http.Response, error){answers(502, "<html>"), answers(500, ""), ok}, 3, 1500 * time.Millisecond, 3 * time.Second, "", false},
		{"a server that is down", []func() (*http.Response, error){answers(503, "")}, 4, 3500 * time.Millisecond, 7 * time.Second, "GitHub answers 503", false},
		{"503 with Retry-After", []func() (*http.Response, error){answers(503, "", "Retry-After", "20"), ok}, 2, 20 * time.Second, 20 * time.Second, "", false},
		{"503 for longer than is allowed", []func() (*http.Response, error){answers(503, "", "Retry-After", "3600")}, 1, 0, 0, "GitHub answers 503", false},
		{"a network that stumbles", []func() (*http.Response, error){breaks("connection reset"), ok}, 2, 500 * time.Millisecond, time.Second, "", false},
		{"a network that is down", []func() (*http.Response, error){breaks("no route to host")}, 4, 3500 * time.Millisecond, 7 * time.Second, "ask who alice is: no route to host", false},
		{"an empty success", []func() (*http.Response, error){answers(200, "")}, 4, 3500 * time.Millisecond, 7 * time.Second, "not whole JSON", false},
		{"half a success", []func() (*http.Response, error){answers(200, `{"login":"al`), ok}, 2, 500 * time.Millisecond, time.Second, "", false},
		{"an answer without end", []func() (*http.Response, error){answers(200, `"`+strings.Repeat("x", maxBody)+`"`)}, 1, 0, 0, "larger than 16 MiB", false},
		{"304 out of nowhere", []func() (*http.Response, error){answers(304, "")}, 4, 3500 * time.Millisecond, 7 * time.Second, "nothing was kept", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent, start := 0, time.Now()
				_, found, err := testClient(t, inOrder(&sent, tc.answers...)).User(t.Context(), "alice")
				if took := time.Since(start); took < tc.min || took > tc.max {
					t.Errorf("it took %s, want %s to %s", took, tc.min, tc.max)
				}
				if sent != tc.sent {
					t.Errorf("sent %d times, want %d", sent, tc.sent)
				}
				if tc.err == "" && (err != nil || !found) || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
					t.Errorf("error is %v, want %q", err, tc.err)
				}
				if errors.Is(err, ErrRateLimited) != tc.limited {
					t.Errorf("error is %v, rate limited: want %v", err, tc.limited)
				}
			})
		})
	}
}

// A write that may have been done is not sent again; one that GitHub refused for its rate is.
func TestWritesAreNotRepeatedUnlessNothingWasDone(t *testing.T) {
	repo := Repo{"acme", "access"}
	for _, tc := range []struct {
		name  string
		first func() (*http.Response, error)
		sent  int
	}{
		{"502", answers(502, ""), 1},
		{"connection reset", breaks("connection reset"), 1},
		{"429", answers(429, slowDown, "Retry-After", "5"), 2},
		{"403 secondary", answers(403, slowDown), 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				bodies := map[string]int{}
				then := inOrder(&sent, tc.first, answers(204, ""))
				c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
					body, err := io.ReadAll(req.Body)
					if err != nil {
						t.Error(err)
					}
					bodies[string(body)]++
					return then(req)
				}))
				err := c.Dispatch(t.Context(), repo, "reconcile.yml", "main")
				if (err == nil) != (tc.sent == 2) || sent != tc.sent {
					t.Errorf("sent %d times, error %v; want %d times", sent, err, tc.sent)
				}
				if len(bodies) != 1 || bodies[""] > 0 {
					t.Errorf("the bodies sent are %v, want the same each time", bodies)
				}
			})
		})
	}
}

func TestA53TheLastAllowedRequestHoldsBackTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := testClient(t, inOrder(&sent, func() (*http.Response, error) {
			return reply(200, alice, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", inSeconds(40)), nil
		}, answers(200, alice)))
		start := time.Now()
		for range 2 {
			if _, _, err := c.User(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); sent != 2 || took < 40*time.Second || took > 42*time.Second {
			t.Errorf("%d requests took %s, want 2 within about 40s", sent, took)
		}
	})
}

func TestA53ARateLimitHoldsBackEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := testClient(t, inOrder(&sent, answers(429, slowDown, "Retry-After", "100")), func(o *Options) { o.MaxWait = -1 })
		for range 3 {
			if _, _, err := c.User(t.Context(), "alice"); !errors.Is(err, ErrRateLimited) {
				t.Errorf("error is %v, want rate limited", err)
			}
		}
		if sent != 1 {
			t.Errorf("sent %d requests while rate limited, want none after the first", sent)
		}
		time.Sleep(101 * time.Second)
		if _, _, err := c.User(t.Context(), "alice"); sent != 2 {
			t.Errorf("sent %d requests after the limit, want 2; error %v", sent, err)
		}
	})
}

// GitHub's clock and ours differ; waits are counted on GitHub's.
func TestA49WaitsDoNotDependOnOurClock(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			sent, theirs := 0, func() time.Time { return time.Now().Add(ahead).UTC() }
			date := func() string { return theirs().Format(http.TimeFormat) }
			c := testClient(t, inOrder(&sent, func() (*http.Response, error) {
				return reply(403, slowDown, "Date", date(), "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", fmt.Sprint(theirs().Add(30*time.Second).Unix())), nil
			}, func() (*http.Response, error) { return reply(200, alice, "Date", date()), nil }))
			if _, known := c.Skew(); known {
				t.Error("the skew is known before the first answer")
			}
			start := time.Now()
			if _, _, err := c.User(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took < 30*time.Second || took > 32*time.Second {
				t.Errorf("waited %s, want about 30s", took)
			}
			if skew, known := c.Skew(); !known || (skew-ahead).Abs() > time.Second {
				t.Errorf("skew is %s, want %s", skew, ahead)
			}
		})
	}
}

// An answer that takes long says nothing of the clocks.
func TestA49ASlowAnswerIsNoSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := testClient(t, inOrder(&sent, func() (*http.Response, error) {
			time.Sleep(9 * time.Second) // the bubble's clock
			return reply(200, alice, "Date", time.Now().UTC().Format(http.TimeFormat)), nil
		}))
		if _, _, err := c.User(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		if skew, known := c.Skew(); !known || skew != 0 {
			t.Errorf("skew is %s after an answer that took nine seconds", skew)
		}
	})
}

func TestWaitsEndWithTheContext(t *testing.T) {
	for name, first := range map[string]func() (*http.Response, error){
		"rate limit": answers(429, slowDown, "Retry-After", "100"), "server error": answers(500, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent, start := 0, time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				_, _, err := testClient(t, inOrder(&sent, first)).User(ctx, "alice")
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 300*time.Millisecond || sent != 1 {
					t.Errorf("error %v after %s and %d requests", err, time.Since(start), sent)
				}
			})
		})
	}
}

func TestAnAnswerThatNeverComesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
			sent++
			<-req.Context().Done()
			return nil, req.Context().Err()
		}))
		start := time.Now()
		_, _, err := c.User(t.Context(), "alice")
		if err == nil || !strings.Contains(err.Error(), "no answer within 30s") || sent != maxAttempts {
			t.Errorf("error %v after %d attempts", err, sent)
		}
		if took := time.Since(start); took > 130*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestA64NoErrorOrLogCarriesTheToken(t *testing.T) {
	var log bytes.Buffer
	for name, first := range map[string]func() (*http.Response, error){
		"in the message":    answers(400, `{"message":"bad token `+testToken+`"}`),
		"in a detail":       answers(422, `{"message":"x","errors":[{"resource":"`+testToken+`","code":"y"},"`+testToken+`"]}`),
		"of the network":    breaks("proxy refused Bearer " + testToken),
		"in the body alone": answers(500, testToken),
		"in a redirect":     answers(302, "", "Location", "https://evil.example/?t="+testToken),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				c := testClient(t, inOrder(&sent, first), func(o *Options) {
					o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				})
				_, _, err := c.User(t.Context(), "alice")
				if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "secretsecret") {
					t.Errorf("error is %v, want one without the token", err)
				}
			})
		})
	}
	if strings.Contains(log.String(), "secretsecret") || log.Len() == 0 {
		t.Errorf("the log is empty or carries the token: %s", log.String())
	}
}

func TestGitHubsWordsAreOnePlainLine(t *testing.T) {
	sent := 0
	long := strings.Repeat("x", 1000)
	c := testClient(t, inOrder(&sent, answers(422, `{"message":"a\n::error::b\u001b[31m\u202ec `+long+`"}`)))
	_, _, err := c.User(t.Context(), "alice")
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b\u202e") || len(err.Error()) > 500 {
		t.Errorf("error is %q", err)
	}
}
