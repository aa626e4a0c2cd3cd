package githubtest

import (
	"cmp"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// ruleset is a repository's own set of rules for branches
// (https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets).
type ruleset struct {
	id          int64
	at          time.Time
	Name        string
	Target      string
	Enforcement string
	Conditions  struct {
		RefName struct{ Include, Exclude []string } `json:"ref_name"`
	}
	Bypass []bypassActor `json:"bypass_actors"`
	Rules  []rule
}

type bypassActor struct {
	ID   *int64 `json:"actor_id"`
	Type string `json:"actor_type"`
	Mode string `json:"bypass_mode"`
}

type rule struct {
	Type       string
	Parameters object
}

// protection is what a rule that speaks of pull requests or checks demands.
func (rl rule) protection() *Protection {
	p := &Protection{RequirePull: rl.Type == "pull_request"}
	if n, given := rl.Parameters["required_approving_review_count"].(float64); given {
		p.RequiredReviews = int(n)
	}
	p.Strict, _ = rl.Parameters["strict_required_status_checks_policy"].(bool)
	checks, _ := rl.Parameters["required_status_checks"].([]any)
	for _, c := range checks {
		check, _ := c.(object)
		required := RequiredCheck{}
		required.Context, _ = check["context"].(string)
		if id, given := check["integration_id"].(float64); given {
			required.App = int64(id)
		}
		p.RequiredChecks = append(p.RequiredChecks, required)
	}
	return p
}

// applies says whether a set is about a branch. A set that is only evaluated or disabled is about none.
func (set *ruleset) applies(r *repo, branch string) bool {
	if set.Enforcement != "active" || set.Target != "branch" {
		return false
	}
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			like, _ := path.Match(p, "refs/heads/"+branch)
			return like || p == "~ALL" || p == "~DEFAULT_BRANCH" && branch == r.defaultBranch
		})
	}
	return matches(set.Conditions.RefName.Include) && !matches(set.Conditions.RefName.Exclude)
}

// The ids that GitHub gives to its roles in a repository.
var roleIDs = map[int64]role{1: readRole, 2: maintainRole, 3: triageRole, 4: writeRole, 5: adminRole}

// binds says whether a set is in the way of a caller. An actor whose mode is pull_request is free of it in merges alone.
func (s *Server) binds(set *ruleset, c caller, r *repo, merging bool) bool {
	return !slices.ContainsFunc(set.Bypass, func(b bypassActor) bool {
		if b.Mode == "pull_request" && !merging {
			return false
		}
		switch b.Type {
		case "Integration":
			return c.app != nil && b.ID != nil && *b.ID == c.app.id
		case "OrganizationAdmin":
			o := s.orgs[r.owner.id]
			m := (*membership)(nil)
			if o != nil && c.account != nil {
				m = o.activeMember(c.account.id)
			}
			return c.app == nil && m != nil && m.role == "admin"
		case "RepositoryRole":
			return c.app == nil && b.ID != nil && s.roleIn(c, r) >= roleIDs[*b.ID]
		}
		return false
	})
}

// rulesetPush are the rules of the sets on moving a branch to a commit.
func (s *Server) rulesetPush(c caller, r *repo, ref, to string) []pushRule {
	branch, isBranch := strings.CutPrefix(ref, "refs/heads/")
	var rules []pushRule
	for _, set := range r.rulesets {
		if !isBranch || !set.applies(r, branch) || !s.binds(set, c, r, false) {
			continue
		}
		there := r.branch(branch) != ""
		for _, rl := range set.Rules {
			missing := s.missingChecks(r, rl.protection(), to)
			switch {
			case rl.Type == "deletion":
				rules = append(rules, pushRule{"keep", ref, "Cannot delete this branch"})
			case rl.Type == "non_fast_forward":
				rules = append(rules, pushRule{"forward", ref, "Cannot force-push to this branch"})
			case rl.Type == "creation" && !there:
				rules = append(rules, pushRule{"refuse", ref, "Cannot create ref due to creations being restricted."})
			case rl.Type == "update" && there:
				rules = append(rules, pushRule{"refuse", ref, "Cannot update this protected ref."})
			case rl.Type == "pull_request" && there:
				rules = append(rules, pushRule{"refuse", ref, "Changes must be made through a pull request."})
			case rl.Type == "required_status_checks" && there && missing != "":
				rules = append(rules, pushRule{"refuse", ref, missing})
			}
		}
	}
	return rules
}

// rulesetMerge says what the sets still ask of a pull request; "" when nothing.
func (x *exchange) rulesetMerge(p *pull) string {
	for _, set := range p.repo.rulesets {
		if !set.applies(p.repo, p.baseRef) || !x.binds(set, x.who, p.repo, true) {
			continue
		}
		for _, rl := range set.Rules {
			if rl.Type == "update" {
				return "Cannot update this protected ref."
			}
			if blocked := x.blockedBy(p, rl.protection()); blocked != "" {
				return blocked
			}
		}
	}
	return ""
}

const rulesDoc = "repos/rules"

func (x *exchange) createRuleset() (reply, error) {
	r, err := x.repoFor("administration", "write", adminRole)
	if err != nil {
		return reply{}, err
	}
	set := &ruleset{Target: "branch"}
	if err := x.decode(set); err != nil {
		return reply{}, err
	}
	if set.Name == "" || slices.ContainsFunc(r.rulesets, func(other *ruleset) bool { return other.Name == set.Name }) {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Validation Failed", doc: rulesDoc, errors: []any{"Name must be unique"}}
	}
	set.id, set.at = x.newID(), x.tick()
	r.rulesets = append(r.rulesets, set)
	return created(x.rulesetJSON(r, set, true))
}

func (x *exchange) listRulesets() (reply, error) {
	r, err := x.repoFor("metadata", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	return listOf(x, r.rulesets, func(set *ruleset) object { return x.rulesetJSON(r, set, false) })
}

func (x *exchange) getRuleset() (reply, error) {
	r, err := x.repoFor("metadata", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	for _, set := range r.rulesets {
		if sameID(x.path("id"), set.id) {
			return ok(x.rulesetJSON(r, set, true))
		}
	}
	return reply{}, notFound(rulesDoc)
}

func (x *exchange) deleteRuleset() (reply, error) {
	r, err := x.repoFor("administration", "write", adminRole)
	if err != nil {
		return reply{}, err
	}
	n := len(r.rulesets)
	r.rulesets = slices.DeleteFunc(r.rulesets, func(set *ruleset) bool { return sameID(x.path("id"), set.id) })
	if len(r.rulesets) == n {
		return reply{}, notFound(rulesDoc)
	}
	x.tick()
	return noContent()
}

// listBranchRules are the rules that are in force for a branch, set by set.
func (x *exchange) listBranchRules() (reply, error) {
	r, err := x.repoFor("metadata", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	list := []object{}
	for _, set := range slices.SortedFunc(slices.Values(r.rulesets), func(a, b *ruleset) int { return cmp.Compare(a.id, b.id) }) {
		if !set.applies(r, x.path("branch")) {
			continue
		}
		for _, rl := range set.Rules {
			list = append(list, merge(rl.json(), object{"ruleset_source_type": "Repository", "ruleset_source": r.fullName(), "ruleset_id": set.id}))
		}
	}
	return listOf(x, list, func(o object) object { return o })
}

func (rl rule) json() object {
	o := object{"type": rl.Type}
	if rl.Parameters != nil {
		o["parameters"] = rl.Parameters
	}
	return o
}

// rulesetJSON is schema repository-ruleset. Who is free of it is shown to those alone who may change it.
func (x *exchange) rulesetJSON(r *repo, set *ruleset, whole bool) object {
	url := x.repoURL(r) + "/rulesets/"
	o := object{"id": set.id, "name": set.Name, "target": set.Target, "source_type": "Repository", "source": r.fullName(), "enforcement": set.Enforcement,
		"node_id": nodeID("RepositoryRuleset", set.id), "created_at": stamp(set.at), "updated_at": stamp(set.at),
		"_links": object{"self": object{"href": url + itoa(set.id)}, "html": object{"href": x.repoPage(r) + "/rules/" + itoa(set.id)}}}
	if !whole {
		return o
	}
	o["conditions"] = object{"ref_name": object{"include": append([]string{}, set.Conditions.RefName.Include...), "exclude": append([]string{}, set.Conditions.RefName.Exclude...)}}
	o["rules"] = each(set.Rules, rule.json)
	if x.need(r, "administration", "write", adminRole) == nil {
		o["bypass_actors"] = each(set.Bypass, func(b bypassActor) object {
			return object{"actor_id": b.ID, "actor_type": b.Type, "bypass_mode": cmp.Or(b.Mode, "always")}
		})
	}
	return o
}
