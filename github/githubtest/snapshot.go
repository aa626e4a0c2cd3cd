package githubtest

import (
	"slices"
	"time"
)

// Pull is a pull request at one moment, for assertions.
type Pull struct {
	Number      int
	Title       string
	Author      string
	State       string // open or closed
	Draft       bool
	Head        string // SHA
	HeadRef     string
	BaseRef     string
	Merged      bool
	MergedAt    time.Time
	MergedBy    string
	MergeCommit string
	Labels      []string
	Requested   []string // logins and "@org/team" asked for a review
	Reviews     []Review
	Comments    []Comment
}

// Review is one review of a Pull. Author is "" for a deleted account.
type Review struct {
	ID        int64
	Author    string
	State     string
	Body      string
	Commit    string
	Submitted time.Time
}

// Comment is one comment of a Pull or an issue.
type Comment struct {
	ID      int64
	Author  string
	Body    string
	Created time.Time
	Updated time.Time
}

// Activity is one entry of the record of who moved a branch.
type Activity struct {
	Ref           string
	Before, After string
	At            time.Time
	Kind          string
	Actor         string
}

// Status is one commit status.
type Status struct {
	Context, State, Description, Creator string
}

// CheckRun is one check run of a commit, with its latest content.
type CheckRun struct {
	ID                   int64
	Name                 string
	Status, Conclusion   string
	Title, Summary, Text string
	Annotations          int
	App                  int64
}

// Pull is the pull request of that number. An unknown one panics.
func (s *Server) Pull(fullName string, number int) Pull {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustRepo(fullName).pulls[number]
	if p == nil {
		panic("githubtest: no such pull request in " + fullName)
	}
	out := Pull{Number: p.number, Title: p.title, Author: login(p.author), State: p.state, Draft: p.draft, Head: p.head,
		HeadRef: p.headRef, BaseRef: p.baseRef, Merged: p.merged != nil, MergedBy: login(p.mergedBy), Comments: comments(p.issue)}
	if p.merged != nil {
		out.MergedAt, out.MergeCommit = *p.merged, p.mergeCommit
	}
	for _, l := range p.labels {
		out.Labels = append(out.Labels, l.name)
	}
	for _, a := range p.reviewers {
		out.Requested = append(out.Requested, a.login)
	}
	for _, t := range p.reviewerTeams {
		out.Requested = append(out.Requested, "@"+t.org.account.login+"/"+t.slug)
	}
	for _, v := range p.reviews {
		out.Reviews = append(out.Reviews, Review{v.id, login(v.author), v.state, v.body, v.commit, v.submitted})
	}
	return out
}

// Pulls lists the numbers of all pull requests of a repository, oldest first.
func (s *Server) Pulls(fullName string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers []int
	for n := range s.mustRepo(fullName).pulls {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}

// Comments lists the comments of an issue or pull request.
func (s *Server) Comments(fullName string, number int) []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mustRepo(fullName).issues[number]
	if i == nil {
		panic("githubtest: no such issue in " + fullName)
	}
	return comments(i)
}

func comments(i *issue) []Comment {
	var list []Comment
	for _, c := range i.comments {
		list = append(list, Comment{c.id, login(c.author), c.body, c.created, c.updated})
	}
	return list
}

func login(a *account) string {
	if a == nil || a.deleted {
		return ""
	}
	return a.login
}

// Branch is the commit of a branch; "" when there is none.
func (s *Server) Branch(fullName, branch string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustRepo(fullName).branch(branch)
}

// File is the text of a file at a branch or commit, and whether there is one.
func (s *Server) File(fullName, at, path string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	sha := s.resolve(r, at)
	if sha == "" {
		return "", false
	}
	out, err := s.git(r).run("cat-file", "blob", sha+":"+path)
	return string(out), err == nil
}

// Activity is the record of who moved the branches of a repository, oldest first.
func (s *Server) Activity(fullName string) []Activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Activity
	for _, a := range s.mustRepo(fullName).activity {
		list = append(list, Activity{a.ref, a.before, a.after, a.at, a.kind, login(a.actor)})
	}
	return list
}

// Members lists the logins of a team's active members, those of its child teams included; Invited lists the pending.
func (s *Server) Members(org, slug string) []string { return s.teamLogins(org, slug, active) }

// Invited lists the logins of a team's pending members.
func (s *Server) Invited(org, slug string) []string { return s.teamLogins(org, slug, pending) }

func (s *Server) teamLogins(org, slug string, st state) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mustTeam(org, slug)
	var logins []string
	for _, m := range t.org.membersOf(t, st) {
		logins = append(logins, m.account.login)
	}
	slices.Sort(logins)
	return logins
}

// Collaborators tells the direct collaborators of a repository and the permission of each: read, triage, write, maintain
// or admin.
func (s *Server) Collaborators(fullName string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	for id, have := range s.mustRepo(fullName).collaborators {
		found[s.accounts[id].login] = roleNames[have]
	}
	return found
}

// Invitations tells who is invited to a repository, and to which permission.
func (s *Server) Invitations(fullName string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	for _, i := range s.mustRepo(fullName).invitations {
		found[i.invitee.login] = roleNames[i.role]
	}
	return found
}

// Statuses lists the latest status of each context of a commit, newest first.
func (s *Server) Statuses(fullName, sha string) []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Status
	for _, st := range s.mustRepo(fullName).latestStatuses(sha) {
		list = append(list, Status{st.context, st.state, st.description, login(st.creator)})
	}
	return list
}

// CheckRuns lists the check runs of a commit, oldest first.
func (s *Server) CheckRuns(fullName, sha string) []CheckRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []CheckRun
	for _, c := range s.mustRepo(fullName).checks[sha] {
		list = append(list, CheckRun{c.id, c.name, c.status, c.conclusion, c.title, c.summary, c.text, len(c.annotations), c.app.id})
	}
	return list
}
