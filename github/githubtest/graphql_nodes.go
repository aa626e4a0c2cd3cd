package githubtest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// queryRoot is what a query begins with.
func (x *exchange) queryRoot() *node {
	return &node{kind: "Query", fields: object{
		"viewer": x.actorNode(x.who.account, x.who.account.kind),
		"user": field(func(args object) (any, error) {
			if err := required(args, "user", "login"); err != nil {
				return nil, err
			}
			a := x.account(text(args, "login"))
			if a == nil || a.isOrg() {
				return nil, unresolved("User", "login of '%s'", text(args, "login"))
			}
			return x.actorNode(a, "User"), nil
		}),
		"repository": field(func(args object) (any, error) {
			if err := required(args, "repository", "owner", "name"); err != nil {
				return nil, err
			}
			name := text(args, "owner") + "/" + text(args, "name")
			r := x.Server.repos[strings.ToLower(name)]
			if r == nil || x.need(r, "metadata", "read", readRole) != nil {
				return nil, unresolved("Repository", "name '%s'", name)
			}
			return x.repositoryNode(r), nil
		}),
		// Clients ask which fields a type has before they use the newer ones; of none is said anything.
		"__type": nil,
	}}
}

func unresolved(kind, format string, args ...any) error {
	return &apiError{status: http.StatusNotFound, message: "Could not resolve to a " + kind + " with the " + fmt.Sprintf(format, args...) + "."}
}

func text(args object, name string) string {
	s, _ := args[name].(string)
	return s
}

// actorNode shows an account as one of User, Bot, Organization; the viewer is a User even when it is a bot.
func (x *exchange) actorNode(a *account, kind string) *node {
	if a == nil || a.deleted {
		return nil
	}
	if kind == "Bot" && x.who.account == a {
		kind = "User"
	}
	fields := object{"login": a.login, "id": nodeID(a.kind, a.id), "databaseId": a.id, "url": x.root + "/" + a.login, "resourcePath": "/" + a.login}
	if kind != "Bot" {
		fields["name"] = textOrNil(a.name)
	}
	if kind == "Organization" {
		fields["viewerCanAdminister"] = x.orgs[a.id].members[x.who.account.id] != nil && x.orgs[a.id].members[x.who.account.id].role == "admin"
	}
	return &node{kind: kind, also: []string{"Actor", "RepositoryOwner", "Node", "RequestedReviewer", "Assignee"}, fields: fields}
}

func (x *exchange) repositoryNode(r *repo) *node {
	n := &node{kind: "Repository", also: []string{"Node"}, fields: object{
		"id": nodeID("Repository", r.id), "databaseId": r.id, "name": r.name, "nameWithOwner": r.fullName(), "url": x.repoPage(r),
		"description": nil, "isPrivate": r.private, "isFork": r.parent != nil, "isArchived": false, "createdAt": stamp(r.created), "pushedAt": stamp(r.pushed),
		"hasIssuesEnabled": true, "hasWikiEnabled": false, "deleteBranchOnMerge": r.deleteBranch,
		"mergeCommitAllowed": r.methods["merge"], "squashMergeAllowed": r.methods["squash"], "rebaseMergeAllowed": r.methods["rebase"],
		"viewerPermission": strings.ToUpper(roleNames[x.roleIn(x.who, r)]),
		"owner":            x.actorNode(r.owner, r.owner.kind), "parent": (*node)(nil), "defaultBranchRef": (*node)(nil),
		"viewerDefaultCommitEmail": x.who.account.address(),
	}}
	if r.parent != nil {
		n.fields["parent"] = x.repositoryNode(r.parent)
	}
	if sha := r.branch(r.defaultBranch); sha != "" {
		n.fields["defaultBranchRef"] = &node{kind: "Ref", fields: object{"name": r.defaultBranch, "prefix": "refs/heads/",
			"target": &node{kind: "Commit", also: []string{"GitObject"}, fields: object{"oid": sha}}}}
	}
	n.fields["pullRequest"] = field(func(args object) (any, error) {
		if err := required(args, "pullRequest", "number"); err != nil {
			return nil, err
		}
		number, _ := strconv.Atoi(fmt.Sprint(args["number"]))
		p := r.pulls[number]
		if p == nil {
			return nil, unresolved("PullRequest", "number of %d", number)
		}
		p = x.seen(p)
		shown, err := x.pullNode(p)
		p.unknown = max(0, p.unknown-1)
		return shown, err
	})
	n.fields["pullRequests"] = field(func(args object) (any, error) { return x.pullsNode(r, args) })
	return n
}

// pullsNode lists pull requests: by states, headRefName and baseRefName, oldest first unless orderBy says otherwise.
func (x *exchange) pullsNode(r *repo, args object) (any, error) {
	states, _ := args["states"].([]any)
	if one, single := args["states"].(string); single {
		states = []any{one}
	}
	var list []*pull
	for _, p := range r.pulls {
		p = x.seen(p)
		head, base := text(args, "headRefName"), text(args, "baseRefName")
		if (states != nil && !slices.Contains(states, any(p.graphState()))) || (head != "" && head != p.headRef) || (base != "" && base != p.baseRef) {
			continue
		}
		list = append(list, p)
	}
	order, _ := args["orderBy"].(object)
	slices.SortFunc(list, func(a, b *pull) int {
		if text(order, "direction") == "DESC" {
			return b.number - a.number
		}
		return a.number - b.number
	})
	return connection("PullRequest", list, args, x.pullNode)
}

// connection is one page of a list (https://docs.github.com/graphql/guides/using-pagination-in-the-graphql-api).
func connection[T any](kind string, all []T, args object, show func(T) (*node, error)) (*node, error) {
	from, to, bounded := pageBounds(len(all), args)
	end := any(nil)
	if to > 0 {
		end = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	nodes := field(func(object) (any, error) {
		if !bounded {
			return nil, &apiError{status: http.StatusOK, message: "You must provide a `first` or `last` value to properly paginate the connection of " + kind + "."}
		}
		list := []*node{}
		for _, one := range all[from:to] {
			n, err := show(one)
			if err != nil {
				return nil, err
			}
			list = append(list, n)
		}
		return list, nil
	})
	return &node{kind: kind + "Connection", fields: object{"totalCount": len(all), "nodes": nodes,
		"pageInfo": &node{kind: "PageInfo", fields: object{"hasNextPage": to < len(all), "hasPreviousPage": from > 0, "endCursor": end}}}}, nil
}

// pageBounds reads first, last and after; without first or last the page is not bounded, and its nodes are not shown.
func pageBounds(n int, args object) (from, to int, bounded bool) {
	to = n
	if cursor, err := base64.StdEncoding.DecodeString(text(args, "after")); err == nil && len(cursor) > 0 {
		from, _ = strconv.Atoi(string(cursor))
		from = min(max(from, 0), n)
	}
	if first, err := strconv.Atoi(fmt.Sprint(args["first"])); err == nil {
		return from, min(n, from+max(0, first)), true
	}
	if last, err := strconv.Atoi(fmt.Sprint(args["last"])); err == nil {
		return max(from, n-max(0, last)), n, true
	}
	return from, to, false
}

// listField is a connection as a field.
func listField[T any](kind string, all []T, show func(T) *node) field {
	return func(args object) (any, error) {
		return connection(kind, all, args, func(one T) (*node, error) { return show(one), nil })
	}
}
