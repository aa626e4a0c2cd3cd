package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/requests"
)

// places are the bytes of a stored file that are flipped: a few of each field, and some at every distance.
func places(data []byte) []int {
	var at []int
	for i := 0; i < len(data); i += 1 + len(data)/25 {
		at = append(at, i)
	}
	var envelope struct {
		Payload string `json:"payload"`
	}
	if json.Unmarshal(data, &envelope) != nil || envelope.Payload == "" {
		for i := range data { // the first byte of each value of a state
			if i > 1 && (data[i-2] == ':' || data[i-1] == '"' && data[i-2] != '\\') {
				at = append(at, i)
			}
		}
		return thin(at, 80)
	}
	payload, _ := base64.StdEncoding.DecodeString(envelope.Payload)
	begin := bytes.Index(data, []byte(envelope.Payload))
	var fields []int
	for i := range payload {
		if i > 1 && payload[i-1] == ':' && payload[i-2] == '"' {
			fields = append(fields, begin+i*4/3) // base64 has four for three
		}
	}
	return append(at, thin(fields, 60)...)
}

// thin is at most n of them, evenly.
func thin(at []int, n int) []int {
	if len(at) <= n {
		return at
	}
	var out []int
	for i := range n {
		out = append(out, at[i*len(at)/n])
	}
	return out
}

func TestA60AFlippedByteInAnyReceiptOrStateIsFound(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	files := v.files()
	known := map[string]ledger.Verifiers{}
	g := &requests.Gatherer{Git: v.repo, Types: targetTypes()}
	trust := ledger.Trust{Roots: ledger.Verifiers{v.own}, At: func(commit string) (ledger.Verifiers, error) {
		if vs, ok := known[commit]; ok {
			return vs, nil
		}
		vs, err := g.TrustAt(commit)
		known[commit] = vs
		return vs, err
	}}
	flips, receipts := 0, 0
	for path, f := range files {
		whole := f.Data
		if strings.HasPrefix(path, "receipts/") {
			receipts++
		}
		for _, i := range places(whole) {
			f.Data = bytes.Clone(whole)
			f.Data[i] ^= 1
			flips++
			book, err := ledger.Read(files, trust)
			must(t, err)
			if len(book.Findings) == 0 {
				t.Errorf("%s: byte %d is %q instead of %q, and nobody noticed", path, i, f.Data[i], whole[i])
			}
		}
		f.Data = whole
	}
	t.Logf("%d bytes of %d files, %d of them receipts", flips, len(files), receipts)
	if receipts < 25 || flips < 1000 {
		t.Errorf("only %d bytes of %d receipts were flipped", flips, receipts)
	}
}

// Where a byte of a file is another, its blob, trees and commits are others, too. Whoever can sign as Lapse signs them again.
func TestA60ATamperedLedgerIsFoundThoughItIsSignedAgain(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	chain := v.chain(v.ledger)
	last := len(chain) - 1
	for path, f := range v.files() {
		data := bytes.Clone(f.Data)
		data[len(data)/2] ^= 1
		v.found(path, v.main, v.write(&chain[last-1], v.changed(&chain[last-1], chain[last], map[string][]byte{path: data}), v.signer), audit.RuleReceipt, audit.RuleState)
	}
	stranger, _, err := ledger.GenerateKey()
	must(t, err)
	other := commitSigner(t, stranger)
	ledgerRules := []audit.Rule{audit.RuleReceipt, audit.RuleState, audit.RuleCommit, audit.RuleSignature, audit.RuleHeld, audit.RuleRemoval}
	for i := range chain {
		for what, order := range map[string][]gitrepo.Hash{
			"dropped":   slices.Delete(slices.Clone(chain), i, i+1),
			"exchanged": exchanged(chain, i),
			"twice":     slices.Insert(slices.Clone(chain), i, chain[i]),
		} {
			if len(order) == 0 || slices.Equal(order, chain) {
				continue
			}
			v.found(fmt.Sprintf("commit %d of %d %s", i+1, len(chain), what), v.main, v.replay(order, nil, v.signer), ledgerRules...)
		}
		v.found(fmt.Sprintf("commit %d signed by another", i+1), v.main, v.replay(chain, map[gitrepo.Hash]gitrepo.Signer{chain[i]: other}, v.signer), audit.RuleSignature)
		v.found(fmt.Sprintf("commit %d not signed", i+1), v.main, v.replay(chain, map[gitrepo.Hash]gitrepo.Signer{chain[i]: nil}, v.signer), audit.RuleSignature)
	}
}

func exchanged(chain []gitrepo.Hash, i int) []gitrepo.Hash {
	out := slices.Clone(chain)
	if i+1 < len(out) {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return out
}

func TestA32AFlippedByteInAnyGrantOnMainIsFound(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	chain := v.chain(v.main)
	flips := 0
	for i, h := range chain {
		var before gitrepo.Hash
		if i > 0 {
			before = chain[i-1]
		}
		diff, err := v.repo.Diff(before, h)
		must(t, err)
		for _, d := range diff {
			if _, isGrant := grants.IDOf(d.Path); !isGrant || d.After == nil {
				continue
			}
			data, err := v.repo.Blob(d.After.Hash, 1<<20)
			must(t, err)
			for at := 0; at < len(data); at += 13 {
				flipped := bytes.Clone(data)
				flipped[at] ^= 1
				tip := v.rebase(chain[i:], &before, map[string][]byte{d.Path: flipped})
				v.found(fmt.Sprintf("%s at %.12s, byte %d", d.Path, h, at), tip, v.ledger, audit.RuleOffMain)
				flips++
			}
		}
	}
	if flips < 20 {
		t.Errorf("only %d bytes were flipped", flips)
	}
}
