// Package render turns verdicts, plans and reports into what people read: a comment, a job summary, a commit status,
// annotations, a terminal.
//
// Every text that came from a file, a review, a policy or a target is hostile until shown otherwise. Each writer escapes
// for the place it writes to, and only these functions do it:
//
//	place                         made inert by
//	terminal, log line            Text
//	markdown, one line            Markdown (a code span)
//	markdown, several lines       Block (a fenced block)
//	HTML element or attribute     HTML
//	workflow command              WorkflowCommands
//	GITHUB_OUTPUT, GITHUB_ENV     OutputFile
//	any of them, before writing   SecretScrubber, for what may hold a secret
//
// A verdict, plan or report first becomes a document: sections of items whose words are the same everywhere. One writer lays
// a document out as markdown, one for a terminal. Long text is folded and, where a place has a size limit, counted: a reader
// is always told how much is not shown and where it is.
package render

import "time"

// Options is what a verdict does not say of itself.
type Options struct {
	Now  time.Time      // when the verdict was made; zero: not shown
	Ends map[string]End // by target
	// Heartbeat is when the reconciler last ran, by its own signed word; nil: nobody asked.
	Heartbeat *Heartbeat
	// RunURL is the page of the workflow run, whose summary and log show what a comment has no room for; "" where there is none.
	RunURL string
}

// End is who guarantees that what is held at a target ends, in the program's own words (grants.TargetType).
type End struct {
	Native bool // the target itself honours the end, whether Lapse runs or not
	Text   string
}

// Heartbeat is the reconciler's sign of life.
type Heartbeat struct {
	Last  time.Time // zero: there never was one
	Stale bool      // too long ago to rely on

	Stopped []string // why it gave nothing then
}

// TerminalOptions is how a terminal wants its text.
type TerminalOptions struct {
	Options
	Color bool
	Width int // columns to wrap at; 0: never
}
