// Package example is an access repository to start from. The demo and the tests use the very files that users are shown.
package example

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed lapse.yaml people.yaml roles policies grants/.gitkeep README.md .github
var files embed.FS

// Files are the files of the access repository, by path.
func Files() (map[string]string, error) {
	out := map[string]string{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".go") {
			return err
		}
		b, err := files.ReadFile(path)
		out[path] = string(b)
		return err
	})
	return out, err
}
