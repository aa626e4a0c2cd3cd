package githubtest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// User says what is special about an account. The zero value is an ordinary person with the next free id.
type User struct {
	ID        int64
	Name      string
	Email     string // links commits to the account; "" means the noreply address
	Bot       bool
	Suspended bool
}

type account struct {
	id        int64
	login     string
	name      string
	email     string
	kind      string // User, Organization or Bot
	suspended *time.Time
	deleted   bool
	created   time.Time
}

const ghostID = 10137

// AddUser creates an account and returns its numeric id.
func (s *Server) AddUser(login string, u User) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addAccount(login, u).id
}

func (s *Server) addAccount(login string, u User) *account {
	if s.logins[strings.ToLower(login)] != nil {
		panic("githubtest: login " + login + " is taken")
	}
	id := u.ID
	if id == 0 {
		id = s.newID()
	}
	if s.accounts[id] != nil {
		panic("githubtest: account id " + strconv.FormatInt(id, 10) + " is taken")
	}
	a := &account{id: id, login: login, name: u.Name, email: u.Email, kind: "User", created: s.tick()}
	if u.Bot {
		a.kind = "Bot"
	}
	if u.Suspended {
		at := a.created
		a.suspended = &at
	}
	s.accounts[id] = a
	s.logins[strings.ToLower(login)] = a
	return a
}

// RenameUser gives an account another login. The old one is free for anybody.
func (s *Server) RenameUser(login, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.mustAccount(login)
	if other := s.logins[strings.ToLower(to)]; other != nil && other != a {
		panic("githubtest: login " + to + " is taken")
	}
	s.tick()
	delete(s.logins, strings.ToLower(a.login))
	a.login = to
	s.logins[strings.ToLower(to)] = a
}

// DeleteUser deletes an account: it leaves every team, organization and repository, its tokens stop working, its reviews
// lose their user, and its login is free for another account.
func (s *Server) DeleteUser(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.mustAccount(login)
	s.tick()
	delete(s.logins, strings.ToLower(a.login))
	a.deleted = true
	for _, o := range s.orgs {
		o.remove(a.id)
	}
	for _, r := range s.repos {
		delete(r.collaborators, a.id)
	}
	for secret, t := range s.tokens {
		if t.account == a {
			delete(s.tokens, secret)
		}
	}
}

// SuspendUser suspends an account: its tokens are refused and its profile says so.
func (s *Server) SuspendUser(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.tick()
	s.mustAccount(login).suspended = &at
}

// UnsuspendUser lifts a suspension.
func (s *Server) UnsuspendUser(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	s.mustAccount(login).suspended = nil
}

// UserID is the numeric id of an account.
func (s *Server) UserID(login string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustAccount(login).id
}

func (s *Server) mustAccount(login string) *account {
	a := s.account(login)
	if a == nil {
		panic("githubtest: no account " + login)
	}
	return a
}

func (s *Server) account(login string) *account { return s.logins[strings.ToLower(login)] }

func (a *account) isOrg() bool { return a.kind == "Organization" }

// address is the e-mail that web-made commits carry.
func (a *account) address() string {
	if a.email != "" {
		return a.email
	}
	return fmt.Sprintf("%d+%s@users.noreply.github.com", a.id, a.login)
}

func (a *account) displayName() string {
	if a.name != "" {
		return a.name
	}
	return a.login
}

// accountByEmail links a commit to an account as GitHub does; nil when nobody owns the address.
func (s *Server) accountByEmail(email string) *account {
	for _, a := range s.accounts {
		if !a.deleted && !a.isOrg() && strings.EqualFold(a.address(), email) {
			return a
		}
	}
	return nil
}

func (x *exchange) getUser() (reply, error) {
	a := x.account(x.path("login"))
	if a == nil {
		return reply{}, notFound("users/users#get-a-user")
	}
	return ok(x.publicUser(a))
}

func (x *exchange) getUserByID() (reply, error) {
	id, err := strconv.ParseInt(x.path("id"), 10, 64)
	a := x.accounts[id]
	if err != nil || a == nil || a.deleted {
		return reply{}, notFound("users/users#get-a-user-using-their-id")
	}
	return ok(x.publicUser(a))
}

func (x *exchange) getAuthenticatedUser() (reply, error) {
	if x.who.account == nil {
		return reply{}, requiresAuthentication()
	}
	if x.who.app != nil {
		return reply{}, forbidden("Resource not accessible by integration", "users/users#get-the-authenticated-user")
	}
	return ok(x.privateUser(x.who.account))
}
