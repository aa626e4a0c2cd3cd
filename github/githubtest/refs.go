package githubtest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// updateRef moves a reference that the caller has been allowed to move, records it and lets the pull requests follow.
// kind is the activity's type; "" means the push that the two commits show.
func (s *Server) updateRef(r *repo, by *account, ref, to, kind string) error {
	from := r.ref(ref)
	if from == to {
		return nil
	}
	var err error
	if to == "" {
		_, err = s.git(r).run("update-ref", "-d", ref, from)
	} else {
		_, err = s.git(r).run("update-ref", ref, to, zeroOr(from))
	}
	if err != nil {
		return err
	}
	return s.moved(r, by, refMove{ref, from, to, kind})
}

type refMove struct{ ref, from, to, kind string }

// moved records a reference that has moved and does what follows from it.
func (s *Server) moved(r *repo, by *account, m refMove) error {
	branch, isBranch := strings.CutPrefix(m.ref, "refs/heads/")
	if !isBranch {
		s.tick()
		return nil
	}
	if m.kind == "" {
		kind, err := s.pushKind(r, m.from, m.to)
		if err != nil {
			return err
		}
		m.kind = kind
	}
	at := s.tick()
	r.pushed = at
	r.activity = append(r.activity, &activity{id: s.newID(), ref: m.ref, before: zeroOr(m.from), after: zeroOr(m.to), at: at, kind: m.kind, actor: by})
	if err := s.headsFollow(r, branch, m.to, at); err != nil {
		return err
	}
	return s.mergedIndirectly(r, branch, by, m)
}

func (s *Server) pushKind(r *repo, from, to string) (string, error) {
	switch {
	case from == "":
		return "branch_creation", nil
	case to == "":
		return "branch_deletion", nil
	}
	forward, err := s.git(r).isAncestor(from, to)
	if err != nil || forward {
		return "push", err
	}
	return "force_push", nil
}

func zeroOr(sha string) string {
	if sha == "" {
		return zeroSHA
	}
	return sha
}

func orEmpty(sha string) string {
	if sha == zeroSHA {
		return ""
	}
	return sha
}

// headsFollow moves the open pull requests whose head is the branch, wherever they are; a deleted branch closes them.
func (s *Server) headsFollow(r *repo, branch, to string, at time.Time) error {
	for _, base := range s.repos {
		for _, p := range base.pulls {
			if p.headRepo != r || p.headRef != branch || !p.open() {
				continue
			}
			if to == "" {
				p.close(at)
				continue
			}
			if err := s.setHead(p, to, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// pushRule is a condition on one reference that a push must keep, in the words of the update hook: refuse any move,
// allow only forward moves, or keep the reference from being deleted.
type pushRule struct{ rule, ref, message string }

// pushRules are what protection says of moving a branch to a commit.
func (s *Server) pushRules(c caller, r *repo, ref, to string) []pushRule {
	branch, isBranch := strings.CutPrefix(ref, "refs/heads/")
	rules := s.rulesetPush(c, r, ref, to)
	p := r.protections[branch]
	if !isBranch || p == nil {
		return rules
	}
	if !p.AllowForcePushes {
		rules = append(rules, pushRule{"forward", ref, "Cannot force-push to this branch"})
	}
	if !p.AllowDeletions {
		rules = append(rules, pushRule{"keep", ref, "Cannot delete this branch"})
	}
	if s.bypasses(c, r, p) || r.branch(branch) == "" {
		return rules
	}
	if p.requiresPull() {
		return append(rules, pushRule{"refuse", ref, "Changes must be made through a pull request."})
	}
	if missing := s.missingChecks(r, p, to); missing != "" {
		rules = append(rules, pushRule{"refuse", ref, missing})
	}
	return rules
}

// mayMove asks of a move made here what the update hook asks of a git push.
func (s *Server) mayMove(c caller, r *repo, ref, to string) error {
	from := r.ref(ref)
	if strings.HasPrefix(ref, "refs/pull/") {
		return protectedBranch("deny updating a hidden ref")
	}
	if to == "" && ref == "refs/heads/"+r.defaultBranch {
		return protectedBranch("refusing to delete the current branch: " + ref)
	}
	for _, rule := range s.pushRules(c, r, ref, to) {
		refused := rule.rule == "refuse" || (rule.rule == "keep" && to == "")
		if rule.rule == "forward" && from != "" && to != "" {
			forward, err := s.git(r).isAncestor(from, to)
			if err != nil {
				return err
			}
			refused = !forward
		}
		if refused {
			return protectedBranch(fmt.Sprintf("Protected branch update failed for %s. %s", ref, rule.message))
		}
	}
	return nil
}

func protectedBranch(message string) error {
	return &apiError{status: http.StatusUnprocessableEntity, message: message, doc: "git/refs#update-a-reference"}
}

func (x *exchange) getRef() (reply, error) {
	r, err := x.repoFor("contents", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	ref := "refs/" + x.path("ref")
	sha := r.ref(ref)
	if sha == "" {
		return reply{}, notFound("git/refs#get-a-reference")
	}
	return ok(x.refJSON(r, refValue{ref, sha}))
}

func (x *exchange) listMatchingRefs() (reply, error) {
	r, err := x.repoFor("contents", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	all, err := x.refs(r, "refs")
	if err != nil {
		return reply{}, err
	}
	var list []refValue
	for _, v := range all {
		if strings.HasPrefix(v.name, "refs/"+x.path("ref")) {
			list = append(list, v)
		}
	}
	return listOf(x, list, func(v refValue) object { return x.refJSON(r, v) })
}

func (x *exchange) createRef() (reply, error) {
	const doc = "git/refs#create-a-reference"
	r, err := x.repoFor("contents", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct{ Ref, SHA string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	if !strings.HasPrefix(ask.Ref, "refs/") || strings.Count(ask.Ref, "/") < 2 || strings.Contains(ask.Ref, "..") {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Reference name must start with 'refs/'.", doc: doc}
	}
	if r.ref(ask.Ref) != "" {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Reference already exists", doc: doc}
	}
	return x.moveRef(r, ask.Ref, ask.SHA, true, http.StatusCreated)
}

func (x *exchange) patchRef() (reply, error) {
	r, err := x.repoFor("contents", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		SHA   string
		Force bool
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	ref := "refs/" + x.path("ref")
	if r.ref(ref) == "" {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Reference does not exist", doc: "git/refs#update-a-reference"}
	}
	return x.moveRef(r, ref, ask.SHA, ask.Force, http.StatusOK)
}

func (x *exchange) moveRef(r *repo, ref, to string, force bool, status int) (reply, error) {
	if !isSHA(to) || x.resolve(r, to) != to {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Object does not exist", doc: "git/refs"}
	}
	if from := r.ref(ref); from != "" && !force {
		forward, err := x.git(r).isAncestor(from, to)
		if err != nil {
			return reply{}, err
		}
		if !forward {
			return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Update is not a fast forward", doc: "git/refs#update-a-reference"}
		}
	}
	if err := x.mayMove(x.who, r, ref, to); err != nil {
		return reply{}, err
	}
	if err := x.updateRef(r, x.who.account, ref, to, ""); err != nil {
		return reply{}, err
	}
	return reply{status, x.refJSON(r, refValue{ref, to})}, nil
}

func (x *exchange) deleteRef() (reply, error) {
	r, err := x.repoFor("contents", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	ref := "refs/" + x.path("ref")
	if r.ref(ref) == "" {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Reference does not exist", doc: "git/refs#delete-a-reference"}
	}
	if err := x.mayMove(x.who, r, ref, ""); err != nil {
		return reply{}, err
	}
	if err := x.updateRef(r, x.who.account, ref, "", ""); err != nil {
		return reply{}, err
	}
	return noContent()
}

func isSHA(s string) bool {
	return len(s) == len(zeroSHA) && strings.Trim(s, "0123456789abcdef") == ""
}
