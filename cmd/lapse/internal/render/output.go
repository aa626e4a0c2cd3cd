package render

import (
	"crypto/rand"
	"fmt"
	"io"
	"regexp"
	"strings"
)

var outputKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// OutputFile writes one value in the form that GITHUB_OUTPUT, GITHUB_ENV and GITHUB_STATE take for values of several lines,
// fenced by a random delimiter that does not occur in it
// (docs.github.com/actions/reference/workflow-commands-for-github-actions#multiline-strings). The value arrives byte for byte.
// A key that is not a plain name is an error, and nothing is written.
func OutputFile(w io.Writer, key, value string) error {
	if !outputKey.MatchString(key) {
		return fmt.Errorf("write output: key %q is not a name of letters, digits, - and _", key)
	}
	delimiter := "lapse_" + rand.Text()
	for strings.Contains(value, delimiter) {
		delimiter = "lapse_" + rand.Text()
	}
	_, err := fmt.Fprintf(w, "%s<<%s\n%s\n%s\n", key, delimiter, value, delimiter)
	if err != nil {
		return fmt.Errorf("write output %s: %w", key, err)
	}
	return nil
}
