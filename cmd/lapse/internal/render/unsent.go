package render

import (
	"fmt"
	"io"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/grants"
)

// Unsent writes, for whoever asks, what a request that has not been sent would come to: what it gives, who must approve, and what
// stands against it.
func Unsent(w io.Writer, v checks.Verdict, o TerminalOptions) error {
	return writeTerminal(w, plainWording().unsent(v, o.Options), o)
}

// UnsentComment is [Unsent] as the answer to an issue, in GitHub markdown of at most 65000 bytes less what is to follow it. link is
// where the issue's author sends the request; it must be finished.
func UnsentComment(v checks.Verdict, link string, o Options) string {
	f := fitted{elsewhere: "where the request is sent", limit: maxComment - len(link) - 1000}
	text := f.markdown(func(w wording) document { return w.unsent(v, o) })
	if link == "" {
		return text
	}
	return text + fmt.Sprintf(`
**[Send this request](%s)**: GitHub shows you the file; choose *Create a new branch for this commit and start a pull request*.
Nothing is asked for until then. Whoever sends it is who asks, and cannot approve it.
`, link)
}

// IssueProblems is the answer to an issue that no request can be made of.
func IssueProblems(problems []string) string {
	f := fitted{elsewhere: "in the log", limit: maxComment}
	return f.markdown(func(w wording) document {
		d := document{tone: bad, headline: "No request can be made of this issue"}
		d.add("Because", each2(problems, bad, func(s string) item { return item{text: s} }))
		d.foot = "Edit the issue, or open a new one with the form."
		return d
	})
}

func (w wording) unsent(v checks.Verdict, o Options) document {
	d := document{tone: tone(v)}
	switch v.Outcome {
	case checks.OutcomeApproved:
		d.headline = "Nobody needs to approve this"
	case checks.OutcomeWaiting:
		d.headline = "This waits for approval once it is sent"
	case "":
		d.tone, d.headline = waiting, "Who must approve is told on the pull request"
	default:
		d.headline = fmt.Sprintf("This would be denied for %s", plural(len(v.Denials), "reason"))
	}
	d.add("It would be denied because", each2(v.Denials, bad, w.reason))
	d.add("It would wait because", each2(v.Waiting, waiting, w.reason))
	d.add("Access", w.grants(v.Grants))
	d.add("Who must approve", w.needs(v.Needs, len(v.Grants)))
	d.add("Warnings", each2(v.Warnings, warning, w.reason))
	d.add("Who guarantees each end", w.ends(v.Grants, o.Ends))
	return d
}

// RequestTitle is the title of a pull request that asks, extends or ends: names that were validated, and the program's own words.
func RequestTitle(verb string, g grants.Grant) string {
	switch {
	case verb == "revoke" && g.User == "":
		return Text("End " + g.ID)
	case verb == "revoke":
		return Text(fmt.Sprintf("End %s: %s of %s", g.ID, g.Role, g.User))
	case verb == "extend":
		return Text(fmt.Sprintf("Extend %s: %s for %s, until %s", g.ID, g.Role, g.User, instant(g.Expires)))
	case g.Duration > 0:
		return Text(fmt.Sprintf("%s for %s, for %s", g.Role, g.User, grants.FormatDuration(g.Duration)))
	}
	return Text(fmt.Sprintf("%s for %s, until %s", g.Role, g.User, instant(g.Expires)))
}

// RequestBody is its text, in GitHub markdown. why is untrusted.
func RequestBody(verb, why, path string) string {
	if verb == "revoke" {
		return Markdown(why) + "\n\n" + Markdown(path) + " goes, which needs nobody's approval: the access is taken once this is merged.\n"
	}
	return Markdown(why) + "\n\n" + Markdown(path) + ": what this gives, until when, and who must approve, Lapse says below.\n"
}
