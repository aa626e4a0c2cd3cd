package githubtest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The GitHub Actions app and its account, with the ids that they have on github.com.
const (
	ActionsAppID = 15368
	actionsBotID = 41898282
	queueBotID   = 118344674
)

// app is a GitHub App with one installation per account that it was installed on.
type app struct {
	id            int64
	slug          string
	owner         *account
	bot           *account
	key           *rsa.PublicKey
	permissions   map[string]string
	created       time.Time
	installations map[int64]*installation
}

type installation struct {
	id      int64
	app     *app
	account *account
	repos   map[int64]bool // nil: all of the account's
	created time.Time
}

func (s *Server) addActionsApp() {
	bot := &account{id: actionsBotID, login: "github-actions[bot]", kind: "Bot", created: s.tick()}
	queue := &account{id: queueBotID, login: "github-merge-queue[bot]", kind: "Bot", created: s.tick()}
	for _, a := range []*account{bot, queue} {
		s.accounts[a.id] = a
		s.logins[a.login] = a
	}
	owner := &account{id: 9919, login: "github", kind: "Organization", created: s.tick()}
	s.accounts[owner.id] = owner
	s.logins[owner.login] = owner
	s.apps[ActionsAppID] = &app{id: ActionsAppID, slug: "github-actions", owner: owner, bot: bot, created: bot.created,
		permissions: map[string]string{"metadata": "read", "contents": "write", "checks": "write"}}
}

// AddApp makes an App with an RSA public key (PEM; PKIX or PKCS #1; "" for one that only InstallationToken serves) and installs it on an account, for the repositories
// named or, if none, for all. It returns the installation's id. Its account is "<slug>[bot]".
func (s *Server) AddApp(id int64, slug, on, publicKeyPEM string, permissions map[string]string, repos ...string) int64 {
	var key *rsa.PublicKey
	if publicKeyPEM != "" {
		parsed, err := parsePublicKey(publicKeyPEM)
		if err != nil {
			panic("githubtest: AddApp: " + err.Error())
		}
		key = parsed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apps[id] != nil {
		panic(fmt.Sprintf("githubtest: app id %d is taken", id))
	}
	owner := s.mustAccount(on)
	granted := maps.Clone(permissions)
	if granted == nil {
		granted = map[string]string{}
	}
	granted["metadata"] = "read"
	bot := s.addAccount(slug+"[bot]", User{Bot: true})
	a := &app{id: id, slug: slug, owner: owner, bot: bot, key: key, permissions: granted, created: s.tick(), installations: map[int64]*installation{}}
	s.apps[id] = a
	in := &installation{id: s.newID(), app: a, account: owner, created: s.tick()}
	if len(repos) > 0 {
		in.repos = map[int64]bool{}
		for _, name := range repos {
			in.repos[s.mustRepo(name).id] = true
		}
	}
	a.installations[in.id] = in
	return in.id
}

// InstallationToken makes a token of the App's only installation without the exchange of a JSON web token. It expires
// after an hour, as all of them do.
func (s *Server) InstallationToken(appID int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil || len(a.installations) == 0 {
		panic(fmt.Sprintf("githubtest: app %d is installed nowhere", appID))
	}
	for _, in := range a.installations {
		return s.installationToken(in, a.permissions, in.repos).secret
	}
	return ""
}

func (s *Server) installationToken(in *installation, permissions map[string]string, repos map[int64]bool) *token {
	secret := "ghs_" + digest("installation", s.newID())
	t := &token{secret: secret, account: in.app.bot, app: in.app, permissions: permissions, repos: repos, installed: in.account,
		expires: s.now().Add(time.Hour), budget: fmt.Sprintf("installation/%d", in.id), limit: s.opt.Budget}
	s.tokens[secret] = t
	return t
}

func parsePublicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the public key is not PEM")
	}
	if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse public key: %w", err)
	}
	rsaKey, isRSA := key.(*rsa.PublicKey)
	if !isRSA {
		return nil, fmt.Errorf("public key is %T: GitHub Apps sign with RS256", key)
	}
	return rsaKey, nil
}

// authenticateApp checks a JSON web token: RS256 by the App's key, issued by its id, not expired and for ten minutes at most.
func (s *Server) authenticateApp(jwt string) (caller, error) {
	parts := strings.Split(jwt, ".")
	var head struct{ Alg string }
	var claims struct {
		Iss any   `json:"iss"`
		Iat int64 `json:"iat"`
		Exp int64 `json:"exp"`
	}
	if decodeSegment(parts[0], &head) != nil || decodeSegment(parts[1], &claims) != nil || head.Alg != "RS256" {
		return caller{}, unauthorized("A JSON web token could not be decoded")
	}
	id, err := strconv.ParseInt(fmt.Sprint(issuer(claims.Iss)), 10, 64)
	a := s.apps[id]
	if err != nil || a == nil || a.key == nil {
		return caller{}, unauthorized("'Issuer' claim ('iss') must be an Integer")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(a.key, crypto.SHA256, sum[:], signature) != nil {
		return caller{}, unauthorized("A JSON web token could not be decoded")
	}
	now := s.now().Unix()
	if claims.Exp <= now {
		return caller{}, unauthorized("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	}
	if claims.Exp > now+600 {
		return caller{}, unauthorized("'Expiration time' claim ('exp') is too far in the future")
	}
	if claims.Iat > now+60 {
		return caller{}, unauthorized("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return caller{app: a, asApp: true}, nil
}

func issuer(iss any) any {
	if f, isNumber := iss.(float64); isNumber {
		return int64(f)
	}
	return iss
}

func decodeSegment(s string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func (x *exchange) getApp() (reply, error) {
	if !x.who.asApp {
		return reply{}, unauthorized("A JSON web token could not be decoded")
	}
	return ok(x.appJSON(x.who.app))
}

func (x *exchange) getRepoInstallation() (reply, error) {
	if !x.who.asApp {
		return reply{}, unauthorized("A JSON web token could not be decoded")
	}
	r := x.Server.repos[strings.ToLower(x.path("owner")+"/"+x.path("repo"))]
	if r != nil {
		for _, in := range x.who.app.installations {
			if in.account == r.owner && (in.repos == nil || in.repos[r.id]) {
				return ok(x.installationJSON(in))
			}
		}
	}
	return reply{}, notFound("apps/apps#get-a-repository-installation-for-the-authenticated-app")
}

func (x *exchange) getOrgInstallation() (reply, error) {
	if !x.who.asApp {
		return reply{}, unauthorized("A JSON web token could not be decoded")
	}
	for _, in := range x.who.app.installations {
		if strings.EqualFold(in.account.login, x.path("org")) {
			return ok(x.installationJSON(in))
		}
	}
	return reply{}, notFound("apps/apps#get-an-organization-installation-for-the-authenticated-app")
}

func (x *exchange) createInstallationToken() (reply, error) {
	if !x.who.asApp {
		return reply{}, unauthorized("A JSON web token could not be decoded")
	}
	id, _ := strconv.ParseInt(x.path("id"), 10, 64)
	in := x.who.app.installations[id]
	if in == nil {
		return reply{}, notFound("apps/apps#create-an-installation-access-token-for-an-app")
	}
	var ask struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if err := x.decodeOptional(&ask); err != nil {
		return reply{}, err
	}
	permissions, err := narrowed(in.app.permissions, ask.Permissions)
	if err != nil {
		return reply{}, err
	}
	repos := in.repos
	if len(ask.Repositories)+len(ask.RepositoryIDs) > 0 {
		repos = map[int64]bool{}
	}
	for _, r := range x.Server.repos {
		asked := slices.Contains(ask.Repositories, r.name) || slices.Contains(ask.RepositoryIDs, r.id)
		if asked && r.owner == in.account && (in.repos == nil || in.repos[r.id]) {
			repos[r.id] = true
		}
	}
	t := x.installationToken(in, permissions, repos)
	selection := "all"
	if in.repos != nil || len(ask.Repositories)+len(ask.RepositoryIDs) > 0 {
		selection = "selected"
	}
	return reply{http.StatusCreated, object{"token": t.secret, "expires_at": stamp(t.expires),
		"permissions": permissions, "repository_selection": selection}}, nil
}

// narrowed is what was asked for, which must be within what the App has.
func narrowed(have, ask map[string]string) (map[string]string, error) {
	if len(ask) == 0 {
		return have, nil
	}
	got := map[string]string{"metadata": "read"}
	for name, level := range ask {
		if have[name] != "write" && have[name] != level {
			return nil, &apiError{status: http.StatusUnprocessableEntity,
				message: "The permissions requested are not granted to this installation."}
		}
		got[name] = level
	}
	return got, nil
}
