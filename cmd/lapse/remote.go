package main

import (
	"context"
	"net/url"
	"os/exec"
	"regexp"
	"strings"

	"github.com/lapse-access/lapse/github"
)

// accessRepository is the one that was asked for, that of the workflow, or that of the working copy where the command was started.
func (c connection) accessRepository(ctx context.Context, env *environment) (github.Repo, error) {
	name := or(c.repository, env.getenv("GITHUB_REPOSITORY"))
	if name == "" {
		return c.remoteRepository(ctx, env)
	}
	repo, err := github.ParseRepo(name)
	if err != nil {
		return repo, usagef("which access repository? %w; use --repo owner/name", err)
	}
	return repo, nil
}

// remoteRepository reads git's remote "origin" of the current folder. Only its owner and name are taken, and only where it is on the
// server that the token is for: a folder that came from elsewhere must not say where a token goes.
func (c connection) remoteRepository(ctx context.Context, env *environment) (github.Repo, error) {
	out, err := exec.CommandContext(ctx, "git", "config", "--get", "remote.origin.url").Output()
	if err != nil {
		return github.Repo{}, usagef("which access repository? use --repo owner/name, or run in a working copy of it")
	}
	host, name, ok := splitRemote(strings.TrimSpace(string(out)))
	if !ok {
		return github.Repo{}, usagef("which access repository? the remote origin of this folder is none of GitHub's; use --repo owner/name")
	}
	server, err := url.Parse(c.server(env))
	if err != nil || !strings.EqualFold(server.Host, host) {
		return github.Repo{}, usagef("which access repository? the remote origin of this folder is at %s; use --repo owner/name, and --server-url and --api-url if it is there", host)
	}
	repo, err := github.ParseRepo(name)
	if err != nil {
		return repo, usagef("which access repository? the remote origin of this folder: %w; use --repo owner/name", err)
	}
	return repo, nil
}

var scpForm = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+):([^/].*)$`)

// splitRemote takes host and owner/name from the forms in which git writes a remote. The port of ssh is not that of the web.
func splitRemote(remote string) (host, name string, ok bool) {
	path := ""
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		switch u.Scheme {
		case "https", "http":
			host, path = u.Host, u.Path
		case "ssh", "git+ssh":
			host, path = u.Hostname(), u.Path
		}
	} else if m := scpForm.FindStringSubmatch(remote); m != nil {
		host, path = m[1], m[2]
	}
	name = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	return host, name, host != "" && strings.Count(name, "/") == 1
}
