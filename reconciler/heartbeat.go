package reconciler

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/ledger"
)

const (
	// HeartbeatRef is a commit that says by its time, over Lapse's signature, when a reconcile last came to its end. It has no history:
	// each takes the place of the one before.
	HeartbeatRef  = "refs/lapse/heartbeat"
	heartbeatSpec = "+" + HeartbeatRef + ":" + HeartbeatRef // no star: anyone may push refs that only begin so
	heartbeatText = "Lapse ran\n\nRepository: %d\n"
	stoppedText   = "Stopped: "

	maxStopped = 3   // reasons that a heartbeat tells
	maxReason  = 500 // characters of each

	// StaleAfter is how long a reconcile may be past before approvers are warned: schedules of minutes are an hour late at times.
	StaleAfter = time.Hour
)

// Heartbeat is what the last reconcile that came to its end says of itself.
type Heartbeat struct {
	At      time.Time // zero: there never was one
	Stopped []string  // why it gave nothing; hostile text may be in it
}

// heartbeat is that which was fetched last, if it is Lapse's own word, and about this repository: two may share a key.
func (r *Observer) heartbeat(ctx context.Context) (Heartbeat, error) {
	at, ok, err := r.Git.Ref(HeartbeatRef)
	if err != nil || !ok {
		return Heartbeat{}, err
	}
	if err := r.own(at); err != nil {
		return Heartbeat{}, nil // somebody else's word
	}
	c, err := r.Git.Commit(at)
	if err != nil {
		return Heartbeat{}, err
	}
	id, err := r.Requests.ID(ctx)
	if err != nil {
		return Heartbeat{}, err
	}
	rest, ours := strings.CutPrefix(c.Message, fmt.Sprintf(heartbeatText, id))
	if !ours {
		return Heartbeat{}, nil // Lapse signs other commits too, some of runs that never came to their end
	}
	h := Heartbeat{At: c.Committer.When.UTC()}
	for line := range strings.Lines(rest) {
		if why, ok := strings.CutPrefix(line, stoppedText); ok {
			h.Stopped = append(h.Stopped, strings.TrimSpace(why))
		}
	}
	return h, nil
}

// message is what a run says as its heartbeat: that giving is stopped, check tells approvers, who have not what the run saw.
//
// An error may quote what a server sent back of the request: scrub takes the secrets out, of the whole before it is cut.
func (o *Outlook) message(scrub func(string) string) string {
	text := fmt.Sprintf(heartbeatText, o.repository)
	for _, why := range o.Frozen[:min(len(o.Frozen), maxStopped)] {
		line := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(scrub(why), "?")), " "))
		text += stoppedText + string(line[:min(len(line), maxReason)]) + "\n"
	}
	return text
}

// LastRun is when the last reconcile came to its end, as the forge tells it now.
func (r *Observer) LastRun(ctx context.Context) (time.Time, error) {
	if err := r.Git.Fetch(ctx, heartbeatSpec); err != nil && !errors.Is(err, gitrepo.ErrNoRef) {
		return time.Time{}, err
	}
	h, err := r.heartbeat(ctx)
	return h.At, err
}

// beat says that a run came to its end. Where others say it at the same moment, one of them after the other does.
func (r *Reconciler) beat(ctx context.Context, out *Outlook) {
	const attempts = 10
	err := r.sayAlive(ctx, out)
	for i := 1; i < attempts && (errors.Is(err, gitrepo.ErrMoved) || errors.Is(err, gitrepo.ErrRejected)); i++ {
		// A ref below ours keeps it from being made, and anyone may push one.
		err = errors.Join(r.Write.Clear(ctx, HeartbeatRef), r.sayAlive(ctx, out))
	}
	if err != nil {
		out.fail("say that this run came to its end: %v; until one does, approvers are warned that Lapse does not run", err)
	}
}

func (r *Reconciler) sayAlive(ctx context.Context, out *Outlook) error {
	old, _, err := r.Write.RemoteRef(ctx, HeartbeatRef)
	if err != nil {
		return err
	}
	none := gitrepo.Hash{}
	certificate, err := ledger.SignedBy(ctx, r.signing)
	if err != nil {
		return err
	}
	c := gitrepo.NewCommit{BaseTree: &none, Message: out.message(r.Scrub)}
	if certificate != nil {
		c.Changes = map[string][]byte{ledger.SignedByFile: certificate}
	}
	next, err := r.write(ctx, r.clock(out), c)
	if err != nil {
		return err
	}
	return r.Write.Replace(ctx, HeartbeatRef, old, next)
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
