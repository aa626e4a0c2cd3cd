package policies

import (
	"embed"
	"io/fs"
)

//go:embed default/*.rego
var defaults embed.FS

// Default is the policies that an access repository starts with, and their tests, as files of its folder policies/.
func Default() fs.FS {
	sub, err := fs.Sub(defaults, "default")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}
