package keyless

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lapse-access/lapse/grants"
)

// audience is whom the token is for. Source: https://github.com/sigstore/fulcio/blob/main/docs/oidc.md
const audience = "sigstore"

var errNoWorkflow = errors.New("signing without a key works in a workflow of GitHub Actions with the permission `id-token: write`; this is none, or lacks it")

// Workflow is the job of GitHub Actions that this runs in, as its runner tells it.
// Source: https://docs.github.com/en/actions/reference/security/oidc
type Workflow struct {
	RequestURL   string // ACTIONS_ID_TOKEN_REQUEST_URL; "": there is none to ask
	RequestToken string // ACTIONS_ID_TOKEN_REQUEST_TOKEN
	Server       string // GITHUB_SERVER_URL
	HTTP         http.RoundTripper
	Secret       func(string) // is told each token, to keep it out of every text
	// Assumed is the identity by the word of the runner's environment. What was signed is read by it while no token can be had; nothing
	// can be signed then.
	Assumed grants.Identity
}

// claims are those of the token that the certificate names.
type claims struct {
	Issuer         string `json:"iss"`
	JobWorkflowRef string `json:"job_workflow_ref"`
	RepositoryID   string `json:"repository_id"`
	Ref            string `json:"ref"`
}

// Token asks the runner for a token, and says whose it is. What it says is for the certificate authority to verify, and for us to
// compare with the certificate.
func (w Workflow) Token(ctx context.Context) (string, grants.Identity, error) {
	if w.RequestURL == "" || w.RequestToken == "" {
		return "", grants.Identity{}, errNoWorkflow
	}
	token, err := w.ask(ctx)
	if err != nil {
		return "", grants.Identity{}, fmt.Errorf("ask GitHub for the workflow's token: %w", err)
	}
	w.Secret(token)
	id, err := w.identityOf(token)
	if err != nil {
		return "", grants.Identity{}, fmt.Errorf("the workflow's token: %w", err)
	}
	return token, id, nil
}

// Identity is whose certificate the workflow gets.
func (w Workflow) Identity(ctx context.Context) (grants.Identity, error) {
	_, id, err := w.Token(ctx)
	if err == nil {
		err = id.Check()
	} else if w.RequestURL != "" && w.Assumed.Check() == nil {
		return w.Assumed, nil
	}
	if err != nil {
		return grants.Identity{}, fmt.Errorf("the workflow's identity: %w", err)
	}
	return id, nil
}

func (w Workflow) ask(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	u, err := url.Parse(w.RequestURL)
	if err != nil {
		return "", errors.New("its address is none")
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+w.RequestToken)
	resp, err := w.HTTP.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it answered %s", resp.Status)
	}
	var answer struct{ Value string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Value == "" {
		return "", errors.New("the answer holds no token")
	}
	return answer.Value, nil
}

func (w Workflow) identityOf(token string) (grants.Identity, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return grants.Identity{}, errors.New("not a JWT")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return grants.Identity{}, errors.New("not a JWT")
	}
	var c claims
	if err := json.Unmarshal(text, &c); err != nil {
		return grants.Identity{}, errors.New("not a JWT")
	}
	repository, err := strconv.ParseInt(c.RepositoryID, 10, 64)
	if err != nil {
		return grants.Identity{}, errors.New("it does not name the repository's id")
	}
	return grants.Identity{
		Issuer: c.Issuer, Subject: strings.TrimSuffix(w.Server, "/") + "/" + c.JobWorkflowRef, Repository: repository, Ref: c.Ref,
	}, nil
}
