package githubtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// references is what git advertises to a service. What it can it says once; the references are read from their files, which costs no
// process (https://git-scm.com/docs/gitprotocol-pack#_reference_discovery). Where the answer takes more than that, git is asked each time.
func (s *Server) references(r *repo, service, protocol string) ([]byte, error) {
	ask := func() ([]byte, error) {
		return s.git(r).with("GIT_PROTOCOL="+protocol).run(strings.TrimPrefix(service, "git-"), "--stateless-rpc", "--http-backend-info-refs", ".")
	}
	refs, plain := r.plainRefs(service)
	if !plain || strings.Contains(protocol, "version=") && service == "git-upload-pack" {
		return ask()
	}
	head, err := os.ReadFile(filepath.Join(r.dir, "HEAD"))
	if err != nil {
		return nil, err
	}
	key := service + " " + protocol + " " + string(head)
	if _, known := r.capable[key]; !known {
		out, err := ask()
		first, _, _ := bytes.Cut(out, []byte("\n"))
		_, can, found := strings.Cut(string(first), "\x00")
		if err != nil || !found {
			return out, err
		}
		if r.capable == nil {
			r.capable = map[string]string{}
		}
		r.capable[key] = can
	}
	return pktRefs(refs, r.capable[key]), nil
}

// plainRefs are the references that a service advertises, in its order; false where one has to be looked into, or there is none.
func (r *repo) plainRefs(service string) (refs []refValue, plain bool) {
	plain = true
	err := filepath.WalkDir(filepath.Join(r.dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := "refs" + filepath.ToSlash(strings.TrimPrefix(path, filepath.Join(r.dir, "refs")))
		value := r.ref(name)
		plain = plain && value != "" && !strings.HasPrefix(name, "refs/tags/")
		if service == "git-upload-pack" || !strings.HasPrefix(name, "refs/pull/") {
			refs = append(refs, refValue{name, value})
		}
		return nil
	})
	if _, packed := os.Stat(filepath.Join(r.dir, "packed-refs")); err != nil || packed == nil || len(refs) == 0 {
		return nil, false
	}
	slices.SortFunc(refs, func(a, b refValue) int { return strings.Compare(a.name, b.name) })
	if service == "git-upload-pack" {
		tip := r.branch(r.defaultBranch)
		plain = plain && tip != ""
		refs = slices.Insert(refs, 0, refValue{"HEAD", tip})
	}
	return refs, plain
}

// pktRefs writes references as pkt-lines, what the service can behind the first.
func pktRefs(refs []refValue, can string) []byte {
	var out []byte
	for i, ref := range refs {
		line := ref.sha + " " + ref.name
		if i == 0 {
			line += "\x00" + can
		}
		out = fmt.Appendf(out, "%04x%s\n", len(line)+5, line)
	}
	return append(out, "0000"...)
}
