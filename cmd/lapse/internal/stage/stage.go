// Package stage sets up what the demo and the end-to-end tests play on: the stateful GitHub of package githubtest with an
// organization, its people and teams, and an access repository made of the files of package example, with a vault.
//
//	alice, bob      engineering
//	carol           security, data-platform
//	dan             security
//	mallory         engineering; may push anywhere and administers the repository
//	lapse-bot       the account that Lapse acts as, an owner of the organization
package stage

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// Names on the stage.
const (
	Org  = "acme"
	Repo = "acme/access"
	Bot  = "lapse-bot"
)

// Stage is a GitHub with an access repository, and the key that Lapse signs with there.
type Stage struct {
	*githubtest.Server
	Key   []byte // PEM
	Vault string // file of the target named vault

	base  func() time.Time
	moved atomic.Int64 // nanoseconds; the server reads it while time is moved
}

// New sets the stage in dir and starts to listen on loopback. The target named vault is the file vault.json there. files are put
// over those of the example; an empty text leaves one out.
func New(dir string, now func() time.Time, log io.Writer, files map[string]string) (*Stage, error) {
	s := &Stage{Vault: filepath.Join(dir, "vault.json"), base: now}
	srv, err := githubtest.New(githubtest.Options{Dir: dir, Now: s.Now, Log: log})
	if err != nil {
		return nil, err
	}
	s.Server = srv
	s.people()
	if err := s.repository(files); err != nil {
		return nil, err
	}
	return s, srv.Start()
}

// Now is the present on the stage. The server's Clock may be some seconds ahead: it puts every change into a second of its own.
func (s *Stage) Now() time.Time { return s.base().Add(time.Duration(s.moved.Load())) }

// Advance moves time on, counted from the server's Clock.
func (s *Stage) Advance(d time.Duration) { s.AdvanceTo(s.Clock().Add(d)) }

// AdvanceTo makes it that time.
func (s *Stage) AdvanceTo(t time.Time) { s.moved.Store(int64(t.Sub(s.base()))) }

// people are those of example/people.yaml, with the ids given there, and mallory.
func (s *Stage) people() {
	ids := map[string]int64{"alice": 583231, "bob": 583232, "carol": 583233, "dan": 583234, "mallory": 583299, Bot: 583200}
	for login, id := range ids {
		s.AddUser(login, githubtest.User{ID: id})
	}
	s.AddOrg(Org, Bot+":admin", "alice", "bob", "carol", "dan", "mallory")
	s.AddTeam(Org, "engineering", "", "alice", "bob", "mallory")
	s.AddTeam(Org, "data-platform", "", "carol")
	s.AddTeam(Org, "prod-oncall", "")
}

func (s *Stage) repository(over map[string]string) error {
	files, err := Files()
	if err != nil {
		return err
	}
	key, pem, err := ledger.GenerateKey()
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	s.Key = pem
	own, err := ledger.VerifierOf(key.Public())
	if err != nil {
		return err
	}
	files[ledger.TrustDir+"/lapse.pub"] = string(key.PublicPEM())
	if files[requests.SignersFile], err = requests.AllowedSigners(ledger.Verifiers{own}); err != nil {
		return err
	}
	for path, text := range over {
		if files[path] = text; text == "" {
			delete(files, path)
		}
	}
	if text, ok := files["lapse.yaml"]; ok {
		files["lapse.yaml"] = strings.Replace(text, exampleVault, s.Vault, 1)
	}
	if err := s.AddRepo(Repo, githubtest.RepoOptions{Files: files}); err != nil {
		return err
	}
	for login, permission := range map[string]string{"alice": "push", "bob": "push", "carol": "push", "dan": "push", "mallory": "admin"} {
		s.AddCollaborator(Repo, login, permission)
	}
	return nil
}

// Environment is what the command is to find in its environment.
func (s *Stage) Environment(cache string) map[string]string {
	return map[string]string{
		"GITHUB_REPOSITORY": Repo,
		"GITHUB_API_URL":    s.APIURL(),
		"GITHUB_SERVER_URL": s.URL(),
		"LAPSE_TOKEN":       s.Token(Bot),
		"LAPSE_SIGNING_KEY": string(s.Key),
		"XDG_CACHE_HOME":    cache,
	}
}
