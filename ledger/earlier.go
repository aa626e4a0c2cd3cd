package ledger

import (
	"bytes"
	"fmt"

	"github.com/lapse-access/lapse/grants"
)

// ParseEarlier reads several of what files of [TrustDir] hold, one after the other with a line "---" between: what signed a ledger
// before, for which whoever sets up the reconciler vouches.
func ParseEarlier(text []byte) (Verifiers, error) {
	if len(text) > maxKey {
		return nil, fmt.Errorf("longer than %d bytes", maxKey)
	}
	var all Verifiers
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	for i, part := range bytes.Split(append(append([]byte("\n"), text...), '\n'), []byte("\n---\n")) {
		part = bytes.TrimSpace(part)
		if len(part) == 0 {
			continue
		}
		name := fmt.Sprintf("part-%d%s", i+1, identitySuffix)
		if bytes.HasPrefix(part, []byte("-----BEGIN ")) {
			name = fmt.Sprintf("part-%d.pub", i+1)
		}
		v, problems := ParseVerifier(name, append(part, '\n'))
		if len(problems) > 0 {
			return nil, grants.Join(problems)
		}
		all = all.With(v)
	}
	return all, nil
}
