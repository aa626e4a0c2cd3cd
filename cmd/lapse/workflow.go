package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/grants"
)

// maxEvent bounds a workflow's event file, in bytes. GitHub sends no payload over 25 MiB.
const maxEvent = 25 << 20

// event is what is read of a workflow's event: the number of the pull request it is about.
type event struct {
	PullRequest struct {
		Number int `json:"number"`
	} `json:"pull_request"`
	WorkflowRun struct {
		PullRequests []struct {
			Number int `json:"number"`
		} `json:"pull_requests"`
	} `json:"workflow_run"`
}

// pullNumber is the flag's, or else that of the event that started the workflow.
func pullNumber(env *environment, flag string) (int, error) {
	if flag != "" {
		n, err := number(flag)
		if err != nil {
			return 0, usagef("--pull %q: %w", flag, err)
		}
		return n, nil
	}
	path := env.getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return 0, usagef("which pull request? use --pull, or --dir to check files")
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read the workflow's event: %w", err)
	}
	defer f.Close()
	var e event
	if err := json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&e); err != nil {
		return 0, fmt.Errorf("read the workflow's event: %s, which GITHUB_EVENT_PATH names, is not JSON; use --pull", path)
	}
	switch {
	case e.PullRequest.Number > 0:
		return e.PullRequest.Number, nil
	case len(e.WorkflowRun.PullRequests) == 1:
		return e.WorkflowRun.PullRequests[0].Number, nil
	}
	return 0, usagef("the workflow's event is about no single pull request; use --pull")
}

// runURL is the page of the workflow run that this is part of; "" outside of a workflow.
func runURL(env *environment) string {
	server, repo, id := env.getenv("GITHUB_SERVER_URL"), env.getenv("GITHUB_REPOSITORY"), env.getenv("GITHUB_RUN_ID")
	if !env.inActions() || server == "" || repo == "" || id == "" {
		return ""
	}
	return strings.TrimSuffix(server, "/") + "/" + repo + "/actions/runs/" + id
}

// output sets an output of the workflow's step.
func output(env *environment, key, value string) error {
	return env.tell("GITHUB_OUTPUT", func(w io.Writer) error { return render.OutputFile(w, key, value) })
}

// tell appends to one of the runner's files, which a variable names; without one there is nobody to tell.
func (env *environment) tell(variable string, write func(io.Writer) error) error {
	path := env.getenv(variable)
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := write(scrubbed{env, f}); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// asked are the reviewers to request for one need: its teams, and the people of its groups who could still approve.
func asked(n checks.Need) (people, teams []string) {
	byName := false
	for _, p := range n.From {
		if _, slug, ok := strings.Cut(string(p), "/"); ok {
			teams = append(teams, slug)
		} else {
			byName = true
		}
	}
	if byName && len(teams) == 0 {
		people = n.Could
	}
	return people, teams
}

func sortedIDs(m map[string]*grants.Grant) []string {
	ids := make([]string, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}
