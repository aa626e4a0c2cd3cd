package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
	"github.com/lapse-access/lapse/ledger"
)

// manualBlocks are the blocks of docs/ledger.md in a language, by the words before each.
func manualBlocks(t *testing.T, language string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/ledger.md")
	must(t, err)
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// manualCommands is the one block of commands that holds the text.
func manualCommands(t *testing.T, with string) string {
	t.Helper()
	var found []string
	for _, b := range manualBlocks(t, "sh") {
		if strings.Contains(b, with) {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		t.Fatalf("docs/ledger.md has %d blocks of commands with %q", len(found), with)
	}
	return found[0]
}

func TestTheManualsReceiptsAreReceipts(t *testing.T) {
	t.Parallel()
	schema, err := publishedSchema()
	must(t, err)
	kinds := map[string]bool{}
	for _, b := range manualBlocks(t, "json") {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(b))
		must(t, err)
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v in\n%s", err, b)
			continue
		}
		kinds[doc.(map[string]any)["predicate"].(map[string]any)["kind"].(string)] = true
	}
	for _, kind := range []ledger.Kind{ledger.Approved, ledger.Refused, ledger.Intended, ledger.Given, ledger.Taken, ledger.Kept, ledger.Ended, ledger.Anchored, ledger.Accepted} {
		if !kinds[string(kind)] {
			t.Errorf("docs/ledger.md shows no receipt of kind %s", kind)
		}
	}
}

// auditor is somebody with a clone, and no Lapse.
type auditor struct {
	t     *testing.T
	clone string
	check string // the manual's commands for the kind of key
	other string // program that knows sigstore alone
}

// sh runs commands of the manual in the clone.
func (a auditor) sh(commands string) (string, bool) {
	c := exec.Command("sh", "-euc", commands)
	c.Dir = a.clone
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

// accepts says whether openssl alone, and sigstore alone, take what is in receipt.json for signed by lapse.pub.
func (a auditor) accepts(receipt []byte) (byHand, bySigstore bool, said string) {
	a.t.Helper()
	must(a.t, os.WriteFile(filepath.Join(a.clone, "receipt.json"), receipt, 0o600))
	out, byHand := a.sh(manualCommands(a.t, "DSSEv1") + a.check)
	c := exec.Command(a.other, "lapse.pub", "receipt.json")
	c.Dir = a.clone
	statement, err := c.Output()
	if signed, _ := os.ReadFile(filepath.Join(a.clone, "statement.json")); err == nil && !bytes.Equal(signed, statement) {
		a.t.Errorf("by hand it is %q, by sigstore %q", signed, statement)
	}
	return byHand, err == nil, out
}

// A receipt that the real command wrote is verified by openssl alone, as the manual says, and by a second program with sigstore's own
// library; neither needs anything of Lapse's.
func TestReceiptsAreVerifiedWithoutLapse(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "independent")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/independent").CombinedOutput(); err != nil {
		t.Fatalf("build it: %v: %s", err, out)
	}
	source, err := os.ReadFile("testdata/independent/main.go")
	must(t, err)
	if regexp.MustCompile(`(?m)^\t"github.com/lapse-access`).Match(source) {
		t.Error("the second program uses our code")
	}
	verify := map[string]string{"ed25519": manualCommands(t, "pkeyutl"), "p256": manualCommands(t, "dgst -sha256 -verify")}
	for name, private := range privateKeys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := newTheatreSigned(t, private)
			th.over()
			th.want("reconcile")
			a := auditor{t, th.cloned(), verify[name], program}
			if out, ok := a.sh(manualCommands(t, "tail -n 1")); !ok {
				t.Fatalf("fetch: %s", out)
			}
			for _, path := range strings.Fields(th.git("ls-tree", "-r", "--name-only", ledger.Branch, "receipts/")) {
				if byHand, bySigstore, said := a.accepts([]byte(th.git("show", ledger.Branch+":"+path))); !byHand || !bySigstore {
					t.Errorf("%s: by hand %v, by sigstore %v: %s", path, byHand, bySigstore, said)
				}
			}
			for what, receipt := range forgeries(t, private, []byte(th.git("show", ledger.Branch+":"+th.receipts("approved")[1]))) {
				if byHand, bySigstore, said := a.accepts(receipt); byHand || bySigstore {
					t.Errorf("%s: accepted by hand %v, by sigstore %v: %s", what, byHand, bySigstore, said)
				}
			}
			a.commits(th)
			a.chain(th)
		})
	}
}

// cloned is a clone of the access repository, as anybody makes it.
func (th *theatre) cloned() string {
	th.t.Helper()
	dir := filepath.Join(th.t.TempDir(), "clone")
	if out, err := exec.Command("git", "clone", "-q", filepath.Join(th.dir, stage.Repo+".git"), dir).CombinedOutput(); err != nil {
		th.t.Fatalf("clone: %v: %s", err, out)
	}
	return dir
}

// forgeries are what must not pass for the receipt.
func forgeries(t *testing.T, private string, receipt []byte) map[string][]byte {
	t.Helper()
	var env struct {
		PayloadType string `json:"payloadType"`
		Payload     []byte `json:"payload"`
		Signatures  []struct {
			KeyID string `json:"keyid"`
			Sig   []byte `json:"sig"`
		} `json:"signatures"`
	}
	must(t, json.Unmarshal(receipt, &env))
	with := func(old, now string) []byte {
		if !bytes.Contains(receipt, []byte(old)) {
			t.Fatalf("no %q in the receipt", old)
		}
		return bytes.Replace(receipt, []byte(old), []byte(now), 1)
	}
	longer := bytes.Replace(env.Payload, []byte("T10:"), []byte("T20:"), 1)
	if bytes.Equal(longer, env.Payload) {
		t.Fatal("the grant does not end at ten")
	}
	key, err := ledger.LoadKey([]byte(private), nil)
	must(t, err)
	otherType, err := key.Sign(context.Background(), "application/json", env.Payload, false)
	must(t, err)
	secret, _ := anotherKey(t)
	stranger, err := ledger.LoadKey([]byte(secret), nil)
	must(t, err)
	otherKey, err := stranger.Sign(context.Background(), env.PayloadType, env.Payload, false)
	must(t, err)
	flipped := bytes.Clone(env.Signatures[0].Sig)
	flipped[len(flipped)-1] ^= 1
	return map[string][]byte{
		"an altered payload":       with(base64.StdEncoding.EncodeToString(env.Payload), base64.StdEncoding.EncodeToString(longer)),
		"another type on it":       with(`"payloadType":"application/vnd.in-toto+json"`, `"payloadType":"application/json"`),
		"signed as another type":   otherType,
		"so signed, and type back": bytes.Replace(otherType, []byte(`"application/json"`), []byte(`"application/vnd.in-toto+json"`), 1),
		"another key":              otherKey,
		"another key, by our name": bytes.Replace(otherKey, []byte(stranger.ID()), []byte(key.ID()), 1),
		"another signature":        with(base64.StdEncoding.EncodeToString(env.Signatures[0].Sig), base64.StdEncoding.EncodeToString(flipped)),
		"no signature":             with(base64.StdEncoding.EncodeToString(env.Signatures[0].Sig), ""),
	}
}

// commits runs what the manual says of commits.
func (a auditor) commits(th *theatre) {
	a.t.Helper()
	said, ok := a.sh(manualCommands(a.t, "verify-commit"))
	if n := strings.Count(said, "Good \"git\" signature"); !ok || n <= len(strings.Fields(th.git("rev-list", ledger.Branch))) {
		a.t.Errorf("%d commits are good: %s", n, said)
	}
}

// chain runs the manual's walk along the receipts, on the ledger and on one that lacks a receipt.
func (a auditor) chain(th *theatre) {
	a.t.Helper()
	walk := manualCommands(a.t, "before=")
	if said, ok := a.sh(walk); !ok || said != "" {
		a.t.Errorf("the chain: %s", said)
	}
	lost := th.receipts("given")[0]
	_, ok := a.sh("git checkout -q --detach origin/lapse-ledger && git rm -q " + lost +
		" && git -c user.name=m -c user.email=m@acme.com commit -qm x && git update-ref refs/remotes/origin/lapse-ledger HEAD")
	if said, _ := a.sh(walk); !ok || strings.Count(said, "does not follow") != 1 {
		a.t.Errorf("a receipt less: %q", said)
	}
}
