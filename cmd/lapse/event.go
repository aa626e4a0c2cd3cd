package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lapse-access/lapse/names"
)

// maxEvent bounds a workflow's event file, in bytes. GitHub sends no payload over 25 MiB.
const maxEvent = 25 << 20

// event is what is read of a workflow's event. Of a run of another workflow that is its commit alone: everything else about the
// run, what it wrote and how it ended, is in the hands of whoever may push a branch.
type event struct {
	PullRequest struct {
		Number int `json:"number"`
	} `json:"pull_request"`
	Issue struct {
		Number int `json:"number"`
	} `json:"issue"`
	WorkflowRun struct {
		HeadSHA string `json:"head_sha"`
	} `json:"workflow_run"`
}

// errNoEvent says that no workflow is running.
var errNoEvent = errors.New("no workflow's event")

// readEvent reads the event that started the workflow. Outside of one it is errNoEvent.
func readEvent(env *environment) (event, error) {
	var e event
	path := env.getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return e, errNoEvent
	}
	f, err := os.Open(path)
	if err != nil {
		return e, fmt.Errorf("read the workflow's event: %w", err)
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&e); err != nil {
		return e, fmt.Errorf("read the workflow's event: %s, which GITHUB_EVENT_PATH names, is not JSON; use --pull", path)
	}
	return e, nil
}

// subject is what check is asked about: a pull request, or every open one whose head is a commit.
type subject struct {
	number int
	head   string
}

// subjectOf is the flag's pull request, or else what the event that started the workflow is about.
func subjectOf(env *environment, flag string) (subject, error) {
	if flag != "" {
		n, err := number(flag)
		if err != nil {
			return subject{}, usagef("--pull %q: %w", flag, err)
		}
		return subject{number: n}, nil
	}
	e, err := readEvent(env)
	if errors.Is(err, errNoEvent) {
		return subject{}, usagef("which pull request? use --pull, or --dir to check files")
	}
	if err != nil {
		return subject{}, err
	}
	switch {
	case e.PullRequest.Number > 0:
		return subject{number: e.PullRequest.Number}, nil
	case names.SHA(e.WorkflowRun.HeadSHA) == nil:
		return subject{head: e.WorkflowRun.HeadSHA}, nil
	}
	return subject{}, usagef("the workflow's event is about no pull request; use --pull")
}

// pulls are the pull requests to judge. A commit can be the head of several: every one is judged, so that none can stand in front
// of another.
func (s subject) pulls(ctx context.Context, conn *connected) ([]int, error) {
	if s.head == "" {
		return []int{s.number}, nil
	}
	found, err := conn.forge.PullsOf(ctx, conn.repo, s.head)
	if err != nil {
		return nil, err
	}
	var open []int
	for _, n := range found {
		p, err := conn.forge.Pull(ctx, conn.repo, n)
		if err != nil {
			return nil, err
		}
		if p.State == "open" && p.HeadSHA == s.head {
			open = append(open, n)
		}
	}
	return open, nil
}
