package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// Push moves a ref of the remote from old to new, where new must descend from old, and sends the objects that the remote lacks. A zero old
// means that the ref must not exist. If the ref is not at old the error is ErrMoved, even if it is at new already: somebody else
// brought it there. The server compares again under its own lock, so of two pushes from the same old value one at most succeeds. Any
// other refusal is ErrRejected, with the server's words. After an error of another kind, as from a connection that broke, nobody
// knows whether the ref has moved: ask again.
func (r *Repo) Push(ctx context.Context, ref string, old, new Hash) error {
	if err := checkRefName(ref); err != nil {
		return err
	}
	if err := r.checkForward(old, new); err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}
	return r.remote.scrub("push "+ref+" to", r.push(ctx, ref, old, new))
}

// Replace moves a ref of the remote from old to new as Push does, but to a commit that need not descend from it. It is for notes that
// have no history, outside of branches and tags.
func (r *Repo) Replace(ctx context.Context, ref string, old, new Hash) error {
	if err := checkRefName(ref); err != nil {
		return err
	}
	for _, kept := range []string{"refs/heads/", "refs/tags/"} {
		if strings.HasPrefix(ref, kept) {
			return fmt.Errorf("replace %s: what is under %s only moves forward", ref, kept)
		}
	}
	if err := r.checkForward(Hash{}, new); err != nil {
		return fmt.Errorf("replace %s: %w", ref, err)
	}
	return r.remote.scrub("push "+ref+" to", r.push(ctx, ref, old, new))
}

// maxCleared is how many refs Clear deletes at once.
const maxCleared = 100

// Clear deletes the refs of the remote that lie below one of ours, as folders and files with one name keep each other from being made.
// It is for refs/lapse/ alone.
func (r *Repo) Clear(ctx context.Context, ref string) error {
	if err := checkRefName(ref); err != nil {
		return err
	}
	if !strings.HasPrefix(ref, ownRefs) {
		return fmt.Errorf("clear %s: only refs under %s are ours", ref, ownRefs)
	}
	below := map[string]Hash{}
	err := r.download(ctx, func(adv *packp.AdvRefs) ([]Hash, error) {
		for name, h := range adv.References {
			if strings.HasPrefix(name, ref+"/") && len(below) < maxCleared {
				below[name] = h
			}
		}
		return nil, nil
	})
	for name, h := range below {
		err = errors.Join(err, r.push(ctx, name, h, Hash{}))
	}
	return r.remote.scrub("clear "+ref+" at", err)
}

func (r *Repo) checkForward(old, new Hash) error {
	if new.IsZero() {
		return errors.New("there is nothing to push; a ref is never deleted")
	}
	if _, err := r.links(new); err != nil {
		return err
	}
	if old.IsZero() {
		return nil
	}
	forward, err := r.IsAncestor(old, new)
	if err == nil && !forward {
		err = fmt.Errorf("from %s to %s: %w", old, new, ErrNotFastForward)
	}
	return err
}

func (r *Repo) push(ctx context.Context, ref string, old, new Hash) (err error) {
	if r.readOnly() {
		return ErrReadOnly
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	session, adv, err := r.link.receivePack(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if at := adv.References[ref]; at != old {
		return fmt.Errorf("%w: it is at %s, not at %s", ErrMoved, at, old)
	}
	if old == new {
		return nil
	}
	if !adv.Capabilities.Supports(capability.ReportStatus) {
		return errors.New("the server does not report what became of a push")
	}
	said := &tail{}
	req := packp.NewReferenceUpdateRequestFromCapabilities(adv.Capabilities)
	if adv.Capabilities.Supports(capability.Sideband64k) {
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return err
		}
		req.Progress = said
	}
	req.Commands = []*packp.Command{{Name: plumbing.ReferenceName(ref), Old: old, New: new}}
	if req.Packfile, err = r.packFor(new, adv); err != nil {
		return err
	}
	report, err := session.ReceivePack(ctx, req)
	if report != nil {
		return judgeReport(report, ref, said.String())
	}
	if err == nil {
		err = errors.New("the server did not report what became of the push")
	}
	return err
}

// packFor is what the remote lacks of a commit; nil where a ref is to be deleted. The whole of it is made before any is sent: it is small,
// and an error half-way would leave the server waiting.
func (r *Repo) packFor(new Hash, adv *packp.AdvRefs) (io.ReadCloser, error) {
	if new.IsZero() {
		return nil, nil
	}
	objects, err := r.unsent(new, adv)
	if err != nil {
		return nil, err
	}
	var pack bytes.Buffer
	if _, err := packfile.NewEncoder(&pack, r.store, false).Encode(objects, 0); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return io.NopCloser(&pack), nil
}

func judgeReport(report *packp.ReportStatus, ref, said string) error {
	if report.UnpackStatus != "ok" {
		return fmt.Errorf("%w: unpack %s %s", ErrRejected, report.UnpackStatus, said)
	}
	for _, status := range report.CommandStatuses {
		if string(status.ReferenceName) != ref {
			continue
		}
		switch {
		case status.Status == "ok":
			return nil
		case saysMoved(status.Status):
			return fmt.Errorf("%w: %s", ErrMoved, status.Status)
		}
		return fmt.Errorf("%w: %s %s", ErrRejected, status.Status, said)
	}
	return fmt.Errorf("%w: no word about the ref %s", ErrRejected, said)
}

// saysMoved knows the words with which a server says that it found the ref elsewhere, or locked by another push: those of git's
// refs/files-backend.c and builtin/receive-pack.c, which GitHub's have in common.
func saysMoved(status string) bool {
	for _, words := range []string{
		"failed to update ref", "cannot lock ref", "failed to lock", "but expected", "reference already exists",
		"incorrect old value", "fetch first", "stale info", "non-fast-forward",
	} {
		if strings.Contains(status, words) {
			return true
		}
	}
	return false
}

// tail keeps the first kilobyte of what a server says while it works: its hooks explain a refusal there.
type tail struct{ strings.Builder }

func (t *tail) Write(p []byte) (int, error) {
	t.Builder.Write(p[:min(len(p), max(0, maxErrorText-t.Len()))])
	return len(p), nil
}

// nearby is how many commits a push may have on top of a ref of the remote before the whole history of the refs is read.
const nearby = 256

// unsent lists the objects that new needs and the remote's refs do not show it to have.
func (r *Repo) unsent(new Hash, adv *packp.AdvRefs) ([]Hash, error) {
	tips := map[Hash]bool{}
	for _, h := range adv.References {
		if r.isCommit(h) {
			tips[h] = true
		}
	}
	var known []Hash
	for h := range tips {
		known = append(known, h)
	}
	commits, err := r.upTo(tips, new, nearby)
	if errors.Is(err, ErrLimit) {
		all, err := r.ancestors(known...)
		if err != nil {
			return nil, err
		}
		commits, err = r.upTo(all, new, 0)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	s := sender{repo: r, listed: map[Hash]bool{}}
	for _, h := range commits {
		if err := s.commit(h); err != nil {
			return nil, err
		}
	}
	return s.objects, nil
}

// sender lists each object once.
type sender struct {
	repo    *Repo
	listed  map[Hash]bool
	objects []Hash
}

func (s *sender) list(h Hash) (first bool) {
	if s.listed[h] {
		return false
	}
	s.listed[h] = true
	s.objects = append(s.objects, h)
	return true
}

// commit lists a commit, and of its trees what its first parent has not: the remote has, or is sent, the parent's.
func (s *sender) commit(h Hash) error {
	c, err := s.repo.Commit(h)
	if err != nil {
		return err
	}
	var base Hash
	if len(c.Parents) > 0 {
		parent, err := s.repo.Commit(c.Parents[0])
		if err != nil {
			return err
		}
		base = parent.Tree
	}
	s.list(h)
	return s.tree(base, c.Tree)
}

func (s *sender) tree(base, h Hash) error {
	if base == h || !s.list(h) {
		return nil
	}
	before, err := s.repo.tree(base)
	if err != nil {
		return err
	}
	after, err := s.repo.tree(h)
	if err != nil {
		return err
	}
	for _, e := range after.entries {
		old := before.find(e.name)
		switch {
		case e.Mode == ModeSubmodule || old != nil && old.Hash == e.Hash:
		case e.Mode != ModeDir:
			s.list(e.Hash)
		case old != nil && old.Mode == ModeDir:
			if err := s.tree(old.Hash, e.Hash); err != nil {
				return err
			}
		default:
			if err := s.tree(Hash{}, e.Hash); err != nil {
				return err
			}
		}
	}
	return nil
}
