package githubtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// commit is a commit object as git stores it.
type commit struct {
	sha, tree         string
	parents           []string
	author, committer person
	message           string
	signature         string
}

// ref reads a reference; "" when there is none. The server never packs references, so a file tells.
func (r *repo) ref(name string) string {
	b, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	if err != nil {
		return ""
	}
	sha := strings.TrimSpace(string(b))
	if len(sha) != len(zeroSHA) {
		return ""
	}
	return sha
}

func (r *repo) branch(name string) string {
	if name == "" || strings.Contains(name, "..") {
		return ""
	}
	return r.ref("refs/heads/" + name)
}

// refs lists the references below a prefix, sorted by name.
func (s *Server) refs(r *repo, prefix string) ([]refValue, error) {
	out, err := s.git(r).run("for-each-ref", "--format=%(objectname) %(refname)", prefix)
	if err != nil {
		return nil, err
	}
	var refs []refValue
	for line := range strings.Lines(string(out)) {
		sha, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs = append(refs, refValue{name, sha})
	}
	return refs, nil
}

type refValue struct{ name, sha string }

// resolve finds the commit that a branch name, a full ref or a SHA means; "" when there is none.
func (s *Server) resolve(r *repo, name string) string {
	if sha := r.branch(strings.TrimPrefix(name, "refs/heads/")); sha != "" {
		return sha
	}
	if sha := r.branch(strings.TrimPrefix(name, "heads/")); sha != "" {
		return sha
	}
	if strings.HasPrefix(name, "-") {
		return ""
	}
	sha, err := s.git(r).line("rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return ""
	}
	return sha
}

// commits reads commit objects, in the order asked.
func (s *Server) commits(r *repo, shas []string) ([]commit, error) {
	if len(shas) == 0 {
		return nil, nil
	}
	out, err := s.git(r).input(strings.NewReader(strings.Join(shas, "\n")+"\n")).run("cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(bytes.NewReader(out))
	commits := make([]commit, 0, len(shas))
	for range shas {
		head, err := in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("git cat-file --batch in %s: %w", r.fullName(), err)
		}
		f := strings.Fields(head)
		if len(f) != 3 || f[1] != "commit" {
			return nil, fmt.Errorf("git cat-file --batch in %s: %q is not a commit", r.fullName(), strings.TrimSpace(head))
		}
		n, err := strconv.Atoi(f[2])
		if err != nil {
			return nil, fmt.Errorf("git cat-file --batch in %s: size %q", r.fullName(), f[2])
		}
		body := make([]byte, n+1)
		if _, err := io.ReadFull(in, body); err != nil {
			return nil, fmt.Errorf("git cat-file --batch in %s: %w", r.fullName(), err)
		}
		commits = append(commits, parseCommit(f[0], string(body[:n])))
	}
	return commits, nil
}

func (s *Server) commit(r *repo, sha string) (commit, error) {
	list, err := s.commits(r, []string{sha})
	if err != nil {
		return commit{}, err
	}
	return list[0], nil
}

func parseCommit(sha, raw string) commit {
	c := commit{sha: sha}
	head, message, _ := strings.Cut(raw, "\n\n")
	c.message = message
	var last string
	for line := range strings.SplitSeq(head, "\n") {
		if rest, continued := strings.CutPrefix(line, " "); continued {
			if last == "gpgsig" {
				c.signature += "\n" + rest
			}
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		last = key
		switch key {
		case "tree":
			c.tree = value
		case "parent":
			c.parents = append(c.parents, value)
		case "author":
			c.author = parsePerson(value)
		case "committer":
			c.committer = parsePerson(value)
		case "gpgsig":
			c.signature = value
		}
	}
	return c
}

func parsePerson(s string) person {
	name, rest, _ := strings.Cut(s, "<")
	email, when, _ := strings.Cut(rest, ">")
	p := person{name: strings.TrimSpace(name), email: email}
	if f := strings.Fields(when); len(f) > 0 {
		sec, _ := strconv.ParseInt(f[0], 10, 64) // a commit may carry any date; an unreadable one is the epoch
		p.at = time.Unix(sec, 0).UTC()
	}
	return p
}

// commitTree writes a commit object.
func (g gitCommand) commitTree(tree, message string, parents ...string) (string, error) {
	args := []string{"commit-tree", tree}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	return g.input(strings.NewReader(message)).line(args...)
}

// mergeTree is the tree of merging theirs into ours; conflict says that it could not be done without a person.
func (g gitCommand) mergeTree(ours, theirs string) (tree string, conflict bool, err error) {
	out, err := g.run("merge-tree", "--write-tree", "--no-messages", "--allow-unrelated-histories", ours, theirs)
	clean, err := exitedClean(err)
	if err != nil {
		return "", false, err
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first, !clean, nil
}
