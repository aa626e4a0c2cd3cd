package chaos

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// admin pushes to main past everything.
func (w *World) admin(what string, files map[string]string) {
	if len(files) == 0 {
		return
	}
	if _, err := w.As(mallory).PushFiles(stage.Repo, "main", "", files, what); err != nil {
		w.say("mallory cannot push: %v", err)
		return
	}
	w.say("mallory pushes to main: %s", words(files))
	w.moved(nil, w.Clock())
}

func (w *World) adminGrants(rng *rand.Rand, kind Kind) {
	files := map[string]string{}
	here := sorted(w.main().grants)
	switch {
	case kind == AdminGrant:
		files["grants/"+pick(rng, ids)+".yaml"] = w.grant(rng).text
	case kind == AdminPoison:
		files["grants/"+pick(rng, []string{"alice-1.yaml", "bob-2.yaml", "note.txt"})] = "user: [\n"
	case len(here) == 0:
	case kind == AdminEdit:
		id := pick(rng, here)
		if files["grants/"+id+".yaml"] = extended(rng, w.main().grants[id]).text; rng.IntN(3) == 0 {
			files["grants/"+id+".yaml"] = w.grant(rng).text
		}
	case rng.IntN(4) == 0:
		for _, id := range here {
			files["grants/"+id+".yaml"] = ""
		}
	default:
		files["grants/"+pick(rng, here)+".yaml"] = ""
	}
	w.admin(string(kind), files)
}

func (w *World) adminConfiguration(rng *rand.Rand) {
	c := w.oracle.approved
	if c == w.main().configuration {
		c = w.otherConfiguration(rng)
	}
	w.admin("configuration", w.render(c))
}

// leave takes somebody out of a team, or brings them back. What they approved and is not judged yet may go either way once they are back.
func (w *World) leave(rng *rand.Rand) {
	team, who := "data-platform", "carol"
	if rng.IntN(2) == 0 {
		team, who = "engineering", "bob"
	}
	in := w.oracle.teams[team]
	if in[who] {
		w.RemoveMember(stage.Org, team, who)
	} else {
		w.AddMember(stage.Org, team, who, "active")
	}
	if in[who] {
		delete(in, who)
	} else {
		in[who] = true
	}
	w.say("%s in %s: %v", who, team, in[who])
	for _, v := range w.oracle.versions {
		v.doubt = v.doubt || v.verdict == ""
	}
	for _, a := range w.oracle.arrivals {
		if a.pull != nil && a.verdict == "" {
			a.pull.doubt = true
		}
	}
}

// hand gives or takes at a target what Lapse knows nothing of.
func (w *World) hand(rng *rand.Rand, give bool) {
	if !give {
		for h := range w.oracle.byHand {
			if !w.held()[h] {
				delete(w.oracle.byHand, h)
			}
		}
	}
	h := holding{pick(rng, []string{"vault/db", "vault/staging", "vault/door", "github/prod-oncall"}), pick(rng, []string{"alice", "bob", "dan"})}
	if w.o.One && h.entitlement == "github/prod-oncall" {
		h.entitlement = "vault/db"
	}
	switch {
	case give && !w.oracle.ever[h] && !w.held()[h]:
		w.atTarget(h, true)
		w.oracle.byHand[h] = true
	case !give && w.oracle.byHand[h]:
		w.atTarget(h, false)
		delete(w.oracle.byHand, h)
	}
}

func (w *World) atTarget(h holding, give bool) {
	w.say("by hand: %s: %v", h, give)
	name, isVault := strings.CutPrefix(h.entitlement, "vault/")
	switch {
	case isVault:
		w.editVault(func(v *vaultFile) {
			v.Holdings[name] = slices.DeleteFunc(v.Holdings[name], func(a vaultAccount) bool { return a.Account == h.account })
			if give {
				v.Holdings[name] = append(v.Holdings[name], vaultAccount{Account: h.account})
			}
			if len(v.Holdings[name]) == 0 {
				delete(v.Holdings, name)
			}
		})
	case give:
		w.AddMember(stage.Org, "prod-oncall", h.account, "active")
	default:
		w.RemoveMember(stage.Org, "prod-oncall", h.account)
	}
}
