package githubtest

import (
	"strconv"
	"strings"
)

// What GitHub lists of one pull request at most, whatever the pages.
const (
	maxPullCommits = 250
	maxPullFiles   = 3000
)

// pullDiff is what a pull request changes, from where its branch left the base to its head.
type pullDiff struct {
	commits []string // oldest first, all of them
	files   []changedFile
}

type changedFile struct {
	sha, name, previous  string
	status               string // added, removed, modified, renamed or changed
	additions, deletions int
}

// baseTip is the commit that the pull request is compared with: where its base stands, or stood before the merge.
func (p *pull) baseTip() string {
	if p.merged != nil || p.past {
		return p.mergedBase
	}
	if tip := p.repo.branch(p.baseRef); tip != "" {
		return tip
	}
	return p.baseSHA
}

// diffOf computes what a pull request changes, once for each pair of base and head.
func (s *Server) diffOf(p *pull) (pullDiff, error) {
	base := p.baseTip()
	key := base + " " + p.head
	if p.diffKey == key {
		return p.diff, nil
	}
	g := s.git(p.repo)
	commits, err := g.lines("rev-list", "--reverse", "--topo-order", p.head, "^"+base)
	if err != nil {
		return pullDiff{}, err
	}
	from, err := g.line("merge-base", base, p.head)
	if err != nil {
		if _, clean := exitedClean(err); clean != nil {
			return pullDiff{}, err
		}
		from = emptyTree // unrelated histories
	}
	files, err := s.changedFiles(p.repo, from, p.head)
	if err != nil {
		return pullDiff{}, err
	}
	p.diffKey, p.diff = key, pullDiff{commits, files}
	return p.diff, nil
}

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

func (s *Server) commitsOf(p *pull) ([]string, error) {
	diff, err := s.diffOf(p)
	return diff.commits, err
}

// changedFiles compares two trees as git diff does, with renames.
func (s *Server) changedFiles(r *repo, from, to string) ([]changedFile, error) {
	out, err := s.git(r).run("diff", "-M", "--no-abbrev", "--raw", "--numstat", "-z", from, to)
	if err != nil {
		return nil, err
	}
	var files []changedFile
	fields := strings.Split(string(out), "\x00")
	counted := 0
	for len(fields) > 1 {
		if strings.HasPrefix(fields[0], ":") {
			f, rest := rawEntry(fields)
			files, fields = append(files, f), rest
			continue
		}
		added, deleted, rest := numstatEntry(fields)
		files[counted].additions, files[counted].deletions = added, deleted
		counted, fields = counted+1, rest
	}
	return files, nil
}

// rawEntry reads ":oldmode newmode oldsha newsha status" and one path, or two of a rename.
func rawEntry(fields []string) (changedFile, []string) {
	meta := strings.Fields(fields[0])
	f := changedFile{sha: meta[3], name: fields[1]}
	rest := fields[2:]
	switch meta[4][0] {
	case 'A':
		f.status = "added"
	case 'D':
		f.status, f.sha = "removed", meta[2]
	case 'R', 'C':
		f.status, f.previous, f.name = "renamed", fields[1], fields[2]
		rest = fields[3:]
	case 'T':
		f.status = "changed"
	default:
		f.status = "modified"
	}
	return f, rest
}

// numstatEntry reads "added<tab>deleted<tab>path"; the path of a rename is empty there and two fields follow. Binary
// files count "-", which is 0.
func numstatEntry(fields []string) (added, deleted int, rest []string) {
	parts := strings.SplitN(fields[0], "\t", 3)
	if len(parts) < 3 {
		return 0, 0, fields[1:]
	}
	added, _ = strconv.Atoi(parts[0])
	deleted, _ = strconv.Atoi(parts[1])
	if parts[2] == "" {
		return added, deleted, fields[3:]
	}
	return added, deleted, fields[1:]
}

func (x *exchange) listPullCommits() (reply, error) {
	p, err := x.pullFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	shas, err := x.commitsOf(p)
	if err != nil {
		return reply{}, err
	}
	shas = shas[:min(len(shas), maxPullCommits)]
	from, to := x.pageOf(len(shas))
	commits, err := x.commits(p.repo, shas[from:to])
	if err != nil {
		return reply{}, err
	}
	return ok(each(commits, func(c commit) object { return x.commitJSON(p.repo, c) }))
}

func (x *exchange) listPullFiles() (reply, error) {
	p, err := x.pullFor("read", readRole)
	if err != nil {
		return reply{}, err
	}
	diff, err := x.diffOf(p)
	if err != nil {
		return reply{}, err
	}
	return listOf(x, diff.files[:min(len(diff.files), maxPullFiles)], func(f changedFile) object { return x.fileJSON(p.repo, p.head, f) })
}
