package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Fetch brings refs of the remote, with their whole history, and moves local refs to them, all or none. A spec is written as for git:
// "+refs/heads/main:refs/lapse/main", names in full or with one * on each side. Without the plus a ref moves forward only, otherwise
// ErrNotFastForward. To be up to date is a success; a named ref that the remote lacks is ErrNoRef.
func (r *Repo) Fetch(ctx context.Context, specs ...string) error {
	parsed, err := parseSpecs(specs)
	if err != nil {
		return err
	}
	return r.remote.scrub("fetch from", r.fetch(ctx, parsed))
}

func (r *Repo) fetch(ctx context.Context, specs []refSpec) error {
	var moves []move
	err := r.download(ctx, func(adv *packp.AdvRefs) (wants []Hash, err error) {
		if moves, err = movesFor(specs, adv); err != nil {
			return nil, err
		}
		for _, m := range moves {
			wants = append(wants, m.to)
		}
		return wants, nil
	})
	if err != nil {
		return err
	}
	for _, m := range moves {
		if err := r.checkMove(m); err != nil {
			return err
		}
	}
	for _, m := range moves {
		if err := r.setRef(m.ref, m.to); err != nil {
			return fmt.Errorf("move %s: %w", m.ref, err)
		}
	}
	return nil
}

// move is one local ref that is to move.
type move struct {
	ref   string
	to    Hash
	force bool
}

func (r *Repo) checkMove(m move) error {
	old, ok, err := r.Ref(m.ref)
	if err != nil || !ok || m.force || old == m.to {
		return err
	}
	forward, err := r.IsAncestor(old, m.to)
	if err == nil && !forward {
		err = fmt.Errorf("%s from %s to %s: %w", m.ref, old, m.to, ErrNotFastForward)
	}
	return err
}

func movesFor(specs []refSpec, adv *packp.AdvRefs) ([]move, error) {
	var moves []move
	taken := map[string]bool{}
	for _, spec := range specs {
		found := spec.match(adv)
		if len(found) == 0 && !spec.wildcard() {
			return nil, fmt.Errorf("%s: %w", spec.from, ErrNoRef)
		}
		for _, m := range found {
			if err := checkRefName(m.ref); err != nil {
				return nil, err
			}
			if taken[m.ref] {
				return nil, fmt.Errorf("two specs for %s", m.ref)
			}
			taken[m.ref] = true
			moves = append(moves, m)
		}
	}
	return moves, nil
}

// FetchHash brings one commit with its history, if it is not here: also one that no branch has any more. ErrNoObject means that the
// server does not have it or does not give it.
func (r *Repo) FetchHash(ctx context.Context, h Hash) error {
	if r.Has(h) {
		return nil
	}
	asked := false
	err := r.download(ctx, func(adv *packp.AdvRefs) ([]Hash, error) {
		if !offers(adv, h) {
			return nil, fmt.Errorf("%s: %w, and the server gives no commit by its hash", h, ErrNoObject)
		}
		asked = true
		return []Hash{h}, nil
	})
	// Over files the server's answer is lost when it ends first: then the pipe that broke is the answer.
	refused := err != nil && (strings.Contains(err.Error(), "not our ref") || r.link.at.Protocol == "file" && ctx.Err() == nil)
	if asked && refused {
		err = fmt.Errorf("%s: %w: %w", h, ErrNoObject, err)
	}
	return r.remote.scrub("fetch from", err)
}

func offers(adv *packp.AdvRefs, h Hash) bool {
	for _, tip := range adv.References {
		if tip == h {
			return true
		}
	}
	return adv.Capabilities.Supports(capability.AllowReachableSHA1InWant) ||
		adv.Capabilities.Supports(capability.AllowTipSHA1InWant)
}

// RemoteRef asks the remote where a ref is, and whether it has it. The name is in full, or HEAD.
func (r *Repo) RemoteRef(ctx context.Context, ref string) (h Hash, ok bool, err error) {
	if ref != string(plumbing.HEAD) {
		if err := checkRefName(ref); err != nil {
			return Hash{}, false, err
		}
	}
	err = r.download(ctx, func(adv *packp.AdvRefs) ([]Hash, error) {
		if ref == string(plumbing.HEAD) && adv.Head != nil {
			h, ok = *adv.Head, true
		} else {
			h, ok = adv.References[ref]
		}
		return nil, nil
	})
	if err != nil {
		return Hash{}, false, r.remote.scrub("list refs of", err)
	}
	return h, ok, nil
}

// download holds one conversation: choose sees the remote's refs and says which objects are wanted; those that are missing are
// brought, with all that they need.
func (r *Repo) download(ctx context.Context, choose func(*packp.AdvRefs) ([]Hash, error)) (err error) {
	if r.readOnly() {
		return ErrReadOnly
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	session, adv, err := r.link.uploadPack(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	wants, err := choose(adv)
	if err != nil {
		return err
	}
	plumbing.HashesSort(wants)
	wants = slices.DeleteFunc(slices.Compact(wants), r.Has)
	if len(wants) == 0 {
		return nil
	}
	if err := r.downloadPack(ctx, session, adv, wants); err != nil {
		return err
	}
	for _, h := range wants {
		if !r.Has(h) {
			return fmt.Errorf("%s is not in what the server sent: %w", h, ErrNoObject)
		}
	}
	return nil
}

// downloadPack brings one pack. Go-git computes the name of each object in it from its bytes, and compares the pack's checksum, before
// the pack counts; a thin pack, which could lean on objects that we only think we have, is never asked for.
func (r *Repo) downloadPack(ctx context.Context, session transport.UploadPackSession, adv *packp.AdvRefs, wants []Hash) (err error) {
	req := packp.NewUploadPackRequestFromCapabilities(adv.Capabilities)
	if adv.Capabilities.Supports(capability.NoProgress) {
		if err := req.Capabilities.Set(capability.NoProgress); err != nil {
			return err
		}
	}
	req.Wants = wants
	if req.Haves, err = r.haves(adv); err != nil {
		return err
	}
	res, err := session.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Close()) }()
	var pack io.Reader = res
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, res)
	case req.Capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, res)
	}
	if err := packfile.UpdateObjectStorage(r.store, pack); err != nil {
		return errors.Join(fmt.Errorf("pack: %w", err), r.dropPartialPacks())
	}
	r.shelf.stale()
	return nil
}

// dropPartialPacks deletes what an interrupted download left: it would stay for ever.
func (r *Repo) dropPartialPacks() error {
	partial, err := filepath.Glob(filepath.Join(globQuote(r.store.Filesystem().Root()), "objects", "pack", "tmp_pack_*"))
	for _, name := range partial {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

func globQuote(path string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(path)
}

// Limits of what is offered as known. A server needs one commit that both know; all before it is then known too.
const (
	havesPerRef = 64
	maxHaves    = 1024
)

// haves lists commits that are here, for the server to leave out what they need: first those that it just named.
func (r *Repo) haves(adv *packp.AdvRefs) ([]Hash, error) {
	known := map[Hash]bool{}
	for _, tip := range adv.References {
		if len(known) < maxHaves && r.isCommit(tip) {
			known[tip] = true
		}
	}
	refs, err := r.store.IterReferences()
	if err != nil {
		return nil, err
	}
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() != plumbing.HashReference || !r.isCommit(ref.Hash()) {
			return nil
		}
		left := havesPerRef
		return r.walk([]Hash{ref.Hash()}, func(h Hash) bool {
			if left--; left >= 0 && len(known) < maxHaves {
				known[h] = true
			}
			return left > 0 && len(known) < maxHaves
		})
	})
	haves := make([]Hash, 0, len(known))
	for h := range known {
		haves = append(haves, h)
	}
	plumbing.HashesSort(haves)
	return haves, err
}

func (r *Repo) isCommit(h Hash) bool {
	_, err := r.links(h)
	return err == nil
}
