package ledger

import (
	"strings"
	"testing"
)

const identityText = `issuer: https://token.actions.githubusercontent.com
subject: https://github.com/acme/access/.github/workflows/lapse-reconcile.yml@refs/heads/main
repository: 731
ref: refs/heads/main
`

func TestWhatSignedBeforeIsReadFromOneText(t *testing.T) {
	one, two := newTestKey(t), newTestKey(t)
	for name, text := range map[string]string{
		"as files stand":    string(one.PublicPEM()) + "---\n" + identityText + "---\n" + string(two.PublicPEM()),
		"with more breaks":  "\n---\n" + string(one.PublicPEM()) + "\n---\n\n" + identityText + "\n---\n" + string(two.PublicPEM()) + "---\n",
		"as Windows writes": strings.ReplaceAll(string(one.PublicPEM())+"---\n"+identityText+"---\n"+string(two.PublicPEM()), "\n", "\r\n"),
		"some twice":        string(one.PublicPEM()) + "---\n" + identityText + "---\n" + identityText + "---\n" + string(two.PublicPEM()),
	} {
		vs, err := ParseEarlier([]byte(text))
		if err != nil || len(vs) != 3 || vs[0].ID != one.ID() || vs[1].Identity == nil || vs[1].Identity.Repository != 731 || vs[2].ID != two.ID() {
			t.Errorf("%s: %v %v", name, vs, err)
		}
	}
	if vs, err := ParseEarlier(nil); err != nil || len(vs) != 0 {
		t.Errorf("nothing: %v %v", vs, err)
	}
	_, private, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(private): "a private key",
		string(one.PublicPEM()) + string(two.PublicPEM()):                          "more than one PEM block",
		identityText + "branch: main\n":                                            "unknown key",
		strings.Replace(identityText, "731", "0", 1):                               "positive",
		strings.Replace(identityText, "@refs/heads/main", "", 1):                   "want a workflow file at a ref",
		strings.Replace(identityText, "ref: refs/", "ref: refs/../", 1):            "want a branch",
		strings.Replace(identityText, "https://token", "token", 1):                 "want an address",
		identityText + "from: 2026-01-02T00:00:00Z\nuntil: 2026-01-01T00:00:00Z\n": "is not after from",
	} {
		if vs, err := ParseEarlier([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v %v, want %q", text, vs, err, want)
		}
	}
}
