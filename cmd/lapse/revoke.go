package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/github"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/names"
)

// revokeOptions are the flags of lapse revoke.
type revokeOptions struct {
	connection
	id     string
	reason string
	leave  bool
	json   bool
}

func newRevoke(env *environment) *cobra.Command {
	o := &revokeOptions{}
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a grant now",
		Long: `Revoke deletes the grant's file by a pull request, which needs nobody's approval, and merges it where you may. The access is
taken by the next reconcile, which the merge starts.`,
		Example: `  lapse revoke alice-prod-db-read
  lapse revoke alice-prod-db-read --reason 'Found it, thanks'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.id = args[0]
			return runRevoke(c.Context(), env, *o)
		},
	}
	o.flags(c.Flags())
	c.Flags().StringVar(&o.reason, "reason", "", "`why`, for those who read the history")
	c.Flags().BoolVar(&o.leave, "no-merge", false, "open the pull request and leave the merge to others")
	c.Flags().BoolVar(&o.json, "json", false, "print what was sent as JSON")
	return c
}

func runRevoke(ctx context.Context, env *environment, o revokeOptions) error {
	if err := names.GrantID(o.id); err != nil {
		return usage{err}
	}
	s, err := newSender(ctx, env, o.connection)
	if err != nil {
		return err
	}
	p, err := s.ending(o)
	if err != nil {
		return err
	}
	v, err := s.judge(ctx, p)
	if err != nil { // whatever is wrong elsewhere, what ends access is sent
		if ctx.Err() != nil {
			return err
		}
		fmt.Fprintf(lines{env.err}, "lapse: whether Lapse merges it cannot be told here: %v", err)
	}
	out, err := s.send(ctx, p)
	if err != nil {
		return err
	}
	if out.Again {
		fmt.Fprintf(env.err, "lapse: this was asked for already, in pull request #%d, which is left to whoever merges it\n", out.Pull)
	}
	if !o.leave && !out.Again {
		if out.Merged, err = s.mergeEnd(ctx, out, v); err != nil {
			return err
		}
	}
	if out.Merged != "" {
		fmt.Fprintf(env.err, "lapse: merged as %.12s; the next reconcile takes the access\n", out.Merged)
	}
	return tellSent(env, out, o.json)
}

// ending is the deletion of the file on main. The file need not be a grant that anybody approved: whatever is there may go.
func (s *sender) ending(o revokeOptions) (proposal, error) {
	path := grants.PathOf(o.id)
	f, err := s.gatherer.FileAt(s.standing.Main, path)
	if err != nil {
		return proposal{}, err
	}
	if f == nil {
		return proposal{}, fmt.Errorf("%s is not on %s; see `lapse who` for what is live", path, s.branch)
	}
	g := grants.Grant{ID: o.id}
	if read, _ := grants.LoadGrant(path, f.Bytes); read != nil {
		g = *read
	}
	return proposal{verb: "revoke", grant: g, why: or(o.reason, "No longer needed")}, nil
}

// mergeEnd merges the pull request that ends the grant, at the commit that was just pushed. That GitHub refuses, where a rule wants a
// check first for instance, is no failure: Lapse merges it where the roles say so, and a person elsewhere.
func (s *sender) mergeEnd(ctx context.Context, out sent, v checks.Verdict) (string, error) {
	methods, err := s.forge.MergeMethods(ctx, s.repo)
	if err != nil {
		return "", err
	}
	method := "merge"
	if len(methods) > 0 {
		method = methods[0]
	}
	sha, err := s.forge.Merge(ctx, s.repo, out.Pull, out.Head, method, "")
	var refusal *github.Error
	if err == nil || ctx.Err() != nil || !errors.Is(err, github.ErrNotMergeable) && !errors.Is(err, github.ErrHeadMoved) && !errors.As(err, &refusal) {
		return sha, err
	}
	who := "a person must merge it"
	if v.Merge {
		who = "Lapse merges it as soon as its check has run"
	}
	fmt.Fprintf(s.env.err, "lapse: not merged yet, %s: %s\n", who, render.Text(err.Error()))
	return "", nil
}
