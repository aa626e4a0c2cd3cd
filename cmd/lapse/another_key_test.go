package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/ledger"
)

// anotherKey is a new key, as the secret and as the file of .lapse/trust.
func anotherKey(t *testing.T) (secret, public string) {
	t.Helper()
	key, pem, err := ledger.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem), string(key.PublicPEM())
}

// A secret that was replaced, or set wrongly, is no damaged ledger: the message says what to do, and what is due is taken meanwhile.
func TestAKeyThatTheLedgerDoesNotKnowStopsNoRevocation(t *testing.T) {
	th := newTheatre(t, nil)
	th.force(th.ask("alice", "one", plain("grants/one.yaml", honest)))
	th.want("reconcile")
	if !strings.Contains(th.holders(), "alice") {
		t.Fatal("nothing was given")
	}
	th.vars["LAPSE_SIGNING_KEY"], _ = anotherKey(t)
	th.force(th.ask("bob", "two", plain("grants/two.yaml", grantWith("user: bob"))))
	before := th.git("rev-parse", "lapse-ledger")
	a := th.lapse("reconcile")
	if a.code == exitFine || !strings.Contains(a.out, "put its public half") || strings.Contains(a.out+a.err, "damaged") {
		t.Errorf("with another key: %s", a)
	}
	th.Advance(61 * time.Minute)
	if a := th.lapse("reconcile"); a.code == exitFine {
		t.Errorf("with another key: %s", a)
	}
	if h := th.holders(); strings.Contains(h, "alice") || strings.Contains(h, "bob") {
		t.Errorf("the targets show %s", h)
	}
	if after := th.git("rev-parse", "lapse-ledger"); after != before {
		t.Error("a key that nobody trusts signed receipts")
	}
}

// A key is replaced by naming the new one in .lapse/trust, with approval, and by keeping the old one's public half in the secret.
func TestAKeyIsReplacedWithoutAGap(t *testing.T) {
	th := newTheatre(t, nil)
	old, _ := th.File(stage.Repo, "main", ledger.TrustDir+"/lapse.pub")
	secret, public := anotherKey(t)
	n := th.ask("alice", "rotate", plain(ledger.TrustDir+"/new.pub", public))
	if _, err := th.As("dan").Review(stage.Repo, n, "APPROVE", ""); err != nil {
		t.Fatal(err)
	}
	th.want("check", "--pull", strconv.Itoa(n))
	th.force(n)
	th.force(th.ask("alice", "one", plain("grants/one.yaml", honest)))
	th.want("reconcile")
	th.vars["LAPSE_SIGNING_KEY"] = secret + old
	th.Advance(61 * time.Minute)
	th.want("reconcile")
	if strings.Contains(th.holders(), "alice") {
		t.Error("not taken")
	}
	th.force(th.ask("bob", "two", plain("grants/two.yaml", grantWith("user: bob"))))
	th.want("reconcile")
	if !strings.Contains(th.holders(), "bob") {
		t.Error("nothing is given with the new key")
	}
}
