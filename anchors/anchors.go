// Package anchors keeps the last checkpoint of an access repository outside the forge: in a file, by a program, or in a git repository
// elsewhere. It moves bytes; what they say, and whether they are believed, is for the reconciler.
//
//	file  compares and replaces under a lock, so that of two reconcilers on one machine neither undoes the other
//	git   compares as git does: a push that is no step forward from what was read is refused
//	exec  compares nothing: the program has the last word
package anchors

import (
	"fmt"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

// maxWait is how long one reading or writing may take, whatever the place is: what is due waits for the first reading.
const maxWait = 30 * time.Second

// Means are what a place is reached with.
type Means struct {
	// Folder is for the local copy of a git place.
	Folder string
	// Secret resolves "${NAME}", and sees to it that no text shows its value.
	Secret func(setting string) (string, error)
	// Path is the search path for programs, Home the home folder that they are given.
	Path, Home string
	// Author makes the commits of a git place.
	Author gitrepo.Signature
}

// Open is the place that a configuration names. Nothing is asked of it yet.
func Open(c grants.AnchorConfig, m Means) (reconciler.Anchor, error) {
	switch {
	case c.File != "":
		return file(c.File), nil
	case len(c.Exec) > 0:
		return newProgram(c, m)
	case c.Git != "":
		return newRemote(c, m)
	}
	return nil, fmt.Errorf("%s: no place", c.At)
}
