package githubtest

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What is asked most often is read from the repository's files; a process of git for each would be most of what the server costs. Whatever
// is not found so, git is asked.

// looseCommit is a commit that lies in a file of its own; false if it does not, or there is none of that full SHA.
func looseCommit(dir, sha string) (commit, bool) {
	if raw, err := hex.DecodeString(sha); err != nil || len(raw) != 20 || sha != strings.ToLower(sha) {
		return commit{}, false
	}
	b, err := os.ReadFile(filepath.Join(dir, "objects", sha[:2], sha[2:]))
	if err != nil {
		return commit{}, false
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return commit{}, false
	}
	data, err := io.ReadAll(io.LimitReader(z, maxPack))
	if err != nil || !bytes.HasPrefix(data, []byte("commit ")) {
		return commit{}, false
	}
	_, body, _ := bytes.Cut(data, []byte{0})
	return parseCommit(sha, string(body)), true
}

// looseAncestor says whether new holds old; known is false where that takes more than commits in files of their own.
func looseAncestor(dir, old, new string) (holds, known bool) {
	seen, next := map[string]bool{new: true}, []string{new}
	for len(next) > 0 {
		sha := next[0]
		next = next[1:]
		if sha == old {
			return true, true
		}
		c, ok := looseCommit(dir, sha)
		if !ok {
			return false, false
		}
		for _, p := range c.parents {
			if !seen[p] {
				seen[p] = true
				next = append(next, p)
			}
		}
	}
	_, known = looseCommit(dir, old)
	return false, known
}

// setPullRef moves one of a pull request's references, which nobody else moves.
func (r *repo) setPullRef(number int, name, sha string) error {
	path := filepath.Join(r.dir, "refs", "pull", strconv.Itoa(number), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".lock", []byte(sha+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".lock", path)
}
