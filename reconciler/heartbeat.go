package reconciler

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
)

const (
	// heartbeatRef is a commit that says by its time, over Lapse's signature, when a reconcile last came to its end. It has no history:
	// each takes the place of the one before.
	heartbeatRef  = "refs/lapse/heartbeat"
	heartbeatSpec = "+" + heartbeatRef + ":" + heartbeatRef // no star: anyone may push refs that only begin so
	heartbeatText = "Lapse ran\n"

	// StaleAfter is how long a reconcile may be past before approvers are warned: schedules of minutes are an hour late at times.
	StaleAfter = time.Hour
)

// heartbeat is when a reconcile last came to its end, by Lapse's own word; the zero time if it never said so.
func (r *Observer) heartbeat() (time.Time, error) {
	at, ok, err := r.Git.Ref(heartbeatRef)
	if err != nil || !ok {
		return time.Time{}, err
	}
	if err := r.own(at); err != nil {
		return time.Time{}, nil // somebody else's word
	}
	c, err := r.Git.Commit(at)
	if err != nil || c.Message != heartbeatText {
		return time.Time{}, err // Lapse signs other commits too, some of runs that never came to their end
	}
	return c.Committer.When.UTC(), nil
}

// LastRun is the heartbeat as the forge has it now.
func (r *Observer) LastRun(ctx context.Context) (time.Time, error) {
	if err := r.Git.Fetch(ctx, heartbeatSpec); err != nil && !errors.Is(err, gitrepo.ErrNoRef) {
		return time.Time{}, err
	}
	return r.heartbeat()
}

// beat says that a run came to its end. Where others say it at the same moment, one of them after the other does.
func (r *Reconciler) beat(ctx context.Context, out *Outlook) {
	const attempts = 10
	err := r.sayAlive(ctx, r.clock(out))
	for i := 1; i < attempts && errors.Is(err, gitrepo.ErrMoved); i++ {
		err = r.sayAlive(ctx, r.clock(out))
	}
	if err != nil {
		out.fail("say that this run came to its end: %v; until one does, approvers are warned that Lapse does not run", err)
	}
}

func (r *Reconciler) sayAlive(ctx context.Context, now time.Time) error {
	old, _, err := r.Write.RemoteRef(ctx, heartbeatRef)
	if err != nil {
		return err
	}
	none := gitrepo.Hash{}
	certificate, err := ledger.SignedBy(ctx, r.signing)
	if err != nil {
		return err
	}
	c := gitrepo.NewCommit{BaseTree: &none, Message: heartbeatText}
	if certificate != nil {
		c.Changes = map[string][]byte{ledger.SignedByFile: certificate}
	}
	next, err := r.write(ctx, now, c)
	if err != nil {
		return err
	}
	return r.Write.Replace(ctx, heartbeatRef, old, next)
}

// own says what keeps a commit from being Lapse's own: by a key that is trusted, or by the certificate that it holds itself.
func (r *Observer) own(h gitrepo.Hash) error {
	roots := r.Trust.Roots
	err := r.Git.VerifyCommit(h, roots.Keys())
	if !errors.Is(err, gitrepo.ErrBadSignature) || !slices.ContainsFunc(roots, func(v ledger.Verifier) bool { return v.Identity != nil }) {
		return err
	}
	files, fsErr := r.Git.FS(h)
	if fsErr != nil {
		return err
	}
	key, keyErr := r.Trust.CommitKey(files)
	if keyErr != nil {
		return fmt.Errorf("%w; %w", err, keyErr)
	}
	return r.Git.VerifyCommit(h, []crypto.PublicKey{key})
}
