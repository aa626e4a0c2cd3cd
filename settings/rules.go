package settings

import "fmt"

func mainRules(f Facts) []Finding {
	if f.Hidden("rules") {
		return nil
	}
	g := f.Main
	var out []Finding
	add := func(bad bool, do, problem string, args ...any) {
		if bad {
			out = append(out, Finding{"rules", fmt.Sprintf(problem, args...), do})
		}
	}
	add(!g.KeepsHistory, f.fix(), "%s can be deleted or moved back: then giving stops until it is restored", f.Branch)
	add(!g.Pulls, f.fix(), "%s can be changed without a pull request: what is pushed there gives nothing, and can end grants", f.Branch)
	add(!g.Status, f.fix(), "a pull request can be merged whatever the status %s says: then it gives nothing, and whoever asked waits in vain", StatusContext)
	add(g.Status && g.StatusApp == 0, "name the App as its source in the repository's settings, under Rules", "anybody who may push can set the status %s: it has no source", StatusContext)
	add(g.Status && g.StatusApp != 0 && f.App != 0 && g.StatusApp != f.App, "name the App as its source in the repository's settings, under Rules",
		"the status %s must come from app %d, and Lapse is app %d", StatusContext, g.StatusApp, f.App)
	return append(out, free(f, g, f.Branch)...)
}

func ledgerRules(f Facts) []Finding {
	if f.Hidden("rules") {
		return nil
	}
	var out []Finding
	if !f.Ledger.KeepsHistory {
		out = append(out, Finding{"rules", LedgerBranch + " can be deleted or moved back: then giving stops until it is restored", f.fix()})
	}
	return append(out, free(f, f.Ledger, LedgerBranch)...)
}

// free says who is free of the rules and should not be, and whether Lapse is where it must be.
func free(f Facts, g Guard, branch string) []Finding {
	var out []Finding
	lapse := false
	for _, who := range g.Free {
		if who.App != 0 && (who.App == f.App || f.App == 0) {
			lapse = true
			continue
		}
		out = append(out, Finding{"rules", fmt.Sprintf("the rules of %s do not bind %s", branch, who.Name), "take it off the bypass list in the repository's settings, under Rules"})
	}
	if g.FreeHidden {
		return append(out, Finding{"rules", "whom the rules of " + branch + " do not bind cannot be seen", "run doctor with the token of an administrator of the repository"})
	}
	if branch == f.Branch && g.Pulls && f.PushesMain && !lapse {
		out = append(out, Finding{"rules", "the rules of " + branch + " bind Lapse: it cannot commit removals there",
			"put the App on the bypass list in the repository's settings, under Rules, or write removal: pull_request into lapse.yaml"})
	}
	return out
}
