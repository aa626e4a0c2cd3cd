package ledger

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lapse-access/lapse/grants"
)

const (
	commitA = "1111111111111111111111111111111111111111"
	commitB = "2222222222222222222222222222222222222222"
)

// repository is whose ledgers those of the tests are.
const repository = 731

// monday is when the ledgers of the tests begin.
var monday = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func newTestKey(t testing.TB) *Key {
	t.Helper()
	k, _, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Seal is a receipt alone, as a key stores it.
func (k *Key) Seal(r Receipt) ([]byte, error) { return seal(context.Background(), k, r, true) }

func verifiers(t testing.TB, keys ...*Key) Verifiers {
	t.Helper()
	var vs Verifiers
	for _, k := range keys {
		v, err := VerifierOf(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		vs = append(vs, v)
	}
	return vs
}

// tree is a ledger branch: what Append returned so far, laid one over the other.
type tree map[string][]byte

func (tr tree) fs() fs.FS {
	m := fstest.MapFS{}
	for path, data := range tr {
		m[path] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	return m
}

func (tr tree) clone() tree { return maps.Clone(tr) }

func mustRead(t testing.TB, tr tree, roots Verifiers, trust func(string) (Verifiers, error)) *Book {
	t.Helper()
	b, err := ReadOf(repository, tr.fs(), Trust{Roots: roots, At: trust})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustAppend(t testing.TB, tr tree, b *Book, k *Key, now time.Time, rs ...Receipt) {
	t.Helper()
	files, err := b.Append(t.Context(), k, now, commitA, rs...)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range files {
		if _, exists := tr[path]; exists && !isStateFile(path) {
			t.Fatalf("Append writes over %s", path)
		}
		if tr[path] = data; data == nil {
			delete(tr, path)
		}
	}
}

func wantSound(t testing.TB, b *Book) {
	t.Helper()
	for _, f := range b.Findings {
		t.Errorf("finding: %s", f)
	}
}

// wantFinding fails unless a finding about the path holds the text.
func wantFinding(t testing.TB, b *Book, path, text string) {
	t.Helper()
	for _, f := range b.Findings {
		if f.Path == path && strings.Contains(f.Text, text) {
			return
		}
	}
	t.Errorf("no finding of %q about %s; findings: %v", text, path, b.Findings)
}

func approvedConfiguration(commit string) Receipt {
	return Receipt{Kind: Approved, Commit: commit, Configuration: &Configuration{Commit: commit, Digest: grants.Digest([]byte(commit))}}
}

func grantOf(id, version string, start time.Time) *Grant {
	return &Grant{
		ID: id, Digest: grants.Digest([]byte(id + version)), User: "alice", UserID: 583231, Role: "prod-db-read",
		Interval:     grants.Interval{Start: start, End: start.Add(4 * time.Hour)},
		Entitlements: []grants.Entitlement{{Target: "prod-db", Values: map[string]string{"role": "readonly"}, At: grants.Pos{Line: 3}}},
		Pull:         7, Author: "alice", Change: grants.Add,
	}
}

func approvedGrant(id, version string) Receipt {
	return Receipt{Kind: Approved, Commit: commitA, Grant: grantOf(id, version, monday), Judgement: []byte(`{"outcome":"approved"}`)}
}

func refusedGrant(id string) Receipt {
	return Receipt{Kind: Refused, Commit: commitA, Grant: grantOf(id, "", monday), Reasons: []string{"nobody approved it"}}
}

func endedGrant(id, version string) Receipt {
	return Receipt{Kind: Ended, Grant: grantOf(id, version, monday), Reasons: []string{"expired"}}
}

func holdingOf(role, account string) *Holding {
	return &Holding{Entitlement: grants.Entitlement{Target: "prod-db", Values: map[string]string{"role": role}}, Account: account}
}

func held(kind Kind, action, role, account string, ids ...string) Receipt {
	r := Receipt{Kind: kind, Action: action, Holding: holdingOf(role, account), Grants: ids}
	switch {
	case kind == Taken:
		r.Due = monday.Add(4 * time.Hour)
	case action != actionTake:
		r.Until = monday.Add(4 * time.Hour)
	}
	return r
}

// life is a grant from its approval to its end, with what happens around it.
func life() []Receipt {
	return []Receipt{
		approvedConfiguration(commitA),
		approvedGrant("alice-prod", ""),
		refusedGrant("mallory-prod"),
		held(Kept, "", "readonly", "carol"),
		held(Intended, actionGive, "readonly", "alice", "alice-prod"),
		held(Given, "", "readonly", "alice", "alice-prod"),
		endedGrant("alice-prod", ""),
		held(Intended, actionTake, "readonly", "alice", "alice-prod"),
		held(Taken, "", "readonly", "alice", "alice-prod"),
		approvedGrant("bob/prod", "v1"),
		held(Intended, actionGive, "readonly", "bob", "bob/prod"),
		anchored("file:/srv/anchor.json"),
		accepted(Acceptance{What: LossOfMain, Was: commitA, Now: commitB}),
		accepted(Acceptance{What: LossOfLedger, Was: commitA, Now: commitB, First: 12, Last: 14, Grants: []string{"dan-prod"}, Holdings: []HoldingState{
			{Holding: *holdingOf("readonly", "dan"), Kind: Given, Grants: []string{"dan-prod"}, Until: monday.Add(4 * time.Hour), Since: monday},
		}}),
		accepted(Acceptance{What: LossOfLedger, Was: commitA, Gone: true}),
		accepted(Acceptance{What: Unapproved, Was: commitA}),
		accepted(Acceptance{What: LossOfAnchor, Was: NoneThere, Place: "file:/srv/anchor.json"}),
	}
}

func anchored(place string) Receipt {
	return Receipt{Kind: Anchored, Anchor: &Anchor{Place: place, Commit: commitA}}
}

func accepted(a Acceptance) Receipt {
	a.By, a.Because = Accepter{Login: "carol", ID: 583233}, "main was rewritten to remove a key, INC-4300"
	return Receipt{Kind: Accepted, Accepted: &a}
}

// smallLedger is a sound ledger of the life above, in several commits over several months.
func smallLedger(t testing.TB) (tree, *Key) {
	t.Helper()
	k := newTestKey(t)
	tr := tree{}
	b := mustRead(t, tr, verifiers(t, k), nil)
	for i, r := range life() {
		mustAppend(t, tr, b, k, monday.Add(time.Duration(i)*7*24*time.Hour), r)
	}
	wantSound(t, mustRead(t, tr, verifiers(t, k), nil))
	return tr, k
}

// randomReceipt is any fact about a few grants and holdings, in any order, however unlikely.
func randomReceipt(rng *rand.Rand) Receipt {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	id, version := pick("a", "b", "c/d"), pick("", "v2")
	role, account := pick("readonly", "admin", "x&y=z"), pick("alice", "bob", "carol +&")
	switch rng.IntN(12) {
	case 0:
		return approvedConfiguration(fmt.Sprintf("%040x", rng.Uint64()))
	case 1:
		return refusedGrant(id)
	case 2:
		return endedGrant(id, version)
	case 3:
		return held(Given, "", role, account, id, "z", "a", id)
	case 4:
		return held(Taken, "", role, account)
	case 5:
		return held(Kept, "", role, account)
	case 6:
		return held(Intended, actionTake, role, account)
	case 7:
		return held(Intended, actionGive, role, account, id)
	case 8:
		return Receipt{Kind: Anchored, Anchor: &Anchor{}}
	case 9:
		return anchored(pick("file:/srv/a", "file:/srv/b"))
	case 10:
		return accepted(Acceptance{What: LossOfAnchor, Was: Unreadable, Place: pick("file:/srv/a", "file:/srv/b")})
	case 11:
		return accepted(Acceptance{What: LossOfLedger, Was: commitA, Now: commitB, Holdings: []HoldingState{
			{Holding: *holdingOf(role, account), Kind: Given, Grants: []string{id, "z", id}, Until: monday, Since: monday},
		}})
	default:
		return approvedGrant(id, version)
	}
}

func TestNoFolderHoldsMoreThanAThousandReceipts(t *testing.T) {
	folders := map[string]int{}
	for n := 1; n <= 12_345; n++ {
		p := Path(Receipt{Sequence: n, Kind: Given, Time: monday})
		if got, ok := receiptNumber(p); !ok || got != n {
			t.Fatalf("%s is not taken for receipt %d", p, n)
		}
		folders[path.Dir(p)]++
	}
	for folder, n := range folders {
		if n > 1000 {
			t.Errorf("%s holds %d receipts", folder, n)
		}
	}
	if last := "receipts/2026/11/9999999/9999999999-given.json"; Path(Receipt{Sequence: maxSequence, Kind: Given, Time: monday}) != last {
		t.Errorf("the last receipt there can be is not at %s", last)
	}
}

// Unseal verifies an envelope and returns its receipt. Exactly one signature, by one of the keys in vs, over exactly one receipt in
// the one form in which Lapse writes it; anything else is an error.
func Unseal(envelope []byte, vs Verifiers) (Receipt, error) {
	payload, _, err := openEnvelope(envelope, PayloadType, vs)
	if err != nil {
		return Receipt{}, err
	}
	return decodeStatement(payload)
}
