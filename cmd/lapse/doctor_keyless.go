package main

import (
	"context"
	"io/fs"
	"regexp"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/settings"
)

// tokenAsked is how a workflow asks for the token of its identity, in no comment. Which job has it is not looked at: it has one, unless
// somebody added more.
var tokenAsked = regexp.MustCompile(`(?m)^[^#\n]*(?:\bid-token["']?[ \t]*:[ \t]*["']?write\b|\bpermissions["']?[ \t]*:[ \t]*["']?write-all\b)`)

// keyless looks at what signing without a key rests on: which workflow this is by the forge's word, and which main trusts.
func (e examination) keyless(ctx context.Context, env *environment, f *settings.Facts, main fs.FS, trust ledger.Verifiers) error {
	id, name, err := e.forge.Repository(ctx, e.repo)
	if err != nil {
		return err
	}
	server := e.server
	own := identityFact(reconcileIdentity("", server, name, id, e.branch))
	if !onGitHubCom(server) {
		own.Issuer = "" // an Enterprise server may have any
	}
	f.Keyless = &settings.Keyless{Workflow: own}
	for _, v := range trust {
		if v.Identity != nil && v.Identity.During(env.now()) {
			f.Keyless.Trusted = append(f.Keyless.Trusted, identityFact(*v.Identity))
		}
	}
	text, err := fs.ReadFile(main, ".github/workflows/"+settings.ReconcileWorkflow)
	f.Keyless.Token = err != nil || tokenAsked.Match(text) // that it is not there is told of elsewhere
	return nil
}

func identityFact(i grants.Identity) settings.Identity {
	return settings.Identity{Issuer: i.Issuer, Subject: i.Subject, Repository: i.Repository, Ref: i.Ref}
}
