package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
)

// removalBranch is the one branch of removal pull requests.
const removalBranch = "lapse/removal"

// remove commits the removal of the files of ended grants: all in one commit, and only where the targets, read back, no longer
// show what they gave, and main need not be put right first. A removal that is blocked is bookkeeping that waits; the access is gone already.
func (r *Reconciler) remove(ctx context.Context, out *Outlook) {
	if len(out.removable) == 0 || out.tip.Commit != out.Main || out.mending {
		return
	}
	held := outstanding(out.Book.State())
	files := map[string][]byte{}
	var ids []string
	for _, id := range out.removable {
		if !held[id] {
			ids = append(ids, id)
			files[grants.PathOf(id)] = nil
		}
	}
	if len(ids) == 0 {
		return
	}
	change := NewChange{Files: files, Message: removalMessage(ids), When: r.clock(out)}
	var err error
	if out.approved.Configuration.Config.RemovalByPull {
		err = r.removeByPull(ctx, out, change, ids)
	} else {
		err = r.removeByPush(ctx, out, change)
	}
	if errors.Is(err, errMoved) { // somebody's push is no failure of ours, and brings the next run
		for _, id := range ids {
			out.Notes = append(out.Notes, Note{Grant: id, Text: "is over and taken; main moved meanwhile, so the next run removes the file"})
		}
		return
	}
	if err != nil {
		out.fail("commit the removal of %s: %v; the access is gone, and the next run tries again", strings.Join(ids, ", "), err)
		return
	}
	out.Removed = ids
}

func (r *Reconciler) removeByPush(ctx context.Context, out *Outlook, c NewChange) error {
	tip, err := r.commitTo(ctx, "refs/heads/"+r.Branch, out.Main, c)
	if errors.Is(err, errMoved) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w; if the branch takes pull requests only, say `removal: pull_request` in lapse.yaml", err)
	}
	out.RemovalCommit = tip.String()
	return nil
}

// removeByPull keeps one rolling pull request: its branch is main plus the removal, moved forward by a merge where it exists.
func (r *Reconciler) removeByPull(ctx context.Context, out *Outlook, c NewChange, ids []string) error {
	if r.Pulls == nil {
		return fmt.Errorf("removal by pull request needs the forge's API")
	}
	ref := "refs/heads/" + removalBranch
	old, exists, err := r.Write.RemoteRef(ctx, ref)
	if err != nil {
		return err
	}
	parents := []gitrepo.Hash{out.Main}
	if exists {
		if err := r.Write.FetchHash(ctx, old); err != nil {
			return err
		}
		same, err := r.sameRemoval(old, out.Main, c.Files)
		if err != nil || same {
			return errors.Join(err, r.ensurePull(ctx, out, ids))
		}
		parents = append(parents, old)
	}
	tip, err := r.write(ctx, c.When, gitrepo.NewCommit{Parents: parents, Changes: c.Files, Message: c.Message})
	if err != nil {
		return err
	}
	if err := r.Write.Push(ctx, ref, old, tip); err != nil {
		return err
	}
	out.RemovalCommit = tip.String()
	return r.ensurePull(ctx, out, ids)
}

// sameRemoval says whether the branch already is main less exactly these files.
func (r *Reconciler) sameRemoval(branch, main gitrepo.Hash, files map[string][]byte) (bool, error) {
	diff, err := r.Write.Diff(main, branch)
	if err != nil {
		return false, err
	}
	for _, d := range diff {
		if _, ours := files[d.Path]; !ours || d.After != nil {
			return false, nil
		}
	}
	return len(diff) == len(files), nil
}

func (r *Reconciler) ensurePull(ctx context.Context, out *Outlook, ids []string) error {
	n, err := r.Pulls.EnsurePull(ctx, removalBranch, r.Branch, removalTitle(ids), "The access these grants gave is gone; their files may go too.\n")
	out.RemovalPull = n
	return err
}

func removalTitle(ids []string) string {
	if len(ids) == 1 {
		return "grants: remove " + ids[0] + ", which has ended"
	}
	return fmt.Sprintf("grants: remove %d that have ended", len(ids))
}

func removalMessage(ids []string) string {
	var b strings.Builder
	b.WriteString(removalTitle(ids) + "\n\nRead back at the targets: nothing these grants gave is held any more.\n\n")
	for _, id := range ids {
		b.WriteString("- " + grants.PathOf(id) + "\n")
	}
	return b.String()
}
