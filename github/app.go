package github

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	gh "github.com/google/go-github/v60/github"
)

// App authenticates as an installation of a GitHub App.
type App struct {
	ID               int64
	PrivateKeyPEM    []byte // RSA, PKCS #1 or #8
	InstallationRepo string // "owner/name": which of the app's installations
}

const (
	// GitHub refuses a JWT that is valid for more than ten minutes, or that is from the future by its own clock.
	// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
	jwtLife = 8 * time.Minute
	jwtPast = time.Minute
	// renewBefore is how long before its end (an hour after its making) an installation token is replaced.
	renewBefore = 5 * time.Minute
)

// appAuth makes and keeps the installation's token.
type appAuth struct {
	client *Client
	id     int64
	key    *rsa.PrivateKey
	repo   Repo

	turn         chan struct{} // holds one element while the fields below are in use, across requests
	installation int64

	mu      sync.Mutex // for the fields below; never held across a request
	current string
	expires time.Time
}

func newAppAuth(c *Client, a App) (*appAuth, error) {
	if a.ID <= 0 {
		return nil, fmt.Errorf("github app: the id must be a positive number, not %d", a.ID)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(a.PrivateKeyPEM)
	if err != nil {
		return nil, errors.New("github app: the private key is not an RSA key in PEM form; download one from the app's settings")
	}
	repo, err := ParseRepo(a.InstallationRepo)
	if err != nil {
		return nil, fmt.Errorf("github app: the repository of its installation: %w", err)
	}
	return &appAuth{client: c, id: a.ID, key: key, repo: repo, turn: make(chan struct{}, 1)}, nil
}

// token is a JWT of the app itself, or the token of its installation, made anew shortly before it ends.
func (a *appAuth) token(ctx context.Context, itself bool) (string, error) {
	if itself {
		return a.jwt()
	}
	if token := a.valid(); token != "" {
		return token, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if token := a.valid(); token != "" { // another request made it while we waited
		return token, nil
	}
	return a.renew(ctx)
}

func (a *appAuth) now() time.Time {
	skew, _ := a.client.Skew()
	return a.client.tr.now().Add(skew)
}

func (a *appAuth) valid() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == "" || !a.now().Before(a.expires.Add(-renewBefore)) {
		return ""
	}
	return a.current
}

// forget drops a token that GitHub no longer accepts, unless it has been replaced already.
func (a *appAuth) forget(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == token {
		a.current = ""
	}
}

func (a *appAuth) jwt() (string, error) {
	now := a.now()
	claims := jwt.RegisteredClaims{
		Issuer:    strconv.FormatInt(a.id, 10),
		IssuedAt:  jwt.NewNumericDate(now.Add(-jwtPast)),
		ExpiresAt: jwt.NewNumericDate(now.Add(jwtLife)),
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(a.key)
	if err != nil {
		return "", fmt.Errorf("github app: sign as the app: %w", err)
	}
	return token, nil
}

// renew asks for a token as the app itself. Only the holder of the turn may call it.
func (a *appAuth) renew(ctx context.Context) (string, error) {
	c := a.client
	if a.installation == 0 {
		in, _, err := c.api.Apps.FindRepositoryInstallation(asApp(ctx, http.MethodGet, "repos", a.repo.Owner, a.repo.Name, "installation"), a.repo.Owner, a.repo.Name)
		if err != nil {
			return "", c.explain(err, "is the app installed there?", "find the app's installation on %s", a.repo)
		}
		if in.GetID() <= 0 {
			return "", fmt.Errorf("find the app's installation on %s: the answer has no id", a.repo)
		}
		a.installation = in.GetID()
	}
	made, _, err := c.api.Apps.CreateInstallationToken(
		asApp(ctx, http.MethodPost, "app", "installations", strconv.FormatInt(a.installation, 10), "access_tokens"), a.installation, &gh.InstallationTokenOptions{})
	if err != nil {
		return "", c.explain(err, "is the app still installed and not suspended?", "make a token for the app's installation on %s", a.repo)
	}
	token := made.GetToken()
	if token == "" || checkToken(token) != nil || made.ExpiresAt == nil {
		return "", fmt.Errorf("make a token for the app's installation on %s: the answer is not a token with an end", a.repo)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current, a.expires = token, made.GetExpiresAt().Time
	return token, nil
}

// asApp is meant for a request of the app itself. Each may be repeated: a second token does no harm.
func asApp(ctx context.Context, method string, segments ...string) context.Context {
	ctx = meant(ctx, method, segments...)
	call := callOf(ctx)
	call.app, call.repeat = true, true
	return ctx
}

// slug is the app's name in its bot's login.
func (a *appAuth) slug(ctx context.Context) (string, error) {
	app := new(gh.App)
	if _, err := a.client.get(asApp(ctx, http.MethodGet, "app"), "app", "", app); err != nil {
		return "", a.client.explain(err, "", "ask who the app is")
	}
	return app.GetSlug(), nil
}

// secrets are the texts that must appear in no error.
func (t *transport) secrets() []string {
	all := []string{t.token}
	if t.app != nil {
		t.app.mu.Lock()
		all = append(all, t.app.current)
		t.app.mu.Unlock()
	}
	return nonEmpty(all...)
}
