package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/lapse-access/lapse/checks"
	"github.com/lapse-access/lapse/cmd/lapse/internal/render"
	"github.com/lapse-access/lapse/github"
)

// An issue made with the form is answered with a link that opens GitHub's page for a new file, filled in. The request is then sent by
// whoever presses the link, and is theirs: by GitHub's own record they are its author and its pusher, so neither they nor the person
// in the file can approve it. Nobody has to be trusted for the issue: not its text, which others may edit, and not a bot, which
// pushes for whoever made it push. Whatever is in the issue, the answer is a comment on it and nothing else.

// eventIssue means the issue of the workflow's event.
const eventIssue = "event"

// issueMarker tells our answer from other comments.
const issueMarker = "request"

// answerIssue judges what an issue asks for as if its author sent it now, and comments on it.
func answerIssue(ctx context.Context, env *environment, o requestOptions) error {
	if o.role+o.length+o.until+o.start+o.reason+o.ticket+o.user+o.id != "" || o.file || o.wait || o.anyway || o.json {
		return usagef("--from-issue takes everything from the issue: leave out the rest")
	}
	number, err := issueNumber(env, o.issue)
	if err != nil {
		return err
	}
	s, err := newSender(ctx, env, o.connection)
	if err != nil {
		return err
	}
	issue, err := s.forge.Issue(ctx, s.repo, number)
	if err != nil {
		return err
	}
	if issue.Pull || issue.Closed {
		return fmt.Errorf("#%d is no open issue", number)
	}
	text, problem, err := s.answer(ctx, o, issue)
	if err != nil {
		return err
	}
	if err := s.forge.CommentOn(ctx, s.repo, number, issueMarker, env.scrub(text)); err != nil {
		return err
	}
	if problem {
		return errRefused
	}
	return nil
}

// answer is the comment, and whether it is a refusal.
func (s *sender) answer(ctx context.Context, o requestOptions, issue github.Issue) (text string, problem bool, err error) {
	person, known := s.snap.Configuration.PersonByID(issue.Author.ID)
	if !known || issue.Author.Bot {
		return render.IssueProblems([]string{fmt.Sprintf("people.yaml has nobody with the account %s (id %d), who wrote the issue", issue.Author.Login, issue.Author.ID)}), true, nil
	}
	if err := o.readForm(issue.Body); err != nil {
		return render.IssueProblems(strings.Split(err.Error(), "\n")), true, nil
	}
	o.user = person.Login
	p, err := s.proposal(o)
	var wrong usage
	if errors.As(err, &wrong) {
		return render.IssueProblems(strings.Split(err.Error(), "\n")), true, nil
	}
	if err != nil {
		return "", false, err
	}
	s.self = issue.Author // as who it would be sent
	v, err := s.judge(ctx, p)
	if err != nil && ctx.Err() != nil {
		return "", false, err
	}
	if err != nil { // who must approve is then told on the pull request alone
		fmt.Fprintf(lines{s.env.err}, "lapse: who must approve cannot be told here: %v", err)
		v = checks.Verdict{}
	}
	link := s.newFileLink(p)
	if v.Outcome == checks.OutcomeDenied {
		link = ""
	}
	_, tellErr := fmt.Fprintln(s.env.out, render.Text(or(link, "denied")))
	text = render.UnsentComment(v, link, render.Options{Ends: ends(s.snap.Configuration)})
	return text, v.Outcome == checks.OutcomeDenied, tellErr
}

// newFileLink is GitHub's page for a new file with its name and text filled in. Both are percent-encoded whole, parentheses too,
// so that nothing of them ends the link where it is written.
func (s *sender) newFileLink(p proposal) string {
	encode := func(v string) string {
		return strings.NewReplacer("+", "%20", "(", "%28", ")", "%29").Replace(url.QueryEscape(v))
	}
	return fmt.Sprintf("%s/new/%s?filename=%s&value=%s", s.url, s.branch, encode(p.path()), encode(p.text))
}

// formFields are the headings that GitHub makes of the labels of .github/ISSUE_TEMPLATE/access.yml, in their order.
var formFields = []struct {
	label    string
	optional bool
	put      func(*requestOptions, string)
}{
	{"Role", false, func(o *requestOptions, v string) { o.role = v }},
	{"How long", false, func(o *requestOptions, v string) { o.length = v }},
	{"Why", false, func(o *requestOptions, v string) { o.reason = v }},
	{"Ticket", true, func(o *requestOptions, v string) { o.ticket = v }},
}

// noResponse is what GitHub writes for a field that was left empty.
const noResponse = "_No response_"

// maxForm is the most bytes of an issue that is read as a form.
const maxForm = 16 << 10

// readForm reads an issue as the form writes it, and as nothing else: every heading once, in order, each with one line below.
// What is more, a second heading or a second line, is an error: nobody must read one thing in the issue and Lapse another.
func (o *requestOptions) readForm(body string) error {
	if len(body) > maxForm {
		return fmt.Errorf("it is longer than %d bytes", maxForm)
	}
	var values []string
	for _, line := range strings.Split(strings.ReplaceAll(body, "\r\n", "\n"), "\n") {
		if line != "" {
			values = append(values, line)
		}
	}
	if len(values) != 2*len(formFields) {
		return fmt.Errorf("it is not as the form writes it: %d lines with text, want %d, a heading and an answer of one line each", len(values), 2*len(formFields))
	}
	var errs []error
	for i, field := range formFields {
		heading, answer := values[2*i], strings.TrimSpace(values[2*i+1])
		switch {
		case heading != "### "+field.label:
			return fmt.Errorf("it is not as the form writes it: heading %d is %q, want %q", i+1, heading, "### "+field.label)
		case answer == noResponse && !field.optional:
			errs = append(errs, fmt.Errorf("%s: nothing is written", field.label))
		case answer != noResponse:
			field.put(o, answer)
		}
	}
	return errors.Join(errs...)
}

// issueNumber is the flag's, or that of the event that started the workflow.
func issueNumber(env *environment, flag string) (int, error) {
	if flag != eventIssue {
		n, err := number(flag)
		if err != nil {
			return 0, usagef("--from-issue=%s: not the number of an issue", flag)
		}
		return n, nil
	}
	e, err := readEvent(env)
	if errors.Is(err, errNoEvent) {
		return 0, usagef("which issue? --from-issue=12, or alone in a workflow that an issue started")
	}
	if err != nil {
		return 0, err
	}
	if e.Issue.Number <= 0 {
		return 0, usagef("the workflow's event is about no issue; use --from-issue=12")
	}
	return e.Issue.Number, nil
}
