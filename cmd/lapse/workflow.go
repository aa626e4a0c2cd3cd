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
	"github.com/lapse-access/lapse/reconciler"
)

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

// maxOutput is the most bytes of a value that a step may put out; a whole job has one MiB.
const maxOutput = 512 << 10

// outputPlan puts the plan out as JSON, whole or not at all.
func outputPlan(env *environment, rep *reconciler.Report) error {
	text, err := json.Marshal(rep.Plan)
	if err != nil {
		return fmt.Errorf("the plan as JSON: %w", err)
	}
	if len(text) > maxOutput {
		fmt.Fprintf(env.err, "lapse: the plan is longer than %d bytes and is not put out\n", maxOutput)
		return nil
	}
	return output(env, "plan", string(text))
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
