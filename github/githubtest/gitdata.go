package githubtest

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// createTree makes a tree of inline texts and deletions on top of another.
// https://docs.github.com/en/rest/git/trees#create-a-tree
func (x *exchange) createTree() (reply, error) {
	const doc = "git/trees#create-a-tree"
	r, err := x.repoFor("contents", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		BaseTree string `json:"base_tree"`
		Tree     []struct {
			Path, Mode, Type string
			SHA, Content     *string
		}
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	index, cleanup, err := x.scratch()
	if err != nil {
		return reply{}, err
	}
	defer cleanup()
	g := x.git(r).with("GIT_INDEX_FILE=" + index)
	if ask.BaseTree != "" {
		if _, err := g.run("read-tree", "--end-of-options", ask.BaseTree+"^{tree}"); err != nil {
			return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "base_tree is not a valid tree oid", doc: doc}
		}
	}
	for _, e := range ask.Tree {
		sha := zeroSHA
		switch {
		case e.Content != nil:
			sha, err = g.input(strings.NewReader(*e.Content)).line("hash-object", "-w", "--stdin")
		case e.SHA != nil:
			sha = *e.SHA
		default:
			e.Mode = "0"
		}
		if err == nil {
			_, err = g.input(strings.NewReader(e.Mode+" "+sha+"\t"+e.Path+"\x00")).run("update-index", "-z", "--index-info")
		}
		if err != nil {
			return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "tree.path or tree.sha is not valid", doc: doc}
		}
	}
	tree, err := g.line("write-tree")
	if err != nil {
		return reply{}, err
	}
	return x.treeReply(r, tree)
}

// scratch is the name of an index file of its own.
func (x *exchange) scratch() (name string, cleanup func(), err error) {
	dir, err := os.MkdirTemp(x.opt.Dir, "index-")
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(dir, "index"), func() { os.RemoveAll(dir) }, nil
}

// treeReply is schema git-tree, without the trees below it.
func (x *exchange) treeReply(r *repo, tree string) (reply, error) {
	out, err := x.git(r).run("ls-tree", "-z", tree)
	if err != nil {
		return reply{}, err
	}
	entries := []object{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		meta, name, found := strings.Cut(line, "\t")
		if f := strings.Fields(meta); found && len(f) == 3 {
			entries = append(entries, object{"path": name, "mode": f[0], "type": f[1], "sha": f[2], "url": x.repoURL(r) + "/git/" + f[1] + "s/" + f[2]})
		}
	}
	return created(object{"sha": tree, "url": x.repoURL(r) + "/git/trees/" + tree, "truncated": false, "tree": entries})
}

// createGitCommit makes a commit that no branch names yet. Unless the request says otherwise it is by the caller.
// https://docs.github.com/en/rest/git/commits#create-a-commit
func (x *exchange) createGitCommit() (reply, error) {
	const doc = "git/commits#create-a-commit"
	r, err := x.repoFor("contents", "write", writeRole)
	if err != nil {
		return reply{}, err
	}
	var ask struct {
		Message, Tree string
		Parents       []string
	}
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	kind, err := x.git(r).line("cat-file", "-t", ask.Tree)
	if !isSHA(ask.Tree) || err != nil || kind != "tree" {
		return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Tree SHA does not exist", doc: doc}
	}
	for _, p := range ask.Parents {
		if !isSHA(p) || x.resolve(r, p) != p {
			return reply{}, &apiError{status: http.StatusUnprocessableEntity, message: "Parent SHA does not exist or is not a commit object", doc: doc}
		}
	}
	by := personOf(x.who.account, x.tick())
	sha, err := x.git(r).as(by, by).commitTree(ask.Tree, ask.Message, ask.Parents...)
	if err != nil {
		return reply{}, err
	}
	c, err := x.commit(r, sha)
	if err != nil {
		return reply{}, err
	}
	return created(x.gitCommitJSON(r, c))
}

// gitCommitJSON is schema git-commit.
func (x *exchange) gitCommitJSON(r *repo, c commit) object {
	url := x.repoURL(r) + "/git/commits/"
	return object{
		"sha": c.sha, "node_id": nodeID("Commit", r.id) + c.sha, "url": url + c.sha, "html_url": x.repoPage(r) + "/commit/" + c.sha,
		"author": personJSON(c.author), "committer": personJSON(c.committer), "message": strings.TrimSuffix(c.message, "\n"),
		"tree": object{"sha": c.tree, "url": x.repoURL(r) + "/git/trees/" + c.tree},
		"parents": each(c.parents, func(sha string) object {
			return object{"sha": sha, "url": url + sha, "html_url": x.repoPage(r) + "/commit/" + sha}
		}),
		"verification": object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil},
	}
}
