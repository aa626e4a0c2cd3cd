package main

import (
	"strings"
	"testing"

	"github.com/lapse-access/lapse/ledger"
)

// A secret that was set wrongly is no damaged ledger: the message must send nobody to repair one.
func TestAKeyThatTheLedgerDoesNotKnowIsNamedAsTheCause(t *testing.T) {
	th := newTheatre(t, nil)
	_, pem, err := ledger.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	th.vars["LAPSE_SIGNING_KEY"] = string(pem)
	a := th.lapse("reconcile")
	if a.code != exitFailed || !strings.Contains(a.err, "run with the key that it was begun with") || strings.Contains(a.err, "damaged") {
		t.Errorf("with another key: %s", a)
	}
}
