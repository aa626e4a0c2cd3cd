package requests

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/gitrepo"
	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/policies"
)

// Snapshot is the configuration of the access repository at one commit of its main branch.
type Snapshot struct {
	Commit        gitrepo.Hash
	Digest        string // of every configuration file, path and mode included
	Configuration *grants.Configuration
	Policies      *policies.Set
	Files         fs.FS

	digests map[string]string // of each of those files that is a plain one, as [grants.Digest], by path
}

// Snapshot reads the configuration at a commit. What is wrong with it is in its problems, not in the error.
func (g *Gatherer) Snapshot(commit gitrepo.Hash) (*Snapshot, error) {
	if s, ok := g.snapshots[commit]; ok {
		return s, nil
	}
	files, err := g.Git.FS(commit)
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", commit, err)
	}
	same, err := g.configurationAt(commit, files)
	if err != nil {
		return nil, err
	}
	s := *same
	s.Commit, s.Files = commit, files
	if g.snapshots == nil || len(g.snapshots) >= maxSnapshots {
		g.snapshots = map[gitrepo.Hash]*Snapshot{}
	}
	g.snapshots[commit] = &s
	return &s, nil
}

// maxSnapshots is how many commits are remembered, each with the trees that were read of it: whoever verifies a history asks for every
// commit of main. Their configurations are few, and all remembered.
const maxSnapshots = 500

// configurationAt is the configuration at a commit, read and compiled once for all the commits that share it. To see that two do, the
// entries of their roots are compared: of equal names git holds equal content.
func (g *Gatherer) configurationAt(commit gitrepo.Hash, files fs.FS) (*Snapshot, error) {
	key := ""
	for _, root := range configurationRoots {
		e, err := g.Git.Entry(commit, root)
		if err != nil {
			return nil, fmt.Errorf("read the configuration at %s: %w", commit, err)
		}
		if e != nil {
			key += fmt.Sprintf("%s %o %s\n", root, e.Mode, e.Hash)
		}
	}
	if s, ok := g.configurations[key]; ok {
		return s, nil
	}
	digest, digests, err := g.configurationDigest(commit, files)
	if err != nil {
		return nil, err
	}
	for _, s := range g.configurations { // what beside it changed is no configuration
		if s.Digest == digest {
			g.configurations[key] = s
			return s, nil
		}
	}
	s := &Snapshot{Digest: digest, Configuration: grants.LoadConfiguration(files, g.Types), Policies: policies.Load(files), digests: digests}
	if g.configurations == nil {
		g.configurations = map[string]*Snapshot{}
	}
	g.configurations[key] = s
	return s, nil
}

// configurationDigest is the identity of the configuration at a commit: "sha256:<hex>" over path, mode and content of each
// configuration file in order; with it come the digests of the plain files, by path. Equal files in different commits have equal
// digests.
func (g *Gatherer) configurationDigest(commit gitrepo.Hash, files fs.FS) (string, map[string]string, error) {
	h, digests := sha256.New(), map[string]string{}
	for _, root := range configurationRoots {
		err := fs.WalkDir(files, root, func(path string, d fs.DirEntry, err error) error {
			if path == root && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() || !grants.IsConfiguration(path) {
				return err
			}
			content, err := g.contentDigest(commit, files, path, d)
			fmt.Fprintf(h, "%q %v %s\n", path, d.Type(), content)
			if d.Type().IsRegular() {
				digests[path] = content
			}
			return err
		})
		if err != nil {
			return "", nil, fmt.Errorf("read the configuration at %s: %w", commit, err)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), digests, nil
}

// contentDigest identifies what is at a path; of links and submodules, which are never followed, by what git calls them.
func (g *Gatherer) contentDigest(commit gitrepo.Hash, files fs.FS, path string, d fs.DirEntry) (string, error) {
	if d.Type().IsRegular() {
		b, err := fs.ReadFile(files, path)
		return grants.Digest(b), err
	}
	e, err := g.Git.Entry(commit, path)
	if err != nil || e == nil {
		return "", err
	}
	return e.Hash.String(), nil
}

// configurationRoots are the top-level entries under which configuration lives, in the order in which they are digested.
var configurationRoots = []string{".github", ".lapse", "lapse.yaml", "people.yaml", "policies", "roles"}

// Problems is everything wrong with the configuration and its policies.
func (s *Snapshot) Problems() []grants.Problem {
	return append(append([]grants.Problem{}, s.Configuration.Problems...), s.Policies.Problems()...)
}

// proposedConfiguration reads the configuration that a request would bring, as data. What would be wrong with it, and is not wrong
// already, is a reason against approval: the next request would be judged by it. So is a target that would be another, which the
// facts name.
func (g *Gatherer) proposedConfiguration(f *checks.Facts, base *Snapshot, proposed gitrepo.Hash, change []gitrepo.Change) error {
	if !changesConfiguration(change) {
		return nil
	}
	snap, err := g.Snapshot(proposed)
	if err != nil {
		return err
	}
	old := map[string]bool{}
	for _, p := range base.Problems() {
		old[p.File+": "+p.Text] = true
	}
	for _, p := range snap.Problems() {
		if old[p.File+": "+p.Text] {
			continue
		}
		f.Unjudgeable = append(f.Unjudgeable, checks.Reason{Pos: p.Pos, Text: p.Text, Hint: p.Hint})
	}
	for _, p := range SignerProblems(snap.Files) {
		f.Warnings = append(f.Warnings, checks.Reason{Pos: p.Pos, Text: p.Text, Hint: p.Hint})
	}
	f.Moved = moved(base.Configuration.Config.Targets, snap.Configuration.Config.Targets)
	return nil
}

// moved lists the targets that would lead to another system, or nowhere, sorted by name.
func moved(before, after map[string]grants.TargetConfig) []checks.Moved {
	var out []checks.Moved
	for _, name := range slices.Sorted(maps.Keys(before)) {
		old, t := before[name], after[name]
		if t.Same(old) {
			continue
		}
		at := t.At
		if at == (grants.Pos{}) {
			at = old.At
		}
		out = append(out, checks.Moved{Target: name, At: at})
	}
	return out
}

func changesConfiguration(change []gitrepo.Change) bool {
	for _, c := range change {
		if grants.IsConfiguration(c.Path) {
			return true
		}
	}
	return false
}
