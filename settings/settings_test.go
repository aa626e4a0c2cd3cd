package settings

import (
	"strings"
	"testing"
	"time"
)

func sound() Facts {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	guard := Guard{KeepsHistory: true, Pulls: true, Status: true, StatusApp: 7, Free: []Free{{Name: "app 7", App: 7}}}
	return Facts{
		Repository: "acme/access", Branch: "main", DefaultBranch: "main", Main: guard, Ledger: guard, PushesMain: true,
		Environment: &Room{Branches: []string{"main"}, Secrets: []string{"KEY"}}, Secrets: []string{"KEY"},
		Workflows: map[string]string{"lapse-check.yml": "active", "lapse-review.yml": "active", "lapse-reconcile.yml": "active"},
		LastRun:   now.Add(-time.Minute), StaleAfter: time.Hour, Now: now, App: 7, Ledgered: true,
		Permissions: map[string]string{"contents": "write", "members": "write"}, Needs: map[string]string{"contents": "write", "members": "read"},
	}
}

func TestSoundSettingsLackNothing(t *testing.T) {
	if found := Judge(sound()); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

func TestEachThingThatIsMissingIsFoundAlone(t *testing.T) {
	for want, spoil := range map[string]func(*Facts){
		"its default branch is trunk":                         func(f *Facts) { f.DefaultBranch = "trunk" },
		"roles/x.yaml:1:1: wrong":                             func(f *Facts) { f.Problems = []string{"roles/x.yaml:1:1: wrong"} },
		"it was never begun":                                  func(f *Facts) { f.Ledgered = false },
		"@acme/on-call cannot be read: 404":                   func(f *Facts) { f.Teams = map[string]string{"@acme/on-call": "404"} },
		"app 7 has contents: read, and needs write":           func(f *Facts) { f.Permissions["contents"] = "read" },
		"app 7 has members: none, and needs read":             func(f *Facts) { delete(f.Permissions, "members") },
		"there is no environment lapse":                       func(f *Facts) { f.Environment = nil },
		"a workflow of any branch may read":                   func(f *Facts) { f.Environment.Branches = nil },
		"main may not use environment lapse":                  func(f *Facts) { f.Environment.Branches = []string{} },
		"more than main may use environment lapse: *":         func(f *Facts) { f.Environment.Branches = []string{"main", "*"} },
		"holds no secret KEY":                                 func(f *Facts) { f.Environment.Secrets = nil },
		"lapse-check.yml is not on main":                      func(f *Facts) { delete(f.Workflows, "lapse-check.yml") },
		"lapse-reconcile.yml does not run: disabled_manually": func(f *Facts) { f.Workflows["lapse-reconcile.yml"] = "disabled_manually" },
		"main can be deleted or moved back":                   func(f *Facts) { f.Main.KeepsHistory = false },
		"main can be changed without a pull request":          func(f *Facts) { f.Main.Pulls = false },
		"merged whatever the status lapse says":               func(f *Facts) { f.Main.Status = false },
		"anybody who may push can set the status lapse":       func(f *Facts) { f.Main.StatusApp = 0 },
		"the status lapse must come from app 8":               func(f *Facts) { f.Main.StatusApp = 8 },
		"the rules of main do not bind administrators":        func(f *Facts) { f.Main.Free = append(f.Main.Free, Free{Name: "administrators"}) },
		"the rules of main do not bind app 9":                 func(f *Facts) { f.Main.Free = append(f.Main.Free, Free{Name: "app 9", App: 9}) },
		"the rules of main bind Lapse":                        func(f *Facts) { f.Main.Free = nil },
		"whom the rules of main do not bind cannot be seen":   func(f *Facts) { f.Main.Free, f.Main.FreeHidden = nil, true },
		"lapse-ledger can be deleted or moved back":           func(f *Facts) { f.Ledger.KeepsHistory = false },
		"the rules of lapse-ledger do not bind Team 3":        func(f *Facts) { f.Ledger.Free = append(f.Ledger.Free, Free{Name: "Team 3"}) },
		"no reconcile ever came to its end":                   func(f *Facts) { f.LastRun = time.Time{} },
		"the last reconcile came to its end at 2026-03-02T07": func(f *Facts) { f.LastRun = f.Now.Add(-2 * time.Hour) },
		"it cannot be seen: GitHub answers 403":               func(f *Facts) { f.Unseen, f.Main = map[string]string{"rules": "GitHub answers 403"}, Guard{} },
	} {
		f := sound()
		spoil(&f)
		found := Judge(f)
		if len(found) != 1 || !strings.Contains(found[0].Problem, want) || found[0].Do == "" {
			t.Errorf("want %q alone, found %+v", want, found)
		}
	}
}

func soundKeyless() Facts {
	f := sound()
	w := Identity{Issuer: "https://token.actions.githubusercontent.com", Subject: "https://github.com/acme/access/.github/workflows/lapse-reconcile.yml@refs/heads/main", Repository: 731, Ref: "refs/heads/main"}
	f.Keyless = &Keyless{Workflow: w, Trusted: []Identity{w}, Token: true}
	return f
}

// Without a key the workflow must be able to ask for its token, and be the one that is trusted: file, number, branch and issuer.
func TestEachThingThatSigningWithoutAKeyLacksIsFoundAlone(t *testing.T) {
	for want, spoil := range map[string]func(*Facts){
		"":                          func(f *Facts) {},
		"may not ask for the token": func(f *Facts) { f.Keyless.Token = false },
		"it names none":             func(f *Facts) { f.Keyless.Trusted = nil },
		"repository is 7, want 731": func(f *Facts) { f.Keyless.Trusted[0].Repository = 7 },
		"evil.yml@refs/heads/main, want": func(f *Facts) {
			f.Keyless.Trusted[0].Subject = "https://github.com/acme/access/.github/workflows/evil.yml@refs/heads/main"
		},
		"ref is refs/heads/evil":     func(f *Facts) { f.Keyless.Trusted[0].Ref = "refs/heads/evil" },
		"issuer is https://evil.com": func(f *Facts) { f.Keyless.Trusted[0].Issuer = "https://evil.com" },
		"githubusercontent.com.evil": func(f *Facts) { f.Keyless.Trusted[0].Issuer += ".evil" },
		"it was never begun":         func(f *Facts) { f.Ledgered = false },
	} {
		f := soundKeyless()
		spoil(&f)
		found := Judge(f)
		if want == "" && len(found) == 0 {
			continue
		}
		if len(found) != 1 || !strings.Contains(found[0].Problem, want) || found[0].Do == "" {
			t.Errorf("want %q alone, found %+v", want, found)
		}
	}
	f := soundKeyless()
	f.Keyless.Trusted[0].Issuer += "/acme-enterprise"
	f.Keyless.Trusted = append([]Identity{{Subject: "another"}}, f.Keyless.Trusted...)
	if found := Judge(f); len(found) != 0 {
		t.Errorf("an enterprise's own issuer, beside another workflow: found %+v", found)
	}
	f.Ledgered = false
	if found := Judge(f); len(found) != 1 || !strings.Contains(found[0].Do, "gh workflow run lapse-reconcile.yml --repo acme/access --ref main -f begin=") {
		t.Errorf("found %+v", found)
	}
}

// Removals that come by pull request need no way around the rules.
func TestRemovalByPullRequestNeedsNoBypass(t *testing.T) {
	f := sound()
	f.PushesMain, f.Main.Free = false, nil
	if found := Judge(f); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

// Where the App is not known, one that is free of the rules is taken for it.
func TestAnUnknownAppIsNoFinding(t *testing.T) {
	f := sound()
	f.App, f.Permissions = 0, nil
	if found := Judge(f); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}
