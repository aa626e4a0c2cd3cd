package githubtest

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

func (x *exchange) listBranches() (reply, error) {
	r, err := x.repoFor("contents", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	heads, err := x.refs(r, "refs/heads/")
	if err != nil {
		return reply{}, err
	}
	return listOf(x, heads, func(v refValue) object {
		name := strings.TrimPrefix(v.name, "refs/heads/")
		return object{"name": name, "protected": r.protections[name] != nil,
			"commit": object{"sha": v.sha, "url": x.repoURL(r) + "/commits/" + v.sha}}
	})
}

// getBranch is schema branch-with-protection.
func (x *exchange) getBranch() (reply, error) {
	r, err := x.repoFor("contents", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	name := x.path("branch")
	sha := r.branch(name)
	if sha == "" {
		return reply{}, &apiError{status: http.StatusNotFound, message: "Branch not found", doc: "branches/branches#get-a-branch"}
	}
	c, err := x.commit(r, sha)
	if err != nil {
		return reply{}, err
	}
	url := x.repoURL(r) + "/branches/" + escapePath(name)
	protection := object{"enabled": r.protections[name] != nil}
	if p := r.protections[name]; p != nil {
		contexts, checks := []string{}, []object{}
		for _, required := range p.RequiredChecks {
			contexts = append(contexts, required.Context)
			checks = append(checks, object{"context": required.Context, "app_id": required.App})
		}
		protection["required_status_checks"] = object{"enforcement_level": "non_admins", "contexts": contexts, "checks": checks}
	}
	return ok(object{"name": name, "commit": x.commitJSON(r, c), "protected": r.protections[name] != nil, "protection": protection,
		"protection_url": url + "/protection", "_links": object{"self": url, "html": x.repoPage(r) + "/tree/" + escapePath(name)}})
}

func (x *exchange) getCommit(r *repo, sha string) (reply, error) {
	c, err := x.commit(r, sha)
	if err != nil {
		return reply{}, err
	}
	if strings.Contains(x.r.Header.Get("Accept"), "vnd.github.sha") || strings.HasSuffix(x.r.Header.Get("Accept"), ".sha") {
		return ok(sha)
	}
	from := emptyTree
	if len(c.parents) > 0 {
		from = c.parents[0]
	}
	files, err := x.changedFiles(r, from, sha)
	if err != nil {
		return reply{}, err
	}
	additions, deletions := 0, 0
	for _, f := range files {
		additions, deletions = additions+f.additions, deletions+f.deletions
	}
	return ok(merge(x.commitJSON(r, c), object{
		"stats": object{"additions": additions, "deletions": deletions, "total": additions + deletions},
		"files": each(files[:min(len(files), maxPullFiles)], func(f changedFile) object { return x.fileJSON(r, sha, f) }),
	}))
}

func (x *exchange) listCommits() (reply, error) {
	r, err := x.repoFor("contents", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	start := x.query("sha")
	if start == "" {
		start = r.defaultBranch
	}
	tip := x.resolve(r, start)
	if tip == "" {
		return reply{}, notFound("commits/commits#list-commits")
	}
	args := []string{"rev-list", tip, "--"}
	if path := x.query("path"); path != "" {
		args = append(args, path)
	}
	shas, err := x.git(r).lines(args...)
	if err != nil {
		return reply{}, err
	}
	from, to := x.pageOf(len(shas))
	commits, err := x.commits(r, shas[from:to])
	if err != nil {
		return reply{}, err
	}
	return ok(each(commits, func(c commit) object { return x.commitJSON(r, c) }))
}

// compare is schema commit-comparison, for "base...head".
func (x *exchange) compare() (reply, error) {
	r, err := x.repoFor("contents", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	baseName, headName, _ := strings.Cut(x.path("spec"), "...")
	base, head := x.resolve(r, baseName), x.resolve(r, headName)
	if base == "" || head == "" {
		return reply{}, notFound("commits/commits#compare-two-commits")
	}
	g := x.git(r)
	common, err := g.line("merge-base", base, head)
	if err != nil {
		return reply{}, notFound("commits/commits#compare-two-commits")
	}
	ahead, err := g.lines("rev-list", "--reverse", "--topo-order", head, "^"+base)
	if err != nil {
		return reply{}, err
	}
	behind, err := g.line("rev-list", "--count", base, "^"+head)
	if err != nil {
		return reply{}, err
	}
	commits, err := x.commits(r, append([]string{base, common}, ahead...))
	if err != nil {
		return reply{}, err
	}
	files, err := x.changedFiles(r, common, head)
	if err != nil {
		return reply{}, err
	}
	return ok(x.comparison(r, commits, behind, files, head))
}

func (x *exchange) comparison(r *repo, commits []commit, behindText string, files []changedFile, head string) object {
	behind, _ := strconv.Atoi(behindText)
	wire := func(c commit) object { return x.commitJSON(r, c) }
	ahead := commits[2:]
	status := "identical"
	switch {
	case len(ahead) > 0 && behind > 0:
		status = "diverged"
	case len(ahead) > 0:
		status = "ahead"
	case behind > 0:
		status = "behind"
	}
	from, to := x.pageOf(len(ahead))
	span := "/compare/" + commits[0].sha + "..." + head
	page := x.repoPage(r) + span
	return object{
		"url": x.repoURL(r) + span, "html_url": page, "permalink_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
		"base_commit": wire(commits[0]), "merge_base_commit": wire(commits[1]), "status": status,
		"ahead_by": len(ahead), "behind_by": behind, "total_commits": len(ahead), "commits": each(ahead[from:to], wire),
		"files": each(files[:min(len(files), 300)], func(f changedFile) object { return x.fileJSON(r, head, f) }),
	}
}

// getContents answers a file (content-file) or the entries of a folder.
func (x *exchange) getContents() (reply, error) {
	r, err := x.repoFor("contents", "read", readRole)
	if err != nil {
		return reply{}, err
	}
	ref := x.query("ref")
	if ref == "" {
		ref = r.defaultBranch
	}
	sha, path := x.resolve(r, ref), strings.Trim(x.path("path"), "/")
	if sha == "" {
		return reply{}, notFound("repos/contents#get-repository-content")
	}
	kind, err := x.git(r).line("cat-file", "-t", sha+":"+path)
	if err != nil {
		return reply{}, notFound("repos/contents#get-repository-content")
	}
	if kind == "blob" {
		return x.fileContents(r, sha, path, ref)
	}
	prefix := ""
	if path != "" {
		prefix = path + "/"
	}
	out, err := x.git(r).run("ls-tree", "-z", "-l", sha+":"+path)
	if err != nil {
		return reply{}, err
	}
	entries := []object{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		meta, name, found := strings.Cut(line, "\t")
		if f := strings.Fields(meta); found && len(f) == 4 {
			size, _ := strconv.Atoi(f[3])
			entries = append(entries, x.contentEntry(r, prefix+name, ref, f[2], contentTypes[f[0]], size))
		}
	}
	return ok(entries)
}

var contentTypes = map[string]string{"100644": "file", "100755": "file", "120000": "symlink", "160000": "submodule", "040000": "dir"}

func (x *exchange) fileContents(r *repo, sha, path, ref string) (reply, error) {
	blob, err := x.git(r).line("rev-parse", sha+":"+path)
	if err != nil {
		return reply{}, err
	}
	data, err := x.git(r).run("cat-file", "blob", blob)
	if err != nil {
		return reply{}, err
	}
	return ok(merge(x.contentEntry(r, path, ref, blob, "file", len(data)),
		object{"encoding": "base64", "content": base64.StdEncoding.EncodeToString(data) + "\n"}))
}

func (x *exchange) contentEntry(r *repo, path, ref, sha, kind string, size int) object {
	url := x.repoURL(r) + "/contents/" + escapePath(path) + "?ref=" + escapePath(ref)
	git, html := x.repoURL(r)+"/git/blobs/"+sha, x.repoPage(r)+"/blob/"+escapePath(ref)+"/"+escapePath(path)
	name := path[strings.LastIndex(path, "/")+1:]
	return object{"type": kind, "size": size, "name": name, "path": path, "sha": sha, "url": url, "git_url": git, "html_url": html,
		"download_url": x.repoPage(r) + "/raw/" + escapePath(ref) + "/" + escapePath(path),
		"_links":       object{"git": git, "html": html, "self": url}}
}
