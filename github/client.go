// Package github talks to GitHub's REST API: it gathers the facts of a pull request, publishes what was decided, merges,
// and reads and changes who is in a team or on a repository. It knows HTTP and GitHub, and none of our rules.
//
// Every request goes through one transport, which holds these promises:
//
//	a name that leaves its place in the URL    the request is refused before it is sent
//	the token                                  goes to the base host alone, and into no error and no log
//	an answer                                  is bounded in size and time, and read whole before it is believed
//	an unchanged answer (ETag)                 is served from the cache and costs no quota
//	a rate limit (403, 429, Retry-After)       is waited for, up to Options.MaxWait; then ErrRateLimited says until when
//	a server or network failure                is retried where repeating the request cannot do harm
//
// Lists are whole or an error, never a part.
package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/lapse-access/lapse/names"
)

const (
	publicAPI    = "https://api.github.com/"
	userAgent    = "lapse"
	maxRedirects = 3
)

// Options say which GitHub to talk to and as whom. Token and App exclude each other; with neither, only what is public can
// be read.
type Options struct {
	BaseURL string // of the API: "" is https://api.github.com/, else for instance https://ghe.acme.com/api/v3/
	Token   string // a personal, fine-grained, installation or workflow token
	App     *App
	HTTP    http.RoundTripper // nil: the default transport
	Cache   Cache             // of answers with an ETag; nil: in memory
	Log     *slog.Logger      // nil: silent
	Now     func() time.Time  // nil: time.Now
	// Structure is for how long the place of a team among teams need not be asked for again; 0: always ask. It is for advice, not for
	// giving access.
	Structure time.Duration
	MaxWait   time.Duration // the longest that one request, with all its pages, waits for rate limits; 0: 2m, negative: not at all
	Timeout   time.Duration // of one attempt, its answer read whole; 0: 30s
	Backoff   time.Duration // before the first repetition of a failed request, doubled before each further one; 0: 1s
}

// Client is one identity at one GitHub. It is safe for concurrent use.
type Client struct {
	api  *gh.Client
	base *url.URL // ends in a slash
	log  *slog.Logger
	tr   *transport
	self selfAccount

	structure time.Duration
}

// New checks the options and makes a client. It sends nothing.
func New(o Options) (*Client, error) {
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if err := checkToken(o.Token); err != nil {
		return nil, err
	}
	if o.Token != "" && o.App != nil {
		return nil, errors.New("github: a token and an app are given; want one of them")
	}
	c := &Client{base: base, log: o.Log, tr: newTransport(base, o), structure: o.Structure}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.tr.log = c.log
	c.api = gh.NewClient(&http.Client{Transport: c.tr, CheckRedirect: checkRedirect})
	c.api.BaseURL, c.api.UploadURL, c.api.UserAgent = base, base, userAgent
	if o.App != nil {
		if c.tr.app, err = newAppAuth(c, *o.App); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func newTransport(base *url.URL, o Options) *transport {
	t := &transport{
		next: o.HTTP, base: base, token: o.Token, now: o.Now,
		maxWait: o.MaxWait, timeout: o.Timeout, backoff: o.Backoff, cache: o.Cache, key: cacheKey(o),
	}
	t.skew.Store(noSkew)
	if t.next == nil {
		t.next = http.DefaultTransport
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.maxWait == 0 {
		t.maxWait = 2 * time.Minute
	}
	if t.timeout <= 0 {
		t.timeout = 30 * time.Second
	}
	if t.backoff <= 0 {
		t.backoff = time.Second
	}
	if t.cache == nil {
		t.cache = MemoryCache()
	}
	return t
}

// cacheKey binds cached answers to an identity that outlives an app's hourly tokens.
func cacheKey(o Options) []byte {
	secret := []byte(o.Token)
	if o.App != nil {
		secret = o.App.PrivateKeyPEM
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("lapse: answers of GitHub, version 1"))
	return mac.Sum(nil)
}

// parseBase insists on https, but for a server on this machine: a token must not cross a network in the clear.
func parseBase(s string) (*url.URL, error) {
	if s == "" {
		s = publicAPI
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("github: the API's base URL must look like https://ghe.acme.com/api/v3/, without user, query or fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("github: the API's base URL %s must use https", u.Redacted())
	}
	if !strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("/")
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func checkToken(token string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("github: the token holds white space or characters outside ASCII; copy it again, without the line break")
	}
	return nil
}

// checkRedirect follows what GitHub answers for a renamed repository, and nothing else: the answer of another host is not
// GitHub's, and a write goes where it was meant to go or nowhere.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case first.Method != http.MethodGet:
		return errors.New("github answers a change with a redirect: was the repository renamed? use its new name")
	case req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host:
		return fmt.Errorf("github redirects to another host, %q: not followed", req.URL.Host)
	case len(via) > maxRedirects:
		return errors.New("github redirects in a circle")
	}
	return nil
}

const noSkew = math.MinInt64

// Skew is how far GitHub's clock was ahead of ours in its last answer, to about a second; false before the first answer.
func (c *Client) Skew() (time.Duration, bool) {
	d := c.tr.skew.Load()
	if d == noSkew {
		return 0, false
	}
	return time.Duration(d), true
}

// Repo names a repository.
type Repo struct{ Owner, Name string }

// ParseRepo reads "owner/name".
func ParseRepo(s string) (Repo, error) {
	if err := names.Repository(s); err != nil {
		return Repo{}, err
	}
	owner, name, _ := strings.Cut(s, "/")
	return Repo{Owner: owner, Name: name}, nil
}

// String is "owner/name".
func (r Repo) String() string { return r.Owner + "/" + r.Name }

func (r Repo) check() error { return names.Repository(r.String()) }
