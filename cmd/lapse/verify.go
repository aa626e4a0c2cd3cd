package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/lapse-access/lapse/audit"
	"github.com/lapse-access/lapse/audit/clone"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/names"
)

// verifyOptions are the flags of lapse verify.
type verifyOptions struct {
	connection
	dir     string
	keys    []string
	kept    []string
	offline bool
	pulls   int
	json    bool
}

func newVerify(env *environment) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove a clone's history: judge everything again",
		Long: `Verify reads a plain clone of the access repository and judges everything in it again: that each holding ever given had an approval
that was valid under the policies in force then, that what was approved is what was merged, that no receipt is missing, edited or out of
order, and that everything given was taken, and how late. It writes nothing.

It believes what the keys and the workflows sign that --key names, by files as in .lapse/trust. Without --key it takes those of the
commit with which the ledger says that it began, and says so: whoever made the clone could have put them there.

With --checkpoint it finds, too, whether main and the ledger still hold what they held when the anchor's checkpoint was written: that the
last receipts were cut off, a ledger cannot say of itself.

Unless --offline is given it asks GitHub, too, whether the clone is what GitHub has, whether a branch was moved other than forward, and
whether pull requests are still as they were recorded.

A finding is exit 3. docs/auditing.md says what this proves, and what it cannot.`,
		Example: `  git clone https://github.com/acme/access && cd access
  lapse verify --key ~/keys/lapse.pub
  lapse verify --offline --dir ~/audit/access --key lapse.pub --json
  lapse verify --key ~/keys/lapse.pub --checkpoint /var/lib/lapse/anchor.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runVerify(c.Context(), env, *o) },
	}
	o.placeFlags(c.Flags())
	f := c.Flags()
	f.StringVar(&o.dir, "dir", ".", "the clone's `folder`")
	f.StringArrayVar(&o.keys, "key", nil, "`file` with a public key, or an identity, that is trusted from the first; may be given several times")
	f.StringArrayVar(&o.kept, "checkpoint", nil, "`file` with a checkpoint that the anchor keeps, or kept once; may be given several times")
	f.BoolVar(&o.offline, "offline", false, "ask GitHub nothing")
	f.IntVar(&o.pulls, "pulls", 100, "how many pull requests GitHub is asked about again, half of them the latest")
	f.BoolVar(&o.json, "json", false, "print what was verified as JSON")
	return c
}

// verified is the form of --json. Fields may be added, never removed or given another meaning.
type verified struct {
	Main       string   `json:"main"`   // tip that was verified
	Ledger     string   `json:"ledger"` // likewise
	Repository int64    `json:"repository"`
	Keys       []string `json:"keys"`               // ids of what is trusted from the first
	OnTrust    string   `json:"on_trust,omitempty"` // commit of the clone that those were taken from; "": they were given
	Offline    bool     `json:"offline"`
	audit.Verification
}

func runVerify(ctx context.Context, env *environment, o verifyOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	roots, err := o.roots()
	if err != nil {
		return err
	}
	kept, err := o.checkpoints()
	if err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a history is read once and held whole: there is little to collect
	now := env.now().UTC()
	c, err := o.read(ctx, env, clone.Options{Dir: o.dir, Branch: o.branch, Now: now, Types: targetTypes(), Roots: roots, Checkpoints: kept})
	if err != nil {
		return err
	}
	v := verified{Main: c.MainTip, Ledger: c.LedgerTip, Repository: c.Repository, OnTrust: c.OnTrust, Offline: o.offline, Keys: []string{}}
	for _, root := range c.Roots {
		v.Keys = append(v.Keys, root.ID)
	}
	v.Verification = audit.Verify(c.History)
	if !o.offline {
		if err := o.compare(ctx, env, c, &v.Verification); err != nil {
			return fmt.Errorf("%w; --offline verifies the clone alone", err)
		}
	}
	if o.json {
		err = printJSON(env.out, v)
	} else {
		err = render.Verification(env.out, render.Verified(v), terminalOptions(env, now))
	}
	if err == nil && len(v.Findings) > 0 {
		return errRefused
	}
	return err
}

// read reads the clone. Sigstore is asked only where something is signed without a key, and nothing of its answers is kept.
func (o verifyOptions) read(ctx context.Context, env *environment, c clone.Options) (*clone.Clone, error) {
	scratch, err := os.MkdirTemp("", "lapse-verify-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	sigstore := findSigstore(env, scratch)
	if o.offline {
		sigstore.HTTP, sigstore.Offline = nobody{}, true
	}
	c.Keyless = sigstore.Verifier(ctx)
	return clone.Read(ctx, c)
}

// nobody answers a command that is to ask nobody.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody is asked with --offline; name sigstore's trusted root, a file, in LAPSE_TRUSTED_ROOT")
}

func (o verifyOptions) check() error {
	if err := names.Branch(o.branch); err != nil {
		return usagef("--branch: %w", err)
	}
	if o.pulls < 0 {
		return usagef("--pulls %d: want a whole number, 0 or more", o.pulls)
	}
	return nil
}

// checkpoints reads the files that --checkpoint names.
func (o verifyOptions) checkpoints() (map[string][]byte, error) {
	kept := map[string][]byte{}
	for _, name := range o.kept {
		file, err := os.Open(name)
		if err != nil {
			return nil, usagef("--checkpoint: %w", err)
		}
		kept[name], err = io.ReadAll(io.LimitReader(file, ledger.MaxCheckpoint+1)) // that it is too long is found where it is read
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, usagef("--checkpoint: %w", err)
		}
	}
	return kept, nil
}

// roots reads the files that --key names.
func (o verifyOptions) roots() (ledger.Verifiers, error) {
	var roots ledger.Verifiers
	for _, file := range o.keys {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, usagef("--key: %w", err)
		}
		v, problems := ledger.ParseVerifier(filepath.Base(file), data)
		if len(problems) > 0 {
			return nil, usagef("--key %s: %w", file, grants.Join(problems))
		}
		roots = roots.With(v)
	}
	return roots, nil
}
