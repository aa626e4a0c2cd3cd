package githubtest

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// RepoOptions says how a repository begins.
type RepoOptions struct {
	Public        bool
	DefaultBranch string // "" means main
	// Methods of merging that are allowed, of merge, squash and rebase; nil means all.
	Methods []string
	// DeleteBranchOnMerge deletes the head branch of a merged pull request.
	DeleteBranchOnMerge bool
	// Files of the first commit on the default branch; nil leaves the repository empty.
	Files map[string]string
}

type repo struct {
	id            int64
	owner         *account
	name          string
	dir           string
	private       bool
	defaultBranch string
	created       time.Time
	pushed        time.Time
	methods       map[string]bool
	deleteBranch  bool
	parent        *repo // of a fork

	collaborators map[int64]role
	teams         map[int64]role
	invitations   []*repoInvitation
	protections   map[string]*Protection // by branch

	activity   []*activity
	number     int // last issue or pull request
	pulls      map[int]*pull
	issues     map[int]*issue
	statuses   map[string][]*status   // by SHA
	checks     map[string][]*checkRun // by SHA
	labels     map[string]*label      // by lower-case name
	dispatches []Dispatch

	rulesets     []*ruleset
	environments map[string]*environment
	disabled     map[string]string // state of workflows that are not active, by file name
}

func (r *repo) fullName() string { return r.owner.login + "/" + r.name }

// AddRepo creates a repository, private unless the options say otherwise. It answers what git could not do.
func (s *Server) AddRepo(fullName string, o RepoOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.addRepo(fullName, o)
	if err != nil || o.Files == nil {
		return err
	}
	owner := r.owner
	if org := s.orgs[owner.id]; org != nil {
		owner = s.ownerOf(org)
	}
	sha, err := s.writeCommit(r, owner, Commit{Files: o.Files, Message: "Begin"})
	if err != nil {
		return err
	}
	return s.updateRef(r, owner, "refs/heads/"+r.defaultBranch, sha, "")
}

func (s *Server) addRepo(fullName string, o RepoOptions) (*repo, error) {
	owner, name, _ := strings.Cut(fullName, "/")
	key := strings.ToLower(fullName)
	if s.repos[key] != nil {
		panic("githubtest: repository " + fullName + " exists")
	}
	if o.DefaultBranch == "" {
		o.DefaultBranch = "main"
	}
	if o.Methods == nil {
		o.Methods = []string{"merge", "squash", "rebase"}
	}
	at := s.tick()
	r := &repo{id: s.newID(), owner: s.mustAccount(owner), name: name, private: !o.Public, defaultBranch: o.DefaultBranch,
		dir: filepath.Join(s.opt.Dir, key+".git"), created: at, pushed: at,
		methods: map[string]bool{}, deleteBranch: o.DeleteBranchOnMerge,
		collaborators: map[int64]role{}, teams: map[int64]role{}, protections: map[string]*Protection{},
		pulls: map[int]*pull{}, issues: map[int]*issue{}, statuses: map[string][]*status{}, checks: map[string][]*checkRun{}, labels: map[string]*label{}}
	for _, m := range o.Methods {
		r.methods[m] = true
	}
	if err := s.initBare(r.dir, r.defaultBranch); err != nil {
		return nil, err
	}
	s.repos[key] = r
	return r, nil
}

// AddFork makes a copy of a repository with all its branches under another owner, named as its parent.
func (s *Server) AddFork(fullName, owner string) (fork string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parent := s.mustRepo(fullName)
	fork = s.mustAccount(owner).login + "/" + parent.name
	r, err := s.addRepo(fork, RepoOptions{Public: !parent.private, DefaultBranch: parent.defaultBranch})
	if err != nil {
		return "", err
	}
	r.parent = parent
	_, err = s.git(r).run("fetch", "-q", "--no-tags", "--no-write-fetch-head", parent.dir, "+refs/heads/*:refs/heads/*")
	return fork, err
}

// DeleteRepo deletes a repository from the server. Pull requests from a deleted fork keep their commits.
func (s *Server) DeleteRepo(fullName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	s.tick()
	delete(s.repos, strings.ToLower(r.fullName()))
	for _, other := range s.repos {
		for _, p := range other.pulls {
			if p.headRepo == r {
				p.headRepo = nil
				if p.open() {
					p.close(s.last)
				}
			}
		}
	}
}

// RepoDir is the bare repository on disk, for reading it and for writing objects that no client would. References are
// the server's: move them through an Actor or git push, so that they are recorded.
func (s *Server) RepoDir(fullName string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustRepo(fullName).dir
}

// AddTeamToRepo gives a team a permission (pull, triage, push, maintain, admin) in a repository of its organization.
func (s *Server) AddTeamToRepo(fullName, slug, permission string) {
	granted, known := parseRole(permission)
	if !known {
		panic("githubtest: unknown permission " + permission)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	s.tick()
	r.teams[s.mustTeam(r.owner.login, slug).id] = granted
}

func (s *Server) mustRepo(fullName string) *repo {
	r := s.repos[strings.ToLower(fullName)]
	if r == nil {
		panic("githubtest: no repository " + fullName)
	}
	return r
}

// repoFor is the repository of the path, if the caller's token and role allow.
func (x *exchange) repoFor(permission, level string, min role) (*repo, error) {
	r := x.Server.repos[strings.ToLower(x.path("owner")+"/"+x.path("repo"))]
	if r == nil {
		return nil, notFound("")
	}
	return r, x.need(r, permission, level, min)
}

func (x *exchange) getRepo() (reply, error) {
	r, err := x.repoFor("metadata", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	return ok(x.fullRepo(r))
}

// listInstallationRepos is what an installation's token reaches.
func (x *exchange) listInstallationRepos() (reply, error) {
	if x.who.token == nil || x.who.app == nil {
		return reply{}, forbidden("You must authenticate with an installation access token in order to list repositories for an installation.", "")
	}
	var list []*repo
	for _, r := range x.Server.repos {
		if x.who.token.repos[r.id] || (x.who.token.repos == nil && x.who.token.installed == r.owner) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *repo) int { return cmp.Compare(a.id, b.id) })
	from, to := x.pageOf(len(list))
	return ok(object{"total_count": len(list), "repository_selection": "selected", "repositories": each(list[from:to], x.repoJSON)})
}
