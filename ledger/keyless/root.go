package keyless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"
)

// Instance is a Sigstore: whom to believe, and whom to ask. Without files it is the public good instance, whose own files are fetched
// and verified from its update repository, and kept in Cache.
type Instance struct {
	TrustedRoot   string // file, in sigstore's format
	SigningConfig string // file, in sigstore's format
	Cache         string // folder
	HTTP          http.RoundTripper
	Offline       bool // nothing is fetched
}

// Root is whose certificates and timestamps are believed.
func (i Instance) Root(ctx context.Context) (root.TrustedMaterial, error) {
	if i.TrustedRoot != "" {
		r, err := root.NewTrustedRootFromPath(i.TrustedRoot)
		if err != nil {
			return nil, fmt.Errorf("read the trusted root %s: %w", i.TrustedRoot, err)
		}
		return r, nil
	}
	if i.Offline {
		return nil, errors.New("what was signed without a key is verified with sigstore's trusted root: name its file in LAPSE_TRUSTED_ROOT")
	}
	client, err := i.updates(ctx)
	if err != nil {
		return nil, err
	}
	r, err := root.GetTrustedRoot(client)
	if err != nil {
		return nil, fmt.Errorf("fetch sigstore's trusted root: %w", err)
	}
	return r, nil
}

// services are the addresses of the authorities to ask.
func (i Instance) services(ctx context.Context, now time.Time) (certificates, timestamps string, err error) {
	config, err := i.config(ctx)
	if err != nil {
		return "", "", err
	}
	ca, err := root.SelectService(config.FulcioCertificateAuthorityURLs(), sign.FulcioAPIVersions, now)
	if err != nil {
		return "", "", fmt.Errorf("sigstore's signing configuration names no certificate authority: %w", err)
	}
	tsa, err := root.SelectService(config.TimestampAuthorityURLs(), sign.TimestampAuthorityAPIVersions, now)
	if err != nil {
		return "", "", fmt.Errorf("sigstore's signing configuration names no timestamp authority: %w", err)
	}
	return ca.URL, tsa.URL, nil
}

func (i Instance) config(ctx context.Context) (*root.SigningConfig, error) {
	if i.SigningConfig != "" {
		c, err := root.NewSigningConfigFromPath(i.SigningConfig)
		if err != nil {
			return nil, fmt.Errorf("read the signing configuration %s: %w", i.SigningConfig, err)
		}
		return c, nil
	}
	if i.TrustedRoot != "" {
		return nil, errors.New("a trusted root of one's own needs a signing configuration of one's own, which names its authorities")
	}
	client, err := i.updates(ctx)
	if err != nil {
		return nil, err
	}
	c, err := root.GetSigningConfig(client)
	if err != nil {
		return nil, fmt.Errorf("fetch sigstore's signing configuration: %w", err)
	}
	return c, nil
}

func (i Instance) updates(ctx context.Context) (*tuf.Client, error) {
	get := fetcher.NewDefaultFetcher()
	get.SetHTTPClient(&http.Client{Transport: during{ctx, i.HTTP}, Timeout: patience})
	client, err := tuf.New(&tuf.Options{
		Root: tuf.DefaultRoot(), RepositoryBaseURL: tuf.DefaultMirror, CachePath: filepath.Join(i.Cache, "sigstore"),
		Fetcher: get, Context: ctx,
	})
	if err != nil {
		return nil, fmt.Errorf("fetch what sigstore publishes of itself: %w", err)
	}
	return client, nil
}

// during ends requests with a context, for libraries that take none.
type during struct {
	ctx  context.Context
	next http.RoundTripper
}

func (d during) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	stop := context.AfterFunc(d.ctx, func() { cancel(context.Cause(d.ctx)) })
	resp, err := d.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		stop()
		cancel(nil)
		return nil, err
	}
	resp.Body = &ending{resp.Body, func() { stop(); cancel(nil) }}
	return resp, nil
}

// ending tells when a body was read.
type ending struct {
	io.ReadCloser
	done func()
}

func (e *ending) Close() error {
	defer e.done()
	return e.ReadCloser.Close()
}
