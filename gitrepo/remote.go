package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/file"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// Remote is where a repository is fetched from and pushed to. Nothing of it is written to the folder, and the token is
// taken out of every error.
type Remote struct {
	// URL is https://…, http://…, file://… or a path. A token goes over http to this machine only. Files are served by the
	// git-upload-pack and git-receive-pack of an installed git.
	URL string
	// Username and Token are sent with every request over http; GitHub takes any username, x-access-token by custom.
	Username string
	Token    string `json:"-"`
	// NewToken, if set, is asked before each conversation for the token to use, in place of Token: some last an hour.
	NewToken func(context.Context) (string, error) `json:"-"`

	used *tokens // by NewToken, so that no error holds one
	// RoundTripper makes the requests over http; nil for net/http's own, with its proxies from the environment.
	RoundTripper http.RoundTripper `json:"-"`
}

// String and GoString leave the token out, however a Remote comes to be printed.
func (r Remote) String() string   { return r.URL }
func (r Remote) GoString() string { return fmt.Sprintf("gitrepo.Remote{URL: %q}", r.URL) }

// Limits on one conversation with a remote.
const (
	maxResponse  = 2 << 30 // bytes of one response: a pack, or the list of refs
	maxErrorBody = 64 << 10
	maxWait      = 10 * time.Minute // if the caller has set no deadline
)

// tokens are those that were used so far.
type tokens struct {
	mu  sync.Mutex
	all []string
}

func (t *tokens) note(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.all, token) {
		t.all = append(t.all, token)
	}
}

func (t *tokens) list() []string {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all)
}

// transporter opens sessions with the remote, one for each operation. It is set up by hand, not through go-git's registry of
// protocols, which is shared by the whole program, follows no limits, and speaks protocols that we do not want.
type transporter struct {
	client transport.Transport
	at     transport.Endpoint
	auth   func(context.Context) (transport.AuthMethod, error)
}

func (r Remote) transport() (transporter, error) {
	scheme, _, isURL := strings.Cut(r.URL, "://")
	switch {
	case r.URL == "":
		return transporter{}, errors.New("the remote has no URL")
	case !isURL && strings.Contains(r.URL, ":"):
		return transporter{}, errors.New("the remote must be a URL that begins with https://, or a path without a colon")
	case !isURL:
		return overFiles(r.URL)
	case scheme == "file":
		u, err := url.Parse(r.URL)
		if err != nil || u.Host != "" {
			return transporter{}, errors.New("the remote must be file:// and an absolute path")
		}
		return overFiles(u.Path)
	case scheme == "http" || scheme == "https":
		return r.overHTTP()
	}
	return transporter{}, fmt.Errorf("remote with scheme %q: only https, http and file are known", printable(scheme))
}

func overFiles(path string) (transporter, error) {
	path, err := filepath.Abs(path)
	return transporter{client: file.DefaultClient, at: transport.Endpoint{Protocol: "file", Path: path}, auth: nobody}, err
}

func (r Remote) overHTTP() (transporter, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return transporter{}, errors.New("the remote's URL cannot be parsed")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Host == "" {
		return transporter{}, fmt.Errorf("remote %s://%s%s: it must be a host and a path alone, with the token apart", u.Scheme, u.Host, u.Path)
	}
	if u.Scheme == "http" && (r.Token != "" || r.NewToken != nil) && !isLoopback(u.Hostname()) {
		return transporter{}, fmt.Errorf("remote %s: a token does not go over http, use https", r.URL)
	}
	at, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return transporter{}, errors.New("the remote's URL cannot be parsed")
	}
	through := r.RoundTripper
	if through == nil {
		through = http.DefaultTransport
	}
	if shared, ok := through.(*http.Transport); ok && r.RoundTripper == nil {
		own := shared.Clone()
		own.ResponseHeaderTimeout = 2 * time.Minute
		through = own
	}
	t := transporter{
		client: githttp.NewClientWithOptions(&http.Client{Transport: limited{through, maxResponse}}, nil),
		at:     *at,
		auth:   r.identify,
	}
	return t, nil
}

func nobody(context.Context) (transport.AuthMethod, error) { return nil, nil }

// identify is who the next conversation is with.
func (r Remote) identify(ctx context.Context) (transport.AuthMethod, error) {
	token := r.Token
	if r.NewToken != nil {
		var err error
		if token, err = r.NewToken(ctx); err != nil {
			return nil, fmt.Errorf("get a token: %w", err)
		}
		r.used.note(token)
	}
	if token == "" {
		return nil, nil
	}
	return &githttp.BasicAuth{Username: r.Username, Password: token}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (t transporter) uploadPack(ctx context.Context) (transport.UploadPackSession, *packp.AdvRefs, error) {
	at := t.at // a session changes its own when it is redirected
	auth, err := t.auth(ctx)
	if err != nil {
		return nil, nil, err
	}
	session, err := t.client.NewUploadPackSession(&at, auth)
	if err != nil {
		return nil, nil, err
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		refs, err = packp.NewAdvRefs(), nil
	}
	if err == nil && len(refs.Shallows) > 0 {
		err = fmt.Errorf("%w: the remote is a shallow clone", ErrIncomplete)
	}
	if err != nil {
		return nil, nil, errors.Join(err, session.Close())
	}
	return session, refs, nil
}

func (t transporter) receivePack(ctx context.Context) (transport.ReceivePackSession, *packp.AdvRefs, error) {
	at := t.at // a session changes its own when it is redirected
	auth, err := t.auth(ctx)
	if err != nil {
		return nil, nil, err
	}
	session, err := t.client.NewReceivePackSession(&at, auth)
	if err != nil {
		return nil, nil, err
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, session.Close())
	}
	return session, refs, nil
}

// limited bounds the bodies of responses: an error's is cut off, any other fails when it is longer.
type limited struct {
	through http.RoundTripper
	limit   int64
}

func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.through.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		res.Body = body{io.LimitReader(res.Body, maxErrorBody), res.Body}
	} else {
		res.Body = body{&boundedReader{res.Body, l.limit}, res.Body}
	}
	return res, nil
}

type body struct {
	io.Reader
	io.Closer
}

type boundedReader struct {
	from io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("the response: %w", ErrLimit)
	}
	p = p[:min(int64(len(p)), b.left+1)]
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, fmt.Errorf("the response: %w", ErrLimit)
	}
	return n, err
}

func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, maxWait)
}
