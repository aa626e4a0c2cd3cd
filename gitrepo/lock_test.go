package gitrepo

import (
	"sync"
	"testing"
)

// Two commands of one person share a local copy: one that waits, and another beside it.
func TestWhoeverSharesALocalCopySeesEveryRefWhole(t *testing.T) {
	dir := t.TempDir() + "/copy"
	at := NewHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			r, err := Open(t.Context(), dir, Remote{URL: "http://127.0.0.1:1/none.git"})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			for range 200 {
				if err := r.setRef("refs/lapse/here", at); err != nil {
					t.Errorf("set: %v", err)
					return
				}
				if h, ok, err := r.Ref("refs/lapse/here"); err != nil || !ok || h != at {
					t.Errorf("read %s, %v: %v", h, ok, err)
					return
				}
			}
		})
	}
	all.Wait()
}
