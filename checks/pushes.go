package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kinds of entry in the forge's record of pushes that are read apart; every other kind, known or not, is a push.
const (
	branchCreation = "branch_creation"
	branchDeletion = "branch_deletion"
)

// history is what the forge's record says of the head branch: who pushed, and when the bytes last came. Neither is ever
// taken from a commit, whose author, committer and dates are whatever its maker wrote.
type history struct {
	brought time.Time // of the push that last brought the bytes; an approval must be later
	pushes  []Push    // that belong to this pull request, oldest first
	faults  []Reason  // what keeps the record from being judged; with any, brought means nothing
}

func (h *history) fault(text, hint string) {
	h.faults = append(h.faults, Reason{Text: text, Hint: hint})
}

// readHistory reads the record of pushes. Entries of one second have no order among themselves, so they are taken together,
// and never in the reading that would make an older approval count.
func readHistory(p *Pull, pushes []Push) history {
	var h history
	all := upToMerge(p, pushes)
	h.pushes = sinceCreation(p, all)
	switch {
	case len(all) == 0:
		h.fault("the forge has no record of pushes to the branch", "push the branch again, from an account that may write to this repository")
		return h
	case len(h.pushes) == 0:
		h.fault("the forge's record of pushes does not reach back to the creation of the branch", "open the request from a new branch")
		return h
	}
	for _, push := range h.pushes {
		if push.At.IsZero() {
			h.fault(fmt.Sprintf("the forge does not say when %s was pushed", push.After), "open the request from a new branch")
		}
		if push.By.ID == 0 {
			h.fault(fmt.Sprintf("the forge does not say who pushed %s", push.After), "open the request from a new branch")
		}
	}
	h.readBrought(p.Head)
	return h
}

// upToMerge drops what happened to the branch after the merge, and sorts the rest by time. The forge may delete the branch
// within the second of the merge. Entries without a time are kept, first.
func upToMerge(p *Pull, pushes []Push) []Push {
	out := make([]Push, 0, len(pushes))
	for _, push := range pushes {
		if m := p.Merge; m != nil {
			if push.At.After(m.At) || isDeletion(push) && !push.At.Before(m.At) {
				continue
			}
		}
		out = append(out, push)
	}
	slices.SortFunc(out, comparePushes)
	return out
}

// sinceCreation leaves out earlier branches of the same name: the record starts with the last creation of the branch before
// the pull request, or with the very first entry if that is a creation. It is empty if there is no such start.
func sinceCreation(p *Pull, sorted []Push) []Push {
	var start time.Time
	for _, push := range sorted {
		if isCreation(push) && !push.At.After(p.CreatedAt) {
			start = push.At
		}
	}
	if start.IsZero() && len(sorted) > 0 {
		oldest := sorted[0].At
		for _, push := range sorted {
			if isCreation(push) && push.At.Equal(oldest) {
				start = oldest
			}
		}
	}
	if start.IsZero() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(sorted), func(push Push) bool {
		return push.At.Before(start) && !push.At.IsZero()
	})
}

// readBrought goes back from the newest entry, a second at a time, while all that was pushed in it has the same bytes as the
// head. The oldest such second is when the bytes came.
func (h *history) readBrought(head string) {
	const reaches = "the forge's record of pushes does not reach the head"
	for end := len(h.pushes); end > 0; {
		begin := end - 1
		for begin > 0 && h.pushes[begin-1].At.Equal(h.pushes[end-1].At) {
			begin--
		}
		group := h.pushes[begin:end]
		newest := end == len(h.pushes)
		if newest && !slices.ContainsFunc(group, func(push Push) bool { return push.After == head && head != "" && push.SameBytes }) {
			h.fault(reaches, "wait a minute and check again; if it stays, push the branch again")
			return
		}
		same := !slices.ContainsFunc(group, func(push Push) bool { return !push.SameBytes || isDeletion(push) })
		if same || newest {
			h.brought = group[0].At
		}
		if !same {
			return
		}
		end = begin
	}
}

// hidden are the pushes by bots. A workflow of the branch pushes for whoever wrote it, who could then approve what is their own.
func (h history) hidden() []Reason {
	var out []Reason
	for _, push := range h.pushes {
		if push.By.Bot && !isDeletion(push) {
			out = append(out, Reason{
				Text: fmt.Sprintf("pushed by %s, a bot: who had it pushed cannot be seen", push.By.Login),
				Hint: "let a person push the same to a new branch",
			})
		}
	}
	return out
}

// pushers are the accounts that moved the branch. Whoever deleted it brought nothing.
func (h history) pushers() []Account {
	var out []Account
	for _, push := range h.pushes {
		if !isDeletion(push) {
			out = append(out, push.By)
		}
	}
	return out
}

func isCreation(p Push) bool { return p.Kind == branchCreation || noCommit(p.Before) }

// isDeletion needs both marks, so that nothing that brought bytes passes for a deletion.
func isDeletion(p Push) bool {
	return p.Kind == branchDeletion && (p.After == "" || noCommit(p.After))
}

// noCommit says whether git's name for no commit stands here: all zeros.
func noCommit(sha string) bool { return sha != "" && strings.Trim(sha, "0") == "" }

func comparePushes(a, b Push) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return strings.Compare(fmt.Sprintf("%s %s %d %s %t", a.Before, a.After, a.By.ID, a.Kind, a.SameBytes),
		fmt.Sprintf("%s %s %d %s %t", b.Before, b.After, b.By.ID, b.Kind, b.SameBytes))
}

// lastBaseMove is when the base last moved other than forward, up to the merge; zero if it never did.
func lastBaseMove(p *Pull) time.Time {
	var last time.Time
	for _, at := range p.BaseMoves {
		if at.After(last) && (p.Merge == nil || !at.After(p.Merge.At)) {
			last = at
		}
	}
	return last
}
