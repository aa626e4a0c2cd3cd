package main

import (
	"path/filepath"

	"github.com/lapse-access/lapse/anchors"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/reconciler"
)

// anchorOpener reaches the place that lapse.yaml names for checkpoints.
func anchorOpener(env *environment, conn *connected) reconciler.AnchorOpener {
	means := anchors.Means{
		Folder: filepath.Join(conn.dir, "anchor"), Secret: env.expand, Path: env.getenv("PATH"), Home: env.getenv("HOME"), Author: lapseAuthor(),
	}
	return func(c grants.AnchorConfig) (reconciler.AnchorReader, error) { return anchors.Open(c, means) }
}

// readOnly is an anchor that a dry run cannot write to.
func readOnly(open reconciler.AnchorOpener) reconciler.AnchorOpener {
	return func(c grants.AnchorConfig) (reconciler.AnchorReader, error) {
		a, err := open(c)
		return struct{ reconciler.AnchorReader }{a}, err
	}
}
