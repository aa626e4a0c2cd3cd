package gitrepo

import (
	"io"
	"os"
	"strings"
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

// A process may be killed at any instant. What it was about to write is there as a whole or not at all.
func TestA50WhatIsHalfMadeIsNeverRead(t *testing.T) {
	dir := t.TempDir() + "/copy"
	if err := os.MkdirAll(dir+".new/refs", 0o700); err != nil { // killed while it made the repository
		t.Fatal(err)
	}
	r, err := Open(t.Context(), dir, Remote{URL: "http://127.0.0.1:1/none.git"})
	if err != nil {
		t.Fatal(err)
	}
	first, second := NewHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904"), NewHash("83baae61804e65cc73a7201a7252750c76066a30")
	if err := r.setRef("refs/lapse/here", first); err != nil {
		t.Fatal(err)
	}
	before, err := os.Open(dir + "/refs/lapse/here")
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	if err := r.setRef("refs/lapse/here", second); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(before)
	if err != nil || strings.TrimSpace(string(text)) != first.String() {
		t.Errorf("the file was written over in place: it now holds %q, %v", text, err)
	}
	if h, _, err := r.Ref("refs/lapse/here"); err != nil || h != second {
		t.Errorf("the ref is at %s, %v", h, err)
	}
}
