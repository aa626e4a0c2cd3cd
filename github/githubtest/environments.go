package githubtest

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/crypto/nacl/box"
)

// environment is a deployment environment: which branches may use it, and the secrets that it holds for them.
type environment struct {
	id       int64
	name     string
	at       time.Time
	policy   *branchPolicy
	branches []object // deployment-branch-policy
	secrets  map[string]envSecret
	public   *[32]byte
	private  *[32]byte
}

// branchPolicy is which branches may use an environment; nil means all.
type branchPolicy struct {
	Protected bool `json:"protected_branches"`
	Custom    bool `json:"custom_branch_policies"`
}

type envSecret struct {
	at    time.Time
	value string
}

const environmentDoc = "deployments/environments"

// environmentFor is the environment of the path, if the caller may see or change it.
func (x *exchange) environmentFor(permission, level string, min role) (*repo, *environment, error) {
	r, err := x.repoFor(permission, level, min)
	if err != nil {
		return nil, nil, err
	}
	e := r.environments[x.path("environment")]
	if e == nil {
		return r, nil, notFound(environmentDoc)
	}
	return r, e, nil
}

func (x *exchange) getEnvironment() (reply, error) {
	r, e, err := x.environmentFor("actions", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	return ok(x.environmentJSON(r, e))
}

func (x *exchange) putEnvironment() (reply, error) {
	r, err := x.repoFor("administration", "write", adminRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Policy *branchPolicy `json:"deployment_branch_policy"`
	}
	if err := x.decodeOptional(&ask); err != nil {
		return reply{}, err
	}
	if ask.Policy != nil && ask.Policy.Custom == ask.Policy.Protected {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Validation Failed", doc: environmentDoc}
	}
	name := x.path("environment")
	e := r.environments[name]
	if e == nil {
		public, private, err := box.GenerateKey(rand.Reader)
		if err != nil {
			return reply{}, err
		}
		e = &environment{id: x.newID(), name: name, at: x.tick(), secrets: map[string]envSecret{}, public: public, private: private}
		if r.environments == nil {
			r.environments = map[string]*environment{}
		}
		r.environments[name] = e
	}
	e.policy = ask.Policy
	return ok(x.environmentJSON(r, e))
}

func (x *exchange) listBranchPolicies() (reply, error) {
	_, e, err := x.environmentFor("actions", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	from, to := x.pageOf(len(e.branches))
	return ok(object{"total_count": len(e.branches), "branch_policies": append([]object{}, e.branches[from:to]...)})
}

func (x *exchange) createBranchPolicy() (reply, error) {
	_, e, err := x.environmentFor("administration", "write", adminRole)
	if err != nil {
		return reply{}, err
	}
	if e.policy == nil || !e.policy.Custom {
		return reply{}, notFound(environmentDoc)
	}
	var ask struct{ Name, Type string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if ask.Type == "" {
		ask.Type = "branch"
	}
	x.tick()
	id := x.newID()
	made := object{"id": id, "node_id": nodeID("GateBranchPolicy", id), "name": ask.Name, "type": ask.Type}
	e.branches = append(e.branches, made)
	return ok(made)
}

func (x *exchange) listEnvironmentSecrets() (reply, error) {
	_, e, err := x.environmentFor("environments", "read", writeRole)
	if err != nil {
		return reply{}, err
	}
	names := slices.Sorted(maps.Keys(e.secrets))
	from, to := x.pageOf(len(names))
	return ok(object{"total_count": len(names), "secrets": each(names[from:to], func(name string) object {
		return object{"name": name, "created_at": stamp(e.secrets[name].at), "updated_at": stamp(e.secrets[name].at)}
	})})
}

func (x *exchange) getEnvironmentKey() (reply, error) {
	_, e, err := x.environmentFor("environments", "read", writeRole)
	if err != nil {
		return reply{}, err
	}
	return ok(object{"key_id": itoa(e.id), "key": base64.StdEncoding.EncodeToString(e.public[:])})
}

// putEnvironmentSecret opens what the client sealed: what cannot be opened is refused, as GitHub would find out too.
func (x *exchange) putEnvironmentSecret() (reply, error) {
	_, e, err := x.environmentFor("environments", "write", adminRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Value string `json:"encrypted_value"`
		Key   string `json:"key_id"`
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	sealed, err := base64.StdEncoding.DecodeString(ask.Value)
	value, opened := box.OpenAnonymous(nil, sealed, e.public, e.private)
	if err != nil || !opened || ask.Key != itoa(e.id) {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Validation Failed", doc: "actions/secrets"}
	}
	_, there := e.secrets[x.path("name")]
	e.secrets[x.path("name")] = envSecret{at: x.tick(), value: string(value)}
	if there {
		return noContent()
	}
	return created(object{})
}

// environmentJSON is schema environment.
func (x *exchange) environmentJSON(r *repo, e *environment) object {
	o := object{"id": e.id, "node_id": nodeID("Environment", e.id), "name": e.name, "url": x.repoURL(r) + "/environments/" + e.name,
		"html_url": x.repoPage(r) + "/deployments/activity_log?environments_filter=" + e.name, "created_at": stamp(e.at), "updated_at": stamp(e.at),
		"protection_rules": []object{}, "deployment_branch_policy": nil}
	if e.policy != nil {
		o["protection_rules"] = []object{{"id": e.id, "node_id": nodeID("GateBranchPolicy", e.id), "type": "branch_policy"}}
		o["deployment_branch_policy"] = object{"protected_branches": e.policy.Protected, "custom_branch_policies": e.policy.Custom}
	}
	return o
}

// Secrets are what an environment of a repository holds; none if it does not exist.
func (s *Server) Secrets(fullName, environment string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	if e := s.mustRepo(fullName).environments[environment]; e != nil {
		for name, secret := range e.secrets {
			out[name] = secret.value
		}
	}
	return out
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func sameID(s string, id int64) bool { return s == itoa(id) }

// Seal puts secrets of some value into an environment.
func (s *Server) Seal(fullName, environment string, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.mustRepo(fullName).environments[environment]
	if e == nil {
		panic("githubtest: " + fullName + " has no environment " + environment)
	}
	for _, name := range names {
		e.secrets[name] = envSecret{at: s.tick(), value: name}
	}
}
