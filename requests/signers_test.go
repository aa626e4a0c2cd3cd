package requests

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
)

// newKey is a key, and its line of the published file.
func newKey(t *testing.T) (*ledger.Key, string) {
	t.Helper()
	k, _, err := ledger.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	line, err := gitrepo.AllowedSigners(CommitEmail, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return k, line
}

func TestThePublishedSignersAreTheTrustedKeys(t *testing.T) {
	k, line := newKey(t)
	_, other := newKey(t)
	retired := strings.Replace(other, `namespaces="git"`, `namespaces="git",valid-before="20270101"`, 1)
	for name, c := range map[string]struct{ text, says string }{
		"its line":                   {signersHead + line, ""},
		"its line alone":             {line, ""},
		"its line, no line break":    {strings.TrimSpace(line), ""},
		"and one that was replaced":  {line + retired, ""},
		"nothing":                    {signersHead, "does not name the trusted key " + k.ID()},
		"no such file":               {"", "is not there"},
		"another key beside":         {line + other, ":2: names a key that is not under"},
		"another for its own":        {other, ":1: names a key that is not under"},
		"its line for a while":       {strings.Replace(line, `"git"`, `"git",valid-before="20270101"`, 1), "does not name the trusted key"},
		"for any use":                {strings.Replace(line, `namespaces="git" `, "", 1), "does not name the trusted key"},
		"as anybody":                 {line + strings.Replace(retired, CommitEmail, "*", 1), "names a key that is not"},
		"as a person":                {line + strings.Replace(retired, CommitEmail, "alice@acme.com", 1), "names a key that is not"},
		"an authority for a while":   {line + strings.Replace(retired, "namespaces", "cert-authority,namespaces", 1), "names a key that is not"},
		"an authority":               {line + strings.Replace(other, "namespaces", "cert-authority,namespaces", 1), "names a key that is not"},
		"a time in the comment only": {line + strings.TrimSpace(other) + ` valid-before="20270101"` + "\n", "names a key that is not"},
		"more than anybody reads":    {line + strings.Repeat("#\n", maxSigners), "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{ledger.TrustDir + "/lapse.pub": {Data: k.PublicPEM()}}
			if c.text != "" {
				files[SignersFile] = &fstest.MapFile{Data: []byte(c.text)}
			}
			var said []string
			for _, p := range SignerProblems(files) {
				said = append(said, p.Error())
			}
			all := strings.Join(said, "\n")
			if (c.says == "") != (all == "") || !strings.Contains(all, c.says) {
				t.Errorf("says %q, want %q", all, c.says)
			}
		})
	}
	if got := SignerProblems(fstest.MapFS{SignersFile: {Data: []byte(line)}}); got != nil {
		t.Errorf("where no key is trusted: %v", got)
	}
}
