package ledger

import (
	"testing"

	"github.com/lapse-access/lapse/grants"
)

func TestOnlyACommitThatRemovesTheStateAndNothingElseThrowsItAway(t *testing.T) {
	file := &grants.File{Mode: plainFile}
	gone := func(path string) grants.FileChange { return grants.FileChange{Path: path, Before: file} }
	part := grantPart("alice")
	for name, tc := range map[string]struct {
		changes []grants.FileChange
		want    bool
	}{
		"all of it":       {[]grants.FileChange{gone(StateFile), gone(part)}, true},
		"a part":          {[]grants.FileChange{gone(part)}, false},
		"and a receipt":   {[]grants.FileChange{gone(StateFile), gone("receipts/2026/03/0000000/0000000001-approved.json")}, false},
		"and writes some": {[]grants.FileChange{gone(StateFile), {Path: part, Before: file, After: file}}, false},
		"nothing":         {nil, false},
	} {
		if got := ThrowsStateAway(tc.changes); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
