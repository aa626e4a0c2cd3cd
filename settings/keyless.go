package settings

import (
	"fmt"
	"strings"
)

// Keyless is what signing without a key rests on.
type Keyless struct {
	Workflow Identity   // of the one that reconciles, on main
	Trusted  []Identity // whose signatures count now, by the configuration on main
	Token    bool       // the workflow's file lets it ask for the token by which it signs
}

// Identity names a workflow as certificates do.
type Identity struct {
	Issuer     string // of tokens; "": any may be
	Subject    string // the file at a ref, as a URL
	Repository int64
	Ref        string
}

func keyless(f Facts) []Finding {
	k := f.Keyless
	if k == nil || f.Hidden("ledger") {
		return nil
	}
	var out []Finding
	if !k.Token {
		out = append(out, Finding{"signing", ReconcileWorkflow + " may not ask for the token by which it signs: it can write no receipt",
			"write permissions: {id-token: write} into its job that reconciles, by a pull request"})
	}
	differs := ""
	for _, t := range k.Trusted {
		if differs = k.Workflow.differs(t); differs == "" {
			return out
		}
	}
	if differs == "" {
		differs = "it names none"
	}
	w := k.Workflow
	return append(out, Finding{"signing", "the workflow that reconciles is not the one that .lapse/trust/ names, so that what it signs does not count: " + differs,
		fmt.Sprintf("write into a file .lapse/trust/*.identity.yaml subject: %s, repository: %d, ref: %s, by a pull request", w.Subject, w.Repository, w.Ref)})
}

// differs says in what another identity is not this one.
func (i Identity) differs(j Identity) string {
	var out []string
	add := func(same bool, what string, have, want any) {
		if !same {
			out = append(out, fmt.Sprintf("%s is %v, want %v", what, have, want))
		}
	}
	add(j.Subject == i.Subject, "subject", j.Subject, i.Subject)
	add(j.Repository == i.Repository, "repository", j.Repository, i.Repository)
	add(j.Ref == i.Ref, "ref", j.Ref, i.Ref)
	ofEnterprise := strings.HasPrefix(j.Issuer, i.Issuer+"/")
	add(i.Issuer == "" || j.Issuer == i.Issuer || ofEnterprise, "issuer", j.Issuer, i.Issuer)
	return strings.Join(out, "; ")
}
