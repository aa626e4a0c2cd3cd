package render

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// The wire form of SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), as much of it as there is to say. GitHub's code scanning
// reads it (docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifMessage `json:"shortDescription"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
)

const sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"

// sarifRules are the kinds of remark, one for each level, in this order.
var sarifRules = [...]struct {
	level Level
	rule  sarifRule
	named string // SARIF's word for the level
}{
	{LevelFailure, sarifRule{"denied", sarifMessage{"The request is denied, or a file is wrong."}}, "error"},
	{LevelWarning, sarifRule{"warning", sarifMessage{"A policy warns; nothing is denied for it."}}, "warning"},
	{LevelNotice, sarifRule{"waiting", sarifMessage{"The request waits for an approval."}}, "note"},
}

// SARIF writes annotations as a SARIF 2.1.0 log. Without any it is a log without results.
func SARIF(w io.Writer, as []Annotation) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "lapse"}}, Results: []sarifResult{}}
	for _, r := range sarifRules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, r.rule)
	}
	for _, a := range as {
		run.Results = append(run.Results, sarifOf(a))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}); err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	return nil
}

// sarifOf is one result. An unknown level is the worst. A bracket before a parenthesis is not left as it is: in a message the two
// make a link (SARIF 2.1.0, section 3.11.6).
func sarifOf(a Annotation) sarifResult {
	i := 0
	for k, r := range sarifRules {
		if r.level == a.Level {
			i = k
		}
	}
	text := strings.ReplaceAll(Text(a.Title)+": "+Text(a.Text), "](", "]"+escape('('))
	res := sarifResult{RuleID: sarifRules[i].rule.ID, RuleIndex: i, Level: sarifRules[i].named, Message: sarifMessage{text}}
	if a.Path == "" {
		return res
	}
	physical := sarifPhysical{Artifact: sarifArtifact{relativeURI(a.Path)}}
	if a.Line > 0 {
		physical.Region = &sarifRegion{StartLine: a.Line, StartColumn: max(a.Column, 0)}
	}
	res.Locations = []sarifLocation{{physical}}
	return res
}

// relativeURI is a path of the repository as a relative reference (RFC 3986), whatever its name holds.
func relativeURI(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), ":", "%3A")
	}
	return strings.Join(segments, "/")
}
