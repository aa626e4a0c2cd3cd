package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// appServer is the little of GitHub that an app needs: it checks each JWT by its own clock, hands out tokens for an hour, and
// tells alice to whoever has one that is valid.
type appServer struct {
	mu      sync.Mutex
	key     *rsa.PublicKey
	clock   func() time.Time
	tokens  map[string]time.Time // → end
	made    int
	refused int
}

func (s *appServer) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	date := s.clock().UTC().Format(http.TimeFormat)
	bearer := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	switch req.URL.Path {
	case "/repos/acme/access/installation", "/app/installations/77/access_tokens", "/app":
		if err := s.checkJWT(bearer); err != nil {
			s.refused++
			return reply(401, `{"message":"`+err.Error()+`"}`, "Date", date), nil
		}
	default:
		if end, ok := s.tokens[bearer]; !ok || !s.clock().Before(end) {
			s.refused++
			return reply(401, `{"message":"Bad credentials"}`, "Date", date), nil
		}
	}
	switch req.URL.Path {
	case "/repos/acme/access/installation":
		return reply(200, `{"id":77}`, "Date", date), nil
	case "/app/installations/77/access_tokens":
		s.made++
		token, end := fmt.Sprintf("ghs_madetoken%d", s.made), s.clock().Add(time.Hour).UTC().Truncate(time.Second)
		s.tokens[token] = end
		return reply(201, `{"token":"`+token+`","expires_at":"`+end.Format(time.RFC3339)+`"}`, "Date", date), nil
	case "/app":
		return reply(200, `{"id":5,"slug":"lapse-acme"}`, "Date", date), nil
	case "/users/lapse-acme[bot]":
		return reply(200, `{"login":"lapse-acme[bot]","id":4242,"type":"Bot"}`, "Date", date), nil
	}
	return reply(200, alice, "Date", date), nil
}

func (s *appServer) checkJWT(token string) error {
	claims := jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.clock), jwt.WithIssuedAt(), jwt.WithExpirationRequired(), jwt.WithIssuer("5"))
	if err == nil && claims.ExpiresAt.Sub(claims.IssuedAt.Time) > 10*time.Minute {
		err = fmt.Errorf("'Expiration time' claim ('exp') is too far in the future")
	}
	return err
}

func newApp(t *testing.T, clock func() time.Time) (*appServer, *Client) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &appServer{key: &key.PublicKey, clock: clock, tokens: map[string]time.Time{}}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	c, err := New(Options{HTTP: s, App: &App{ID: 5, PrivateKeyPEM: text, InstallationRepo: "acme/access"}})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestAnAppRenewsItsTokenBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newApp(t, time.Now)
		for range 13 { // three hours
			if _, _, err := c.User(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Minute)
		}
		if s.made != 4 || s.refused != 0 {
			t.Errorf("%d tokens made and %d requests refused, want 4 and 0", s.made, s.refused)
		}
	})
}

func TestAnAppRenewsATokenThatIsRefusedOnceAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newApp(t, time.Now)
		if _, _, err := c.User(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		clear(s.tokens)
		if _, _, err := c.User(t.Context(), "alice"); err != nil || s.made != 2 {
			t.Errorf("after a 401: %d tokens, error %v", s.made, err)
		}
		// A change that was refused with 401 did nothing, so it is sent again too.
		clear(s.tokens)
		if err := c.Dispatch(t.Context(), Repo{"acme", "access"}, "x.yml", "main"); err != nil || s.made != 3 {
			t.Errorf("a change after a 401: %d tokens, error %v", s.made, err)
		}
		s.clock = func() time.Time { return time.Now().Add(24 * time.Hour) } // its tokens end before they begin, for us
		s.key = &rsa.PublicKey{N: s.key.N, E: 3}
		clear(s.tokens)
		made := s.made
		_, _, err := c.User(t.Context(), "alice")
		if err == nil || !strings.Contains(err.Error(), "401") || s.made != made || strings.Contains(err.Error(), "eyJ") {
			t.Errorf("with a key that is refused: %d tokens more, error %v", s.made-made, err)
		}
	})
}

func TestConcurrentRequestsShareOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newApp(t, time.Now)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, _, err := c.User(t.Context(), "alice"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if s.made != 1 {
			t.Errorf("%d tokens made, want 1", s.made)
		}
	})
}

// The first JWT is refused where our clock is off; the refusal tells GitHub's clock, and the next JWT is right.
func TestA49AnAppWhoseClockIsOffRecovers(t *testing.T) {
	for _, ahead := range []time.Duration{-30 * time.Minute, 30 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s, c := newApp(t, func() time.Time { return time.Now().Add(ahead) })
			if _, _, err := c.User(t.Context(), "alice"); err != nil || s.refused != 1 {
				t.Errorf("GitHub is %s ahead: %v, after %d refusals", ahead, err, s.refused)
			}
		})
	}
}

func TestAnAppIsItsBot(t *testing.T) {
	_, c := newApp(t, time.Now)
	for range 2 {
		me, err := c.Self(t.Context())
		if want := (Account{Login: "lapse-acme[bot]", ID: 4242, Bot: true}); err != nil || me != want {
			t.Errorf("the app is %+v, %v; want %+v", me, err, want)
		}
	}
}

func TestA64AnAppsErrorsCarryNeitherKeyNorToken(t *testing.T) {
	for _, pemText := range []string{"", "secretsecret", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END RSA PRIVATE KEY-----\n"} {
		_, err := New(Options{App: &App{ID: 5, PrivateKeyPEM: []byte(pemText), InstallationRepo: "acme/access"}})
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "c2Vj") {
			t.Errorf("error is %v", err)
		}
	}
}

// A workflow's token may not ask GET /user; GraphQL tells it who it is.
func TestAWorkflowsTokenIsItsBot(t *testing.T) {
	for _, tc := range []struct {
		base, graph, answer string
		want                Account
		err                 string
	}{
		{"", "https://api.github.com/graphql", `{"data":{"viewer":{"login":"github-actions[bot]","databaseId":41898282}}}`, Account{Login: "github-actions[bot]", ID: 41898282, Bot: true}, ""},
		{"https://ghe.acme.com/api/v3/", "https://ghe.acme.com/api/graphql", `{"data":{"viewer":{"login":"bob","databaseId":7}}}`, Account{Login: "bob", ID: 7}, ""},
		{"", "https://api.github.com/graphql", `{"data":null,"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`, Account{}, "rate limited"},
		{"", "https://api.github.com/graphql", `{"data":{"viewer":null}}`, Account{}, "no id"},
		{"", "https://api.github.com/graphql", `{"data":{"viewer":{"login":"bob","databaseId":7}},"errors":[{"message":"something"}]}`, Account{}, "something"},
		{"", "https://api.github.com/graphql", ``, Account{}, "who the token is"},
	} {
		c := testClient(t, wire(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet {
				return reply(403, refusal), nil
			}
			if req.URL.String() != tc.graph {
				t.Errorf("asked at %s, want %s", req.URL, tc.graph)
			}
			return reply(200, tc.answer), nil
		}), func(o *Options) { o.BaseURL = tc.base })
		me, err := c.Self(t.Context())
		if me != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %+v, %v; want %+v, %q", tc.answer, me, err, tc.want, tc.err)
		}
	}
}
