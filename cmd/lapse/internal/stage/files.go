package stage

import (
	"embed"
	"io/fs"
	"strings"

	"github.com/lapse-access/lapse/example"
)

// access is put over the example: what needs no other system than this machine, and a role that asks nobody.
//
//go:embed access
var access embed.FS

// exampleVault is where access/lapse.yaml keeps the vault.
const exampleVault = "/var/lib/lapse/vault.json"

// Files are the files of the stage's access repository, by path, before a key is made and the vault has its place.
func Files() (map[string]string, error) {
	files, err := example.Files()
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(access, "access", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := access.ReadFile(path)
		files[strings.TrimPrefix(path, "access/")] = string(b)
		return err
	})
	return files, err
}
