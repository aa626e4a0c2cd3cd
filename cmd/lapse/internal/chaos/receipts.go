package chaos

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// receipt is what the oracle reads of a receipt on the remote ledger.
type receipt struct {
	Sequence int       `json:"sequence"`
	Kind     string    `json:"kind"`
	Time     time.Time `json:"time"`
	Commit   string    `json:"commit"`
	Action   string    `json:"action"`
	Until    time.Time `json:"until"`
	Grant    *struct {
		ID     string `json:"id"`
		Digest string `json:"digest"`
	} `json:"grant"`
	Configuration *struct {
		Commit string `json:"commit"`
		First  bool   `json:"first"`
	} `json:"configuration"`
	Holding *struct {
		Entitlement struct {
			Target string            `json:"target"`
			Values map[string]string `json:"values"`
		} `json:"entitlement"`
		Account string `json:"account"`
	} `json:"holding"`
}

func (r receipt) holding(w *World) holding {
	e := r.Holding.Entitlement
	h := holding{e.Target + "/" + e.Values["name"] + e.Values["team"], r.Holding.Account}
	if e.Target == "github" {
		h.account = w.loginOf(h.account)
	}
	return h
}

// about is the receipt in words.
func (r receipt) about(w *World) string {
	switch {
	case r.Configuration != nil:
		return fmt.Sprintf("%s configuration at %.12s", r.Kind, r.Commit)
	case r.Grant != nil:
		return fmt.Sprintf("%s %s at %.12s", r.Kind, r.Grant.ID, r.Commit)
	case r.Holding != nil:
		return fmt.Sprintf("%s %s %s", r.Kind, r.Action, r.holding(w))
	}
	return r.Kind
}

// parseReceipt reads a stored file; ok is false where it is no receipt's.
func parseReceipt(path string, data []byte) (receipt, bool) {
	var envelope struct{ Payload string }
	var statement struct {
		PredicateType string
		Predicate     receipt
	}
	if !strings.HasPrefix(path, "receipts/") || json.Unmarshal(data, &envelope) != nil {
		return receipt{}, false
	}
	payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil || json.Unmarshal(payload, &statement) != nil || !strings.Contains(statement.PredicateType, "receipt") {
		return receipt{}, false
	}
	return statement.Predicate, true
}

// readLedger takes account of what Lapse put on the remote ledger since it was read last: each commit, each receipt, in order.
func (o *oracle) readLedger(before, tip string, p *Process) {
	var chain []string
	for h := tip; h != "" && !o.seen[h]; {
		chain = append(chain, h)
		_, parents := o.w.git.commit(h)
		if len(parents) > 1 {
			o.w.breaks(Chain, "ledger commit %.12s has %d parents", h, len(parents))
		}
		h = ""
		if len(parents) > 0 {
			h = parents[0]
		}
	}
	for i := len(chain) - 1; i >= 0; i-- {
		o.readLedgerCommit(chain[i], p)
	}
	if before != "" && len(chain) > 0 && !o.w.git.isAncestor(before, tip) {
		o.w.breaks(Chain, "the ledger was moved from %.12s to %.12s, which does not descend from it", before, tip)
	}
}

func (o *oracle) readLedgerCommit(h string, p *Process) {
	o.seen[h] = true
	tree, parents := o.w.git.commit(h)
	parentTree, parent := "", ""
	if len(parents) > 0 {
		parent = parents[0]
		parentTree, _ = o.w.git.commit(parent)
	}
	if sibling := o.children[parent]; sibling != "" && sibling != h {
		o.w.breaks(Chain, "ledger commits %.12s and %.12s both follow %.12s", sibling, h, parent)
	}
	o.children[parent] = h
	for _, c := range o.w.git.diff(parentTree, tree) {
		if !strings.HasPrefix(c.path, "receipts/") {
			continue
		}
		if c.before != "" {
			o.w.breaks(Chain, "ledger commit %.12s changes or removes %s", h, c.path)
			continue
		}
		_, data := o.w.git.get(c.after)
		o.w.secretless("the ledger", string(data))
		if r, ok := parseReceipt(c.path, data); ok {
			o.receive(r, p)
		}
	}
}

// receive holds one receipt against the history.
func (o *oracle) receive(r receipt, p *Process) {
	if r.Sequence != o.sequence+1 {
		o.w.breaks(Chain, "receipt %d follows receipt %d", r.Sequence, o.sequence)
	}
	o.sequence = r.Sequence
	if r.Time.After(o.clock) {
		o.clock = r.Time
	}
	o.w.count("receipt " + r.Kind)
	o.w.say("receipt %d: %s", r.Sequence, r.about(o.w))
	switch {
	case r.Configuration != nil:
		o.judgedConfiguration(r)
	case r.Grant != nil && (r.Kind == "approved" || r.Kind == "refused"):
		o.judged(r)
	case r.Grant != nil && r.Kind == "ended":
		o.ended(r, p)
	case r.Holding != nil:
		o.held(r)
	}
}

func (o *oracle) judgedConfiguration(r receipt) {
	if r.Configuration.First {
		o.approved = o.w.snapshot(r.Configuration.Commit).configuration
		return
	}
	a := o.arrivals[r.Configuration.Commit]
	if a == nil {
		o.w.breaks(Unapproved, "a receipt judges configuration at %.12s, which never came to main", r.Configuration.Commit)
		return
	}
	why := o.why(a)
	switch a.verdict = r.Kind; {
	case r.Kind == "approved" && why != "":
		o.w.breaks(Unapproved, "configuration at %.12s was approved: %s", a.tip, why)
	case r.Kind == "refused" && why == "" && a.pull != nil && !a.pull.doubt:
		o.w.breaks(Owed, "configuration at %.12s was refused, and is approved", a.tip)
	}
	if r.Kind == "approved" {
		o.approved = a.after.configuration
	}
}

func (o *oracle) judged(r receipt) {
	var v *version
	for _, x := range o.versions {
		if x.id == r.Grant.ID && x.by.tip == r.Commit {
			v = x
		}
	}
	if v == nil {
		if r.Kind == "approved" {
			o.w.breaks(Unapproved, "%s was approved at %.12s, which never brought it to main", r.Grant.ID, r.Commit)
		}
		return
	}
	why := o.why(v.by)
	switch {
	case r.Kind == "approved" && why != "":
		o.w.breaks(Unapproved, "%s at %.12s was approved: %s", v.id, v.by.tip, why)
	case r.Kind == "refused" && why == "" && !o.w.nobody && !v.adrift && !v.doubt && !v.by.pull.doubt:
		o.w.breaks(Owed, "%s at %.12s was refused, and is approved", v.id, v.by.tip)
	}
	if v.verdict = r.Kind; r.Kind == "approved" {
		o.live[v.id] = v
	}
}

func (o *oracle) ended(r receipt, p *Process) {
	v := o.live[r.Grant.ID]
	if v == nil || digest(v.text) != r.Grant.Digest {
		return
	}
	departed := v.user == "bob" && o.approved.bobGone
	if v.over == 0 && !v.mayBeOver && !departed && p != nil && p.latest().Before(v.end) {
		o.w.breaks(Owed, "%s was ended, and lasts until %s", v.id, clockText(v.end))
	}
	delete(o.live, v.id)
}

func (o *oracle) held(r receipt) {
	h := r.holding(o.w)
	o.ever[h] = o.ever[h] || r.Kind == "intended" && r.Action == "give"
	switch {
	case r.Kind == "intended" && r.Action == "give":
		o.known[h] = r.Until
	case r.Kind == "given":
		o.known[h] = r.Until
		if !o.w.held()[h] && o.w.alone() {
			o.w.breaks(Proof, "a receipt says that %s was given, and the target does not show it", h)
		}
	case r.Kind == "taken":
		if o.w.held()[h] && o.w.alone() {
			o.w.breaks(Proof, "a receipt says that %s was taken, and the target still shows it", h)
		}
		delete(o.known, h)
	case r.Kind == "kept" && !o.byHand[h]:
		o.w.breaks(Intent, "a receipt says that %s was there before Lapse, which gave it", h)
	}
}
