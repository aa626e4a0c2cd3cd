package githubtest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxPack bounds what a push or fetch may send, in bytes.
const maxPack = 256 << 20

// gitRequest is a path of git's smart HTTP protocol (https://git-scm.com/docs/http-protocol).
type gitRequest struct {
	repo    string // lower case owner/name
	suffix  string // info/refs, git-upload-pack or git-receive-pack
	service string
}

// gitPath tells git's requests from the API's: /owner/name.git/..., or without .git before git's own suffixes.
func gitPath(path string) (gitRequest, bool) {
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if len(parts) != 3 {
		return gitRequest{}, false
	}
	name, dotted := strings.CutSuffix(parts[1], ".git")
	isService := parts[2] == "info/refs" || parts[2] == "git-upload-pack" || parts[2] == "git-receive-pack"
	if !dotted && !isService {
		return gitRequest{}, false
	}
	return gitRequest{repo: strings.ToLower(parts[0] + "/" + name), suffix: parts[2]}, true
}

func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, g gitRequest) {
	g.service = g.suffix
	if g.suffix == "info/refs" {
		g.service = r.URL.Query().Get("service")
	}
	if g.service != "git-upload-pack" && g.service != "git-receive-pack" {
		http.Error(w, "Please upgrade your git client.", http.StatusForbidden)
		return
	}
	rp, who, status := s.admitGit(r, g)
	if status != 0 {
		refuseGit(w, status)
		return
	}
	body, err := packBody(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	protocol := r.Header.Get("Git-Protocol")
	var out []byte
	switch {
	case g.suffix == "info/refs":
		out, err = s.advertise(rp, g.service, protocol)
		w.Header().Set("Content-Type", "application/x-"+g.service+"-advertisement")
	case g.service == "git-receive-pack":
		out, err = s.receive(rp, who, body)
		w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	default:
		out, err = s.git(rp).with("GIT_PROTOCOL="+protocol).input(bytes.NewReader(body)).run("upload-pack", "--stateless-rpc", ".")
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	}
	var failed *gitError
	if err != nil {
		s.mu.Lock()
		s.logf("githubtest: %s %s: %v", r.Method, r.URL.Path, err)
		s.mu.Unlock()
		// git tells the client in the stream what it refuses; a failure without a word is the server's.
		if !errors.As(err, &failed) || len(out) == 0 {
			http.Error(w, "git failed", http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(out) // the client is gone: nobody is left to tell
}

// admitGit answers an HTTP status when the caller may not do what they ask, otherwise 0.
func (s *Server) admitGit(r *http.Request, g gitRequest) (*repo, caller, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, err := s.authenticate(r)
	recordOf(r).Who = who.name()
	var refused *apiError
	if errors.As(err, &refused) {
		return nil, who, refused.status
	}
	rp := s.repos[g.repo]
	have := noRole
	if rp != nil {
		have = s.roleIn(who, rp)
	}
	writes := g.service == "git-receive-pack"
	switch {
	case who.anonymous() && (have < readRole || writes):
		return nil, who, http.StatusUnauthorized
	case have < readRole || !who.permitted("contents", "read"):
		return nil, who, http.StatusNotFound
	case writes && (have < writeRole || !who.permitted("contents", "write")):
		return nil, who, http.StatusForbidden
	}
	return rp, who, 0
}

func refuseGit(w http.ResponseWriter, status int) {
	text := map[int]string{http.StatusUnauthorized: "Repository not found.", http.StatusNotFound: "Repository not found.",
		http.StatusForbidden: "Write access to repository not granted."}[status]
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

func packBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body := io.Reader(http.MaxBytesReader(w, r.Body, maxPack))
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("read gzip body: %w", err)
		}
		body = io.LimitReader(z, maxPack)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return b, nil
}

func (s *Server) advertise(r *repo, service, protocol string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range r.pulls {
		if err := s.refreshMerge(p); err != nil {
			return nil, err
		}
	}
	out, err := s.git(r).with("GIT_PROTOCOL="+protocol).run(strings.TrimPrefix(service, "git-"), "--stateless-rpc", "--http-backend-info-refs", ".")
	if err != nil {
		return nil, err
	}
	if strings.Contains(protocol, "version=2") && service == "git-upload-pack" {
		return out, nil
	}
	line := "# service=" + service + "\n"
	return append(fmt.Appendf(nil, "%04x%s0000", len(line)+4, line), out...), nil
}

// receive runs a push under the rules that protect branches, and records the references that it moved.
func (s *Server) receive(r *repo, who caller, body []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	commands, err := pushCommands(body)
	if err != nil {
		return nil, err
	}
	var rules []string
	before := map[string]string{}
	for _, c := range commands {
		before[c.ref] = r.ref(c.ref)
		for _, rule := range s.pushRules(who, r, c.ref, orEmpty(c.to)) {
			rules = append(rules, rule.rule+" "+rule.ref+" "+rule.message)
		}
	}
	out, pushErr := s.git(r).with("GITHUBTEST_RULES="+strings.Join(rules, "\n")).input(bytes.NewReader(body)).run("receive-pack", "--stateless-rpc", ".")
	for _, c := range commands {
		if now := r.ref(c.ref); now != before[c.ref] {
			if err := s.moved(r, who.account, refMove{c.ref, before[c.ref], now, ""}); err != nil {
				return nil, err
			}
		}
	}
	return out, pushErr
}

// pushCommands reads the list of references that a push begins with: pkt-lines "old new ref", up to a flush.
func pushCommands(body []byte) ([]refMove, error) {
	var commands []refMove
	for len(body) >= 4 {
		n, err := strconv.ParseUint(string(body[:4]), 16, 16)
		if err != nil || int(n) > len(body) || (n > 0 && n < 4) {
			return nil, errors.New("malformed pkt-line in push")
		}
		if n == 0 {
			return commands, nil
		}
		line, _, _ := strings.Cut(strings.TrimSuffix(string(body[4:n]), "\n"), "\x00")
		if f := strings.SplitN(line, " ", 3); len(f) == 3 {
			commands = append(commands, refMove{ref: f[2], from: f[0], to: f[1]})
		}
		body = body[n:]
	}
	return nil, errors.New("push ends before its first flush")
}
