package requests

import (
	"context"
	"fmt"

	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/gitrepo"
)

// late is an error when the forge names no merged pull request for steps[i], and that is not its last word: what it reads may be
// behind a merge that git shows already, for seconds or minutes. Its own record of pushes tells. A commit is without a pull
// request only when that record says so; whoever pushes to main by hand is in it.
//
//	a merge of a pull request brought it     late: which one will be told
//	a push brought it                        not late: there is none
//	the record ends before the commit        late: the record is behind too
//	the record goes on, without the commit   not late: what was long ago is not coming
func (w *walker) late(ctx context.Context, i int) error {
	if w.merged[i] {
		return nil // told, and it does not fit
	}
	if w.record == nil {
		list, _, err := w.Forge.NewestPushes(ctx, w.Repo, w.branch)
		if err != nil {
			return err
		}
		w.record = append([]github.Push{}, list...)
	}
	push, found := w.pushOf(i)
	if found {
		if push.Kind == "pr_merge" || push.Kind == "merge_queue_merge" {
			return fmt.Errorf("the forge says that a pull request brought commit %.12s, and does not say yet which", w.steps[i])
		}
		return nil
	}
	c, err := w.Git.Commit(w.steps[i])
	if err != nil {
		return err
	}
	if n := len(w.record); n > 0 && !w.record[n-1].At.Before(c.Committer.When) {
		return nil
	}
	return fmt.Errorf("the forge's record of pushes to main does not know commit %.12s yet", w.steps[i])
}

// pushOf is the movement of main that brought steps[i]: the first to this step or a later one, if it began before it.
func (w *walker) pushOf(i int) (github.Push, bool) {
	for _, p := range w.record {
		to, onMain := w.at[gitrepo.NewHash(p.After)]
		if !onMain || to > i {
			continue
		}
		from, after := w.at[gitrepo.NewHash(p.Before)]
		return p, !after || from > i
	}
	return github.Push{}, false
}
