package reconciler

import (
	"strings"
	"testing"
)

// A64: what is cut short could leave half of a secret, which nobody would know for one any more.
func TestA64ASecretAtTheCutOfAReasonIsTakenOutWhole(t *testing.T) {
	const secret = "ghs_0123456789abcdef"
	scrub := func(s string) string { return strings.ReplaceAll(s, secret, "***") }
	for at := maxReason - len(secret); at <= maxReason; at++ {
		o := &Outlook{Frozen: []string{strings.Repeat("x", at) + secret}}
		if text := o.message(scrub); strings.Contains(text, "ghs") || strings.Contains(text, "xg") {
			t.Fatalf("a secret from rune %d on is left in part: %s", at, text)
		}
	}
}
