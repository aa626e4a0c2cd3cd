package githubtest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// budget counts the requests of one hour, which begins with its first request
// (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api).
type budget struct {
	limit, used int
	reset       time.Time
}

func (b *budget) spent(now time.Time) bool {
	b.roll(now)
	return b.used >= b.limit
}

func (b *budget) roll(now time.Time) {
	if b.reset.IsZero() || !now.Before(b.reset) {
		b.used, b.reset = 0, now.Add(time.Hour)
	}
}

func (b *budget) count() { b.used++ }

func (b *budget) remaining() int { return max(0, b.limit-b.used) }

func (s *Server) budgetOf(c caller) *budget {
	key, limit := "anonymous", 60
	switch {
	case c.token != nil:
		key, limit = c.token.budget, c.token.limit
	case c.asApp:
		key, limit = "app/"+c.app.slug, 5000
	}
	b := s.budgets[key]
	if b == nil {
		b = &budget{limit: limit}
		s.budgets[key] = b
	}
	b.roll(s.now())
	return b
}

// SetRemaining leaves a token this many requests until the end of its present hour; "" is who shows no token.
func (s *Server) SetRemaining(secret string, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := caller{token: s.tokens[secret]}
	if secret != "" && c.token == nil {
		panic("githubtest: SetRemaining: unknown token")
	}
	b := s.budgetOf(c)
	b.limit = max(b.limit, requests)
	b.used = b.limit - requests
}

func rateLimited(c caller) error {
	who := "user ID 0"
	if c.account != nil {
		who = "user ID " + strconv.FormatInt(c.account.id, 10)
	}
	return &apiError{status: http.StatusForbidden, message: "API rate limit exceeded for " + who + ".",
		doc: "overview/rate-limits-for-the-rest-api"}
}

func (x *exchange) rateHeaders(b *budget) {
	x.header.Set("X-RateLimit-Limit", strconv.Itoa(b.limit))
	x.header.Set("X-RateLimit-Remaining", strconv.Itoa(b.remaining()))
	x.header.Set("X-RateLimit-Used", strconv.Itoa(b.used))
	x.header.Set("X-RateLimit-Reset", strconv.FormatInt(b.reset.Unix(), 10))
	x.header.Set("X-RateLimit-Resource", "core")
}

func (x *exchange) standardHeaders() {
	h := x.header
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Date", x.now().Format(http.TimeFormat))
	h.Set("X-GitHub-Request-Id", requestID(x.newID()))
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-GitHub-Api-Version-Selected", "2022-11-28")
	h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
	h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
}

func requestID(n int64) string {
	sum := sha256.Sum256([]byte("request " + strconv.FormatInt(n, 10)))
	id := strings.ToUpper(hex.EncodeToString(sum[:]))
	return id[:4] + ":" + id[4:10] + ":" + id[10:17] + ":" + id[17:24] + ":" + id[24:32]
}

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:]) + `"`
}

// matches compares weakly, as RFC 9110 section 13.1.2 says for If-None-Match.
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || (candidate != "" && strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/")) {
			return true
		}
	}
	return false
}

func (x *exchange) getRateLimit() (reply, error) {
	b := x.budgetOf(x.who)
	core := object{"limit": b.limit, "remaining": b.remaining(), "reset": b.reset.Unix(), "used": b.used}
	search := object{"limit": 30, "remaining": 30, "reset": x.now().Add(time.Minute).Unix(), "used": 0}
	graphql := object{"limit": 5000, "remaining": 5000, "reset": x.now().Add(time.Hour).Unix(), "used": 0}
	return ok(object{"resources": object{"core": core, "search": search, "graphql": graphql}, "rate": core})
}

func (x *exchange) getMeta() (reply, error) {
	return ok(object{"verifiable_password_authentication": false})
}
