package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/github/githubtest"
)

// honest is a grant that nobody needs to approve: whatever the loader lets through of a hostile file, the person gets.
const honest = "user: alice\nrole: staging-read\nduration: 1h\nreason: Looking at a failed deployment\n"

// grantWith is honest with lines in place of those with the same key, or after them.
func grantWith(lines ...string) string {
	all := strings.SplitAfter(strings.TrimSuffix(honest, "\n"), "\n")
	for _, line := range lines {
		key, _, _ := strings.Cut(line, ":")
		i := slices.IndexFunc(all, func(have string) bool { return strings.HasPrefix(have, key+":") })
		switch {
		case i < 0:
			all = append(all, "\n"+line)
		case strings.HasSuffix(line, ":"):
			all = slices.Delete(all, i, i+1)
		default:
			all[i] = line + "\n"
		}
	}
	return strings.TrimSuffix(strings.Join(all, ""), "\n") + "\n"
}

// hostile is one entry that a pull request would bring, and the reason it must be denied for: its place and text begin so.
type hostile struct {
	path, mode, data, want string
}

// text is a hostile file at an ordinary path.
func text(data, want string) hostile { return hostile{"", "100644", data, want} }

// refuseEach lets alice ask for all of the entries at once, which check must deny with the reason of each. Then she asks for each in
// a pull request of its own, and mallory merges them all whatever the check says: each must be refused for its reason, and an honest
// request among them must be given. That is what shows that a file that is let through would be seen.
func refuseEach(t *testing.T, all []hostile) {
	t.Helper()
	th := newTheatre(t, nil)
	together := map[string]githubtest.Entry{}
	pulls := map[int]hostile{}
	for i, h := range all {
		if h.path == "" {
			h.path = fmt.Sprintf("grants/x%d.yaml", i)
		}
		h.want = strings.Replace(h.want, "FILE", h.path, 1)
		together[h.path] = githubtest.Entry{Mode: h.mode, Data: h.data}
		pulls[th.ask("alice", fmt.Sprintf("attempt-%d", i), map[string]githubtest.Entry{h.path: together[h.path]})] = h
	}
	v := th.check(th.ask("alice", "together", together))
	for _, h := range pulls {
		denied(t, fmt.Sprintf("check of %q", h.path), v, h.want)
	}
	good := th.ask("bob", "honest", map[string]githubtest.Entry{"grants/bob.yaml": {Mode: "100644", Data: strings.Replace(honest, "alice", "bob", 1)}})
	if v := th.check(good); v.Outcome != checks.OutcomeApproved {
		t.Fatalf("the honest request: %+v", v)
	}
	for n := range pulls {
		th.force(n)
	}
	th.force(good)
	rep, code := th.reconcile()
	if code != exitRefused || len(rep.Failures) > 0 || len(rep.Judged) != len(all)+1 {
		t.Errorf("reconcile leaves with %d, judged %d of %d, could not: %q", code, len(rep.Judged), len(all)+1, rep.Failures)
	}
	for _, j := range rep.Judged {
		if h, ok := pulls[j.Pull]; ok {
			denied(t, fmt.Sprintf("merge of %q", h.path), j.Verdict, h.want)
		}
	}
	if got := th.holders(); strings.Contains(got, `"alice"`) || !strings.Contains(got, `"bob"`) {
		t.Errorf("the targets show %s", got)
	}
	if _, code := th.reconcile(); code != exitRefused {
		t.Errorf("while the files are there a run leaves with %d", code)
	}
}

// denied wants a denial that begins so, its place before it, and none that is about no file.
func denied(t *testing.T, what string, v checks.Verdict, want string) {
	t.Helper()
	var got []string
	found := false
	for _, d := range v.Denials {
		s := d.Pos.String() + ": " + d.Text
		found = found || strings.HasPrefix(s, want)
		if d.File == "" {
			t.Errorf("%s is denied for %q too", what, s)
		}
		got = append(got, s)
	}
	if found {
		return
	}
	t.Errorf("%s is %s: %q\nwant %q", what, v.Outcome, got, want)
}
