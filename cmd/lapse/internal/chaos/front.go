package chaos

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/cmd/lapse/internal/stage"
)

// front stands before the forge's git, one address for each machine, and sees each request before the forge does and each answer before
// the process does.
type front struct {
	w    *World
	url  string
	http *http.Server
	done chan error
}

func openFront(w *World) (*front, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{w: w, url: "http://" + l.Addr().String(), done: make(chan error, 1)}
	f.http = &http.Server{Handler: f}
	go func() { f.done <- f.http.Serve(l) }()
	return f, nil
}

func (f *front) close() error {
	err := f.http.Close()
	if served := <-f.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// ServeHTTP passes on what a process that lives asks.
func (f *front) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	i := slices.IndexFunc(f.w.machines, func(m *machine) bool { return m.name == name })
	body, err := io.ReadAll(r.Body)
	if i < 0 || err != nil {
		panic(http.ErrAbortHandler)
	}
	p := f.w.machines[i].proc
	what := gitStep(path, r.URL.RawQuery, body)
	if p.at("", "", "before "+what) != nil {
		panic(http.ErrAbortHandler)
	}
	in := r.Clone(r.Context())
	in.URL.Path, in.URL.RawPath = "/"+path, ""
	in.RequestURI = in.URL.RequestURI()
	in.Body = io.NopCloser(bytes.NewReader(body))
	k := &kept{header: http.Header{}}
	f.w.Handler().ServeHTTP(k, in)
	if strings.HasPrefix(what, "a push") {
		f.w.pushed(p)
	}
	if p.at("", "", "after "+what) != nil {
		panic(http.ErrAbortHandler)
	}
	for key, values := range k.header {
		out.Header()[key] = values
	}
	out.WriteHeader(k.code())
	_, _ = out.Write(k.body.Bytes()) // the client is gone: nobody is left to tell
}

// gitStep names a request of git's protocol.
func gitStep(path, query string, body []byte) string {
	switch {
	case !strings.HasSuffix(path, "git-receive-pack") && !strings.Contains(query, "git-receive-pack"):
		return "a fetch"
	case !strings.HasSuffix(path, "git-receive-pack"):
		return "asking where to push"
	}
	head := string(body[:min(len(body), 200)])
	for _, ref := range []string{"lapse-ledger", "main", "heartbeat"} {
		if strings.Contains(head, ref) {
			return "a push of " + ref
		}
	}
	return "a push"
}

// pushed takes account of what a process moved on the remote.
func (w *World) pushed(p *Process) {
	w.mu.Lock()
	was := w.ledgerTip
	w.mu.Unlock()
	if tip := w.Branch(stage.Repo, "lapse-ledger"); tip != was {
		if w.goodLedger != "" {
			w.breaks(Chain, "Lapse wrote to a ledger that somebody else had spoilt")
		}
		w.oracle.readLedger(was, tip, p)
		w.ledgerTip = tip
	}
	if tip := w.Branch(stage.Repo, "main"); tip != w.mainTip {
		w.removal(p, tip)
	}
}

// removal holds a commit of Lapse's own on main against what it may be: the end of files whose grants are over and taken.
func (w *World) removal(p *Process, tip string) {
	before := w.mainTip
	bt, _ := w.git.commit(before)
	at, parents := w.git.commit(tip)
	if len(parents) != 1 || parents[0] != before {
		w.breaks(Shrink, "Lapse moved main from %.12s to %.12s, which does not follow it", before, tip)
	}
	held := w.held()
	var gone []string
	for _, c := range w.git.diff(bt, at) {
		id := strings.TrimSuffix(strings.TrimPrefix(c.path, "grants/"), ".yaml")
		gone = append(gone, id)
		if c.after != "" || !strings.HasPrefix(c.path, "grants/") {
			w.breaks(Shrink, "Lapse's commit %.12s changes %s", tip, c.path)
		}
		if v := w.oracle.live[id]; v != nil && v.over == 0 && !v.mayBeOver && p.latest().Before(v.end) {
			w.breaks(Shrink, "Lapse removed %s, which lasts until %s", id, clockText(v.end))
		}
		w.outlived(id, held)
	}
	w.say("Lapse removes %v", gone)
	w.mainTip = tip
	w.snapshot(tip)
	w.oracle.removed(gone)
}

// outlived finds what an ended grant gave and nobody has taken, where no other grant gives it.
func (w *World) outlived(id string, held map[holding]bool) {
	for _, v := range w.oracle.versions {
		if v.id != id || v.verdict != "approved" {
			continue
		}
		for _, e := range v.entitlements {
			h := holding{e, w.oracle.approved.account(v.user, e)}
			if _, known := w.oracle.known[h]; known && held[h] && !w.oracle.byHand[h] && w.oracle.justifies(h, v.start, 0) != "" && !w.shared(h, id) {
				w.breaks(Proof, "Lapse removed %s while %s was still held", id, h)
			}
		}
	}
}

// shared says whether another live grant gives the holding.
func (w *World) shared(h holding, id string) bool {
	for other, v := range w.oracle.live {
		if other != id && slices.Contains(v.entitlements, h.entitlement) && w.oracle.approved.account(v.user, h.entitlement) == h.account {
			return true
		}
	}
	return false
}
