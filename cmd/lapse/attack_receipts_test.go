package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/github/githubtest"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// ledgerFiles are the files of the ledger at a commit.
func (th *theatre) ledgerFiles(at string) map[string]string {
	th.t.Helper()
	files := map[string]string{}
	for _, path := range strings.Fields(th.git("ls-tree", "-r", "--name-only", at)) {
		files[path] = th.git("show", at+":"+path)
	}
	return files
}

// ofKind are the paths of the receipts of one kind, in their order.
func ofKind(files map[string]string, kind string) []string {
	var found []string
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(path, "-"+kind+".json") {
			found = append(found, path)
		}
	}
	return found
}

// signedByMallory are receipts that follow the others as they should, but for the key: she makes bob's grant longer and live.
func (th *theatre) signedByMallory(files map[string]string) map[string]string {
	th.t.Helper()
	tree := fstest.MapFS{}
	for path, text := range files {
		tree[path] = &fstest.MapFile{Data: []byte(text)}
	}
	key, err := ledger.LoadKey(th.Key, nil)
	must(th.t, err)
	own, err := ledger.VerifierOf(key.Public())
	must(th.t, err)
	hers, _, err := ledger.GenerateKey()
	must(th.t, err)
	her, err := ledger.VerifierOf(hers.Public())
	must(th.t, err)
	book, err := ledger.Read(tree, ledger.Trust{Roots: ledger.Verifiers{own, her}})
	must(th.t, err)
	now := th.Clock()
	added, err := book.Append(th.t.Context(), hers, now, book.State().Main, ledger.Receipt{
		Kind: ledger.Approved, Commit: book.State().Main, Judgement: []byte(`{}`), Grant: &ledger.Grant{
			ID: "bob-prod", Digest: grants.Digest([]byte("bob")), User: "bob", UserID: 583232, Role: "prod-db-read",
			Interval:     grants.Interval{Start: now, End: now.Add(8 * time.Hour)},
			Entitlements: []grants.Entitlement{{Target: "github", Values: map[string]string{"team": "prod-oncall"}}}, Change: grants.Add,
		}})
	must(th.t, err)
	change := map[string]string{}
	for path, data := range added {
		change[path] = string(data)
	}
	return change
}

// However mallory changes what is on the ledger, it is found by the next reconcile and by check, whether or not the local copy has seen
// the ledger before: nothing more is given, and what Lapse gave is taken on time.
func TestA60AChangedLedgerIsFoundGivesNothingAndStopsNoRevocation(t *testing.T) {
	t.Parallel()
	exchange := func(files map[string]string, a, b string) map[string]string {
		return map[string]string{a: files[b], b: files[a]}
	}
	for name, change := range map[string]func(th *theatre, files map[string]string) map[string]string{
		"a receipt is edited": func(_ *theatre, files map[string]string) map[string]string {
			path := ofKind(files, "given")[0]
			at := len(files[path]) / 3
			other := "A"
			if files[path][at:at+1] == other {
				other = "B"
			}
			return map[string]string{path: files[path][:at] + other + files[path][at+1:]}
		},
		"a receipt is dropped": func(_ *theatre, files map[string]string) map[string]string {
			return map[string]string{ofKind(files, "given")[0]: ""}
		},
		"the last receipt is dropped": func(_ *theatre, files map[string]string) map[string]string {
			all := ofKind(files, "given")
			return map[string]string{all[len(all)-1]: ""}
		},
		"two receipts change places": func(_ *theatre, files map[string]string) map[string]string {
			all := ofKind(files, "given")
			return exchange(files, all[0], all[1])
		},
		"a receipt is copied to the end": func(_ *theatre, files map[string]string) map[string]string {
			path := ofKind(files, "approved")[1]
			return map[string]string{strings.Replace(path, "0000000002", "0000000099", 1): files[path]}
		},
		"a receipt by another key": func(th *theatre, files map[string]string) map[string]string { return th.signedByMallory(files) },
	} {
		for _, forked := range []bool{false, true} {
			if forked {
				name += ", on a fork of the ledger"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				changedLedger(t, forked, change)
			})
		}
	}
}

func changedLedger(t *testing.T, forked bool, change func(th *theatre, files map[string]string) map[string]string) {
	th := newTheatre(t, nil)
	th.approved("alice-prod")
	th.want("reconcile")
	good := th.Branch(stage.Repo, ledger.Branch)
	for _, branch := range []string{ledger.Branch, "main"} { // what stands at the end of a play is judged again
		defer th.git("update-ref", "refs/heads/"+branch, th.Branch(stage.Repo, branch))
	}
	files := th.ledgerFiles(ledger.Branch)
	c := githubtest.Commit{Base: ledger.Branch, Files: change(th, files), Message: "ledger: 1 given\n"}
	if forked { // beside the last commit instead of after it, with all that it brought
		brought := maps.Clone(files)
		maps.Copy(brought, c.Files)
		must(t, th.As("mallory").ForcePush(stage.Repo, ledger.Branch, strings.TrimSpace(th.git("rev-parse", good+"~1"))))
		c.Files = brought
	}
	_, err := th.As("mallory").Push(stage.Repo, ledger.Branch, c)
	must(t, err)
	n := th.ask("bob", "bob-more", plain("grants/bob-more.yaml", grantWith("user: bob", "role: prod-db-read", "duration: 8h")))
	_, err = th.As("carol").Review(stage.Repo, n, "APPROVE", "Fine")
	must(t, err)
	if a := th.lapse("check", "--pull", "2"); a.code == exitFine {
		t.Errorf("check: %s", a)
	}
	th.force(n)
	for _, later := range []time.Duration{0, time.Hour} {
		th.Advance(later)
		for _, cache := range []string{th.vars["XDG_CACHE_HOME"], t.TempDir()} {
			th.vars["XDG_CACHE_HOME"] = cache
			a := th.lapse("reconcile")
			if a.code == exitFine || !strings.Contains(a.out, "ledger") {
				t.Errorf("after %s: %s", later, a)
			}
			if got := th.holders(); strings.Contains(got, "bob") || strings.Contains(got, "alice") != (later == 0) {
				t.Errorf("after %s: %s\n%s", later, got, a)
			}
		}
	}
}
