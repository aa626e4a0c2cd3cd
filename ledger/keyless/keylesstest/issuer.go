package keylesstest

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/lapse-access/lapse/grants"
)

// runnerToken is what a job shows to ask for its token.
const runnerToken = "runner-token"

// Workflow is a job for which a token is issued.
type Workflow struct {
	Repository   string // owner/name
	RepositoryID int64
	File         string // below .github/workflows
	Ref          string // on which it runs
	FileAt       string // ref of the file, where it is called from elsewhere; "": Ref
	Server       string // address of the GitHub whose workflow it is
}

// Issuer issues tokens to workflows as GitHub does.
// Source: https://docs.github.com/en/actions/reference/security/oidc
type Issuer struct {
	URL    string
	key    *rsa.PrivateKey
	server *httptest.Server
}

const keyName = "k1"

func newIssuer() *Issuer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("keylesstest: no randomness: " + err.Error())
	}
	i := &Issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /.well-known/jwks", i.keys)
	mux.HandleFunc("GET /token", i.token)
	i.server = httptest.NewServer(mux)
	i.URL = i.server.URL
	return i
}

// Identity is whose certificate the workflow gets.
func (i *Issuer) Identity(w Workflow) grants.Identity {
	return grants.Identity{Issuer: i.URL, Subject: w.Server + "/" + w.file(), Repository: w.RepositoryID, Ref: w.Ref}
}

func (w Workflow) file() string {
	return w.Repository + "/.github/workflows/" + w.File + "@" + cmp.Or(w.FileAt, w.Ref)
}

func (i *Issuer) requestURL(w Workflow) string {
	q := url.Values{"repository": {w.Repository}, "id": {strconv.FormatInt(w.RepositoryID, 10)}, "file": {w.File}, "ref": {w.Ref}, "at": {w.FileAt}, "server": {w.Server}}
	return i.URL + "/token?" + q.Encode()
}

// config is Fulcio's for the tokens of GitHub's workflows. It is that of the public good instance, whose certificates name the server
// that url says; here the token says it.
// Source: https://github.com/sigstore/fulcio/blob/main/config/identity/config.yaml
func (i *Issuer) config() any {
	const provider = "github-workflow"
	return map[string]any{
		"OIDCIssuers": map[string]any{i.URL: map[string]string{
			"IssuerURL": i.URL, "ClientID": "sigstore", "Type": "ci-provider", "CIProvider": provider,
		}},
		"CIIssuerMetadata": map[string]any{provider: map[string]any{
			"DefaultTemplateValues": map[string]string{"url": "https://github.com"},
			"ExtensionTemplates": map[string]string{
				"BuildSignerURI": "{{ .url }}/{{ .job_workflow_ref }}", "BuildSignerDigest": "job_workflow_sha",
				"RunnerEnvironment": "runner_environment", "SourceRepositoryURI": "{{ .url }}/{{ .repository }}",
				"SourceRepositoryDigest": "sha", "SourceRepositoryRef": "ref", "SourceRepositoryIdentifier": "repository_id",
				"SourceRepositoryOwnerURI": "{{ .url }}/{{ .repository_owner }}", "SourceRepositoryOwnerIdentifier": "repository_owner_id",
				"BuildConfigURI": "{{ .url }}/{{ .workflow_ref }}", "BuildConfigDigest": "workflow_sha", "BuildTrigger": "event_name",
				"RunInvocationURI":                    "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
				"SourceRepositoryVisibilityAtSigning": "repository_visibility",
			},
			"SubjectAlternativeNameTemplate": "{{ .url }}/{{ .job_workflow_ref }}",
		}},
	}
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{
		"issuer": i.URL, "jwks_uri": i.URL + "/.well-known/jwks", "response_types_supported": []string{"id_token"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	encode := base64.RawURLEncoding.EncodeToString
	answer(w, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": keyName,
		"n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes()),
	}}})
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+runnerToken {
		http.Error(w, "no such job", http.StatusUnauthorized)
		return
	}
	q := r.URL.Query()
	now := time.Now()
	job := Workflow{Repository: q.Get("repository"), File: q.Get("file"), Ref: q.Get("ref"), FileAt: q.Get("at")}
	const sha = "0123456789012345678901234567890123456789"
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": i.URL, "aud": q.Get("audience"), "iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"sub": fmt.Sprintf("repo:%s:ref:%s", job.Repository, job.Ref), "repository": job.Repository, "repository_id": q.Get("id"),
		"repository_owner": "acme", "repository_owner_id": "1", "repository_visibility": "private", "ref": job.Ref, "sha": sha,
		"workflow": "lapse reconcile", "workflow_ref": job.file(), "workflow_sha": sha, "job_workflow_ref": job.file(), "job_workflow_sha": sha,
		"url": q.Get("server"), "event_name": "schedule", "runner_environment": "github-hosted", "run_id": "1", "run_attempt": "1",
	})
	t.Header["kid"] = keyName
	text, err := t.SignedString(i.key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, map[string]string{"value": text})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
