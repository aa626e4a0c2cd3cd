package main

import (
	"strings"
	"testing"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// Who rewinds the anchor as well hides nothing from a copy that remembers, and freezes nothing while the ledger stands.
func TestA60AnAnchorThatWasReplaced(t *testing.T) {
	a := fileAnchor(t)
	th := anchoredTheatre(t, a)
	old := []byte(a.shows())
	th.grant("alice", "alice-prod")
	now := a.shows()
	a.put(old)
	th.want("reconcile")
	if a.shows() == string(old) {
		t.Error("it was not brought forward")
	}

	key, err := ledger.LoadKey(th.Key, nil)
	must(t, err)
	strange, err := ledger.SealCheckpoint(t.Context(), key, ledger.Checkpoint{
		Repository: 4711, Main: th.tip("main"), Ledger: th.tip("lapse-ledger"), Sequence: 1, Last: grants.Digest(nil), Time: th.Now(),
	})
	must(t, err)
	a.put(strange)
	th.expect(exitRefused, "it is the checkpoint of repository")
	if a.shows() != string(strange) {
		t.Error("another's checkpoint was written over")
	}
	names := th.losses()
	if len(names) != 1 || names[0] != "anchor:"+grants.Digest(strange) {
		t.Fatalf("there is to accept: %q", names)
	}
	a.put([]byte("something else by now"))
	if e := th.acceptAs("dan", "--because", because, "--yes", names[0]); e.code != exitRefused {
		t.Errorf("something else is accepted than was shown: %s", e)
	}
	th.acceptAll(1)
	th.want("reconcile")
	if a.shows() == "something else by now" || a.shows() == now {
		t.Error("no checkpoint was written")
	}
	th.works("bob", "bob-prod")
	a.put(nil)
	th.expect(exitRefused, "nothing is there, and the ledger says that one was kept")
}

// A place that is down for good stops giving until somebody accepts that; then it is a failure until lapse.yaml names another.
func TestAnAnchorThatIsDownForGoodIsReplaced(t *testing.T) {
	a, next := fileAnchor(t), fileAnchor(t)
	th := anchoredTheatre(t, a)
	a.close()
	th.expect(exitRefused, "it cannot be read")
	th.acceptAll(1)
	th.approve("alice", "alice-prod")
	th.expect(exitFailed, "that was accepted, and no checkpoint is kept until")
	n := th.ask("dan", "anchor", plain("lapse.yaml", strings.Replace(lapseYAML(t), "/var/lib/lapse/vault.json", th.Vault, 1)+"anchor: "+next.config+"\n"))
	if _, err := th.As("carol").Review(stage.Repo, n, "APPROVE", ""); err != nil {
		t.Fatal(err)
	}
	th.force(n)
	th.lapse("reconcile")
	th.lapse("reconcile")
	th.want("reconcile")
	if next.shows() == "" {
		t.Error("the new anchor holds nothing")
	}
	th.works("bob", "bob-prod")
}

// An acceptance counts where it stands in the ledger, signed and in its place.
func TestA60AnAcceptanceOfAnotherLedgerOrPlaceDoesNotCount(t *testing.T) {
	th := anchoredTheatre(t, fileAnchor(t))
	empty := th.tip("lapse-ledger")
	th.grant("alice", "alice-prod")
	full := th.tip("lapse-ledger")
	th.behind("lapse-ledger", empty)
	th.fresh()
	th.acceptAll(1)
	accepted := th.receipts("accepted")[0]
	stolen := th.git("cat-file", "blob", "lapse-ledger:"+accepted)
	good := th.tip("lapse-ledger")
	th.want("reconcile")
	th.works("bob", "bob-prod")
	after := th.tip("lapse-ledger")

	// Rewound to where it was accepted: that was about other commits.
	th.behind("lapse-ledger", good)
	th.fresh()
	th.expect(exitRefused, "the ledger was rewritten: ", "by the anchor")
	// The line that was given up, without the receipt that gave it up.
	th.behind("lapse-ledger", full)
	th.fresh()
	th.expect(exitRefused, "the ledger was rewritten: ", "by the anchor")
	// With the receipt copied after it.
	_, err := th.As("mallory").PushFiles(stage.Repo, "lapse-ledger", "", map[string]string{strings.Replace(accepted, "000000000", "000000009", 1): stolen}, "x")
	must(t, err)
	th.fresh()
	th.expect(exitRefused, "does not verify")
	th.behind("lapse-ledger", after)
	th.fresh()
	th.want("reconcile")
}
