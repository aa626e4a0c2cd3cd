package githubtest_test

import (
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/github/githubtest"
)

// What the server advertises, which it makes from the references' files, is what git says of them, to the byte; also of what has moved since.
func TestReferencesAreAdvertisedAsGitDoes(t *testing.T) {
	s := acme(t, githubtest.Options{})
	opened(t, s)
	for _, branch := range []string{"", "later", "main", "a/b"} {
		if branch != "" {
			get[string](t)(s.As("bob").PushFiles(access, branch, "main", map[string]string{"more": branch + "\n"}, "More"))
		}
		for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
			got := advertised(t, s, service) // first, for it makes test merges
			want, err := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", strings.TrimPrefix(service, "git-"),
				"--stateless-rpc", "--http-backend-info-refs", s.RepoDir(access)).Output()
			must(t, err)
			if got != string(want) {
				t.Errorf("%s after a push to %q: the server says\n%s\nand git\n%s", service, branch, got, want)
			}
		}
	}
}

// advertised is what the server says of its references, behind the service's own line.
func advertised(t *testing.T, s *githubtest.Server, service string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/"+access+".git/info/refs?service="+service, nil)
	must(t, err)
	req.SetBasicAuth("x", s.Token("bob"))
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	_, refs, _ := strings.Cut(string(text), "0000")
	return refs
}
