package reconciler

import (
	"context"
	"fmt"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
)

// sameAccounts leaves out the live grants of people whose login belongs, at the forge, to another account than the one that was
// approved, or to none: whoever has the login now would hold what targets know by login. Those that cannot be looked up stay, and
// unsure says why they are given nothing.
func (r *Observer) sameAccounts(ctx context.Context, out *Outlook) (live map[string]ledger.Grant, unsure map[string]string) {
	live, unsure = map[string]ledger.Grant{}, map[string]string{}
	for _, id := range sortedKeys(out.state.Grants) {
		g := out.state.Grants[id]
		live[id] = g
		if !g.Interval.Contains(out.Now) {
			continue
		}
		why, err := r.changedHands(ctx, g)
		switch {
		case err != nil && unsure[g.User] == "":
			unsure[g.User] = err.Error()
			out.fail("%v", err)
		case why != "":
			delete(live, id)
			out.Findings = append(out.Findings, grants.PathOf(id)+" gives nothing: "+why)
		}
	}
	return live, unsure
}

func (r *Observer) changedHands(ctx context.Context, g ledger.Grant) (string, error) {
	a, exists, err := r.Requests.Account(ctx, g.User)
	switch {
	case err != nil:
		return "", err
	case !exists:
		return fmt.Sprintf("GitHub has no account %s any more", g.User), nil
	case a.ID != g.UserID:
		return fmt.Sprintf("%s was approved as account %d and is account %d now", g.User, g.UserID, a.ID), nil
	}
	return "", nil
}
