package github

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	gh "github.com/google/go-github/v60/github"
)

// perBatch is how many annotations one request may carry; further ones are added by updates.
// https://docs.github.com/en/rest/checks/runs#update-a-check-run
const perBatch = 50

// checkRun is what our check run shows. Its digest goes with the run (as external id), with the last batch of annotations:
// so a run that carries it is whole.
type checkRun struct {
	Head        string
	Status      string
	Conclusion  string
	Title       string
	Summary     string
	DetailsURL  string
	Annotations []*gh.CheckRunAnnotation
}

// publishCheckRun makes a new run where the newest one shows anything else: annotations can be added to a run and never
// removed. GitHub lets only apps make check runs; for other tokens the status has to do.
func (c *Client) publishCheckRun(ctx context.Context, r Repo, p Publication) error {
	run := runOf(p)
	digest, err := run.digest()
	if err != nil {
		return err
	}
	now, err := c.checkRunNow(ctx, r, p.Head)
	if err != nil {
		return c.withoutChecks(err)
	}
	same := now.GetExternalID() == digest && now.GetStatus() == run.Status && now.GetConclusion() == run.Conclusion && now.GetOutput().GetTitle() == run.Title
	switch {
	case same && sameText(now.GetOutput().GetSummary(), run.Summary):
		return nil
	case same:
		return c.withoutChecks(c.reword(ctx, r, now.GetID(), run))
	}
	return c.withoutChecks(c.makeCheckRun(ctx, r, run, digest))
}

// reword gives a run that shows the same verdict another summary, as when only the time of the judgement differs.
func (c *Client) reword(ctx context.Context, r Repo, id int64, run checkRun) error {
	ctx = once(ctx, "repos", r.Owner, r.Name, "check-runs", strconv.FormatInt(id, 10))
	callOf(ctx).repeat = true // without annotations: the same text twice is the same text
	_, _, err := c.api.Checks.UpdateCheckRun(ctx, r.Owner, r.Name, id, gh.UpdateCheckRunOptions{Name: statusName, Output: run.output(nil)})
	return c.explain(err, "the token needs `checks: write`", "update the check run of %s in %s", run.Head, r)
}

// withoutChecks forgives a token that may not make check runs.
func (c *Client) withoutChecks(err error) error {
	if status(err) == http.StatusForbidden {
		c.log.Debug("github: no check run is published", "why", err.Error())
		return nil
	}
	return err
}

// checkRunNow is the newest run of our name on the commit; nil: there is none.
func (c *Client) checkRunNow(ctx context.Context, r Repo, sha string) (*gh.CheckRun, error) {
	ctx = meant(ctx, http.MethodGet, "repos", r.Owner, r.Name, "commits", sha, "check-runs")
	list, err := pages(ctx, func(ctx context.Context, o gh.ListOptions) ([]*gh.CheckRun, *gh.Response, error) {
		res, resp, err := c.api.Checks.ListCheckRunsForRef(ctx, r.Owner, r.Name, sha,
			&gh.ListCheckRunsOptions{CheckName: gh.String(statusName), Filter: gh.String("latest"), ListOptions: o})
		if err != nil {
			return nil, resp, err
		}
		return res.CheckRuns, resp, nil
	})
	if err != nil {
		return nil, c.explain(err, "the token needs `checks: write`", "read the check runs of %s in %s", sha, r)
	}
	list = slices.DeleteFunc(list, func(run *gh.CheckRun) bool { return run.GetName() != statusName })
	if len(list) == 0 {
		return nil, nil
	}
	return slices.MaxFunc(list, func(a, b *gh.CheckRun) int { return int(a.GetID() - b.GetID()) }), nil
}

func (c *Client) makeCheckRun(ctx context.Context, r Repo, run checkRun, digest string) error {
	batches := slices.Collect(slices.Chunk(run.Annotations, perBatch))
	if len(batches) == 0 {
		batches = [][]*gh.CheckRunAnnotation{nil}
	}
	// Until its last batch the run is not finished, whatever it will conclude.
	create := gh.CreateCheckRunOptions{
		Name: statusName, HeadSHA: run.Head, DetailsURL: optional(run.DetailsURL), Status: gh.String("in_progress"), Output: run.output(batches[0]),
	}
	if len(batches) == 1 {
		create.Status, create.Conclusion, create.ExternalID = &run.Status, optional(run.Conclusion), &digest
	}
	made, _, err := c.api.Checks.CreateCheckRun(once(ctx, "repos", r.Owner, r.Name, "check-runs"), r.Owner, r.Name, create)
	if err != nil {
		return c.explain(err, "the token needs `checks: write`", "make the check run of %s in %s", run.Head, r)
	}
	for i, batch := range batches[1:] {
		update := gh.UpdateCheckRunOptions{Name: statusName, Output: run.output(batch)}
		if i == len(batches)-2 {
			update.Status, update.Conclusion, update.ExternalID = &run.Status, optional(run.Conclusion), &digest
		}
		_, _, err := c.api.Checks.UpdateCheckRun(once(ctx, "repos", r.Owner, r.Name, "check-runs", strconv.FormatInt(made.GetID(), 10)),
			r.Owner, r.Name, made.GetID(), update)
		if err != nil {
			return c.explain(err, "the token needs `checks: write`", "add annotations to the check run of %s in %s", run.Head, r)
		}
	}
	return nil
}

func runOf(p Publication) checkRun {
	run := checkRun{
		Head: p.Head, Status: "completed", Conclusion: "failure", Title: plain(p.Description, maxTitle), Summary: p.Summary, DetailsURL: p.TargetURL,
	}
	switch p.State {
	case "success":
		run.Conclusion = "success"
	case "pending":
		run.Status, run.Conclusion = "in_progress", ""
	}
	if run.Title == "" {
		run.Title = p.State
	}
	if len(run.Summary) > maxSummary {
		// Markdown that is cut may come alive where it was quoted, so it is shown whole or not at all.
		run.Summary = "The summary is too long to be shown here."
	}
	for _, a := range p.Annotations {
		line, text := max(a.Line, 1), cut(a.Text, maxSummary)
		if text == "" {
			text = run.Title // GitHub wants one
		}
		run.Annotations = append(run.Annotations, &gh.CheckRunAnnotation{
			Path: gh.String(a.Path), StartLine: &line, EndLine: &line, AnnotationLevel: gh.String(a.Level),
			Title: optional(plain(a.Title, maxTitle)), Message: &text,
		})
	}
	return run
}

func (run checkRun) output(batch []*gh.CheckRunAnnotation) *gh.CheckRunOutput {
	return &gh.CheckRunOutput{Title: &run.Title, Summary: &run.Summary, Annotations: batch}
}

// digest identifies the verdict that the run shows, however it is worded and from wherever it was published.
func (run checkRun) digest() (string, error) {
	run.Summary, run.DetailsURL = "", ""
	data, err := json.Marshal(run)
	if err != nil {
		return "", fmt.Errorf("make the check run of %s: %w", run.Head, err)
	}
	sum := sha256.Sum256(data)
	return "lapse-" + hex.EncodeToString(sum[:]), nil
}
