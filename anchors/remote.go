package anchors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/reconciler"
)

// checkpointFile is what a git place holds, on a branch of which each commit replaces it.
const checkpointFile = "checkpoint.json"

// localRef is what was fetched last, in the local copy.
const localRef = "refs/lapse/anchor"

// remote is a branch of a git repository elsewhere.
type remote struct {
	at     gitrepo.Remote
	dir    string
	ref    string
	author gitrepo.Signature
	tip    gitrepo.Hash // that was read last; zero: there was none
}

func newRemote(c grants.AnchorConfig, m Means) (*remote, error) {
	name := sha256.Sum256([]byte(c.Place()))
	r := &remote{
		at: gitrepo.Remote{URL: c.Git, Username: c.Username}, ref: c.Ref, author: m.Author,
		dir: filepath.Join(m.Folder, hex.EncodeToString(name[:8])),
	}
	if r.at.Username == "" {
		r.at.Username = "x-access-token"
	}
	if c.Token == "" {
		return r, nil
	}
	token, err := m.Secret(c.Token)
	if err != nil {
		return nil, fmt.Errorf("%s: token: %w", c.At, err)
	}
	r.at.Token = token
	return r, nil
}

func (r *remote) Read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	repo, err := gitrepo.Open(ctx, r.dir, r.at)
	if err != nil {
		return nil, err
	}
	err = repo.Fetch(ctx, "+"+r.ref+":"+localRef)
	if errors.Is(err, gitrepo.ErrNoRef) {
		r.tip = gitrepo.Hash{}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tip, _, err := repo.Ref(localRef)
	if err != nil {
		return nil, err
	}
	r.tip = tip
	files, err := repo.FS(tip)
	if err != nil {
		return nil, err
	}
	f, err := files.Open(checkpointFile)
	if err != nil {
		return nil, fmt.Errorf("%s at %.12s: %w", r.ref, tip, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, ledger.MaxCheckpoint+1))
	return data, errors.Join(err, f.Close())
}

// Write goes one step forward from what was read last.
func (r *remote) Write(ctx context.Context, _, new []byte, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	repo, err := gitrepo.Open(ctx, r.dir, r.at)
	if err != nil {
		return err
	}
	who := r.author
	who.When = now
	c := gitrepo.NewCommit{Changes: map[string][]byte{checkpointFile: new}, Message: "Checkpoint\n", Author: who, Committer: who}
	if !r.tip.IsZero() {
		c.Parents = []gitrepo.Hash{r.tip}
	}
	tip, err := repo.Write(ctx, c)
	if err != nil {
		return err
	}
	err = repo.Push(ctx, r.ref, r.tip, tip)
	if errors.Is(err, gitrepo.ErrMoved) {
		return fmt.Errorf("%w: %w", reconciler.ErrAnchorMoved, err)
	}
	if err == nil {
		r.tip = tip
	}
	return err
}
