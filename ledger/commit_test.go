package ledger

import (
	"testing"

	"github.com/lapse-access/lapse/grants"
)

func TestCheckCommitAcceptsOnlyGrowth(t *testing.T) {
	plain := &grants.File{Mode: plainFile}
	path := "receipts/2026/11/0000000/0000000001-approved.json"
	for name, tc := range map[string]struct {
		change grants.FileChange
		want   bool
	}{
		"a receipt added":         {grants.FileChange{Path: path, After: plain}, true},
		"state added":             {grants.FileChange{Path: StateFile, After: plain}, true},
		"state changed":           {grants.FileChange{Path: StateFile, Before: plain, After: plain}, true},
		"a receipt changed":       {grants.FileChange{Path: path, Before: plain, After: plain}, false},
		"a receipt removed":       {grants.FileChange{Path: path, Before: plain}, false},
		"state removed":           {grants.FileChange{Path: StateFile, Before: plain}, true},
		"a part of it removed":    {grants.FileChange{Path: grantPart("alice"), Before: plain}, true},
		"what is named as a part": {grants.FileChange{Path: "state/grants/x.json", After: plain}, false},
		"an executable receipt":   {grants.FileChange{Path: path, After: &grants.File{Mode: 0o100755}}, false},
		"a link for a receipt":    {grants.FileChange{Path: path, After: &grants.File{Mode: 0o120000}}, false},
		"no bucket":               {grants.FileChange{Path: "receipts/2026/11/0000000001-approved.json", After: plain}, false},
		"another bucket":          {grants.FileChange{Path: "receipts/2026/11/0000001/0000000001-approved.json", After: plain}, false},
		"another case":            {grants.FileChange{Path: "Receipts/2026/11/0000000/0000000001-approved.json", After: plain}, false},
		"state in another case":   {grants.FileChange{Path: "state/Grants/00.json", After: plain}, false},
		"attributes for git":      {grants.FileChange{Path: ".gitattributes", After: plain}, false},
		"a folder in its place":   {grants.FileChange{Path: path + "/x", After: plain}, false},
		"a receipt made a link":   {grants.FileChange{Path: path, Before: plain, After: &grants.File{Mode: 0o120000}}, false},
		"the mode alone":          {grants.FileChange{Path: StateFile, Before: plain, After: &grants.File{Mode: 0o100755}}, false},
		"something else":          {grants.FileChange{Path: "README.md", After: plain}, false},
		"a submodule for a state": {grants.FileChange{Path: StateFile, After: &grants.File{Mode: 0o160000}}, false},
	} {
		if got := CheckCommit(false, 1, []grants.FileChange{tc.change}); (len(got) == 0) != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, tc := range []struct {
		first   bool
		parents int
		want    bool
	}{{true, 0, true}, {true, 1, false}, {true, 2, false}, {false, 0, false}, {false, 1, true}, {false, 2, false}} {
		if got := CheckCommit(tc.first, tc.parents, nil); (len(got) == 0) != tc.want {
			t.Errorf("first %v, %d parents: %v", tc.first, tc.parents, got)
		}
	}
}
